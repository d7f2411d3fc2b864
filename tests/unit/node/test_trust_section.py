"""`[trust]` of the configuration: what is in it reaches every source, and what cannot be read ends the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.errors import ConfigurationError, KeyUnusable, UnreadableFile
from sealgate.node.config import load
from sealgate.node.sources import Source, open_sources
from sealgate.trust.revocation import Revocation
from support.pki import Authority, Revoked

SMALLEST = """
[[listener]]
name = 'plain'
port = 11112
[[source]]
name = 'any'
action = 'verify'
[[destination]]
name = 'folder'
directory = 'received'
[trust]
"""


def source(folder: Path, trust: str) -> Source:
    path = folder / "gateway.toml"
    path.write_text(SMALLEST + trust, encoding="utf-8")
    (opened,) = open_sources(load(path))
    return opened


@pytest.fixture
def folder(tmp_path: Path, pki: Authority) -> Path:
    sub = pki.subordinate(tmp_path / "sub")
    (tmp_path / "ca.pem").write_bytes(pki.credential.pem)
    (tmp_path / "sub.pem").write_bytes(sub.credential.pem)
    (tmp_path / "ca.crl").write_bytes(pki.crl())
    (tmp_path / "other.crl").write_bytes(pki.crl(Revoked(1, pki.now)))
    (tmp_path / "answer.der").write_bytes(pki.ocsp_response(sub.certificate))
    (tmp_path / "hashed").mkdir()
    return tmp_path


EVERYTHING = (
    "anchors = ['ca.pem']\nintermediates = ['sub.pem']\ncrls = ['ca.crl']\nocsp_responses = ['answer.der']\n"
    "directories = ['hashed']\nrevocation = 'required'\n"
)


def test_all_of_it_reaches_the_source(folder: Path, pki: Authority) -> None:
    opened = source(folder, EVERYTHING)
    assert opened.revocation is Revocation.REQUIRED
    assert opened.store.anchors == (pki.credential.der,)
    assert len(opened.store.intermediates) == len(opened.store.crls) == len(opened.store.ocsp_responses) == 1
    assert [directory.name for directory in opened.store.directories] == [str(folder / "hashed")]


def test_without_any_of_it_nobody_is_trusted_and_what_is_given_counts(folder: Path) -> None:
    opened = source(folder, "")
    assert not opened.store
    assert opened.revocation is Revocation.IF_GIVEN


def test_every_part_of_it_changes_the_digest_of_the_policy(folder: Path) -> None:
    variants = ["", "anchors = ['ca.pem']\n", EVERYTHING, EVERYTHING.replace("ca.crl", "other.crl")]
    variants += [EVERYTHING.replace(line, "") for line in EVERYTHING.splitlines()]
    variants.append(EVERYTHING.replace("required", "none"))
    assert len({source(folder, text).policy_digest for text in variants}) == len(variants)


@pytest.mark.parametrize("key", ["anchors", "intermediates", "crls", "ocsp_responses", "directories"])
def test_what_cannot_be_read_ends_the_start(folder: Path, key: str) -> None:
    (folder / "damaged").write_bytes(b"damaged")
    with pytest.raises((KeyUnusable, UnreadableFile), match="damaged"):
        source(folder, f"{key} = ['damaged']\n")
    with pytest.raises(UnreadableFile, match="absent"):
        source(folder, f"{key} = ['absent']\n")


def test_a_wrong_extent_of_revocation_is_an_error_that_names_the_key(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="revocation"):
        source(folder, "revocation = 'hard-fail'\n")
