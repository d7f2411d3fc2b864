"""Asking a Time Stamping Authority over HTTP or HTTPS (RFC 3161 3.4): the one module of this package that talks.

One exchange is bounded in time, whatever the authority does: the deadline counts for name, connection, TLS session,
request and response together, and a response that drips in byte by byte does not prolong it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit

from sealgate.errors import (
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    NetworkError,
    TimestampAuthorityRefused,
)
from sealgate.timestamp.der import printable
from sealgate.timestamp.limits import MAX_RESPONSE_BYTES

if TYPE_CHECKING:
    import ssl

    import httpx

QUERY_TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"
"""Content types of RFC 3161 3.4."""

DEFAULT_DEADLINE_SECONDS = 60.0
"""For all attempts together, waits between them included."""

DEFAULT_ATTEMPT_SECONDS = 15.0
"""For one attempt; authorities answer within a second."""

DEFAULT_ATTEMPTS = 3
FIRST_WAIT_SECONDS = 1.0
"""Before the second attempt; doubled before each further one."""

MAX_WAIT_SECONDS = 30.0
"""Longest wait before an attempt, also where the authority asks for a longer one by Retry-After."""

MAX_REDIRECTS = 3
MAX_TYPE_CHARACTERS = 80

_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses after which the same query may well be answered."""
_REDIRECTS = frozenset({301, 302, 307, 308})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Password = Callable[[], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions:
    """How an authority is asked."""

    deadline_seconds: float = DEFAULT_DEADLINE_SECONDS
    attempt_seconds: float = DEFAULT_ATTEMPT_SECONDS
    attempts: int = DEFAULT_ATTEMPTS
    max_response_bytes: int = MAX_RESPONSE_BYTES
    user: str | None = None
    password: Password | None = field(default=None, repr=False)
    """Asked once for each `fetch`, where there is a `user`."""
    password_over_http: bool = False
    """Whether the password may go to another host without TLS."""
    ca_file: str | None = None
    """PEM file with the only trust anchors for TLS; None: those of the system."""
    proxy: str | None = None
    """URL of a proxy; None: none, whatever the environment says."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class _TryAgain(Exception):
    """An attempt failed in a way that another one may not; `after` is what Retry-After said, in seconds."""

    def __init__(self, error: NetworkError, after: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after


def fetch(url: str, query: bytes, options: FetchOptions | None = None) -> bytes:
    """The response, DER and not looked at, of the authority at `url` to the DER `query`.

    The connection does not go through proxies of the environment, nor by redirects to another host. To be called
    without an event loop. Raises ConfigurationError for the URL or the options, ConnectionFailed, DeadlineExceeded,
    and TimestampAuthorityRefused for any answer over HTTP that is no timestamp response.
    """
    options = options or FetchOptions()
    target = _target(url)
    if options.proxy is not None and not _is_http(options.proxy):
        raise ConfigurationError("the URL of the proxy must begin with http:// or https:// and a host")
    exchange = _Exchange(target, query, options, _authorization(target, options), _tls(target, options))
    end = options.clock() + options.deadline_seconds
    wait = FIRST_WAIT_SECONDS
    for attempt in range(1, options.attempts + 1):
        remaining = end - options.clock()
        try:
            return exchange.run(min(remaining, options.attempt_seconds))
        except _TryAgain as failure:
            pause = min(max(wait, failure.after), MAX_WAIT_SECONDS)
            if attempt == options.attempts or options.clock() + pause >= end:
                raise failure.error from failure
            options.sleep(pause)
            wait *= 2
    raise ConfigurationError("at least one attempt has to be allowed")


def shown(url: str) -> str:
    """A URL as errors and logs may show it: without user, password and query, which may hold a secret."""
    parts = urlsplit(url)
    return printable(f"{parts.scheme}://{parts.hostname or ''}{_port(parts)}{parts.path}", 200)


def _port(parts: SplitResult) -> str:
    return "" if parts.port is None else f":{parts.port}"


def _target(url: str) -> str:
    if not _is_http(url):
        raise ConfigurationError(
            "the URL of the Time Stamping Authority must begin with http:// or https:// and a host"
        )
    if "@" in urlsplit(url).netloc:
        raise ConfigurationError(
            "the URL of the Time Stamping Authority holds a user name; give it as an option instead"
        )
    return url


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return usable and url.isprintable() and " " not in url


def _authorization(url: str, options: FetchOptions) -> tuple[str, bytes] | None:
    if options.user is None:
        return None
    if options.password is None:
        raise ConfigurationError("there is a user name for the Time Stamping Authority, but no password")
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK and not options.password_over_http:
        raise ConfigurationError(
            f"the password would go to {shown(url)} without TLS, and others could read it; use https://, or allow it"
        )
    return options.user, options.password()


def _tls(url: str, options: FetchOptions) -> ssl.SSLContext | None:
    import ssl

    if urlsplit(url).scheme != "https":
        return None
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the CA file {options.ca_file} holds no certificates in PEM ({error})") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Exchange:
    """One query to one authority, in as many attempts as it takes."""

    def __init__(
        self,
        url: str,
        query: bytes,
        options: FetchOptions,
        authorization: tuple[str, bytes] | None,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._url = url
        self._query = query
        self._options = options
        self._authorization = authorization
        self._tls = tls
        self._name = shown(url)

    def run(self, seconds: float) -> bytes:
        """One attempt within `seconds`. Raises _TryAgain and NetworkError."""
        import asyncio

        import httpx

        try:
            return asyncio.run(self._within(seconds))
        except TimeoutError as error:
            text = f"{self._name} did not answer within {seconds:.3g} s; try again later, or allow more time"
            raise _TryAgain(DeadlineExceeded(text)) from error
        except httpx.ConnectError as error:
            raise self._no_connection(error) from error
        except httpx.TransportError as error:
            reason = printable(str(error), 120) or type(error).__name__
            failed = ConnectionFailed(f"the connection to {self._name} broke ({reason})")
            raise _TryAgain(failed) from error
        except (httpx.InvalidURL, httpx.CookieConflict, UnicodeError) as error:
            raise ConfigurationError(f"{self._name} cannot be asked: {printable(str(error), 120)}") from error

    def _no_connection(self, error: httpx.ConnectError) -> Exception:
        reason = printable(str(error), 160) or "no answer"
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            return ConnectionFailed(
                f"the TLS certificate of {self._name} is not trusted ({reason}); give the file of its CA"
            )
        text = f"there is no connection to {self._name} ({reason}); check the URL, and whether a proxy is needed"
        return _TryAgain(ConnectionFailed(text))

    async def _within(self, seconds: float) -> bytes:
        import asyncio

        async with asyncio.timeout(max(seconds, 0.0)):
            return await self._asked()

    async def _asked(self) -> bytes:
        import httpx

        options = self._options
        auth = None if self._authorization is None else httpx.BasicAuth(*self._authorization)
        # The deadline is around all of this, so httpx needs none of its own.
        async with httpx.AsyncClient(
            auth=auth,
            verify=self._tls if self._tls is not None else False,
            trust_env=False,
            proxy=options.proxy,
            timeout=None,  # noqa: S113
            follow_redirects=False,
        ) as client:
            url = self._url
            for _ in range(MAX_REDIRECTS + 1):
                request = client.build_request("POST", url, content=self._query, headers=_HEADERS)
                response = await client.send(request, stream=True)
                try:
                    if response.status_code not in _REDIRECTS:
                        return await self._read(response)
                    url = self._redirected(url, response)
                finally:
                    await response.aclose()
        raise TimestampAuthorityRefused(self._name, 0, f"it redirects more than {MAX_REDIRECTS} times")

    def _redirected(self, url: str, response: httpx.Response) -> str:
        """Where a redirect leads, if it is the same host: a query, and a password, go nowhere else."""
        try:
            location: str = urljoin(url, response.headers.get("location", ""))
            same, name = _origin(location) == _origin(url), shown(location)
        except ValueError:
            same, name = False, "something that is no URL"
        if not same:
            raise TimestampAuthorityRefused(
                self._name, response.status_code, f"it redirects to {name}; if that is right, give that URL"
            )
        return location

    async def _read(self, response: httpx.Response) -> bytes:
        status, limit = response.status_code, self._options.max_response_bytes
        if status != 200:
            raise self._refusal(status, response.headers.get("retry-after", ""))
        content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != REPLY_TYPE:
            named = printable(content_type, MAX_TYPE_CHARACTERS) or "no content type"
            raise TimestampAuthorityRefused(
                self._name, status, f"it answered with {named}, not {REPLY_TYPE}; check the URL"
            )
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise TimestampAuthorityRefused(self._name, status, "it compressed its answer without being asked to")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > limit:
                raise TimestampAuthorityRefused(
                    self._name, status, f"its answer is longer than {limit} bytes, which no timestamp is"
                )
        if not body:
            raise TimestampAuthorityRefused(self._name, status, "its answer is empty")
        return bytes(body)

    def _refusal(self, status: int, retry_after: str) -> Exception:
        error = TimestampAuthorityRefused(self._name, status, _advice(status, self._authorization is not None))
        if status not in _RETRIED:
            return error
        seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
        return _TryAgain(error, min(seconds, MAX_WAIT_SECONDS))


_HEADERS = {"Content-Type": QUERY_TYPE, "Accept": REPLY_TYPE, "Accept-Encoding": "identity", "User-Agent": "sealgate"}


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def _advice(status: int, with_password: bool) -> str:
    if status == 401:
        return "user name or password is wrong" if with_password else "it wants a user name and a password"
    if status == 407:
        return "the proxy wants a user name and a password"
    if status in (403, 404, 405, 410):
        return "check the URL, and whether you may use this authority"
    if status == 415:
        return f"it does not take {QUERY_TYPE}; check the URL"
    return "try again later" if status in _RETRIED else "check the URL"
