"""Hashed directories: the names that `openssl rehash` gives, and lookups that end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from asn1crypto import core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type  # the only way to odd string types
from cryptography.x509.oid import NameOID

from sealgate.errors import TrustFileUnusable, UnreadableFile
from sealgate.files.credentials import certificate_directory
from sealgate.trust.hashed import MAX_FILES_PER_NAME, CertificateDirectory, subject_hash
from sealgate.trust.path import PathStatus, validate_path
from sealgate.trust.revocation import RevocationStatus
from sealgate.trust.store import TrustStore
from support import peers
from support.pki import DAY, Authority, Revoked, private_key


def directory(files: Mapping[str, bytes], asked: list[str] | None = None) -> CertificateDirectory:
    def read(name: str) -> bytes | None:
        if asked is not None:
            asked.append(name)
        return files.get(name)

    return CertificateDirectory(name="a directory", read=read)


def hash_of(authority: Authority) -> str:
    return f"{subject_hash(authority.certificate.subject.public_bytes()):08x}"


NAMES: Sequence[Sequence[tuple[x509.ObjectIdentifier, str, _ASN1Type]]] = (
    [(NameOID.COMMON_NAME, "Root", _ASN1Type.UTF8String)],
    [(NameOID.COMMON_NAME, "  A   name\twith  SPACES ", _ASN1Type.UTF8String)],
    [(NameOID.COMMON_NAME, "Printable CA", _ASN1Type.PrintableString)],
    [(NameOID.COMMON_NAME, "Überörtliche Klinik ÄÖÜ", _ASN1Type.UTF8String)],
    [(NameOID.COMMON_NAME, "Klinik Süd", _ASN1Type.BMPString)],
    [(NameOID.COMMON_NAME, "Teletex", _ASN1Type.T61String)],
    [(NameOID.COUNTRY_NAME, "DE", _ASN1Type.PrintableString), (NameOID.COMMON_NAME, "X", _ASN1Type.UTF8String)],
    [(NameOID.EMAIL_ADDRESS, "CA@Hospital.example", _ASN1Type.IA5String)],
    [(x509.ObjectIdentifier("2.5.4.13"), "x" * 300, _ASN1Type.UTF8String)],
    [],
)


@pytest.mark.peer
@pytest.mark.parametrize("attributes", NAMES, ids=[str(number) for number in range(len(NAMES))])
def test_the_hash_of_a_name_is_that_of_openssl(
    tmp_path: Path, attributes: Sequence[tuple[x509.ObjectIdentifier, str, _ASN1Type]]
) -> None:
    name = x509.Name([x509.NameAttribute(oid, value, kind, _validate=False) for oid, value, kind in attributes])
    key = private_key("p256", "named")
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, *_validity())
    path = tmp_path / "named.pem"
    certificate = builder.sign(key, hashes.SHA256())
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    encoded = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)).subject.dump()
    assert f"{subject_hash(encoded):08x}" == peers.openssl("x509", "-noout", "-hash", "-in", path).text.strip()


@pytest.mark.peer
def test_the_hash_of_a_name_with_several_values_in_one_part_is_that_of_openssl(tmp_path: Path) -> None:
    parts = [
        x509.RelativeDistinguishedName(
            [x509.NameAttribute(NameOID.COMMON_NAME, "Two"), x509.NameAttribute(NameOID.USER_ID, "Zwei")]
        ),
        x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "One")]),
    ]
    name, key = x509.Name(parts), private_key("p256", "named")
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, *_validity()).sign(key, hashes.SHA256())
    path = tmp_path / "named.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    expected = peers.openssl("x509", "-noout", "-hash", "-in", path).text.strip()
    assert f"{subject_hash(name.public_bytes()):08x}" == expected


def _validity() -> tuple[object, object]:
    from datetime import UTC, datetime

    return datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


def test_what_is_no_name_has_no_hash() -> None:
    for wrong in (b"", b"\x30", b"\x30\x03\x02\x01\x00", core.Integer(5).dump(), b"\x30\x80"):
        with pytest.raises(TrustFileUnusable):
            subject_hash(wrong)


@pytest.mark.peer
def test_a_directory_that_openssl_made_serves_for_paths_and_revocation(tmp_path: Path, pki: Authority) -> None:
    sub = pki.subordinate(tmp_path / "sub")
    leaf, folder = sub.issue("leaf"), tmp_path / "hashed"
    folder.mkdir()
    crl = x509.load_der_x509_crl(sub.crl(Revoked(leaf.certificate.serial_number, pki.now - DAY)))
    for name, content in (
        ("root.pem", pki.credential.pem),
        ("sub.pem", sub.credential.pem),
        ("sub.crl", crl.public_bytes(Encoding.PEM)),
    ):
        (folder / name).write_bytes(content)
    before = TrustStore(directories=(certificate_directory(folder),))
    assert validate_path(leaf.der, before, pki.now).status is PathStatus.NOT_FOUND
    assert peers.openssl("rehash", folder).exit_code == 0
    result = validate_path(leaf.der, before, pki.now)
    assert result.status is PathStatus.VALID, result.text
    assert result.path == (leaf.der, sub.credential.der, pki.credential.der)
    assert result.revocation.status is RevocationStatus.REVOKED


def test_an_intermediate_alone_in_a_directory_is_no_anchor(tmp_path: Path, pki: Authority) -> None:
    sub = pki.subordinate(tmp_path / "sub")
    leaf = sub.issue("leaf")
    store = TrustStore(directories=(directory({f"{hash_of(sub)}.0": sub.credential.pem}),))
    assert validate_path(leaf.der, store, pki.now).status is PathStatus.NOT_FOUND


def test_a_self_signed_signer_in_a_directory_is_trusted(tmp_path: Path, pki: Authority) -> None:
    own = Authority(tmp_path, "Self", now=pki.now, is_ca=False)
    store = TrustStore(directories=(directory({f"{hash_of(own)}.0": own.credential.der}),))
    assert validate_path(own.credential.der, store, pki.now).status is PathStatus.VALID


def test_numbers_count_without_gaps_and_names_of_one_hash_stand_side_by_side(pki: Authority) -> None:
    other = Authority(pki.folder / "other", now=pki.now)
    files = {f"{hash_of(pki)}.{number}": one for number, one in enumerate([other.credential.pem, pki.credential.pem])}
    leaf = pki.issue("leaf")
    assert validate_path(leaf.der, TrustStore(directories=(directory(files),)), pki.now).status is PathStatus.VALID
    gap = {f"{hash_of(pki)}.{number}": one for number, one in ((0, other.credential.pem), (2, pki.credential.pem))}
    assert validate_path(leaf.der, TrustStore(directories=(directory(gap),)), pki.now).status is not PathStatus.VALID


def test_a_file_that_cannot_be_read_makes_the_store_unusable(tmp_path: Path, pki: Authority) -> None:
    leaf = pki.issue("leaf")
    for suffix in (".0", ".r0"):
        files = {f"{hash_of(pki)}.0": pki.credential.pem, f"{hash_of(pki)}{suffix}": b"damaged"}
        result = validate_path(leaf.der, TrustStore(directories=(directory(files),)), pki.now)
        assert result.status is PathStatus.STORE_UNUSABLE
        assert f"a directory/{hash_of(pki)}{suffix}" in result.text
    folder = tmp_path / "hashed"
    (folder / f"{hash_of(pki)}.0").mkdir(parents=True)
    store = TrustStore(directories=(certificate_directory(folder),))
    assert validate_path(leaf.der, store, pki.now).status is PathStatus.STORE_UNUSABLE
    with pytest.raises(UnreadableFile):
        certificate_directory(tmp_path / "absent")


def test_lookups_end_where_a_directory_has_no_end(pki: Authority) -> None:
    class Endless(dict[str, bytes]):
        def get(self, key: object, default: object = None) -> bytes:  # type: ignore[override]
            return pki.credential.pem

    asked: list[str] = []
    result = validate_path(pki.issue("leaf").der, TrustStore(directories=(directory(Endless(), asked),)), pki.now)
    assert result.status is PathStatus.STORE_UNUSABLE
    assert len(asked) <= MAX_FILES_PER_NAME
    assert asked[0].startswith(hash_of(pki))
    assert "/" not in "".join(asked)
