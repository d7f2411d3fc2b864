"""Tags (PS3.6): the ones this package treats by name, their written form, and the elements that are never signed."""

from __future__ import annotations

ITEM = 0xFFFEE000
ITEM_DELIMITATION_ITEM = 0xFFFEE00D
SEQUENCE_DELIMITATION_ITEM = 0xFFFEE0DD

LENGTH_TO_END = 0x00080001
SPECIFIC_CHARACTER_SET = 0x00080005
SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
PIXEL_REPRESENTATION = 0x00280103
MAC_PARAMETERS_SEQUENCE = 0x4FFE0001
WAVEFORM_BITS_ALLOCATED = 0x54001004
PIXEL_DATA = 0x7FE00010
DIGITAL_SIGNATURES_SEQUENCE = 0xFFFAFFFA
DATA_SET_TRAILING_PADDING = 0xFFFCFFFC
ORIGINAL_ATTRIBUTES_SEQUENCE = 0x04000561

MAC_ID_NUMBER = 0x04000005
MAC_CALCULATION_TRANSFER_SYNTAX_UID = 0x04000010
MAC_ALGORITHM = 0x04000015
DATA_ELEMENTS_SIGNED = 0x04000020
DIGITAL_SIGNATURE_UID = 0x04000100
DIGITAL_SIGNATURE_DATETIME = 0x04000105
CERTIFICATE_TYPE = 0x04000110
CERTIFICATE_OF_SIGNER = 0x04000115
SIGNATURE = 0x04000120
CERTIFIED_TIMESTAMP_TYPE = 0x04000305
CERTIFIED_TIMESTAMP = 0x04000310
DIGITAL_SIGNATURE_PURPOSE_CODE_SEQUENCE = 0x04000401


def is_never_signed(tag: int) -> bool:
    """Whether an element may never enter a signature, whatever its VR (PS3.3 C.12.1.1.3.1.1).

    Group lengths, Length to End, groups below 0008, the Digital Signatures group FFFA, the MAC Parameters Sequence,
    Data Set Trailing Padding and delimiters.
    """
    if tag & 0xFFFF == 0 or tag < 0x00080002:
        return True
    return tag >= MAC_PARAMETERS_SEQUENCE and (tag >> 16 == 0xFFFA or tag in _NEVER_SIGNED)


_NEVER_SIGNED = frozenset(
    (MAC_PARAMETERS_SEQUENCE, DATA_SET_TRAILING_PADDING, ITEM_DELIMITATION_ITEM, SEQUENCE_DELIMITATION_ITEM)
)


def is_private(tag: int) -> bool:
    """Whether the group number is odd (PS3.5 7.8)."""
    return bool(tag & 0x10000)


def is_private_creator(tag: int) -> bool:
    """Whether the element reserves a block of private elements: (gggg,0010-00FF), gggg odd (PS3.5 7.8.1)."""
    return bool(tag & 0x10000) and 0x10 <= tag & 0xFFFF <= 0xFF


def written(tag: int) -> str:
    """The written form `(gggg,eeee)` with lower case hexadecimal digits."""
    return f"({tag >> 16:04x},{tag & 0xFFFF:04x})"
