"""Elements with VR UN whose VR the dictionary knows (PS3.5 6.2.2): how they read as what they really are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sealgate.dicom import vr
from sealgate.dicom.dictionary import ImplicitContext
from sealgate.dicom.scan import Carrier
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.walk import Kind, Token, walk_sequence
from sealgate.dicom.words import swapped
from sealgate.errors import MalformedDataSet


def with_known_vrs(tokens: Iterable[Token], data_set: Carrier) -> Iterator[Token]:
    """`tokens` of `data_set`, in which elements of VR UN and defined length have the VR that the dictionary gives them.

    Their values are little endian in every transfer syntax (PS3.5 6.2.2 note 2), and so the token says. What should be
    a sequence, but does not read as one, stays UN. Raises what `tokens` raises, and LimitExceeded.
    """
    source = data_set.source
    contexts = [ImplicitContext(data_set.dictionary)]
    for token in tokens:
        kind, context = token.kind, contexts[-1]
        if kind is Kind.ITEM:
            contexts.append(ImplicitContext(data_set.dictionary))
        elif kind is Kind.ITEM_END:
            contexts.pop()
        elif kind is Kind.ELEMENT:
            if token.vr is vr.UN and token.encoding.explicit:
                known = context.vr(token.tag)
                if known.signable:
                    token = token._replace(vr=known, encoding=Encoding.IMPLICIT_LE)
            if context.needs(token.tag):
                context.read(token.tag, first_words(source, token))
            if token.vr is vr.SQ:  # an element, so it was UN
                yield from _as_sequence(data_set, token)
                continue
        yield token


MAX_CONTEXT_BYTES = 64
"""Bytes of a value that decides about the VR of other elements: a number, or a private creator."""


def first_words(source: Source, token: Token) -> bytes:
    """First bytes of a value, in little endian."""
    assert token.value_end is not None
    value = source.view[token.value_start : min(token.value_end, token.value_start + MAX_CONTEXT_BYTES)]
    return bytes(value) if token.encoding.little_endian else swapped(value, token.vr.width)


def misread_sequence(tokens: Iterable[Token], data_set: Carrier) -> int | None:
    """Tag of the first element that implicit VR makes unreadable, or None.

    That is a sequence which the dictionary takes for something else, or something else which it takes for a sequence.
    `tokens` are those of `data_set`. Raises what they raise, and LimitExceeded.
    """
    contexts = [ImplicitContext(data_set.dictionary)]
    for token in tokens:
        kind, context = token.kind, contexts[-1]
        if kind is Kind.ITEM:
            contexts.append(ImplicitContext(data_set.dictionary))
        elif kind is Kind.ITEM_END:
            contexts.pop()
        elif kind is Kind.ELEMENT and token.encoding.explicit:
            if context.vr(token.tag) is vr.SQ and not _is_sequence(data_set, token):
                return token.tag
            if context.needs(token.tag):
                context.read(token.tag, first_words(data_set.source, token))
        elif kind is Kind.SEQUENCE and token.encoding.explicit:
            known = context.vr(token.tag)
            if known.signable and known is not vr.SQ:
                return token.tag
    return None


def _inside(data_set: Carrier, token: Token) -> Iterator[Token]:
    """Tokens of a value that is taken for a sequence in implicit VR."""
    start, end = token.value_start, token.value_end
    assert end is not None
    return walk_sequence(data_set.source, Encoding.IMPLICIT_LE, token.tag, start, end, dictionary=data_set.dictionary)


def _is_sequence(data_set: Carrier, token: Token) -> bool:
    try:
        for _ in _inside(data_set, token):
            pass
    except MalformedDataSet:
        return False
    return True


def _as_sequence(data_set: Carrier, token: Token) -> Iterator[Token]:
    """A value that is a sequence in implicit VR, as the tokens of one, or as an element of VR UN."""
    if not _is_sequence(data_set, token):
        yield token._replace(vr=vr.UN, encoding=data_set.encoding)
        return
    yield token._replace(kind=Kind.SEQUENCE)
    yield from _inside(data_set, token)
    end = token.value_end
    assert end is not None
    yield Token(Kind.SEQUENCE_END, token.tag, vr.SQ, token.start, end, end, Encoding.IMPLICIT_LE)
