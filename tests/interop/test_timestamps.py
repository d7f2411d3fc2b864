"""Certified timestamps between Sealgate, DCMTK's dcmsign, OpenSSL and rfc3161-client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import rfc3161_client
from cryptography import x509

from sealgate.dicom import splice
from sealgate.dicom.scan import Carrier
from sealgate.errors import SealgateError, TimestampMismatch, TimestampPart, TimestampRefused, TimestampUnreadable
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.timestamp.accept import accepted_token
from sealgate.timestamp.check import check_token
from sealgate.timestamp.client import fetch
from sealgate.timestamp.flaws import TokenFlaw
from sealgate.timestamp.insert import (
    find_signature,
    found_signatures,
    insert_token,
    read_uid_file,
    signature_value_of,
)
from sealgate.timestamp.query import read_query
from sealgate.timestamp.request import QueryOptions, TimestampRequest, request_while_signing
from sealgate.timestamp.response import read_response, token_of
from sealgate.timestamp.token import read_token
from support import peers, samples, signing, tokens
from support.pki import Authority, Credential
from support.tsa import OTHER_POLICY, POLICY, OpensslTsa, http_tsa, openssl_tsa, tsa_credential

pytestmark = pytest.mark.peer

QUERY_OPTIONS = {
    "RIPEMD160": "+tmr",
    "MD5": "+tmm",
    "SHA1": "+tms",
    "SHA256": "+tm2",
    "SHA384": "+tm3",
    "SHA512": "+tm5",
}
OK = "Signature Verification : OK\nW:   Timestamp Verification : OK"


@pytest.fixture(scope="module")
def openssl(pki: Authority, tmp_path_factory: pytest.TempPathFactory) -> OpensslTsa:
    return openssl_tsa(tmp_path_factory.mktemp("tsa"), tsa_credential(pki, "interop-tsa"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A folder with a signed file, a query for its signature, and the UID file."""

    folder: Path
    signer: Credential

    @property
    def signed(self) -> Path:
        return self.folder / "signed.dcm"

    @property
    def query(self) -> Path:
        return self.folder / "q.tsq"

    @property
    def response(self) -> Path:
        return self.folder / "q.tsr"

    @property
    def uid_file(self) -> Path:
        return self.folder / "q.uid"

    @property
    def stamped(self) -> Path:
        return self.folder / "stamped.dcm"

    def answered_by(self, tsa: OpensslTsa) -> bytes:
        """Have the query answered."""
        response = tsa.reply(self.query.read_bytes())
        self.response.write_bytes(response)
        return response

    def insert_by_dcmsign(self) -> peers.Outcome:
        return peers.dcmsign("+t", self.query, self.response, self.uid_file, self.signed, self.stamped)

    def insert(self) -> bytes:
        """Insert by Sealgate what the files hold, and return the file."""
        self.stamped.unlink(missing_ok=True)
        query, response = read_query(self.query.read_bytes()), read_response(self.response.read_bytes())
        uid = read_uid_file(self.uid_file.read_bytes())
        data_set, carrier = signing.opened(self.signed.read_bytes())
        found = find_signature(carrier, uid)
        granted = token_of(self.response.read_bytes(), query, signature_value_of(found.signature))
        assert response.token is not None
        assert granted.token == response.token.encoded
        edits = insert_token(carrier, uid, granted.token)
        self.stamped.write_bytes(bytes(data_set.header) + b"".join(splice.pieces(data_set.source, edits)))
        return self.stamped.read_bytes()

    def verdict(self, pki: Authority, *options: object) -> peers.Outcome:
        return peers.dcmsign("--verify", "+cf", pki.certificate_path, *options, self.stamped)


def by_dcmsign(folder: Path, signer: Credential, *options: object) -> Work:
    """A file that dcmsign signed, with its query and UID file."""
    work = Work(folder=folder, signer=signer)
    outcome = peers.dcmsign(
        *("+s", signer.key_path, signer.certificate_path, "+m2", "+ts", work.query, work.uid_file, *options),
        *(samples.sample("CT_small.dcm"), work.signed),
    )
    assert outcome.exit_code == 0, outcome.text
    return work


def by_us(folder: Path, signer: Credential, pki: Authority, **of_query: Any) -> tuple[Work, TimestampRequest]:
    """A file that Sealgate signed, with its query and UID file."""
    work = Work(folder=folder, signer=signer)
    signed = signing.signed(samples.sample("CT_small.dcm").read_bytes(), signer, at=pki.now)
    options = QueryOptions(**{"nonce": 0xFEDCBA9876543210, **of_query})
    request = request_while_signing(signed.created, options)
    work.signed.write_bytes(signed.file)
    work.query.write_bytes(request.query)
    work.uid_file.write_bytes(request.uid_file)
    return work, request


def stamp_of(file: bytes) -> tuple[Carrier, bytes, bytes]:
    """The scan of a file, and value and token of its one signature."""
    carrier = signing.opened(file)[1]
    (found,) = found_signatures(carrier)
    assert found.signature.certified_timestamp_type == "CMS_TSP"
    token = found.signature.certified_timestamp
    assert token is not None
    return carrier, signature_value_of(found.signature), token


@pytest.mark.parametrize("name", MAC_ALGORITHMS)
@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384", "dsa2048"])
def test_dcmsign_inserts_the_answer_to_our_query(
    name: str, kind: str, openssl: OpensslTsa, pki: Authority, tmp_path: Path
) -> None:
    signer = pki.issue(f"interop-{kind}", kind)
    work, _ = by_us(tmp_path, signer, pki, algorithm=MAC_ALGORITHMS[name])
    work.answered_by(openssl)
    assert work.insert_by_dcmsign() == (0, "")
    outcome = work.verdict(pki, "+tr")
    assert outcome.exit_code == 0, outcome.text
    assert OK in outcome.text
    _, value, token = stamp_of(work.stamped.read_bytes())
    assert all(problem.is_warning for problem in check_token(read_token(token), value))


@pytest.mark.parametrize("name", MAC_ALGORITHMS)
@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384", "dsa2048"])
def test_we_insert_the_answer_to_dcmsign_s_query_and_dcmsign_accepts_it(
    name: str, kind: str, openssl: OpensslTsa, pki: Authority, tmp_path: Path
) -> None:
    work = by_dcmsign(tmp_path, pki.issue(f"interop-{kind}", kind), QUERY_OPTIONS[name])
    assert read_query(work.query.read_bytes()).hash_algorithm == name
    work.answered_by(openssl)
    stamped = work.insert()
    outcome = work.verdict(pki, "+tr")
    assert outcome.exit_code == 0, outcome.text
    assert OK in outcome.text
    work.insert_by_dcmsign()
    assert stamp_of(stamped)[1:] == stamp_of(work.stamped.read_bytes())[1:]


@pytest.mark.parametrize("key", ["rsa2048", "rsa4096", "p256", "p384", "p521"])
@pytest.mark.parametrize("ess", ["sha1", "sha256", "sha512"])
def test_tokens_of_openssl_are_good(key: str, ess: str, pki: Authority, tmp_path: Path) -> None:
    tsa = openssl_tsa(tmp_path / "tsa", tsa_credential(pki, f"interop-tsa-{key}", key), ess_cert_id_alg=ess)
    work, request = by_us(tmp_path, pki.issue("interop-signer"), pki)
    granted = accepted_token(read_response(work.answered_by(tsa)), read_query(request.query), request.signature_value)
    assert granted.warnings == ()
    checked = peers.openssl(
        *("ts", "-verify", "-queryfile", work.query, "-in", work.response, "-CAfile", pki.certificate_path)
    )
    assert "Verification: OK" in checked.text, checked.text


@pytest.mark.parametrize("digest", ["sha1", "sha224", "sha256", "sha384", "sha512", "md5", "ripemd160"])
def test_imprints_of_all_digests_by_openssl_are_read(digest: str, openssl: OpensslTsa) -> None:
    response = read_response(openssl.reply(tokens.query(b"value", imprint=digest)))
    assert response.token is not None
    assert response.token.hash_algorithm == digest.upper()
    assert all(problem.is_warning for problem in check_token(response.token, b"value"))


def test_what_openssl_says_in_a_token_is_what_we_read(openssl: OpensslTsa) -> None:
    response = openssl.reply(tokens.query(b"value", nonce=0x1234567890, policy=OTHER_POLICY))
    token = read_response(response).token
    assert token is not None
    path = openssl.folder / "said.tsr"
    path.write_bytes(response)
    text = peers.openssl("ts", "-reply", "-in", path, "-text").text
    assert token.accuracy is not None
    assert token.tsa_name is not None
    for line in (
        f"Policy OID: {token.policy}",
        f"Serial number: 0x{token.serial_number:02X}",
        f"Time stamp: {token.gen_time:%b %e %H:%M:%S %Y} GMT",
        "Accuracy: 0x01 seconds, 0x01F4 millis, 0x64 micros",
        "Ordering: yes",
        f"Nonce: 0x{token.nonce:X}",
    ):
        assert line in text
    assert token.accuracy.total_seconds() == 1.5001
    assert token.ordering
    assert "interop-tsa" in token.tsa_name
    assert token.certificates == (openssl.credential.der,)


def test_a_query_without_certificate_gives_a_token_that_needs_one(
    openssl: OpensslTsa, pki: Authority, tmp_path: Path
) -> None:
    work, request = by_us(tmp_path, pki.issue("interop-signer"), pki, certificate_required=False, nonce=None)
    work.answered_by(openssl)
    work.insert()
    outcome = work.verdict(pki)
    assert outcome.exit_code == 101
    assert "signer certificate not found" in outcome.text
    assert work.verdict(pki, "+uf", openssl.credential.certificate_path).exit_code == 0
    token = read_token(stamp_of(work.stamped.read_bytes())[2])
    assert token.signer_certificate is None
    (problem,) = check_token(token, request.signature_value)
    assert problem.flaw is TokenFlaw.SIGNER_CERTIFICATE_MISSING
    assert check_token(token, request.signature_value, untrusted=(openssl.credential.der,)) == ()


def test_inserting_again_gives_the_same_bytes_and_another_token_takes_the_place(
    openssl: OpensslTsa, pki: Authority, tmp_path: Path
) -> None:
    work, _ = by_us(tmp_path, pki.issue("interop-signer"), pki)
    work.answered_by(openssl)
    once = work.insert()
    work.signed.write_bytes(once)
    assert work.insert() == once
    work.answered_by(openssl)
    twice = work.insert()
    assert twice != once
    assert len(twice) == len(once)
    assert OK in work.verdict(pki, "+tr").text


def test_cutting_the_two_elements_gives_back_the_file(openssl: OpensslTsa, pki: Authority, tmp_path: Path) -> None:
    work, _ = by_us(tmp_path, pki.issue("interop-signer"), pki)
    work.answered_by(openssl)
    data_set, carrier = signing.opened(work.insert())
    (found,) = found_signatures(carrier)
    view = data_set.source.view
    cut = [element for element in found.signature.item.elements if element.tag in (0x04000305, 0x04000310)]
    rest = b"".join((view[: cut[0].start], view[cut[1].end :]))
    size = (cut[1].end - cut[0].start).to_bytes(4, "little")
    lengths = [found.item.value_start - 4, found.sequence.value_start - 4]
    patched = bytearray(rest)
    for offset in lengths:
        length = int.from_bytes(patched[offset : offset + 4], "little") - int.from_bytes(size, "little")
        patched[offset : offset + 4] = length.to_bytes(4, "little")
    assert bytes(data_set.header) + bytes(patched) == work.signed.read_bytes()


def test_a_signature_in_an_item_is_stamped_where_it_is(openssl: OpensslTsa, pki: Authority, tmp_path: Path) -> None:
    signer = pki.issue("interop-signer")
    work = Work(folder=tmp_path, signer=signer)
    outcome = peers.dcmsign(
        *("+si", signer.key_path, signer.certificate_path, "BeamSequence[0].ControlPointSequence[1]", "+m2"),
        *("+ts", work.query, work.uid_file, samples.sample("rtplan.dcm"), work.signed),
    )
    assert outcome.exit_code == 0, outcome.text
    work.answered_by(openssl)
    work.insert()
    assert OK in work.verdict(pki, "+tr").text


@pytest.mark.parametrize("options", [("+te",), ("+tb",), ("+ti",), ("-e",), ("+ti", "-e")])
def test_files_in_every_encoding_are_stamped(
    options: Sequence[str], openssl: OpensslTsa, pki: Authority, tmp_path: Path
) -> None:
    work = by_dcmsign(tmp_path, pki.issue("interop-signer"), "+sp", "5", *options)
    work.answered_by(openssl)
    work.insert()
    assert OK in work.verdict(pki, "+tr").text


def spoiled(token: bytes) -> bytes:
    return token[:-1] + bytes([token[-1] ^ 1])


VALUE = b"value"
RESPONSES: dict[str, Any] = {
    "nonce differs": lambda tsa, value: tokens.response(tokens.token(tsa, value, nonce=5)),
    "nonce missing": lambda tsa, value: tokens.response(tokens.token(tsa, value)),
    "policy differs": lambda tsa, value: tokens.response(tokens.token(tsa, value, nonce=4, policy=OTHER_POLICY)),
    "algorithm differs": lambda tsa, value: tokens.response(tokens.token(tsa, value, nonce=4, imprint="sha1")),
    "imprint differs": lambda tsa, value: tokens.response(tokens.token(tsa, value + b"x", nonce=4)),
    "version 2": lambda tsa, value: tokens.response(tokens.token(tsa, value, nonce=4, version=2)),
    "fits": lambda tsa, value: tokens.response(tokens.token(tsa, value, nonce=4)),
    "fits, signature spoiled": lambda tsa, value: tokens.response(spoiled(tokens.token(tsa, value, nonce=4))),
    "granted with modifications": lambda tsa, value: tokens.response(tokens.token(tsa, value, nonce=4), status=1),
    "rejected": lambda tsa, value: tokens.response(None, status=2, texts=["no way"], failures=[0]),
    "waiting": lambda tsa, value: tokens.response(None, status=3),
    "revocation warning": lambda tsa, value: tokens.response(None, status=4),
    "revoked": lambda tsa, value: tokens.response(None, status=5, failures=[25]),
    "unknown status": lambda tsa, value: tokens.response(None, status=99),
    "granted without token": lambda tsa, value: tokens.response(None, status=0),
    "rejected with token": lambda tsa, value: tokens.response(tokens.token(tsa, value, nonce=4), status=2),
    "token is no token": lambda tsa, value: tokens.response(b"\x30\x03\x02\x01\x00", status=0),
    "garbage": lambda tsa, value: b"garbage",
    "cut": lambda tsa, value: tokens.response(tokens.token(tsa, value, nonce=4))[:-1],
}


def our_exit_code(work: Work) -> int:
    """The exit code of dcmsign for what our checks say."""
    try:
        work.insert()
    except TimestampUnreadable as error:
        return {TimestampPart.QUERY: 31, TimestampPart.RESPONSE: 32}.get(error.part, 33)
    except (TimestampRefused, TimestampMismatch):
        return 87
    except SealgateError:
        return -1
    return 0


@pytest.mark.parametrize("name", RESPONSES)
def test_we_take_and_refuse_what_dcmsign_takes_and_refuses(
    name: str, openssl: OpensslTsa, pki: Authority, tmp_path: Path
) -> None:
    work, request = by_us(tmp_path, pki.issue("interop-signer"), pki, nonce=4, policy=POLICY)
    work.response.write_bytes(RESPONSES[name](openssl.credential, request.signature_value))
    outcome = work.insert_by_dcmsign()
    assert our_exit_code(work) == outcome.exit_code, outcome.text


def test_a_response_for_another_signature_is_refused_by_both(
    openssl: OpensslTsa, pki: Authority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    work, _ = by_us(tmp_path, pki.issue("interop-signer"), pki)
    other, _ = by_us(tmp_path / "other", pki.issue("interop-signer-2"), pki)
    work.query.write_bytes(other.query.read_bytes())
    work.response.write_bytes(other.answered_by(openssl))
    assert work.insert_by_dcmsign().exit_code == our_exit_code(work) == 87


@pytest.mark.parametrize(
    ("made", "flaw", "said"),
    [
        ({}, None, "OK"),
        ({"scheme": "pss"}, None, None),
        ({"scheme": "plain"}, None, "OK"),
        ({"ess": ("v1",)}, None, "OK"),
        ({"ess": ("v1", "v2")}, None, "OK"),
        ({"by_key_identifier": True}, None, None),
        ({"ess": ()}, TokenFlaw.SIGNING_CERTIFICATE_MISSING, "missing signing certificate attribute"),
        ({"attributes": {tokens.MESSAGE_DIGEST: None}}, TokenFlaw.SIGNED_ATTRIBUTES, "unable to find message digest"),
        ({"attributes": {tokens.MESSAGE_DIGEST: [b"x"]}}, TokenFlaw.DIGEST, "digest failure"),
        ({"content_instead": tokens.tst_info(b"x")}, TokenFlaw.DIGEST, "digest failure"),
        ({"signers": 2}, TokenFlaw.NOT_ONE_SIGNER, "there must be one signer"),
        ({"version": 3}, TokenFlaw.VERSION, "unsupported version"),
        ({"certificates": []}, TokenFlaw.SIGNER_CERTIFICATE_MISSING, "signer certificate not found"),
        ({"gen_time": "20000101000000Z"}, TokenFlaw.BEFORE_TSA_VALIDITY, "timestamp created before start of TSA"),
        ({"gen_time": "29990101000000Z"}, TokenFlaw.AFTER_TSA_VALIDITY, "timestamp created after expiry of TSA"),
        ({"imprint": "sha224"}, None, "OK"),
    ],
    ids=lambda value: next(iter(value), "good") if isinstance(value, dict) else None,
)
def test_our_verdict_on_a_token_is_dcmsign_s(
    made: dict[str, Any], flaw: TokenFlaw | None, said: str | None, openssl: OpensslTsa, pki: Authority, tmp_path: Path
) -> None:
    """What `said` is None for DCMTK cannot do: it reads tokens as PKCS #7, which had neither."""
    work, request = by_us(tmp_path, pki.issue("interop-signer"), pki)
    token = tokens.token(openssl.credential, request.signature_value, **made)
    data_set, carrier = signing.opened(work.signed.read_bytes())
    edits = insert_token(carrier, request.digital_signature_uid, token)
    work.stamped.write_bytes(bytes(data_set.header) + b"".join(splice.pieces(data_set.source, edits)))
    outcome = work.verdict(pki)
    found = {problem.flaw for problem in check_token(read_token(token), request.signature_value)}
    if flaw is TokenFlaw.DIGEST:
        found.discard(TokenFlaw.IMPRINT)
    assert found == ({flaw} if flaw is not None else set())
    if said is not None:
        assert said in outcome.text, outcome.text
        assert outcome.exit_code == (0 if flaw is None else 101)


@pytest.mark.parametrize("key", ["rsa2048", "p256"])
def test_rfc3161_client_agrees_with_us(key: str, pki: Authority, tmp_path: Path) -> None:
    tsa = openssl_tsa(tmp_path / "tsa", tsa_credential(pki, f"interop-tsa-{key}", key))
    work, request = by_us(tmp_path, pki.issue("interop-signer"), pki)
    response = work.answered_by(tsa)
    second = rfc3161_client.decode_timestamp_response(response)
    ours = read_response(response)
    assert ours.token is not None
    assert second.time_stamp_token() == ours.token.encoded
    info = second.tst_info
    assert (info.serial_number, info.nonce, info.policy.dotted_string) == (
        ours.token.serial_number,
        ours.token.nonce,
        ours.token.policy,
    )
    assert info.gen_time == ours.token.gen_time
    assert info.message_imprint.message == ours.token.imprint
    verifier = (
        rfc3161_client.VerifierBuilder()
        .add_root_certificate(pki.certificate)
        .tsa_certificate(x509.load_der_x509_certificate(tsa.credential.der))
        .nonce(0xFEDCBA9876543210)
        .policy_id(x509.ObjectIdentifier(POLICY))
        .build()
    )
    hashed = tokens.digest_of("sha256", request.signature_value)
    assert verifier.verify(second, hashed)
    assert check_token(ours.token, request.signature_value) == ()


def test_a_query_of_rfc3161_client_is_read_as_it_is_meant() -> None:
    second = rfc3161_client.TimestampRequestBuilder().data(b"value").build()
    ours = read_query(second.as_bytes())
    assert (ours.nonce, ours.imprint) == (second.nonce, second.message_imprint.message)
    assert ours.certificate_required == second.cert_req


def test_signed_stamped_over_http_and_verified_by_dcmsign(openssl: OpensslTsa, pki: Authority, tmp_path: Path) -> None:
    work, request = by_us(tmp_path, pki.issue("interop-signer"), pki)
    with http_tsa(openssl) as authority:
        work.response.write_bytes(fetch(authority.url, request.query))
    work.insert()
    assert OK in work.verdict(pki, "+tr").text
