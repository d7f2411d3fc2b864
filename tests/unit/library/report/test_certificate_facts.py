"""Certificates are told in words, and damaged ones do no harm."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sealgate.library.report.certificate_facts import UNREADABLE, certificate_facts
from support.pki import Authority
from support.signing import AT


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("rsa2048", "RSA, 2048 bits"),
        ("p256", "EC, curve P-256"),
        ("brainpoolp256", "EC, curve brainpoolP256r1"),
        ("dsa1024", "DSA, 1024 bits"),
    ],
)
def test_a_certificate_is_told_in_words(kind: str, words: str, tmp_path: Path) -> None:
    credential = Authority(tmp_path, now=AT).issue("Scanner 2", kind, organizational_unit="Radiology")
    facts = certificate_facts(credential.der)
    assert facts.name == "Scanner 2"
    assert facts.key == words
    assert facts.subject == "CN=Scanner 2,OU=Radiology,O=Sealgate tests"
    assert facts.issuer == "CN=Test CA,O=Sealgate tests"
    assert facts.signed_with == "ECDSA with SHA256"
    assert not facts.self_issued
    assert facts.not_before is not None
    assert facts.not_before < AT


def test_an_anchor_is_self_issued(tmp_path: Path) -> None:
    assert certificate_facts(Authority(tmp_path, now=AT).credential.der).self_issued


def test_what_is_no_certificate_still_has_a_fingerprint() -> None:
    facts = certificate_facts(b"")
    assert facts.name == facts.subject == facts.key == UNREADABLE
    assert facts.fingerprint.startswith("e3b0 c442 98fc 1c14")


def test_mutated_certificates_never_raise(tmp_path: Path) -> None:
    der = Authority(tmp_path, now=AT).issue("Scanner 2", "rsa2048").der
    chance = random.Random(7)
    for _ in range(3000):
        mutated = bytearray(der)
        for _ in range(chance.randrange(1, 5)):
            mutated[chance.randrange(len(mutated))] = chance.randrange(256)
        assert len(certificate_facts(bytes(mutated)).fingerprint) == 79
