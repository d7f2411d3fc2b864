"""The verdict of OpenSSL's own X509_verify_cert on a signer's certificate, with its own texts: what dcmsign goes by.

This is for `sealgate dcmsign` alone, which has to come to dcmsign's verdict; everything else asks `path.validate_path`,
which knows of proven moments and of compromised keys. As in dcmsign there is no purpose, no system store and no partial
chain: a path ends at a self-signed trusted certificate.

OpenSSL is the one inside of the cryptography package, by the same functions that pyOpenSSL uses. To import pyOpenSSL
itself takes longer than dcmsign needs for all its work.
"""

from __future__ import annotations

import calendar
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sealgate.errors import KeyUnusable, TrustFileUnusable
from sealgate.trust.bundle import read_bundle
from sealgate.trust.hashed import MAX_FILES_PER_NAME, CertificateDirectory

OK: Final = "ok"
"""OpenSSL's text where the certificate is good (X509_V_OK)."""

MAX_LOOKUPS: Final = 100
"""Certificates whose issuers are looked up in directories; OpenSSL's own depth of a path is 100."""

_CRL_CHECK: Final = 0x4
"""X509_V_FLAG_CRL_CHECK: of the path only the signer's certificate is held against CRLs."""

_TEXTS_OF_OPENSSL_3: Final = {9: "certificate is not yet valid"}
"""X509_V_ERR codes that OpenSSL 4, which cryptography brings along, has other words for than dcmsign's OpenSSL 3."""


def verify(
    certificate: bytes,
    *,
    trusted: Sequence[bytes] = (),
    untrusted: Sequence[bytes] = (),
    crls: Sequence[bytes] = (),
    directories: Sequence[CertificateDirectory] = (),
    crl_check: bool = False,
    at: datetime,
) -> str:
    """OpenSSL's verdict on the DER `certificate`: `OK`, or a text such as "unable to get local issuer certificate".

    `trusted`, `untrusted` and `crls` are DER; files of `directories` that cannot be read are passed over, as OpenSSL
    does. `at` (aware) is now: dcmsign knows no other moment. Raises KeyUnusable where `certificate` cannot be decoded,
    and TrustFileUnusable where one of the others cannot.
    """
    openssl = _OpenSSL()
    signer = openssl.certificate(certificate)
    if signer is None:
        raise KeyUnusable("the certificate of the signer cannot be decoded")
    anchors = [_usable(openssl.certificate(der), "a trusted certificate") for der in trusted]
    others = [_usable(openssl.certificate(der), "an intermediate certificate") for der in untrusted]
    lists = [_usable(openssl.crl(der), "a CRL") for der in crls]
    for found, found_lists in _looked_up(openssl, [signer, *anchors, *others], directories):
        anchors += found
        lists += found_lists
    code = openssl.verdict(signer, anchors, others, lists, crl_check=crl_check, at=at)
    return _TEXTS_OF_OPENSSL_3.get(code) or openssl.text(code)


def _usable(loaded: Any, what: str) -> Any:  # noqa: ANN401 (a pointer of cffi)
    if loaded is None:
        raise TrustFileUnusable(what, "it cannot be decoded")
    return loaded


def _looked_up(
    openssl: _OpenSSL, known: Sequence[Any], directories: Sequence[CertificateDirectory]
) -> Iterator[tuple[list[Any], list[Any]]]:
    """Certificates and CRLs in `directories` for the issuers of `known`, for the issuers of those, and so on up.

    OpenSSL would look them up one by one while it builds the path; what it would not have needed changes nothing.
    """
    waiting, seen = deque(known), set[int]()
    while directories and waiting and len(seen) < MAX_LOOKUPS:
        name = openssl.issuer_hash(waiting.popleft())
        if name in seen:
            continue
        seen.add(name)
        for directory in directories:
            found = [openssl.certificate(der) for der in _files(directory, f"{name:08x}.", "certificates")]
            lists = [openssl.crl(der) for der in _files(directory, f"{name:08x}.r", "crls")]
            usable = [one for one in found if one is not None]
            waiting.extend(usable)
            yield usable, [one for one in lists if one is not None]


def _files(directory: CertificateDirectory, prefix: str, kind: str) -> Iterator[bytes]:
    for number in range(MAX_FILES_PER_NAME):
        content = directory.read(f"{prefix}{number}")
        if content is None:
            return
        try:
            found = getattr(read_bundle(content), kind)
        except TrustFileUnusable:
            return
        if not found:
            return
        yield from found


class _OpenSSL:
    """The few functions of libcrypto that are needed; what they allocate is freed with the pointers given out."""

    def __init__(self) -> None:
        from cryptography.hazmat.bindings.openssl.binding import Binding

        binding = Binding()
        self._lib: Any = binding.lib
        self._ffi: Any = binding.ffi

    def certificate(self, der: bytes) -> Any:  # noqa: ANN401 (a pointer of cffi)
        """X509*; None where `der` does not begin with a certificate."""
        return self._decoded(der, self._lib.d2i_X509_bio, self._lib.X509_free)

    def crl(self, der: bytes) -> Any:  # noqa: ANN401 (a pointer of cffi)
        """X509_CRL*; None where `der` does not begin with one."""
        return self._decoded(der, self._lib.d2i_X509_CRL_bio, self._lib.X509_CRL_free)

    def issuer_hash(self, certificate: Any) -> int:  # noqa: ANN401 (a pointer of cffi)
        """Hash of the issuer's name, for hashed directories."""
        return int(self._lib.X509_NAME_hash(self._lib.X509_get_issuer_name(certificate)))

    def text(self, code: int) -> str:
        """OpenSSL's words for an X509_V code."""
        words: bytes = self._ffi.string(self._lib.X509_verify_cert_error_string(code))
        return words.decode("utf-8")

    def verdict(
        self,
        signer: Any,  # noqa: ANN401 (a pointer of cffi)
        anchors: Sequence[Any],
        others: Sequence[Any],
        lists: Sequence[Any],
        *,
        crl_check: bool,
        at: datetime,
    ) -> int:
        """The X509_V code that X509_verify_cert comes to."""
        lib, ffi = self._lib, self._ffi
        store = self._owned(lib.X509_STORE_new(), lib.X509_STORE_free)
        parameters = self._owned(lib.X509_VERIFY_PARAM_new(), lib.X509_VERIFY_PARAM_free)
        lib.X509_VERIFY_PARAM_set_time(parameters, calendar.timegm(at.utctimetuple()))
        lib.X509_STORE_set1_param(store, parameters)
        if crl_check:
            lib.X509_STORE_set_flags(store, _CRL_CHECK)
        for anchor in anchors:
            lib.X509_STORE_add_cert(store, anchor)
        for one in lists:
            lib.X509_STORE_add_crl(store, one)
        stack = self._owned(lib.sk_X509_new_null(), lib.sk_X509_free)
        for other in others:
            lib.sk_X509_push(stack, other)  # the stack borrows; `others` outlives it
        context = self._owned(lib.X509_STORE_CTX_new(), lib.X509_STORE_CTX_free)
        if lib.X509_STORE_CTX_init(context, store, signer, stack if others else ffi.NULL) != 1:
            raise RuntimeError("OpenSSL could not begin to verify a certificate")
        good = lib.X509_verify_cert(context)
        code = int(lib.X509_STORE_CTX_get_error(context))
        lib.ERR_clear_error()
        if good == 1:
            return 0
        return code or int(lib.X509_V_ERR_APPLICATION_VERIFICATION)  # never good by accident

    def _decoded(self, der: bytes, decode: Callable[[Any, Any], Any], free: Any) -> Any:  # noqa: ANN401
        source = self._ffi.from_buffer(der)
        bio = self._owned(self._lib.BIO_new_mem_buf(source, len(der)), self._lib.BIO_free)
        decoded = decode(bio, self._ffi.NULL)
        if decoded == self._ffi.NULL:
            self._lib.ERR_clear_error()
            return None
        return self._ffi.gc(decoded, free)

    def _owned(self, pointer: Any, free: Any) -> Any:  # noqa: ANN401
        if pointer == self._ffi.NULL:
            raise MemoryError("OpenSSL could not allocate")
        return self._ffi.gc(pointer, free)
