"""Damaged queries, responses and tokens never make anything but our own errors come out, in bounded time."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509

from sealgate.errors import SealgateError, TimestampError
from sealgate.timestamp.accept import accepted_token
from sealgate.timestamp.check import check_token
from sealgate.timestamp.query import create_query, read_query
from sealgate.timestamp.response import read_response, token_of
from sealgate.timestamp.token import read_token
from support import tokens
from support.pki import Authority, Credential
from support.tsa import CRITICAL_TIMESTAMPING, tsa_credential

ROUNDS = int(os.environ.get("SEALGATE_FUZZ_ROUNDS", "400")) * 3
"""Mutations of each object. With a larger number in the environment the search is longer, and each time another one."""
SEED = "" if ROUNDS == 1200 else str(time.time())
MAX_SECONDS = 2.0
"""For one damaged object of a kilobyte or two, on a busy machine; it usually takes a millisecond."""
VALUE = b"the value of a signature"

pytestmark = [
    pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Parsed a serial number"),
]

LENGTHS = (
    b"\x00",
    b"\x7f",
    b"\x80",
    b"\x81\xff",
    b"\x82\xff\xff",
    b"\x84\xff\xff\xff\xff",
    b"\x88" + b"\xff" * 8,
    b"\xff",
)
TAGS = bytes(
    (0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x17, 0x18, 0x1F, 0x30, 0x31, 0x80, 0xA0, 0xA1, 0xA4, 0xBF, 0xFF)
)


@pytest.fixture(scope="module")
def credential(pki: Authority) -> Credential:
    return tsa_credential(pki, "fuzz-tsa", "p256")


@pytest.fixture(scope="module")
def rsa(pki: Authority) -> Credential:
    return tsa_credential(pki, "fuzz-tsa-rsa", "rsa2048")


def mutated(rng: random.Random, encoded: bytes) -> bytes:
    """`encoded` with one to four kinds of damage."""
    octets = bytearray(encoded)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(octets))
        match rng.randrange(8):
            case 0:
                octets[at] ^= 1 << rng.randrange(8)
            case 1:
                octets[at] = rng.choice(TAGS)
            case 2:
                del octets[at : at + rng.choice((1, 2, 4, 32))]
            case 3:
                octets[at:at] = rng.randbytes(rng.choice((1, 2, 4, 32)))
            case 4:
                octets[at : at + 1] = rng.choice(LENGTHS)
            case 5:
                del octets[at:]
            case 6:
                octets[at : at + 4] = bytes(4)
            case _:
                source = rng.randrange(len(octets))
                octets[at:at] = octets[source : source + rng.randrange(1, 200)]
        if not octets:
            return b""
    return bytes(octets)


def survives(name: str, encoded: bytes, read: Callable[[bytes], object]) -> tuple[int, int]:
    """(damaged objects that could be read, damaged objects that were refused by an error of ours)."""
    rng = random.Random(name + SEED)
    read(encoded)
    readable = refused = 0
    sentences = set[str]()
    for number in range(ROUNDS):
        damaged = mutated(rng, encoded)
        begun = time.monotonic()
        try:
            read(damaged)
            readable += 1
        except SealgateError as error:
            sentences.add(str(error))
            refused += 1
        assert time.monotonic() - begun < MAX_SECONDS, f"round {number} of {name}{SEED}"
    assert all(sentence.isprintable() and len(sentence) < 1000 for sentence in sentences)
    return readable, refused


def test_damaged_queries_are_read_or_refused() -> None:
    encoded = create_query(VALUE, tokens_algorithm(), nonce=1 << 60, policy="1.3.6.1.4.1.99999.1")
    readable, refused = survives("query", encoded, read_query)
    assert readable
    assert refused > ROUNDS // 4


def tokens_algorithm() -> Any:
    from sealgate.signature.algorithms import SHA256

    return SHA256


def full_token(credential: Credential, **more: Any) -> bytes:
    """A token with everything that one can have."""
    return tokens.token(
        credential,
        VALUE,
        ess=("v1", "v2"),
        accuracy={"seconds": 1, "millis": 2, "micros": 3},
        nonce=77,
        ordering=True,
        tsa=asn1_x509.Certificate.load(credential.der).subject,
        extensions=[("1.2.3.4", False)],
        **more,
    )


@pytest.mark.parametrize("way", ["ecdsa", "rsa", "pss", "key identifier", "given"])
def test_damaged_tokens_are_read_or_refused_and_never_good_where_it_matters(
    way: str, credential: Credential, rsa: Credential
) -> None:
    signer = rsa if way in ("rsa", "pss") else credential
    more: dict[str, Any] = {
        "pss": {"scheme": "pss"},
        "key identifier": {"by_key_identifier": True},
        "given": {"certificates": []},
    }.get(way, {})
    encoded = full_token(signer, **more)
    genuine = read_token(encoded)
    counted = {"good": 0}

    def read(damaged: bytes) -> None:
        token = read_token(damaged)
        if not check_token(token, VALUE, untrusted=(signer.der,)):
            counted["good"] += 1
            # Outside of what is signed a token may change; what it says may not.
            said = (token.gen_time, token.imprint, token.policy, token.serial_number, token.nonce, token.accuracy)
            assert said == (
                *(genuine.gen_time, genuine.imprint, genuine.policy, genuine.serial_number, genuine.nonce),
                genuine.accuracy,
            )

    readable, refused = survives(way, encoded, read)
    assert readable
    assert refused
    assert counted["good"] < ROUNDS // 2


def test_damaged_responses_are_read_or_refused(credential: Credential) -> None:
    query = read_query(tokens.query(VALUE, nonce=77))

    def read(damaged: bytes) -> None:
        accepted_token(read_response(damaged), query, VALUE)

    survives("granted", tokens.response(full_token(credential), texts=["fine"]), read)
    rejected = tokens.response(None, status=2, texts=["no way", "\u00e4"], failures=[0, 25])
    with pytest.raises(TimestampError):
        token_of(rejected, query, VALUE)
    survives("rejected", rejected, read_response)


def test_damaged_certificates_of_the_authority_are_a_flaw_or_refused(credential: Credential) -> None:
    """The damage is in the certificate alone, with all lengths around it right."""

    def read(damaged: bytes) -> None:
        token = read_token(encoded)
        check_token(token, VALUE, untrusted=(damaged,))

    encoded = full_token(credential, certificates=[])
    survives("certificate", credential.der, read)


@pytest.mark.parametrize("depth", [10, 1000, 100_000])
@pytest.mark.parametrize("tag", [0x30, 0x31, 0xA0, 0x24])
def test_nesting_has_an_end(depth: int, tag: int) -> None:
    indefinite = bytes((0x30, 0x80)) + bytes((tag, 0x80)) * depth
    definite = b""
    for _ in range(min(depth, 1000)):
        length = len(definite)
        header = bytes((tag, length)) if length < 128 else bytes((tag, 0x83)) + length.to_bytes(3, "big")
        definite = header + definite
    definite = tokens.sequence(definite)
    for encoded in (indefinite, definite):
        for read in (read_query, read_response, read_token):
            begun = time.monotonic()
            with pytest.raises(TimestampError):
                read(encoded)
            assert time.monotonic() - begun < MAX_SECONDS


def test_many_of_anything_costs_no_more_than_a_moment(credential: Credential) -> None:
    """Each response has as many parts of one kind as fit into its limit of a megabyte."""
    text = b"\x0c\x00" * 400_000
    many_texts = tokens.sequence(tokens.sequence(b"\x02\x01\x02", tokens.sequence(text)))
    info = x509.Name.from_rfc4514_string(",".join(["CN=" + "x" * 60] * 500)).public_bytes()
    names = asn1_x509.Name.load(info)
    for read, encoded in (
        (read_response, many_texts),
        (read_token, tokens.token(credential, VALUE, tsa=names)),
        (read_token, tokens.token(credential, VALUE, extensions=[("1.2.3", False)] * 1000)),
        (read_token, tokens.token(credential, VALUE, certificates=[credential.der] * 200)),
        (read_token, tokens.token(credential, VALUE, signers=10)),
    ):
        begun = time.monotonic()
        with suppress(TimestampError):
            result = read(encoded)  # type: ignore[operator]
            if read is read_token:
                check_token(result, VALUE)
        assert time.monotonic() - begun < MAX_SECONDS


def test_the_certificate_of_a_tsa_may_hold_extensions_that_are_damaged(pki: Authority) -> None:
    odd = pki.issue(
        "fuzz-odd",
        hosts=(),
        extensions=[
            CRITICAL_TIMESTAMPING,
            (x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"\x30\x03\x82\x10x"), False),
        ],
    )
    subject = asn1_x509.Certificate.load(pki.credential.der).subject
    token = read_token(tokens.token(odd, VALUE, tsa=subject, certificates=[]))
    with suppress(TimestampError):
        assert check_token(token, VALUE, untrusted=(odd.der,))
