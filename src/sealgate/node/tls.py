"""TLS for DICOM (PS3.15 annex B, the BCP 195 profiles of RFC 8996 and RFC 9325): contexts and the handshake."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sealgate.errors import ConfigurationError, ConnectionFailed, KeyUnusable

CIPHER_SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20"
"""TLS 1.2: forward secrecy and authenticated encryption only (RFC 9325 4.2). TLS 1.3 has no others."""

_OWN_CERTIFICATE_REFUSED: Final = frozenset(
    {
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "TLSV1_ALERT_UNKNOWN_CA",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    }
)
"""Alerts, as OpenSSL names them, with which a server answers a missing or foreign client certificate."""

_MISMATCHES: Final = frozenset({"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"})
"""What OpenSSL says of a key that is not that of the certificate: another one, or one of another kind."""

Password = Callable[[], str | bytes]
"""Gives the password of an encrypted private key when it is needed, so that it is kept nowhere."""

_PEM_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_MAX_PEM_BYTES: Final = 16 << 20
"""A bundle of all public CAs has some 250 kB."""


def server_context(
    *, key: Path, certificate: Path, client_ca: Path, password: Password | None = None
) -> ssl.SSLContext:
    """Context of a listener that takes only clients with a certificate of `client_ca` (PEM files).

    Raises ConfigurationError for files that cannot be read, KeyUnusable for what is in them.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    # No session is resumed, since a resumed one would not prove again that the client has its key.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    _load_ca(context, client_ca)
    _load_key(context, key, certificate, password)
    return context


def client_context(
    *,
    server_ca: Path,
    key: Path | None = None,
    certificate: Path | None = None,
    password: Password | None = None,
    check_hostname: bool = False,
) -> ssl.SSLContext:
    """Context of a requestor that trusts servers with a certificate of `server_ca` (PEM files).

    The name in the server's certificate is not compared with the host unless `check_hostname` says so: DICOM nodes are
    addressed by IP, their certificates name devices, and PS3.15 B.12 leaves the check to the local policy. The CA is
    therefore the hospital's own, not a public one.
    Raises ConfigurationError for files that cannot be read, KeyUnusable for what is in them.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = check_hostname
    context.verify_mode = ssl.CERT_REQUIRED
    _load_ca(context, server_ca)
    if key is not None and certificate is not None:
        _load_key(context, key, certificate, password)
    elif key is not None or certificate is not None:
        raise ConfigurationError("a TLS client needs both a key and a certificate, or neither of them")
    return context


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHER_SUITES)
    return context


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_PEM_BYTES)
    except OSError as error:
        raise ConfigurationError(f"cannot read the {what} {path}: {error.strerror or error}") from error


def _load_ca(context: ssl.SSLContext, path: Path) -> None:
    content = _read(path, "CA certificates")
    try:
        context.load_verify_locations(cadata=content.decode("ascii", "replace"))
    except ssl.SSLError as error:
        raise KeyUnusable(f"{path} holds no CA certificate in PEM form") from error
    if not context.get_ca_certs():
        raise KeyUnusable(f"{path} holds no CA certificate: the basic constraints of those in it do not say CA")


def _load_key(context: ssl.SSLContext, key: Path, certificate: Path, password: Password | None) -> None:
    if _PEM_CERTIFICATE not in _read(certificate, "TLS certificate"):
        raise KeyUnusable(f"{certificate} holds no certificate in PEM form")
    if b"PRIVATE KEY-----" not in _read(key, "TLS private key"):
        raise KeyUnusable(f"{key} holds no private key in PEM form")

    asked = False

    def ask() -> str | bytes:
        nonlocal asked
        asked = True
        if password is None:  # without a callback OpenSSL would ask on the terminal
            raise KeyUnusable(f"the private key {key} is encrypted, and no password was given for it")
        return password()

    try:
        context.load_cert_chain(certificate, key, password=ask)
    except ssl.SSLError as error:
        if error.reason in _MISMATCHES:
            raise KeyUnusable(f"the private key {key} does not belong to the certificate {certificate}") from error
        if asked:
            raise KeyUnusable(f"the password does not open the private key {key}") from error
        words = (error.reason or "it is damaged").lower().replace("_", " ")
        raise KeyUnusable(f"the private key {key} or the certificate {certificate} cannot be used: {words}") from error
    except OSError as error:
        raise ConfigurationError(f"cannot read {key} or {certificate}: {error.strerror or error}") from error


def handshake(sock: ssl.SSLSocket, seconds: float) -> bytes | None:
    """Do the handshake within `seconds`; the peer's certificate as DER if it showed one.

    Raises ConnectionFailed, which says in one sentence why there is no TLS session.
    """
    sock.settimeout(seconds)
    try:
        sock.do_handshake()
        return sock.getpeercert(binary_form=True)
    except TimeoutError as error:
        raise ConnectionFailed(f"the TLS handshake was not over after {seconds:g} s") from error
    except OSError as error:
        raise ConnectionFailed(f"the TLS handshake failed: {error_words(error)}") from error


def error_words(error: OSError) -> str:
    """Why a connection, TLS or not, failed, as a person would say it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the peer's certificate is not accepted ({error.verify_message})"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, ssl.SSLEOFError | ConnectionError):
        return "the peer closed the connection"
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    if reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return "the peer showed no certificate"
    if reason in _OWN_CERTIFICATE_REFUSED:
        return f"the peer does not accept our certificate ({reason.lower().replace('_', ' ')})"
    if reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"}:
        return "the peer does not speak TLS"
    return (reason or error.strerror or str(error)).lower().replace("_", " ")
