"""Timestamp queries: what they ask for, and that OpenSSL reads them so."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.errors import ConfigurationError, TimestampPart, TimestampUnreadable
from sealgate.signature.algorithms import MAC_ALGORITHMS, SHA256
from sealgate.timestamp.limits import MAX_QUERY_BYTES
from sealgate.timestamp.query import create_query, read_query
from support import peers, tokens

POLICY = "1.3.6.1.4.1.99999.2"


@pytest.mark.parametrize("name", MAC_ALGORITHMS)
def test_a_query_says_what_was_asked_for(name: str) -> None:
    encoded = create_query(b"signature", MAC_ALGORITHMS[name], nonce=0xF00000000000000D, policy=POLICY)
    query = read_query(encoded)
    assert query.version == 1
    assert query.hash_algorithm == name
    assert query.imprint == tokens.digest_of(name.lower(), b"signature")
    assert (query.nonce, query.policy, query.certificate_required) == (0xF00000000000000D, POLICY, True)
    assert query.encoded == encoded


def test_what_is_not_asked_for_is_absent() -> None:
    query = read_query(create_query(b"signature", SHA256, nonce=None, certificate_required=False))
    assert (query.nonce, query.policy, query.certificate_required) == (None, None, False)


def test_a_query_is_the_one_that_dcmsign_writes() -> None:
    """The bytes but for digest and nonce were written by dcmsign 3.6.7."""
    digest = tokens.digest_of("sha256", b"signature").hex()
    expected = f"30440201013031300d060960864801650304020105000420{digest}020900c1443ba9280069fc0101ff"
    assert create_query(b"signature", SHA256, nonce=0xC1443BA9280069FC).hex() == expected


@pytest.mark.parametrize(
    "policy", ["", "abc", "1", "1.", "1..2", "3.1", "1.40.1", "0.99", "1.02", "1.2 ", "1.2\n", "-1.2", "1." * 150 + "1"]
)
def test_what_is_no_object_identifier_is_refused_as_policy(policy: str) -> None:
    with pytest.raises(ConfigurationError, match="no object identifier"):
        create_query(b"signature", SHA256, nonce=None, policy=policy)


def test_a_query_with_something_behind_it_is_read_as_far_as_it_goes() -> None:
    encoded = create_query(b"signature", SHA256, nonce=5)
    assert read_query(encoded + b"\0").encoded == encoded


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\x30",
        b"\x30\x05",
        b"hello",
        b"\x30\x00",
        b"\x31\x00",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x80\x00\x00",
        tokens.query(b"x")[:-1],
        tokens.sequence(b"\x02\x01\x02", tokens.query(b"x")[5:]),
        b"\x30" * (MAX_QUERY_BYTES + 5),
    ],
    ids=lambda encoded: encoded[:8].hex(),
)
def test_what_is_no_query_is_named_as_such(encoded: bytes) -> None:
    with pytest.raises(TimestampUnreadable, match="the timestamp query cannot be read") as caught:
        read_query(encoded)
    assert caught.value.part is TimestampPart.QUERY


@pytest.mark.peer
def test_openssl_reads_what_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "q.tsq"
    path.write_bytes(create_query(b"signature", MAC_ALGORITHMS["SHA512"], nonce=1 << 63, policy=POLICY))
    text = peers.openssl("ts", "-query", "-in", path, "-text").text
    assert "Hash Algorithm: sha512" in text
    assert f"Policy OID: {POLICY}" in text
    assert "Nonce: 0x8000000000000000" in text
    assert "Certificate required: yes" in text
