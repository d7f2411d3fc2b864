"""Files with certificates, CRLs and OCSP responses: what is in them, or an error; nothing is left out in silence."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sealgate.errors import KeyUnusable, TrustFileUnusable
from sealgate.trust.bundle import certificates_in, crls_in, ocsp_responses_in, read_bundle
from sealgate.trust.store import TrustStore
from support.pki import Authority


def pem(crl: bytes) -> bytes:
    return x509.load_der_x509_crl(crl).public_bytes(Encoding.PEM)


def test_a_pem_bundle_may_mix_certificates_and_lists(pki: Authority) -> None:
    leaf, crls = pki.issue("leaf"), [pki.crl(), pki.crl(at=pki.now)]
    keys = leaf.key_path.read_bytes()
    bundle = read_bundle(pem(crls[0]) + b"some words\n" + leaf.pem + keys + pki.credential.pem + pem(crls[1]))
    assert bundle.certificates == (leaf.der, pki.credential.der)
    assert bundle.crls == (crls[0], crls[1])


def test_line_ends_of_any_system_are_fine(pki: Authority) -> None:
    assert certificates_in(pki.credential.pem.replace(b"\n", b"\r\n")) == (pki.credential.der,)


def test_der_holds_one_thing(pki: Authority) -> None:
    assert certificates_in(pki.credential.der) == (pki.credential.der,)
    crl = pki.crl()
    assert crls_in(crl) == (crl,)
    response = pki.ocsp_response(pki.issue("leaf").certificate)
    assert ocsp_responses_in(response) == (response,)


def test_a_file_must_hold_what_it_is_named_for(pki: Authority) -> None:
    for parse, content in (
        (certificates_in, pem(pki.crl())),
        (certificates_in, pki.crl()),
        (crls_in, pki.credential.pem),
        (crls_in, pki.credential.der),
        (ocsp_responses_in, pki.crl()),
        (ocsp_responses_in, pki.credential.pem),
        (read_bundle, pki.credential.key_path.read_bytes()),
    ):
        with pytest.raises(TrustFileUnusable):
            parse(content)


def test_one_damaged_object_spoils_the_file(pki: Authority) -> None:
    """A list that is silently missing would make a revoked certificate good."""
    good, broken = pki.credential.pem, pem(pki.crl())
    for wrong in (
        broken.replace(b"-----END X509 CRL-----", b""),
        broken.replace(broken.splitlines()[1], b""),
        broken.replace(broken.splitlines()[1], b"!!!!"),
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n",
    ):
        with pytest.raises(KeyUnusable):
            read_bundle(good + wrong)
    for wrong in (b"", b"text", b"\x30\x80", good[:100]):
        with pytest.raises(TrustFileUnusable):
            read_bundle(wrong)


def test_a_responder_that_refused_is_no_answer() -> None:
    try_later = bytes.fromhex("30030a0103")
    with pytest.raises(TrustFileUnusable, match="try later"):
        ocsp_responses_in(try_later)


def test_a_flood_of_objects_is_refused(pki: Authority) -> None:
    with pytest.raises(TrustFileUnusable, match="more than"):
        read_bundle(b"-----BEGIN X-----\n-----END X-----\n" * 10_001)


def test_a_store_is_empty_without_anchors_and_known_by_all_that_is_in_it(pki: Authority) -> None:
    der, crl = pki.credential.der, pki.crl()
    assert not TrustStore()
    assert not TrustStore(intermediates=(der,), crls=(crl,))
    assert TrustStore(anchors=(der,))
    stores = [
        TrustStore(anchors=(der,)),
        TrustStore(intermediates=(der,)),
        TrustStore(anchors=(der,), crls=(crl,)),
        TrustStore(anchors=(der,), ocsp_responses=(crl,)),
        TrustStore(),
    ]
    assert len({str(store.digests()) for store in stores}) == len(stores)
    both = TrustStore(anchors=(der, crl)), TrustStore(anchors=(crl, der))
    assert both[0].digests() == both[1].digests()
