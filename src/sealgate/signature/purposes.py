"""Digital Signature Purposes (PS3.16 CID 7007): the codes of ASTM E 1762, written to and read from (0400,0401)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sealgate.dicom import encode, tags
from sealgate.dicom.scan import Carrier, items, scan_item
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.walk import Kind

CODING_SCHEME_DESIGNATOR = "ASTM-sigpurpose"

_CODE_VALUE = 0x00080100
_CODING_SCHEME_DESIGNATOR = 0x00080102
_CODE_MEANING = 0x00080104

_MAX_CODE_BYTES = 1024
"""Text of a code that is shown; Code Value has up to 16 characters, Code Meaning up to 64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """Why somebody signs."""

    code: int
    """Code Value (0008,0100) as a number, 1 to 18."""
    meaning: str
    """Code Meaning (0008,0104)."""

    def __str__(self) -> str:
        return f"{self.meaning} ({self.code})"


_MEANINGS = (
    "Author's Signature",
    "Coauthor's Signature",
    "Co-participant's Signature",
    "Transcriptionist/Recorder Signature",
    "Verification Signature",
    "Validation Signature",
    "Consent Signature",
    "Signature Witness Signature",
    "Event Witness Signature",
    "Identity Witness Signature",
    "Consent Witness Signature",
    "Interpreter Signature",
    "Review Signature",
    "Source Signature",
    "Addendum Signature",
    "Modification Signature",
    "Administrative (Error/Edit) Signature",
    "Timestamp Signature",
)

PURPOSES: Mapping[int, Purpose] = MappingProxyType(
    {code: Purpose(code=code, meaning=meaning) for code, meaning in enumerate(_MEANINGS, start=1)}
)
"""All purposes by their code."""

VERIFICATION = PURPOSES[5]
"""What the signature of the person who verified a structured report carries (PS3.15 C.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPurpose:
    """The purpose as a signature item says it, whether or not the code is one of CID 7007."""

    code_value: str
    coding_scheme_designator: str
    code_meaning: str

    @property
    def purpose(self) -> Purpose | None:
        """The purpose of CID 7007 with this code, or None. The meaning that is written does not count."""
        if self.coding_scheme_designator != CODING_SCHEME_DESIGNATOR:
            return None
        return next((one for one in PURPOSES.values() if str(one.code) == self.code_value), None)


def purpose_element(purpose: Purpose, encoding: Encoding) -> bytes:
    """Digital Signature Purpose Code Sequence (0400,0401) with one item, as it stands in a signature item."""
    content = b"".join(
        (
            encode.element(_CODE_VALUE, "SH", str(purpose.code).encode("ascii"), encoding),
            encode.element(_CODING_SCHEME_DESIGNATOR, "SH", CODING_SCHEME_DESIGNATOR.encode("ascii"), encoding),
            encode.element(_CODE_MEANING, "LO", purpose.meaning.encode("ascii"), encoding),
        )
    )
    return encode.sequence(tags.DIGITAL_SIGNATURE_PURPOSE_CODE_SEQUENCE, [encode.item(content, encoding)], encoding)


def purpose_of(signature_item: Carrier) -> WrittenPurpose | None:
    """The purpose in an item of Digital Signatures Sequence; None where it has none, or one that has no code.

    Of several items the first counts. Raises MalformedDataSet and LimitExceeded.
    """
    sequence = signature_item.element(tags.DIGITAL_SIGNATURE_PURPOSE_CODE_SEQUENCE)
    if sequence is None or sequence.kind is not Kind.SEQUENCE:
        return None
    first = next(items(signature_item, sequence), None)
    if first is None:
        return None
    item = scan_item(signature_item, first)
    code_value = _text(item, _CODE_VALUE)
    if not code_value:
        return None
    return WrittenPurpose(
        code_value=code_value,
        coding_scheme_designator=_text(item, _CODING_SCHEME_DESIGNATOR),
        code_meaning=_text(item, _CODE_MEANING),
    )


def _text(item: Carrier, tag: int) -> str:
    element = item.element(tag)
    if element is None or element.kind is not Kind.ELEMENT:
        return ""
    end = min(element.value_end, element.value_start + _MAX_CODE_BYTES)
    return bytes(item.source.view[element.value_start : end]).decode("utf-8", "replace").strip(" \0")
