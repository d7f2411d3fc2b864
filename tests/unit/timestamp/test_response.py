"""Timestamp responses: their status in words, and whether their token answers the query and fits the signature."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sealgate.errors import (
    Mismatch,
    TimestampError,
    TimestampInvalid,
    TimestampMismatch,
    TimestampPart,
    TimestampRefused,
    TimestampUnreadable,
)
from sealgate.timestamp.accept import accepted_token
from sealgate.timestamp.query import Query, read_query
from sealgate.timestamp.response import FAILURES, GrantedToken, read_response, token_of
from support import tokens
from support.pki import Authority, Credential
from support.tsa import OTHER_POLICY, POLICY, tsa_credential

VALUE = b"the value of a signature"


@pytest.fixture(scope="module")
def credential(pki: Authority) -> Credential:
    return tsa_credential(pki, "response-tsa", "p256")


def answered(response: bytes, query: bytes, value: bytes = VALUE) -> GrantedToken:
    return token_of(response, read_query(query), value)


def refusal(response: bytes, query: bytes, value: bytes = VALUE) -> TimestampError:
    with pytest.raises(TimestampError) as caught:
        answered(response, query, value)
    return caught.value


def test_a_granted_token_is_given_as_it_is(credential: Credential) -> None:
    token = tokens.token(credential, VALUE, nonce=9)
    granted = answered(tokens.response(token), tokens.query(VALUE, nonce=9, policy=POLICY))
    assert granted == GrantedToken(token=token, warnings=())


def test_granted_with_modifications_is_granted_with_a_warning(credential: Credential) -> None:
    response = tokens.response(tokens.token(credential, VALUE), status=1, texts=["other policy"])
    assert answered(response, tokens.query(VALUE)).warnings == (
        "the timestamp was granted with modifications: other policy",
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [(2, "rejected"), (3, "waiting"), (4, "revocation warning"), (5, "revoked"), (77, "unknown status 77")],
)
@pytest.mark.parametrize("bit", FAILURES)
def test_a_refusal_is_given_in_words(status: int, words: str, bit: int) -> None:
    error = refusal(tokens.response(None, status=status, texts=["no way", "now"], failures=[bit]), tokens.query(VALUE))
    assert isinstance(error, TimestampRefused)
    assert (error.status, error.status_text, error.texts) == (status, words, ("no way", "now"))
    assert error.failures == (FAILURES[bit],)
    assert words in str(error)
    assert FAILURES[bit] in str(error)
    assert "no way" in str(error)


def test_what_an_authority_says_cannot_steer_a_terminal_or_fill_it() -> None:
    error = refusal(tokens.response(None, status=2, texts=["\x1b[2J" + "x" * 5000]), tokens.query(VALUE))
    assert str(error).isprintable()
    assert len(str(error)) < 400


@pytest.mark.parametrize(
    ("of_token", "of_query", "mismatch"),
    [
        ({"version": 2}, {}, Mismatch.VERSION),
        ({"imprint": "sha384"}, {}, Mismatch.QUERY_IMPRINT_ALGORITHM),
        ({"nonce": None}, {"nonce": 8}, Mismatch.NONCE_MISSING),
        ({"nonce": 7}, {"nonce": 8}, Mismatch.NONCE),
        ({"policy": OTHER_POLICY}, {"policy": POLICY}, Mismatch.POLICY),
        ({"imprint": "sha224"}, {"imprint": "sha224"}, Mismatch.IMPRINT_ALGORITHM),
        ({"imprint": "sha3-256"}, {"imprint": "sha3-256"}, Mismatch.IMPRINT_ALGORITHM),
        # Where several things are wrong the first check decides, as in dcmsign.
        ({"nonce": 7, "policy": OTHER_POLICY}, {"nonce": 8, "policy": POLICY}, Mismatch.NONCE),
        ({"imprint": "sha1", "nonce": 7}, {"nonce": 8}, Mismatch.QUERY_IMPRINT_ALGORITHM),
    ],
)
def test_a_token_for_another_query_is_refused(
    of_token: dict[str, object], of_query: dict[str, object], mismatch: Mismatch, credential: Credential
) -> None:
    response = tokens.response(tokens.token(credential, VALUE, **of_token))
    error = refusal(response, tokens.query(VALUE, **of_query))  # type: ignore[arg-type]
    assert isinstance(error, TimestampMismatch)
    assert error.mismatch is mismatch


def test_a_token_over_something_else_than_the_query_is_refused(credential: Credential) -> None:
    error = refusal(tokens.response(tokens.token(credential, b"other")), tokens.query(VALUE))
    assert isinstance(error, TimestampMismatch)
    assert error.mismatch is Mismatch.QUERY_IMPRINT


def test_a_token_that_answers_its_query_but_is_for_another_signature_is_refused(credential: Credential) -> None:
    response, query = tokens.response(tokens.token(credential, VALUE)), tokens.query(VALUE)
    error = refusal(response, query, VALUE + b"\0")
    assert isinstance(error, TimestampMismatch)
    assert error.mismatch is Mismatch.IMPRINT
    short = refusal(response, query, b"abc")
    assert isinstance(short, TimestampMismatch)
    assert short.mismatch is Mismatch.SIGNATURE_VALUE


def test_imprints_of_a_length_that_their_digest_does_not_have_are_refused(credential: Credential) -> None:
    response = read_response(tokens.response(tokens.token(credential, VALUE)))
    query = read_query(tokens.query(VALUE))
    assert response.token is not None
    cut = replace(response, token=replace(response.token, imprint=query.imprint[:20]))
    for asked, mismatch in (
        (query, Mismatch.QUERY_IMPRINT_LENGTH),
        (replace(query, imprint=query.imprint[:20]), Mismatch.IMPRINT_LENGTH),
    ):
        with pytest.raises(TimestampMismatch) as caught:
            accepted_token(cut, asked, VALUE)
        assert caught.value.mismatch is mismatch


def test_a_nonce_or_policy_that_was_not_asked_for_does_no_harm(credential: Credential) -> None:
    response = tokens.response(tokens.token(credential, VALUE, nonce=3, policy=OTHER_POLICY))
    assert answered(response, tokens.query(VALUE)).token


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"hello",
        b"\x30\x00",
        tokens.response(None, status=0),
        tokens.response(None, status=1),
        tokens.response(b"\x30\x00", status=0),
        tokens.response(b"\x02\x01\x00", status=0),
        tokens.sequence(b"\x30\x03\x02\x01\x02", b"\x30\x00", b"\x30\x00"),
        tokens.response(None, status=2, texts=["text"] * 100),
        tokens.response(None, status=2)[:-1],
    ],
    ids=lambda response: response[:12].hex(),
)
def test_what_is_no_response_is_named_as_such(response: bytes) -> None:
    error = refusal(response, tokens.query(VALUE))
    assert isinstance(error, TimestampUnreadable)
    assert error.part is TimestampPart.RESPONSE


def test_a_refusal_with_a_token_is_no_response(credential: Credential) -> None:
    error = refusal(tokens.response(tokens.token(credential, VALUE), status=2), tokens.query(VALUE))
    assert isinstance(error, TimestampUnreadable)


def accepted(token: bytes, query: Query) -> GrantedToken:
    return accepted_token(read_response(tokens.response(token)), query, VALUE)


def test_a_token_that_is_no_good_is_not_accepted_although_it_answers(credential: Credential, pki: Authority) -> None:
    query = read_query(tokens.query(VALUE))
    no_authority = tokens.token(pki.issue("no-tsa"), VALUE)
    with pytest.raises(TimestampInvalid, match="extended key usage") as caught:
        accepted(no_authority, query)
    assert caught.value.flaws == ("extended-key-usage",)
    assert answered(tokens.response(no_authority), tokens.query(VALUE)).token == no_authority


def test_a_token_without_certificate_is_accepted_with_a_warning(credential: Credential) -> None:
    granted = accepted(tokens.token(credential, VALUE, certificates=[]), read_query(tokens.query(VALUE)))
    assert [("certificate of the TSA" in warning) for warning in granted.warnings] == [True]
