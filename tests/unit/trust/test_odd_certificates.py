"""Certificates and lists that a library cannot take are refused, and never take the trust in others away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from sealgate.errors import KeyUnusable, TrustFileUnusable
from sealgate.signature.keys import load_certificate
from sealgate.trust.bundle import certificates_in, crls_in
from sealgate.trust.findings import KeyPurpose
from sealgate.trust.path import validate_path
from sealgate.trust.usage import usage_findings
from support.mutating import Object, der, encoded_der
from support.pki import Authority, Credential
from support.signing import AT, anchors

ECDSA_SHA256 = encoded_der(Object(0x30, parts=[Object(0x06, bytes.fromhex("2a8648ce3d040302"))]))

Change = Callable[[Object], None]
"""What is done to the part of a certificate or CRL that is signed."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("odd"), now=AT)


@pytest.fixture(scope="module")
def signer(authority: Authority) -> Credential:
    return authority.issue("signer")


def issued(authority: Authority, encoded: bytes, change: Change) -> bytes:
    """Changed, and signed by the authority."""
    assert isinstance(authority.key, ec.EllipticCurvePrivateKey)
    to_be_signed = der(encoded).parts[0]
    change(to_be_signed)
    value = authority.key.sign(encoded_der(to_be_signed), ec.ECDSA(hashes.SHA256()))
    return encoded_der(Object(0x30, parts=[to_be_signed, der(ECDSA_SHA256), Object(0x03, b"\0" + value)]))


def bit_string_in_subject(certificate: Object) -> None:
    certificate.parts[5].parts[0].parts[0].parts[1] = Object(0x03, b"\0A")


def bit_string_in_issuer(certificate: Object) -> None:
    certificate.parts[3].parts[0].parts[0].parts[1] = Object(0x03, b"\0A")


@pytest.mark.parametrize("change", [bit_string_in_subject, bit_string_in_issuer])
def test_a_name_that_is_no_text_makes_the_certificate_unusable(
    change: Change, authority: Authority, signer: Credential
) -> None:
    with pytest.raises(KeyUnusable):
        load_certificate(issued(authority, signer.der, change))


def test_a_version_that_does_not_exist_makes_a_file_unusable(authority: Authority, signer: Credential) -> None:
    def version_of_certificate(certificate: Object) -> None:
        certificate.parts[0].parts[0].value = b"\x7f"

    def version_of_list(crl: Object) -> None:
        crl.parts[0].value = b"\x7f"

    with pytest.raises(TrustFileUnusable):
        certificates_in(issued(authority, signer.der, version_of_certificate))
    with pytest.raises(TrustFileUnusable):
        crls_in(issued(authority, authority.crl(), version_of_list))


@pytest.mark.filterwarnings("ignore")
def test_an_extension_that_comes_twice_is_a_value_error(authority: Authority, signer: Credential) -> None:
    def doubled(certificate: Object) -> None:
        extensions = certificate.parts[-1].parts[0]
        extensions.parts.append(extensions.parts[0].copy())

    certificate = load_certificate(issued(authority, signer.der, doubled))
    with pytest.raises(ValueError, match="Duplicate"):
        list(usage_findings(certificate, KeyPurpose.SIGNING))


def of_other_algorithm(certificate: Object) -> None:
    """It says that it is signed by RSA, and its issuer has an EC key."""
    certificate.parts[2].parts[0].value = bytes.fromhex("2a864886f70d01010b")


def of_endless_algorithm(certificate: Object) -> None:
    certificate.parts[2].parts[0].value = b"\xff" * 200


@pytest.mark.parametrize("change", [of_other_algorithm, of_endless_algorithm])
def test_what_comes_along_cannot_take_the_trust_in_another_certificate_away(
    change: Change, authority: Authority, signer: Credential, tmp_path: Path
) -> None:
    odd = issued(authority, authority.credential.der, change)
    assert validate_path(signer.der, anchors(authority), AT, other_certificates=(odd,)).trusted
    mixed = bytearray(authority.credential.der)
    place = mixed.rindex(bytes.fromhex("2a8648ce3d040302"))
    mixed[place : place + 8] = bytes.fromhex("2a8648ce3d020106")
    assert validate_path(signer.der, anchors(authority), AT, other_certificates=(bytes(mixed),)).trusted
