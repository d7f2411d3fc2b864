"""Timestamp tokens: what is read from them, and every way in which one can be no good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealgate.errors import TimestampPart, TimestampUnreadable
from sealgate.timestamp.check import check_token
from sealgate.timestamp.flaws import TokenFlaw
from sealgate.timestamp.limits import MAX_CERTIFICATES
from sealgate.timestamp.token import Extension, read_token
from support import tokens
from support.pki import Authority, Credential
from support.tsa import CRITICAL_TIMESTAMPING, POLICY, tsa_credential

VALUE = b"the value of a signature"
F = TokenFlaw


@pytest.fixture(scope="module")
def credential(pki: Authority) -> Credential:
    return tsa_credential(pki, "token-tsa", "p256")


def flaws(token: bytes, value: bytes = VALUE, *untrusted: bytes) -> set[TokenFlaw]:
    problems = check_token(read_token(token), value, untrusted=untrusted)
    assert all(problem.text.isprintable() for problem in problems)
    return {problem.flaw for problem in problems}


def subject(credential: Credential) -> asn1_x509.Name:
    name: asn1_x509.Name = asn1_x509.Certificate.load(credential.der).subject
    return name


def test_a_token_says_what_the_authority_put_into_it(credential: Credential) -> None:
    encoded = tokens.token(
        credential,
        VALUE,
        gen_time="20260301120000.25Z",
        accuracy={"seconds": 1, "millis": 500, "micros": 100},
        ordering=True,
        nonce=0xF0F0F0F0F0F0F0F0,
        serial_number=2**160 - 1,
        tsa=subject(credential),
        extensions=[("1.2.3.4", False)],
    )
    token = read_token(encoded + b"\0")
    assert token.encoded == encoded
    assert token.version == 1
    assert token.gen_time == datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
    assert token.gen_time_text == "20260301120000.25Z"
    assert token.accuracy == timedelta(seconds=1.5001)
    assert token.policy == POLICY
    assert token.hash_algorithm == "SHA256"
    assert token.imprint == tokens.digest_of("sha256", VALUE)
    assert token.serial_number == 2**160 - 1
    assert token.nonce == 0xF0F0F0F0F0F0F0F0
    assert token.ordering
    assert token.tsa_name is not None
    assert "Common Name: token-tsa" in token.tsa_name
    assert token.extensions == (Extension(oid="1.2.3.4", critical=False),)
    assert token.certificates == (credential.der,)
    assert token.signer_certificate == credential.der


def test_what_the_authority_left_out_is_none(credential: Credential) -> None:
    token = read_token(tokens.token(credential, VALUE, certificates=[]))
    assert (token.accuracy, token.nonce, token.tsa_name, token.tsa, token.ordering) == (None, None, None, None, False)
    assert (token.certificates, token.crls, token.signer_certificate) == ((), (), None)


@pytest.mark.parametrize("kind", ["rsa2048", "rsa3072", "p256", "p384", "p521", "brainpoolp256", "dsa2048"])
@pytest.mark.parametrize("digest", ["sha256", "sha512", "sha224"])
def test_tokens_of_all_kinds_of_keys_and_digests_are_good(kind: str, digest: str, pki: Authority) -> None:
    if kind == "dsa2048" and digest == "sha512":
        digest = "sha256"  # asn1crypto has no name for DSA with SHA-512
    credential = tsa_credential(pki, f"token-{kind}", kind)
    assert flaws(tokens.token(credential, VALUE, digest=digest)) == set()


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("scheme", ["pss", "plain"])
def test_all_ways_to_sign_with_rsa_are_good(digest: str, scheme: str, pki: Authority) -> None:
    credential = tsa_credential(pki, "token-rsa", "rsa2048")
    assert flaws(tokens.token(credential, VALUE, digest=digest, scheme=scheme)) == set()


@pytest.mark.parametrize("ess", [("v1",), ("v2",), ("v1", "v2")])
@pytest.mark.parametrize("by_key_identifier", [False, True])
def test_every_way_to_name_the_certificate_is_good(
    ess: tuple[str, ...], by_key_identifier: bool, credential: Credential
) -> None:
    assert flaws(tokens.token(credential, VALUE, ess=ess, by_key_identifier=by_key_identifier)) == set()
    assert flaws(tokens.token(credential, VALUE, ess=("v2",), ess_digest="sha512")) == set()


@pytest.mark.parametrize("imprint", ["sha224", "sha256", "sha384", "sha512"])
def test_imprints_of_these_digests_are_good(imprint: str, credential: Credential) -> None:
    assert flaws(tokens.token(credential, VALUE, imprint=imprint)) == set()


@pytest.mark.parametrize("imprint", ["sha1", "md5", "ripemd160"])
def test_imprints_of_weak_digests_are_good_with_a_warning(imprint: str, credential: Credential) -> None:
    problems = check_token(read_token(tokens.token(credential, VALUE, imprint=imprint)), VALUE)
    assert [(problem.flaw, problem.is_warning) for problem in problems] == [(F.WEAK_IMPRINT, True)]


CONTENT_TYPE, MESSAGE_DIGEST = tokens.CONTENT_TYPE, tokens.MESSAGE_DIGEST
TST_INFO = "1.2.840.113549.1.9.16.1.4"


def spoiled(signed_data: Any) -> None:
    signer = signed_data["signer_infos"][0]
    value = bytearray(signer["signature"].native)
    value[-1] ^= 1
    signer["signature"] = core.OctetString(bytes(value))


def longer(signed_data: Any) -> None:
    signer = signed_data["signer_infos"][0]
    signer["signature"] = core.OctetString(signer["signature"].native + b"\0")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"signers": 0}, {F.NOT_ONE_SIGNER}),
        ({"signers": 2}, {F.NOT_ONE_SIGNER}),
        ({"attributes": {CONTENT_TYPE: None}}, {F.CONTENT_TYPE}),
        ({"attributes": {CONTENT_TYPE: ["data"]}}, {F.CONTENT_TYPE}),
        ({"attributes": {CONTENT_TYPE: [TST_INFO, TST_INFO]}}, {F.CONTENT_TYPE}),
        ({"attributes": {MESSAGE_DIGEST: None}}, {F.SIGNED_ATTRIBUTES}),
        ({"attributes": {MESSAGE_DIGEST: [b"x" * 32]}}, {F.DIGEST}),
        ({"attributes": {MESSAGE_DIGEST: [b"x" * 32, b"y" * 32]}}, {F.SIGNED_ATTRIBUTES, F.DIGEST}),
        (
            {"signed_attributes": False},
            {F.CONTENT_TYPE, F.SIGNED_ATTRIBUTES, F.SIGNING_CERTIFICATE_MISSING, F.SIGNATURE},
        ),
        ({"ess": ()}, {F.SIGNING_CERTIFICATE_MISSING}),
        ({"ess": ("v2",), "attributes": {tokens.SIGNING_CERTIFICATE_V2: []}}, {F.SIGNING_CERTIFICATE_MISSING}),
        ({"change": spoiled}, {F.SIGNATURE}),
        ({"change": longer}, {F.SIGNATURE}),
        ({"content_instead": tokens.tst_info(VALUE, serial_number=8)}, {F.DIGEST}),
        ({"certificates": []}, {F.SIGNER_CERTIFICATE_MISSING}),
        ({"version": 2}, {F.VERSION}),
        ({"extensions": [("1.2.3.4", True)]}, {F.CRITICAL_EXTENSION}),
        ({"imprint": "sha3-256"}, {F.IMPRINT_ALGORITHM}),
        ({"digest": "sha1", "ess": ("v1",)}, {F.WEAK_SIGNATURE}),
        ({"gen_time": "20000101000000Z"}, {F.BEFORE_TSA_VALIDITY}),
        ({"gen_time": "29990101000000Z"}, {F.AFTER_TSA_VALIDITY}),
    ],
    ids=lambda value: "" if isinstance(value, set) else "-".join(f"{k}" for k in value),
)
def test_each_flaw_is_found_and_no_other(
    made: dict[str, Any], expected: set[TokenFlaw], credential: Credential
) -> None:
    assert flaws(tokens.token(credential, VALUE, **made)) == expected


def test_a_token_over_another_value_is_found(credential: Credential) -> None:
    assert flaws(tokens.token(credential, VALUE), VALUE + b"\0") == {F.IMPRINT}


def test_a_token_that_names_another_certificate_is_found(credential: Credential, pki: Authority) -> None:
    other = tsa_credential(pki, "token-other", "p256")
    for ess in (("v1",), ("v2",), ("v1", "v2")):
        token = tokens.token(credential, VALUE, ess=ess, ess_certificate=other.der)
        assert flaws(token) == {F.SIGNING_CERTIFICATE}


def test_where_both_attributes_name_the_certificate_both_have_to_be_right(
    credential: Credential, pki: Authority
) -> None:
    other = tsa_credential(pki, "token-other-2", "p256")
    wrong = {"certs": [{"cert_hash": tokens.digest_of("sha1", other.der)}]}
    token = tokens.token(credential, VALUE, ess=("v1", "v2"), attributes={tokens.SIGNING_CERTIFICATE: [wrong]})
    assert flaws(token) == {F.SIGNING_CERTIFICATE}


def test_a_token_with_the_signature_of_another_key_is_found(credential: Credential, pki: Authority) -> None:
    other = tsa_credential(pki, "token-other-3", "p256")
    forged = Credential(
        certificate=credential.certificate,
        key=other.key,
        certificate_path=credential.certificate_path,
        key_path=other.key_path,
    )
    assert flaws(tokens.token(forged, VALUE)) == {F.SIGNATURE}


def usage(*purposes: x509.ObjectIdentifier) -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage(purposes)


@pytest.mark.parametrize(
    "extensions",
    [
        (),
        ((usage(ExtendedKeyUsageOID.TIME_STAMPING), False),),
        ((usage(ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CLIENT_AUTH), True),),
        ((usage(ExtendedKeyUsageOID.CLIENT_AUTH), True),),
        ((usage(x509.ObjectIdentifier("2.5.29.37.0")), True),),
    ],
    ids=["none", "not critical", "two", "another", "any"],
)
def test_a_certificate_that_is_not_only_for_timestamps_is_found(
    extensions: tuple[tuple[x509.ExtensionType, bool], ...], pki: Authority
) -> None:
    credential = pki.issue("token-usage", hosts=(), extensions=extensions)
    assert flaws(tokens.token(credential, VALUE)) == {F.EXTENDED_KEY_USAGE}


def test_a_certification_authority_is_no_tsa(pki: Authority) -> None:
    assert flaws(tokens.token(pki.credential, VALUE)) == {F.EXTENDED_KEY_USAGE, F.KEY_USAGE}


def test_the_name_of_the_tsa_has_to_be_that_of_its_certificate(credential: Credential, pki: Authority) -> None:
    assert flaws(tokens.token(credential, VALUE, tsa=subject(credential))) == set()
    assert flaws(tokens.token(credential, VALUE, tsa=subject(pki.credential))) == {F.TSA_NAME}


def test_a_certificate_that_the_token_lacks_may_be_given(credential: Credential, pki: Authority) -> None:
    token = tokens.token(credential, VALUE, certificates=[])
    assert flaws(token, VALUE, pki.credential.der, credential.der) == set()
    assert flaws(token, VALUE, pki.credential.der) == {F.SIGNER_CERTIFICATE_MISSING}


def test_the_certificate_of_the_token_itself_counts_before_one_that_is_given(
    credential: Credential, pki: Authority
) -> None:
    token = tokens.token(credential, VALUE, certificates=[pki.credential.der, credential.der])
    assert read_token(token).signer_certificate == credential.der
    assert flaws(token) == set()


def test_a_weak_key_is_a_warning(pki: Authority) -> None:
    assert flaws(tokens.token(tsa_credential(pki, "token-weak", "rsa1024"), VALUE)) == {F.WEAK_SIGNATURE}


@pytest.mark.parametrize(
    "gen_time",
    [
        "20260301120000",
        "20260301120000+0000",
        "202603011200Z",
        "20261301120000Z",
        "20260301120060Z",
        "20260301120000.Z",
    ],
)
def test_a_time_that_is_not_in_the_form_of_rfc_3161_is_refused(gen_time: str, credential: Credential) -> None:
    with pytest.raises(TimestampUnreadable) as caught:
        read_token(tokens.token(credential, VALUE, gen_time=gen_time))
    assert caught.value.part is TimestampPart.TOKEN


@pytest.mark.parametrize(
    "made",
    [
        {"accuracy": {"seconds": 10**12}},
        {"accuracy": {"millis": 1000}},
        {"serial_number": 1 << 3000},
        {"nonce": 1 << 40_000},
        {"extensions": [("1.2.3.4", False)] * 100},
        {"content_type": "1.2.840.113549.1.7.1"},
        {"info": b"\x30\x00"},
        {"info": b""},
    ],
    ids=lambda made: next(iter(made)),
)
def test_what_is_beyond_a_limit_or_no_tst_info_is_refused(made: dict[str, Any], credential: Credential) -> None:
    with pytest.raises(TimestampUnreadable):
        read_token(tokens.token(credential, VALUE, **made))


def test_more_certificates_than_any_path_has_are_refused(credential: Credential, pki: Authority) -> None:
    many = [pki.issue(f"one-of-many-{number}").der for number in range(MAX_CERTIFICATES + 1)]
    with pytest.raises(TimestampUnreadable, match="certificates"):
        read_token(tokens.token(credential, VALUE, certificates=many))


def test_a_certificate_cannot_hide_another_key_in_pem(pki: Authority, credential: Credential) -> None:
    """The key that counts is that of the DER certificate, also where it holds the text of another one."""
    other = tsa_credential(pki, "token-hidden", "p256")
    policy = x509.UserNotice(None, other.pem.decode("ascii"))
    hiding = pki.issue(
        "token-hiding",
        hosts=(),
        extensions=[
            CRITICAL_TIMESTAMPING,
            (x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), [policy])]), False),
        ],
    )
    assert flaws(tokens.token(hiding, VALUE)) == set()
