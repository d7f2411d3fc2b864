"""Fetching CRLs and OCSP responses that the certificates of a path name: the one module of this package that talks.

Only for the command line and only when asked, never in the data path: what is fetched, and so the verdict, depends on
the network. Give it a path that `validate_path` found, since the addresses come out of its certificates. What fails is
said and left out; so judge with Revocation.REQUIRED afterwards, which takes nothing for granted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from sealgate.errors import TrustFileUnusable
from sealgate.trust.bundle import MAX_BUNDLE_BYTES, crls_in, ocsp_responses_in
from sealgate.trust.store import TrustStore

if TYPE_CHECKING:
    import httpx
    from cryptography import x509

DEFAULT_DEADLINE_SECONDS: Final = 20.0
"""For everything that one path needs, names, connections and redirects included."""
DEFAULT_REQUEST_SECONDS: Final = 10.0
"""For one request; distribution points and responders answer within a second."""
DEFAULT_MAX_CRL_BYTES: Final = 32 << 20
"""The largest CRLs of public authorities have some 30 MiB."""
MAX_OCSP_RESPONSE_BYTES: Final = 64 << 10
"""Responses have 0.5 to 3 kB."""
MAX_REDIRECTS: Final = 3
MAX_URLS_PER_CERTIFICATE: Final = 4
"""Addresses that are tried for one certificate; real ones name one or two."""
MAX_CERTIFICATES: Final = 12
"""Certificates of a path that are asked about."""

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_URL: Final = 2000
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions:
    """Bounds of fetching for one path."""

    deadline_seconds: float = DEFAULT_DEADLINE_SECONDS
    request_seconds: float = DEFAULT_REQUEST_SECONDS
    max_crl_bytes: int = min(DEFAULT_MAX_CRL_BYTES, MAX_BUNDLE_BYTES)
    proxy: str | None = None
    """URL of a proxy; None: none, whatever the environment says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came, as DER, and a sentence for each address that gave nothing."""

    crls: tuple[bytes, ...] = ()
    ocsp_responses: tuple[bytes, ...] = ()
    failures: tuple[str, ...] = ()

    def added_to(self, store: TrustStore) -> TrustStore:
        """`store` with what was fetched; nothing in it is trusted before its signature is checked against the path."""
        return replace(
            store, crls=(*store.crls, *self.crls), ocsp_responses=(*store.ocsp_responses, *self.ocsp_responses)
        )


class _Failed(Exception):
    """An address gave nothing, and why."""


_Parse = Callable[[bytes], tuple[bytes, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Errand:
    """Addresses that all have the same: the first that answers is enough."""

    urls: tuple[str, ...]
    query: bytes | None
    """OCSP request, by POST; None: a CRL, by GET."""


def fetch_crls(path: Sequence[bytes], options: FetchOptions | None = None) -> Fetched:
    """The CRLs that the certificates of `path` (DER, from the certificate itself to the anchor) name.

    Of each distribution point (RFC 5280 4.2.1.13) the first address that answers counts; only http and https are asked.
    Never raises for what the network does. To be called without an event loop.
    """
    options = options or FetchOptions()
    certificates = _decoded(path)
    errands = [errand for certificate in certificates[:-1] for errand in _distribution_points(certificate)]
    found, failures = _run(errands, crls_in, options.max_crl_bytes, options)
    return Fetched(crls=found, failures=failures)


def fetch_ocsp(path: Sequence[bytes], options: FetchOptions | None = None) -> Fetched:
    """Answers of the OCSP responders that the certificates of `path` name (RFC 5280 4.2.2.1, RFC 6960 appendix A).

    As `fetch_crls` otherwise.
    """
    options = options or FetchOptions()
    certificates = _decoded(path)
    errands = [
        _Errand(urls=urls[:MAX_URLS_PER_CERTIFICATE], query=_ocsp_request(certificate, issuer))
        for certificate, issuer in pairwise(certificates)
        if (urls := _responders(certificate))
    ]
    found, failures = _run(errands, ocsp_responses_in, MAX_OCSP_RESPONSE_BYTES, options)
    return Fetched(ocsp_responses=found, failures=failures)


def _decoded(path: Sequence[bytes]) -> list[x509.Certificate]:
    from cryptography import x509

    return [x509.load_der_x509_certificate(one) for one in path[:MAX_CERTIFICATES]]


def _distribution_points(certificate: x509.Certificate) -> list[_Errand]:
    from cryptography import x509

    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    addresses = (
        tuple(name.value for name in point.full_name or () if isinstance(name, x509.UniformResourceIdentifier))
        for point in points
    )
    errands = [_Errand(urls=urls[:MAX_URLS_PER_CERTIFICATE], query=None) for urls in addresses if urls]
    return errands[:MAX_URLS_PER_CERTIFICATE]


def _responders(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509
    from cryptography.x509.oid import AuthorityInformationAccessOID

    try:
        described = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(
        one.access_location.value
        for one in described
        if one.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(one.access_location, x509.UniformResourceIdentifier)
    )


def _ocsp_request(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import ocsp

    # SHA-1 only names the issuer here, and is the one digest that every responder knows (RFC 5019 2.1.1).
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1()).build()
    return request.public_bytes(Encoding.DER)


def _run(
    errands: Sequence[_Errand], parse: _Parse, limit: int, options: FetchOptions
) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    """What `errands` bring, each thing once, and what failed."""
    import asyncio

    if not errands:
        return (), ()
    found: dict[bytes, None] = {}
    failures: list[str] = []
    asyncio.run(_within(list(dict.fromkeys(errands)), parse, limit, options, found, failures))
    return tuple(found), tuple(failures)


async def _within(
    errands: Sequence[_Errand],
    parse: _Parse,
    limit: int,
    options: FetchOptions,
    found: dict[bytes, None],
    failures: list[str],
) -> None:
    import asyncio

    import httpx

    now = asyncio.get_running_loop().time
    end = now() + options.deadline_seconds
    # The deadlines are around all of it, so httpx needs none of its own.
    async with httpx.AsyncClient(
        trust_env=False,
        proxy=options.proxy,
        timeout=None,  # noqa: S113
        follow_redirects=False,
    ) as client:
        for errand in errands:
            for url in errand.urls:
                try:
                    async with asyncio.timeout_at(min(end, now() + options.request_seconds)):
                        content = await _content(client, url, errand.query, limit)
                    found |= dict.fromkeys(parse(content))
                    break
                except TimeoutError:
                    failures.append(f"{_shown(url)} did not answer in time")
                except _Failed as failure:
                    failures.append(f"{_shown(url)}: {failure}")
                except TrustFileUnusable as error:
                    failures.append(f"{_shown(url)}: {error.reason}")
                except (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, ValueError, ExceptionGroup) as error:
                    # An odd host name comes out of the connection as a group of whatever its parts stumbled over.
                    reason = _printable(str(error)) or type(error).__name__
                    failures.append(f"{_shown(url)} cannot be reached ({reason})")


async def _content(client: httpx.AsyncClient, url: str, query: bytes | None, limit: int) -> bytes:
    """The body at `url`. Raises _Failed, and what httpx raises."""
    for _ in range(MAX_REDIRECTS + 1):
        _check(url)
        request = client.build_request(
            "GET" if query is None else "POST",
            url,
            content=query,
            headers=_HEADERS if query is None else _HEADERS | {"Content-Type": "application/ocsp-request"},
        )
        response = await client.send(request, stream=True)
        try:
            if response.status_code not in _REDIRECTS:
                return await _body(response, limit)
            target = urljoin(url, response.headers.get("location", ""))
        finally:
            await response.aclose()
        if query is not None:
            raise _Failed("it redirects, which an OCSP responder has no reason to do")
        if urlsplit(target).scheme != urlsplit(url).scheme:
            raise _Failed("it redirects to another scheme")
        url = target
    raise _Failed(f"it redirects more than {MAX_REDIRECTS} times")


async def _body(response: httpx.Response, limit: int) -> bytes:
    if response.status_code != 200:
        raise _Failed(f"it answers with HTTP status {response.status_code}")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise _Failed("it compressed its answer without being asked to")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise _Failed(f"its answer has more than {limit} bytes")
    return bytes(body)


_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "sealgate"}


def _check(url: str) -> None:
    """Raises _Failed where `url`, which comes out of a certificate, is none of HTTP."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _Failed("only http and https are asked")
    if "@" in parts.netloc or parts.port == 0 or not url.isprintable() or " " in url or len(url) > _MAX_URL:
        raise _Failed("the address is malformed")


def _shown(url: str) -> str:
    """A URL without its query, as far as it can be printed."""
    return _printable(url.partition("?")[0])


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:_SHOWN]
