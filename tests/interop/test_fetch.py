"""CRLs and OCSP responses fetched from where certificates name them: openssl's own, and servers that misbehave."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from sealgate.trust.fetch import Fetched, FetchOptions, fetch_crls, fetch_ocsp
from sealgate.trust.path import PathResult, validate_path
from sealgate.trust.revocation import Revocation, RevocationStatus
from sealgate.trust.store import TrustStore
from support.pki import DAY, Authority, Credential
from support.revocation_peers import Database, content, http_server, redirect

QUICK = FetchOptions(deadline_seconds=1.0, request_seconds=1.0)


def crl_at(*urls: str) -> tuple[x509.ExtensionType, bool]:
    points = [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in urls]
    return x509.CRLDistributionPoints(points), False


def ocsp_at(url: str) -> tuple[x509.ExtensionType, bool]:
    name = x509.UniformResourceIdentifier(url)
    return x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, name)]), False


def judged(pki: Authority, leaf: Credential, fetched: Fetched) -> PathResult:
    """The verdict of now, with nothing but what was fetched."""
    store = fetched.added_to(TrustStore(anchors=(pki.credential.der,)))
    return validate_path(leaf.der, store, datetime.now(UTC), revocation=Revocation.REQUIRED)


def path_of(pki: Authority, leaf: Credential) -> Sequence[bytes]:
    return validate_path(leaf.der, TrustStore(anchors=(pki.credential.der,)), datetime.now(UTC)).path


@pytest.fixture
def database(tmp_path: Path, pki: Authority) -> Database:
    return Database(pki, tmp_path)


@pytest.mark.peer
def test_a_list_by_openssl_ca_is_fetched_and_counts(pki: Authority, database: Database) -> None:
    answers = {}
    with http_server(answers) as address:
        leaf = pki.issue("leaf", extensions=[crl_at(f"{address}/ca.crl")])
        database.add(leaf.certificate)
        answers["/ca.crl"] = content(database.crl())
        fetched = fetch_crls(path_of(pki, leaf))
        assert fetched.failures == ()
        assert judged(pki, leaf, fetched).revocation.status is RevocationStatus.GOOD
        revoked_at = datetime.now(UTC) - DAY / 2
        database.add(leaf.certificate, revoked_at=revoked_at, reason="keyCompromise")
        answers["/ca.crl"] = content(database.crl())
        revocation = judged(pki, leaf, fetch_crls(path_of(pki, leaf))).revocation
    assert (revocation.status, revocation.reason) == (RevocationStatus.REVOKED, "keyCompromise")
    assert revocation.at == revoked_at.replace(microsecond=0)


@pytest.mark.peer
@pytest.mark.parametrize("delegated", [False, True])
def test_openssl_ocsp_is_asked_and_counts(
    pki: Authority, database: Database, free_port: int, *, delegated: bool
) -> None:
    url = f"http://127.0.0.1:{free_port}"
    good, bad, unknown = (pki.issue(name, extensions=[ocsp_at(url)]) for name in ("good", "bad", "unknown"))
    database.add(good.certificate)
    database.add(bad.certificate, revoked_at=datetime.now(UTC) - DAY / 2, reason="superseded")
    signing = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)
    responder = pki.issue("responder", extensions=[signing, (x509.OCSPNoCheck(), False)]) if delegated else None
    with database.responder(free_port, responder):
        found = {leaf.der: fetch_ocsp(path_of(pki, leaf)) for leaf in (good, bad, unknown)}
    assert [fetched.failures for fetched in found.values()] == [()] * 3
    assert judged(pki, good, found[good.der]).revocation.status is RevocationStatus.GOOD
    assert judged(pki, good, found[good.der]).trusted
    revoked = judged(pki, bad, found[bad.der]).revocation
    assert (revoked.status, revoked.reason) == (RevocationStatus.REVOKED, "superseded")
    assert judged(pki, unknown, found[unknown.der]).revocation.status is RevocationStatus.UNKNOWN
    assert judged(pki, good, found[bad.der]).revocation.status is RevocationStatus.UNKNOWN


def test_every_certificate_of_a_path_is_asked_about_and_each_address_once(tmp_path: Path, pki: Authority) -> None:
    asked: list[str] = []
    with http_server({}) as address:

        def counted(handler: BaseHTTPRequestHandler) -> None:
            asked.append(handler.path)
            content(pki.crl())(handler)

        named = [crl_at(f"{address}/ca.crl")]
        sub = pki.subordinate(tmp_path / "sub", extensions=named)
        leaf = sub.issue("leaf", extensions=named)
        path = (leaf.der, sub.credential.der, pki.credential.der)
    with http_server({"/ca.crl": counted}) as other:
        sub = pki.subordinate(tmp_path / "sub2", extensions=[crl_at(f"{other}/ca.crl")])
        leaf = sub.issue("leaf", extensions=[crl_at(f"{other}/ca.crl")])
        fetched = fetch_crls((leaf.der, sub.credential.der, pki.credential.der))
    assert asked == ["/ca.crl"]
    assert len(fetched.crls) == 1
    assert len(fetch_crls(path, QUICK).failures) == 1


def test_the_second_address_of_a_point_serves_where_the_first_fails(pki: Authority) -> None:
    with http_server({"/good.crl": content(pki.crl())}) as address:
        urls = ["ldap://directory.example/cn=CA", f"{address}/absent.crl", f"{address}/good.crl"]
        names = [x509.UniformResourceIdentifier(url) for url in urls]
        point = x509.CRLDistributionPoints([x509.DistributionPoint(names, None, None, None)])
        leaf = pki.issue("leaf", extensions=[(point, False)])
        fetched = fetch_crls(path_of(pki, leaf))
    assert len(fetched.crls) == 1
    assert len(fetched.failures) == 2
    assert "only http and https" in fetched.failures[0]
    assert "404" in fetched.failures[1]


def test_a_certificate_that_names_nobody_asks_nobody(pki: Authority) -> None:
    path = path_of(pki, pki.issue("leaf"))
    assert fetch_crls(path) == fetch_ocsp(path) == Fetched()


def failure(pki: Authority, url: str, options: FetchOptions = QUICK) -> str:
    """The one sentence about a list that could not be fetched."""
    fetched = fetch_crls(path_of(pki, pki.issue("leaf", extensions=[crl_at(url)])), options)
    assert fetched.crls == ()
    (sentence,) = fetched.failures
    assert sentence.isprintable()
    return sentence


def test_redirects_are_followed_within_bounds_and_never_to_another_scheme(pki: Authority) -> None:
    answers = {"/good.crl": content(pki.crl())}
    with http_server(answers) as address:
        answers["/moved.crl"] = redirect("/good.crl", 308)
        fetched = fetch_crls(path_of(pki, pki.issue("leaf", extensions=[crl_at(f"{address}/moved.crl")])))
        assert len(fetched.crls) == 1
        answers["/loop"] = redirect(f"{address}/loop")
        assert "more than 3 times" in failure(pki, f"{address}/loop")
        for target in (
            "file:///etc/passwd",
            "https://ca.example/ca.crl",
            "ftp://ca.example/",
            "gopher://x",
        ):
            answers["/away"] = redirect(target)
            assert "another scheme" in failure(pki, f"{address}/away")
        answers["/away"] = redirect("javascript:1")
        assert failure(pki, f"{address}/away")
        answers["/empty"] = content(b"", status=302)
        assert "more than 3 times" in failure(pki, f"{address}/empty")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://ca.example/x", "/etc/passwd", "http://", "http:///x", "x"]
)
def test_only_http_and_https_are_asked(pki: Authority, url: str) -> None:
    assert "only http and https" in failure(pki, url)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://user:secret@127.0.0.1/",
            "http://[::1",
            "http://127.0.0.1:99999/x",
            "http://127.0.0.1:0/",
            "http://a b/",
        ),
        *("http://a..b/", f"http://{'a' * 300}/", "http://%00/", "http://xn--/", f"http://127.0.0.1/{'a' * 3000}"),
    ],
)
def test_an_address_that_makes_no_sense_is_a_sentence(pki: Authority, url: str) -> None:
    assert failure(pki, url)


def test_an_answer_that_is_no_list_is_a_sentence(pki: Authority) -> None:
    for body in (b"", b"<html>not found</html>", pki.credential.der, pki.crl()[:-5]):
        with http_server({"/": content(body)}) as address:
            assert failure(pki, f"{address}/")
    with http_server({"/": content(pki.crl(), status=500)}) as address:
        assert "500" in failure(pki, f"{address}/")
    with http_server({"/": content(pki.crl(), Content_Encoding="gzip")}) as address:
        assert "compressed" in failure(pki, f"{address}/")


def test_an_answer_beyond_the_size_limit_is_not_read_to_its_end(pki: Authority) -> None:
    sent: list[int] = []

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            for _ in range(2000):
                handler.wfile.write(bytes(65536))
                sent.append(65536)

    with http_server({"/": flood}) as address:
        options = FetchOptions(max_crl_bytes=100_000)
        assert "more than 100000 bytes" in failure(pki, f"{address}/", options)
    assert sum(sent) < 2000 * 65536


def test_a_server_that_drips_does_not_prolong_the_deadline(pki: Authority) -> None:
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            while not over.wait(0.05):
                handler.wfile.write(b"\0")

    try:
        with http_server({"/": drip}) as address:
            began = time.monotonic()
            sentence = failure(pki, f"{address}/", FetchOptions(deadline_seconds=0.5, request_seconds=5.0))
            assert time.monotonic() - began < 5.0
    finally:
        over.set()
    assert "in time" in sentence


def test_one_deadline_holds_for_all_addresses(pki: Authority) -> None:
    over = threading.Event()

    def silent(handler: BaseHTTPRequestHandler) -> None:
        over.wait(30.0)

    try:
        with http_server({f"/{number}": silent for number in range(4)}) as address:
            leaf = pki.issue("leaf", extensions=[crl_at(*(f"{address}/{number}" for number in range(4)))])
            began = time.monotonic()
            fetched = fetch_crls(path_of(pki, leaf), FetchOptions(deadline_seconds=0.5, request_seconds=0.4))
            assert time.monotonic() - began < 5.0
    finally:
        over.set()
    assert len(fetched.failures) == 4


def test_what_is_fetched_is_worth_nothing_without_the_signature_of_the_authority(
    tmp_path: Path, pki: Authority
) -> None:
    impostor = Authority(tmp_path, now=pki.now)
    with http_server({"/ca.crl": content(impostor.crl(until=pki.now + timedelta(days=7)))}) as address:
        leaf = pki.issue("leaf", extensions=[crl_at(f"{address}/ca.crl")])
        fetched = fetch_crls(path_of(pki, leaf))
    assert len(fetched.crls) == 1
    assert judged(pki, leaf, fetched).revocation.status is RevocationStatus.UNKNOWN
