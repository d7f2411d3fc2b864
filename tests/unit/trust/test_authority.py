"""What stands in the certificates of a small certification authority."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealgate.errors import ConfigurationError, KeyUnusable
from sealgate.trust.authority import (
    MAX_VALIDITY_DAYS,
    NOT_FOR_CLINICAL_USE,
    Issuer,
    IssuerKey,
    Purpose,
    authority_certificate,
    end_entity_certificate,
    is_not_for_clinical_use,
    parse_subject,
    subject_below,
)
from support.pki import private_key

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
REAL = "CN=Radiology CA,O=Example Hospital,C=CH"
EXAMPLE = f"CN=Example CA,OU={NOT_FOR_CLINICAL_USE},O=Example"


def key(name: str) -> IssuerKey:
    made = private_key("p256", name)
    assert isinstance(made, IssuerKey)
    return made


def authority(subject: str = REAL, *, days: int = 100) -> Issuer:
    certificate = authority_certificate(
        subject=parse_subject(subject), key=key("ca"), serial_number=1, now=NOW, days=days
    )
    return Issuer(certificate=certificate, key=key("ca"))


def issued(
    issuer: Issuer,
    *purposes: Purpose,
    now: datetime = NOW,
    days: int = 10,
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "::1"),
) -> x509.Certificate:
    return end_entity_certificate(
        issuer=issuer,
        subject=subject_below(issuer.certificate.subject, "gateway"),
        public_key=key("gateway").public_key(),
        serial_number=2,
        now=now,
        days=days,
        purposes=purposes or tuple(Purpose),
        hosts=hosts,
    )


def test_an_authority_may_sign_certificates_and_crls_and_nothing_else() -> None:
    certificate = authority().certificate
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert usage.critical
    assert (usage.value.key_cert_sign, usage.value.crl_sign, usage.value.digital_signature) == (True, True, False)


def test_validity_begins_a_day_back_because_clocks_differ() -> None:
    issuer = authority(days=100)
    assert issuer.certificate.not_valid_before_utc == NOW - DAY
    assert issuer.certificate.not_valid_after_utc == NOW + 100 * DAY
    assert issued(issuer, days=10).not_valid_after_utc == NOW + 10 * DAY


def test_a_certificate_lies_within_the_validity_of_its_authority() -> None:
    issuer = authority(days=30)
    certificate = issued(issuer, days=1000)
    assert certificate.not_valid_before_utc == issuer.certificate.not_valid_before_utc
    assert certificate.not_valid_after_utc == issuer.certificate.not_valid_after_utc


def test_a_certificate_points_to_its_authority_and_names_its_hosts() -> None:
    issuer = authority()
    certificate = issued(issuer, Purpose.SERVER)
    certificate.verify_directly_issued_by(issuer.certificate)
    own = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    points_to = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert points_to.key_identifier == own.digest
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_a_certificate_for_tls_alone_is_limited_to_tls() -> None:
    certificate = issued(authority(), Purpose.CLIENT, Purpose.SERVER)
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usages) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert not certificate.extensions.get_extension_for_class(x509.KeyUsage).value.content_commitment


def test_a_certificate_for_signing_is_not_limited_to_tls() -> None:
    certificate = issued(authority(), *Purpose)
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.content_commitment


def test_what_an_example_authority_issues_is_marked_and_what_a_real_one_issues_is_not() -> None:
    assert is_not_for_clinical_use(issued(authority(EXAMPLE)))
    assert not is_not_for_clinical_use(issued(authority(REAL)))


def test_a_certificate_takes_all_but_the_common_name_from_its_authority() -> None:
    assert issued(authority(REAL)).subject.rfc4514_string() == "CN=gateway,O=Example Hospital,C=CH"


@pytest.mark.parametrize("days", [0, -1, MAX_VALIDITY_DAYS + 1])
def test_a_validity_that_makes_no_sense_is_refused(days: int) -> None:
    with pytest.raises(ConfigurationError, match=f"not {days}"):
        authority(days=days)


def test_an_expired_authority_issues_nothing() -> None:
    with pytest.raises(KeyUnusable, match="2026-03-31"):
        issued(authority(days=30), now=NOW + 31 * DAY)


@pytest.mark.parametrize("text", ["Radiology", "CN=", "O=Example", "C=Switzerland,CN=x", ""])
def test_a_subject_that_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="subject"):
        parse_subject(text)


def test_a_common_name_has_at_most_64_characters() -> None:
    subject_below(parse_subject(REAL), "x" * 64)
    with pytest.raises(ConfigurationError, match="not 65"):
        subject_below(parse_subject(REAL), "x" * 65)


def test_a_host_that_is_no_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="räntgen"):
        issued(authority(), Purpose.SERVER, hosts=("räntgen",))


def test_a_key_of_somebody_else_or_a_certificate_without_authority_makes_no_issuer() -> None:
    issuer = authority()
    with pytest.raises(KeyUnusable, match="does not belong"):
        Issuer(certificate=issuer.certificate, key=key("other"))
    with pytest.raises(KeyUnusable, match="CA:TRUE"):
        Issuer(certificate=issued(issuer), key=key("gateway"))
