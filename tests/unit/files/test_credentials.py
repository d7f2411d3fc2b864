"""The trust store out of files: everything in them counts, and what cannot be read ends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sealgate.errors import KeyUnusable, TrustFileUnusable, UnreadableFile
from sealgate.files import credentials
from sealgate.files.credentials import read_file, read_store
from support.pki import Authority


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_lists_in_the_bundles_of_certificates_count_too(tmp_path: Path, pki: Authority) -> None:
    sub = pki.subordinate(tmp_path / "sub")
    crls = [authority.crl() for authority in (pki, sub, pki)]
    pems = [x509.load_der_x509_crl(crl).public_bytes(Encoding.PEM) for crl in crls]
    response = pki.ocsp_response(sub.certificate)
    (tmp_path / "hashed").mkdir()
    store = read_store(
        anchors=[put(tmp_path / "anchors.pem", pems[0] + pki.credential.pem)],
        intermediates=iter([put(tmp_path / "between.pem", sub.credential.pem + pems[1])]),
        crls=[put(tmp_path / "list.crl", crls[2])],
        ocsp_responses=[put(tmp_path / "answer.der", response)],
        directories=[tmp_path / "hashed"],
    )
    assert store.anchors == (pki.credential.der,)
    assert store.intermediates == (sub.credential.der,)
    assert store.crls == tuple(crls)
    assert store.ocsp_responses == (response,)
    assert [directory.name for directory in store.directories] == [str(tmp_path / "hashed")]


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path, pki: Authority) -> None:
    damaged = put(tmp_path / "damaged.pem", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
    for kind in ("anchors", "intermediates", "crls", "ocsp_responses"):
        with pytest.raises(TrustFileUnusable, match=r"damaged\.pem"):
            read_store(**{kind: [damaged]})
        with pytest.raises(UnreadableFile, match=r"absent\.pem"):
            read_store(**{kind: [tmp_path / "absent.pem"]})
    for directory in (tmp_path / "absent", damaged):
        with pytest.raises(UnreadableFile):
            read_store(directories=[directory])
    only_crl = put(tmp_path / "only.crl", pki.crl())
    with pytest.raises(KeyUnusable, match="no certificate"):
        read_store(anchors=[only_crl])


def test_bytes_serve_as_well_as_files_and_their_errors_say_what_they_were_to_be(pki: Authority) -> None:
    crl = pki.crl()
    assert read_store(anchors=[pki.credential.pem], crls=[crl]).crls == (crl,)
    with pytest.raises(TrustFileUnusable, match="the trust anchor cannot be used: it holds no certificate"):
        read_store(anchors=[pki.crl()])


def test_a_file_of_any_size_takes_no_more_memory_than_a_large_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "MAX_BUNDLE_BYTES", 1 << 20)
    with pytest.raises(UnreadableFile, match="it has more than 1 MiB, so it is some other file"):
        read_file(Path("/dev/zero"))
    assert len(read_file(put(tmp_path / "small", bytes(1 << 20)))) == 1 << 20
