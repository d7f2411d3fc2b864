"""What is inside a sequence, or encapsulated pixel data, at the level of a carrier: read once, and noted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sealgate.dicom import tags, vr
from sealgate.dicom.elements import MISREAD_LENGTH, Element, Notes, is_unfit
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.walk import Kind, Token

MAX_KEPT_TOKENS: Final = 1000
"""Tokens inside of sequences that one scan keeps for whoever walks through them again, 200 bytes each."""

_ELEMENT, _ITEM, _ITEM_END, _STARVED = Kind.ELEMENT, Kind.ITEM, Kind.ITEM_END, Kind.STARVED
_ENDS = frozenset((Kind.SEQUENCE_END, Kind.FRAGMENTS_END))


class Nested:
    """The sequences and pixel data at the level of one carrier, one after the other."""

    def __init__(self, source: Source, encoding: Encoding) -> None:
        self._source = source
        self._encoding = encoding
        self._depth = 0
        self._notes = 0
        self._opened: Token | None = None
        self._vr = vr.SQ
        self._last_tags: list[int] = []
        self._tokens: list[Token] | None = None
        self._room = MAX_KEPT_TOKENS
        self.kept: dict[int, list[Token]] = {}
        """The tokens inside of small sequences, by the offset at which the sequence starts."""

    @property
    def is_open(self) -> bool:
        """Whether a sequence was begun and has not come to its end."""
        return self._opened is not None

    def open(self, token: Token) -> None:
        """Begin with the header of a sequence or of encapsulated pixel data."""
        self._depth = 1
        self._notes = 0
        self._opened = token
        self._vr = token.vr
        self._last_tags = []
        self._tokens = [] if token.kind is Kind.SEQUENCE else None
        if token.kind is Kind.SEQUENCE and self._encoding.explicit:
            # UN of undefined length is a sequence too, and has to be told apart: its items are in implicit VR.
            code = bytes(self._source.view[token.start + 4 : token.start + 6])
            self._vr = vr.SQ if code == b"SQ" else vr.UN
            if code not in vr.BY_CODE:
                self._notes = Notes.UNKNOWN_VR

    def read(self, tokens: Iterator[Token]) -> Element | None:
        """Take the tokens of the sequence; gives the whole element at its end, None where more bytes are needed."""
        last_tags, kept = self._last_tags, self._tokens
        for token in tokens:
            kind, tag, element_vr, _, value_start, value_end, _ = token
            if kind is _STARVED:
                return None
            if kind is _ELEMENT:
                assert value_end is not None
                length = value_end - value_start
                if (
                    last_tags[-1] < tag < tags.MAC_PARAMETERS_SEQUENCE
                    and not tag & 0x10000
                    and tag & 0xFFFF
                    and tag > tags.LENGTH_TO_END
                    and tag != tags.CERTIFICATE_OF_SIGNER
                    and element_vr.signable
                    and length != MISREAD_LENGTH
                    and not length % element_vr.width
                ):
                    last_tags[-1] = tag  # the usual one, of which there is nothing to note
                else:
                    self._note(token)
            elif kind is _ITEM:
                last_tags.append(-1)
                self._depth += 1
            elif kind is _ITEM_END:
                last_tags.pop()
                self._depth -= 1
            elif kind in _ENDS:
                self._depth -= 1
                if self._depth == 0:
                    return self._closed(token)
            elif kind is not Kind.FRAGMENT:
                self._note(token)
                self._depth += 1
            if kept is not None:
                kept.append(token)
                if len(kept) > self._room:
                    kept = self._tokens = None
        raise RuntimeError("a walk ended inside of a sequence")

    def _note(self, token: Token) -> None:
        kind, tag, element_vr, start, value_start, value_end, encoding = token
        last = self._last_tags[-1]
        if tag == last:
            self._notes |= Notes.DUPLICATES
        elif tag < last:
            self._notes |= Notes.DISORDERED
        else:
            self._last_tags[-1] = tag
        if not element_vr.signable:
            self._notes |= Notes.UNSIGNABLE
            if encoding.explicit and element_vr is not vr.UN:
                self._notes |= Notes.UNKNOWN_VR
        if tag & 0x10000 and not 0x10 <= tag & 0xFFFF <= 0xFF:
            self._notes |= Notes.PRIVATE
        if tag & 0xFFFF == 0 or tag < 0x00080002 or tag >= tags.MAC_PARAMETERS_SEQUENCE:
            if tags.is_never_signed(tag):
                self._notes |= Notes.NEVER_SIGNED
                if tag == tags.DIGITAL_SIGNATURES_SEQUENCE:
                    self._notes |= Notes.SIGNATURES
        elif tag == tags.CERTIFICATE_OF_SIGNER:
            self._notes |= Notes.CERTIFICATES
        if value_end is None:
            self._note_undefined_length(kind, start, encoding)
        elif kind is Kind.SEQUENCE:
            self._notes |= Notes.DEEP
        else:
            length = value_end - value_start
            if (length == MISREAD_LENGTH or length % element_vr.width) and is_unfit(tag, element_vr, length, encoding):
                self._notes |= Notes.UNFIT_LENGTH

    def _note_undefined_length(self, kind: Kind, start: int, encoding: Encoding) -> None:
        """Note a sequence, which may be said to be of any VR that is not known, or fragments."""
        if kind is Kind.FRAGMENTS:
            self._notes |= Notes.FRAGMENTS
            return
        self._notes |= Notes.DEEP
        if encoding.explicit and bytes(self._source.view[start + 4 : start + 6]) not in vr.BY_CODE:
            self._notes |= Notes.UNKNOWN_VR

    def _closed(self, closing: Token) -> Element:
        opened = self._opened
        assert opened is not None
        assert closing.value_end is not None
        self._opened = None
        if self._tokens is not None:
            self.kept[opened.start] = self._tokens
            self._room -= len(self._tokens)
        return Element(
            opened.tag,
            self._vr,
            opened.kind,
            opened.start,
            opened.value_start,
            closing.value_start,
            closing.value_end,
            self._notes,
            opened.value_end is None,
        )
