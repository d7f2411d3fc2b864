"""Keys on smart cards and hardware security modules, through PKCS #11 (python-pkcs11, the extra `pkcs11`).

The key never leaves its token: it signs the MAC there. A key is named by a `pkcs11:` URI (RFC 7512), for example
`pkcs11:token=Radiology;object=signer?module-path=/usr/lib/softhsm/libsofthsm2.so`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, utils

from sealgate.errors import ConfigurationError, KeyUnusable
from sealgate.signature.algorithms import KeyType, MacAlgorithm
from sealgate.signature.keys import even_signature, is_signature_of, key_type, load_certificate, public_key_of

if TYPE_CHECKING:
    import pkcs11

Pin = Callable[[], str]
"""Gives the PIN of a token; it is asked once."""

SCHEME = "pkcs11:"

MAX_URI_CHARACTERS = 4096
"""A path and a few labels of at most 32 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """Where a key is kept. What is None is not looked at."""

    module_path: str
    """The library of the token's manufacturer that offers PKCS #11."""
    token: str | None = None
    """Label of the token."""
    serial: str | None = None
    """Serial number of the token."""
    object: str | None = None
    """Label of the key (CKA_LABEL)."""
    id: bytes | None = None
    """Identifier of the key (CKA_ID), which its certificate has too."""

    @classmethod
    def parse(cls, uri: str, module_path: str | None = None) -> TokenKey:
        """The key that a URI names (RFC 7512); `module_path` serves where the URI has none.

        A PIN in the URI is refused, since command lines and settings are seen by others. Raises ConfigurationError.
        """
        if not uri.startswith(SCHEME) or len(uri) > MAX_URI_CHARACTERS:
            raise ConfigurationError("a key on a token is named by a URI that begins with pkcs11:")
        path, _, query = uri[len(SCHEME) :].partition("?")
        given = {**_attributes(path, ";"), **_attributes(query, "&")}
        if given.keys() & {"pin-value", "pin-source"}:
            raise ConfigurationError("a pkcs11: URI must not say the PIN; it is asked for")
        if given.get("type", b"private") != b"private":
            raise ConfigurationError("a pkcs11: URI must name a private key")
        module = given.get("module-path", b"").decode("utf-8", "replace") or module_path
        if not module:
            raise ConfigurationError("the pkcs11: URI has no module-path: the library of the token is not known")
        return cls(
            module_path=module,
            token=_text(given, "token"),
            serial=_text(given, "serial"),
            object=_text(given, "object"),
            id=given.get("id"),
        )


def _attributes(text: str, separator: str) -> dict[str, bytes]:
    pairs = (part.partition("=") for part in text.split(separator) if part)
    return {name: _PERCENT.sub(_octet, value.encode("utf-8")) for name, _, value in pairs}


_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


def _octet(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[1].decode("ascii"))


def _text(given: dict[str, bytes], name: str) -> str | None:
    return given[name].decode("utf-8", "replace") if name in given else None


class _SigningKey(Protocol):
    """What this module uses of a private key of python-pkcs11."""

    def sign(self, octets: bytes, /, *, mechanism: object) -> bytes: ...

    def __getitem__(self, attribute: pkcs11.Attribute, /) -> object: ...


class Pkcs11Signer:
    """A private key on a token with its certificate; threads that sign with it take turns. Close it after use."""

    def __init__(self, session: pkcs11.Session, private_key: _SigningKey, certificate: bytes) -> None:
        """Take an open session; `open_signer` is the way to one."""
        self._session = session
        self._private_key = private_key
        self._public_key = public_key_of(load_certificate(certificate))
        self._key_type = key_type(self._public_key)
        self._certificate = certificate
        self._one_at_a_time = Lock()  # a session does one thing at a time (PKCS #11 2.40, 5.1)

    @property
    def certificate(self) -> bytes:
        """DER of the X.509 certificate of the key."""
        return self._certificate

    @property
    def key_type(self) -> KeyType:
        """Kind of the key."""
        return self._key_type

    def sign(self, mac_algorithm: MacAlgorithm, digest: bytes) -> bytes:
        """Signature over `digest`, made on the token. Raises KeyUnusable."""
        from pkcs11 import Mechanism
        from pkcs11.exceptions import PKCS11Error

        try:
            if self._key_type is KeyType.RSA:
                value = self._signed(mac_algorithm.digest_info + digest, Mechanism.RSA_PKCS)
            else:
                mechanism = Mechanism.ECDSA if self._key_type is KeyType.EC else Mechanism.DSA
                octets = digest[: self._order_bytes()]
                value = even_signature(lambda: _der(self._signed(octets, mechanism)))
        except PKCS11Error as error:
            raise KeyUnusable(f"the token does not sign ({_name_of(error)})") from error
        if not is_signature_of(self._public_key, mac_algorithm, digest, value):
            raise KeyUnusable("the private key on the token and the certificate do not belong together")
        return value

    def _signed(self, octets: bytes, mechanism: object) -> bytes:
        with self._one_at_a_time:
            return bytes(self._private_key.sign(octets, mechanism=mechanism))

    def _order_bytes(self) -> int:
        """Bytes of the group order, to which the leftmost part of a digest is cut (FIPS 186-5 6.4.1)."""
        if isinstance(self._public_key, dsa.DSAPublicKey):
            return (self._public_key.public_numbers().parameter_numbers.q.bit_length() + 7) // 8
        assert isinstance(self._public_key, ec.EllipticCurvePublicKey)
        return (self._public_key.key_size + 7) // 8

    def close(self) -> None:
        """Log out and give the session back."""
        self._session.close()

    def __enter__(self) -> Self:
        """Serve as a context manager that closes the signer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the signer."""
        self.close()


def _der(value: bytes) -> bytes:
    """DER of the pair (r, s), which a token gives as two numbers of equal length."""
    half = len(value) // 2
    return utils.encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))


def _name_of(error: Exception) -> str:
    """Name of an error of python-pkcs11, whose text is often empty."""
    return type(error).__name__


def open_signer(key: TokenKey, pin: Pin | None = None, certificate: bytes | None = None) -> Pkcs11Signer:
    """A signer of a key on a token, with `certificate` (PEM or DER), or else the one that the token has for the key.

    Raises KeyUnusable where python-pkcs11, the token, the key or the certificate is missing, or the PIN is wrong.
    """
    try:
        from pkcs11.exceptions import PKCS11Error
    except ImportError as error:
        raise KeyUnusable("keys on tokens need python-pkcs11: install sealgate[pkcs11]") from error
    session: pkcs11.Session | None = None
    try:
        token = _token(key)
        session = token.open(user_pin=pin() if pin is not None else None)
        private_key = _private_key(session, key)
        encoded = certificate if certificate is not None else _certificate(session, key, private_key)
        der = load_certificate(encoded).public_bytes(serialization.Encoding.DER)
        return Pkcs11Signer(session, private_key, der)
    except (PKCS11Error, KeyUnusable) as error:
        if session is not None:
            session.close()
        if isinstance(error, KeyUnusable):
            raise
        raise KeyUnusable(_sentence(error, key)) from error


_SENTENCES = {
    "NoSuchToken": "no token in a slot has the label or serial number {token}",
    "MultipleTokensReturned": "several tokens fit; name one by its label or serial number",
    "PinIncorrect": "the PIN of the token {token} is wrong",
    "PinLenRange": "the PIN of the token {token} is wrong",
    "PinLocked": "the PIN of the token {token} is locked after too many wrong ones",
    "UserNotLoggedIn": "the token {token} wants a PIN",
}


def _sentence(error: Exception, key: TokenKey) -> str:
    template = _SENTENCES.get(_name_of(error))
    if template is None:
        return f"the token behind {key.module_path} does not serve ({_name_of(error)})"
    return template.format(token=key.token or key.serial or "(any)")


def _token(key: TokenKey) -> pkcs11.Token:
    import pkcs11
    from pkcs11.exceptions import NoSuchToken

    wanted: dict[str, Any] = {}
    if key.token is not None:
        wanted["token_label"] = key.token
    if key.serial is not None:
        wanted["token_serial"] = key.serial.encode("utf-8")
    tokens = list(pkcs11.lib(key.module_path).get_tokens(**wanted))
    if not tokens:
        raise NoSuchToken
    if len(tokens) > 1:
        raise KeyUnusable(_SENTENCES["MultipleTokensReturned"])
    return tokens[0]


def _private_key(session: pkcs11.Session, key: TokenKey) -> _SigningKey:
    """The one private key that label and identifier fit. Raises KeyUnusable."""
    from pkcs11 import Attribute, ObjectClass, PrivateKey

    wanted: dict[Attribute, Any] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    if key.object is not None:
        wanted[Attribute.LABEL] = key.object
    if key.id is not None:
        wanted[Attribute.ID] = key.id
    found = [one for one in session.get_objects(wanted) if isinstance(one, PrivateKey)]
    if not found:
        raise KeyUnusable("no private key that the token shows fits; a token may show its keys only when it has a PIN")
    if len(found) > 1:
        raise KeyUnusable(f"{len(found)} private keys fit; name one by its label (object=) or identifier (id=)")
    return cast(_SigningKey, found[0])


def _certificate(session: pkcs11.Session, key: TokenKey, private_key: _SigningKey) -> bytes:
    """DER of the certificate with the identifier of the key, or else with its label. Raises KeyUnusable."""
    from pkcs11 import Attribute, ObjectClass

    name = key.object or (key.id.hex() if key.id is not None else "on the token")
    for attribute in (Attribute.ID, Attribute.LABEL):
        value = private_key[attribute]
        wanted = {Attribute.CLASS: ObjectClass.CERTIFICATE, attribute: value}
        found = {bytes(one[Attribute.VALUE]) for one in session.get_objects(wanted)} if value else set()
        if len(found) > 1:
            raise KeyUnusable(
                f"the token has {len(found)} certificates for the key {name}; give the right one in a file"
            )
        if found:
            return found.pop()
    raise KeyUnusable(f"the token has no certificate for the key {name}; give one in a file")
