"""The client of a Time Stamping Authority against a server that behaves in every way one can."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sealgate.errors import (
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    SealgateError,
    TimestampAuthorityRefused,
)
from sealgate.signature.algorithms import SHA256
from sealgate.timestamp.client import MAX_REDIRECTS, FetchOptions, fetch, shown
from sealgate.timestamp.query import create_query, read_query
from sealgate.timestamp.response import token_of
from support import tokens, tsa
from support.pki import Authority
from support.ports import free_port
from support.tsa import Handler, HttpTsa, OpensslTsa, Step, http_tsa, openssl_tsa, tsa_credential

pytestmark = pytest.mark.peer

VALUE = b"the value of a signature"
QUERY = create_query(VALUE, SHA256, nonce=0x1234)


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture(scope="module")
def openssl(pki: Authority, tmp_path_factory: pytest.TempPathFactory) -> OpensslTsa:
    return openssl_tsa(tmp_path_factory.mktemp("tsa"), tsa_credential(pki, "client-tsa", "p256"))


@pytest.fixture
def authority(openssl: OpensslTsa) -> Iterator[HttpTsa]:
    with http_tsa(openssl) as running:
        yield running


def options(clock: Clock | None = None, **more: object) -> FetchOptions:
    clock = clock or Clock()
    return replace(FetchOptions(clock=clock, sleep=clock.sleep), **more)  # type: ignore[arg-type]


def status(number: int, **headers: str) -> Step:
    return lambda handler, query: handler.answer(number, b"sorry", "text/plain", **headers)


def body(content: bytes, content_type: str | None = tsa.REPLY_TYPE, **headers: str) -> Step:
    return lambda handler, query: handler.answer(200, content, content_type, **headers)


def refusal(authority: HttpTsa, *plan: Step, **more: object) -> SealgateError:
    authority.plan[:] = plan
    with pytest.raises(SealgateError) as caught:
        fetch(authority.url, QUERY, options(**more))  # type: ignore[arg-type]
    assert str(caught.value).isprintable()
    return caught.value


def test_the_response_is_the_authority_s_own(authority: HttpTsa) -> None:
    response = fetch(authority.url, QUERY)
    assert token_of(response, read_query(QUERY), VALUE).warnings == ()
    (request,) = authority.requests
    assert request.body == QUERY
    assert request.headers["Content-Type"] == "application/timestamp-query"
    assert request.headers["Accept"] == "application/timestamp-reply"
    assert request.headers["Accept-Encoding"] == "identity"
    assert "Authorization" not in request.headers


def test_parameters_of_the_content_type_do_no_harm(authority: HttpTsa) -> None:
    authority.plan.append(body(b"answer", "Application/Timestamp-Reply; charset=binary"))
    assert fetch(authority.url, QUERY, options()) == b"answer"


@pytest.mark.parametrize("number", [408, 425, 429, 500, 502, 503, 504])
def test_an_authority_that_is_busy_is_asked_again_after_a_growing_wait(number: int, authority: HttpTsa) -> None:
    clock = Clock()
    authority.plan[:] = [status(number), status(number)]
    assert fetch(authority.url, QUERY, options(clock))
    assert clock.slept == [1.0, 2.0]
    assert len(authority.requests) == 3


def test_what_the_authority_says_about_when_to_come_again_is_heard_within_bounds(authority: HttpTsa) -> None:
    clock = Clock()
    authority.plan[:] = [status(503, Retry_After="7"), status(503, Retry_After="86400")]
    assert fetch(authority.url, QUERY, options(clock, deadline_seconds=100.0))
    assert clock.slept == [7.0, 30.0]


@pytest.mark.parametrize("after", ["", "soon", "-5", "1e9", "Sat, 21 Nov 2026 07:00:00 GMT", "\u0661"])
def test_what_is_no_number_of_seconds_is_not_heard(after: str, authority: HttpTsa) -> None:
    clock = Clock()
    authority.plan.append(status(503, Retry_After=after) if after.isascii() else status(503))
    assert fetch(authority.url, QUERY, options(clock))
    assert clock.slept == [1.0]


def test_attempts_come_to_an_end(authority: HttpTsa) -> None:
    error = refusal(authority, *[status(503)] * 9, attempts=4)
    assert isinstance(error, TimestampAuthorityRefused)
    assert error.http_status == 503
    assert "try again later" in str(error)
    assert len(authority.requests) == 4


def test_no_attempt_begins_after_the_deadline(authority: HttpTsa) -> None:
    refusal(authority, *[status(503)] * 9, attempts=20, deadline_seconds=2.5)
    assert len(authority.requests) == 2


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (400, "check the URL"),
        (401, "it wants a user name and a password"),
        (403, "whether you may use this authority"),
        (404, "check the URL"),
        (405, "check the URL"),
        (415, "application/timestamp-query"),
        (201, "check the URL"),
        (303, "check the URL"),
    ],
)
def test_other_answers_are_not_asked_for_again_and_say_what_to_do(number: int, advice: str, authority: HttpTsa) -> None:
    error = refusal(authority, status(number))
    assert isinstance(error, TimestampAuthorityRefused)
    assert f"HTTP status {number}" in str(error)
    assert advice in str(error)
    assert shown(authority.url) in str(error)
    assert len(authority.requests) == 1


@pytest.mark.parametrize(
    ("content_type", "named"),
    [
        ("text/html", "text/html"),
        ("application/timestamp-query", "application/timestamp-query"),
        ("application/octet-stream", "application/octet-stream"),
        ("\x1b[2J" + "x" * 300, "[2jxxx"),
        ("", "no content type"),
        (None, "no content type"),
    ],
)
def test_an_answer_of_another_type_is_refused(content_type: str | None, named: str, authority: HttpTsa) -> None:
    error = refusal(authority, body(b"<html>", content_type))
    assert isinstance(error, TimestampAuthorityRefused | ConnectionFailed)
    assert len(str(error)) < 400
    if isinstance(error, TimestampAuthorityRefused):
        assert named in str(error)
        assert "check the URL" in str(error)


def test_an_answer_that_is_too_long_is_refused_before_it_is_there(authority: HttpTsa) -> None:
    def endless(handler: Handler, query: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", tsa.REPLY_TYPE)
        handler.end_headers()
        handler.close_connection = True
        while not handler.server.tsa.released.is_set():
            handler.wfile.write(bytes(65536))

    error = refusal(authority, endless, max_response_bytes=200_000)
    assert isinstance(error, TimestampAuthorityRefused)
    assert "longer than 200000 bytes" in str(error)


def test_a_compressed_answer_is_refused(authority: HttpTsa) -> None:
    assert "compressed" in str(refusal(authority, body(b"\x1f\x8b" + bytes(50), Content_Encoding="gzip")))


def test_an_empty_answer_is_refused(authority: HttpTsa) -> None:
    assert "empty" in str(refusal(authority, body(b"")))


def drip(part: str) -> Step:
    """Send `part` of an answer byte by byte for as long as the test runs."""

    def step(handler: Handler, query: bytes) -> None:
        handler.close_connection = True
        if part == "body":
            handler.send_response(200)
            handler.send_header("Content-Type", tsa.REPLY_TYPE)
            handler.send_header("Content-Length", "100000")
            handler.end_headers()
        while not handler.server.tsa.released.wait(0.02):
            handler.wfile.write(b"H")
            handler.wfile.flush()

    return step


def silent(handler: Handler, query: bytes) -> None:
    handler.close_connection = True
    handler.server.tsa.released.wait(20)


@pytest.mark.parametrize("step", [drip("headers"), drip("body"), silent], ids=["headers", "body", "nothing"])
def test_the_deadline_is_for_the_whole_answer_however_it_drips_in(step: Step, authority: HttpTsa) -> None:
    begun = time.monotonic()
    error = refusal(authority, step, attempts=1, attempt_seconds=0.4)
    assert isinstance(error, DeadlineExceeded)
    assert "within 0.4 s" in str(error)
    assert time.monotonic() - begun < 5


def test_an_attempt_that_takes_too_long_is_followed_by_another(authority: HttpTsa) -> None:
    authority.plan[:] = [silent]
    assert fetch(authority.url, QUERY, options(attempt_seconds=0.4))


def test_a_connection_that_breaks_is_tried_again(authority: HttpTsa) -> None:
    def leave(handler: Handler, query: bytes) -> None:
        handler.close_connection = True

    def half(handler: Handler, query: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", tsa.REPLY_TYPE)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True

    authority.plan[:] = [leave, half]
    assert fetch(authority.url, QUERY, options())
    assert isinstance(refusal(authority, leave, attempts=1), ConnectionFailed)


def test_a_server_that_does_not_speak_http_is_named(authority: HttpTsa) -> None:
    def garbage(handler: Handler, query: bytes) -> None:
        handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        handler.close_connection = True

    assert isinstance(refusal(authority, garbage, attempts=1), ConnectionFailed)


def test_nobody_listening_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}/tsa"
    with pytest.raises(ConnectionFailed, match="check the URL"):
        fetch(url, QUERY, options(attempts=2))


def test_a_redirect_within_the_host_is_followed_with_the_query(authority: HttpTsa) -> None:
    authority.plan[:] = [status(308, Location="/elsewhere"), status(301, Location=authority.url + "/again")]
    assert fetch(authority.url, QUERY, options())
    assert [request.path for request in authority.requests] == ["/tsa", "/elsewhere", "/tsa/again"]
    assert {request.body for request in authority.requests} == {QUERY}


@pytest.mark.parametrize(
    "location",
    ["http://localhost:1/", "https://127.0.0.1/", "//example.org/x", "ftp://127.0.0.1/", "http://[", "file:///"],
)
def test_a_redirect_to_another_place_is_not_followed(location: str, authority: HttpTsa) -> None:
    error = refusal(authority, status(307, Location=location))
    assert isinstance(error, TimestampAuthorityRefused)
    assert "redirects to" in str(error)
    assert len(authority.requests) == 1


def test_a_circle_of_redirects_ends(authority: HttpTsa) -> None:
    error = refusal(authority, *[status(307, Location="/tsa")] * 10)
    assert f"more than {MAX_REDIRECTS} times" in str(error)


def test_the_proxies_of_the_environment_are_not_used(authority: HttpTsa, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    assert fetch(authority.url, QUERY, options(attempts=1))


def test_a_proxy_that_is_asked_for_is_used(authority: HttpTsa) -> None:
    with pytest.raises(ConnectionFailed):
        fetch(authority.url, QUERY, options(attempts=1, proxy=f"http://127.0.0.1:{free_port()}"))


def test_the_password_is_asked_for_once_and_sent(openssl: OpensslTsa) -> None:
    asked: list[int] = []

    def password() -> bytes:
        asked.append(1)
        return "pass wörd".encode()

    with http_tsa(openssl, user=("müller", "pass wörd")) as authority:
        authority.plan[:] = [status(503)]
        assert fetch(authority.url, QUERY, options(user="müller", password=password))
    assert asked == [1]


def test_a_wrong_password_is_named_and_not_shown(openssl: OpensslTsa) -> None:
    with http_tsa(openssl, user=("me", "right")) as authority:
        error = refusal(authority, user="me", password=lambda: b"wrong-secret")
        assert "user name or password is wrong" in str(error)
        assert "wrong-secret" not in str(error) + repr(options(user="me", password=lambda: b"wrong-secret"))
        assert len(authority.requests) == 1


def test_a_password_does_not_go_to_another_host_without_tls() -> None:
    with pytest.raises(ConfigurationError, match="without TLS"):
        fetch("http://tsa.example/", QUERY, options(user="me", password=lambda: pytest.fail("asked")))


def test_a_user_without_password_is_refused(authority: HttpTsa) -> None:
    with pytest.raises(ConfigurationError, match="no password"):
        fetch(authority.url, QUERY, options(user="me"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "tsa.example",
        "ftp://tsa.example/",
        "http://",
        "http:///path",
        "http://tsa.example:x/",
        "http://tsa.example:0/",
        "http://tsa.example:99999/",
        "http://[::1",
        "http://tsa.example/a b",
        "http://tsa.example/\n",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="must begin with http"):
        fetch(url, QUERY, options())


def test_a_user_in_the_url_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        fetch("https://me:secret@tsa.example/", QUERY, options())
    assert "secret" not in str(caught.value)
    assert shown("https://me:secret@tsa.example:81/path?key=secret") == "https://tsa.example:81/path"


@pytest.mark.parametrize("proxy", ["nothing", "socks5://127.0.0.1:1", "http://127.0.0.1:x", "http://"])
def test_what_is_no_proxy_is_refused(proxy: str, authority: HttpTsa) -> None:
    with pytest.raises(ConfigurationError, match="proxy"):
        fetch(authority.url, QUERY, options(proxy=proxy))


def test_tls_needs_a_certificate_of_the_ca_that_was_given(openssl: OpensslTsa, pki: Authority, tmp_path: Path) -> None:
    server = pki.issue("tsa-server", hosts=("localhost",), purposes=("server",))
    with http_tsa(openssl, tls=server) as authority:
        assert fetch(authority.url, QUERY, options(ca_file=str(pki.certificate_path)))
        for ca_file in (None, str(Authority(tmp_path, "Another CA").certificate_path)):
            error = refusal(authority, ca_file=ca_file)
            assert isinstance(error, ConnectionFailed)
            assert "is not trusted" in str(error)
            assert "give the file of its CA" in str(error)
        url = authority.url.replace("localhost", "127.0.0.1")
        with pytest.raises(ConnectionFailed, match="not trusted"):
            fetch(url, QUERY, options(ca_file=str(pki.certificate_path)))


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_ca_file_that_does_not_serve_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        fetch("https://localhost:1/", QUERY, options(ca_file=str(path)))


def test_a_tls_session_that_does_not_come_about_is_bounded_too(openssl: OpensslTsa, pki: Authority) -> None:
    with http_tsa(openssl) as authority:
        url = authority.url.replace("http:", "https:").replace("127.0.0.1", "localhost")
        with pytest.raises((ConnectionFailed, DeadlineExceeded)):
            fetch(url, QUERY, options(attempts=1, attempt_seconds=0.5))


def test_several_threads_may_ask_at_once(authority: HttpTsa) -> None:
    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda: answers.append(fetch(authority.url, QUERY))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 4
    assert all(token_of(answer, read_query(QUERY), VALUE) for answer in answers)


def test_garbage_of_the_right_type_is_left_to_whoever_reads_it(authority: HttpTsa) -> None:
    authority.plan.append(body(tokens.response(None, status=2)[:-1]))
    assert fetch(authority.url, QUERY, options())
