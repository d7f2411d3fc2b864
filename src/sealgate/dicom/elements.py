"""What a scan keeps: the elements of one data set or item, and notes about them and what is inside them."""

from __future__ import annotations

from typing import NamedTuple

from sealgate.dicom import vr
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.vr import VR
from sealgate.dicom.walk import Kind


class Notes:
    """What the scan noticed inside an element (at any depth), or among the elements of a carrier.

    Plain numbers to be combined by `|`: an IntFlag costs half a microsecond at each element.
    """

    UNSIGNABLE = 1
    """An element with VR UN or an unknown VR: the sequence around it may not be signed as a whole."""
    DISORDERED = 2
    """Tags of one data set or item do not ascend."""
    DUPLICATES = 4
    """One tag twice in a data set or item, next to each other."""
    SIGNATURES = 8
    """A Digital Signatures Sequence inside an item, or an element of another VR with its tag."""
    PRIVATE = 16
    """A private element other than a private creator."""
    DEEP = 32
    """A sequence that is an element of an item."""
    NEVER_SIGNED = 64
    """An element inside an item that no MAC ever covers, whatever the list of signed elements says."""
    CERTIFICATES = 128
    """A Certificate of Signer inside an item: what is around it is, or looks like, a signature."""
    UNKNOWN_VR = 256
    """An element in explicit VR whose VR is none of those known here: readers differ in where its value ends."""
    FRAGMENTS = 512
    """An element inside an item whose value is encapsulated in fragments."""
    UNFIT_LENGTH = 1024
    """An element inside an item with a value of an unfit length (see `is_unfit`)."""


class Element(NamedTuple):
    """One element of a carrier: where its header, value and delimiter stand."""

    tag: int
    vr: VR
    kind: Kind
    start: int
    value_start: int
    value_end: int
    """End of the value; before the delimiter where the length is undefined."""
    end: int
    notes: int
    undefined_length: bool


MISREAD_LENGTH = 13
"""Bytes. An old program wrote 13 where the value has 10, and GDCM corrects it, in correct files too."""


def is_unfit(tag: int, element_vr: VR, length: int, encoding: Encoding) -> bool:
    """Whether readers may be led astray by the length of a value: a number without its last bytes, or 13.

    Other odd lengths (PS3.5 7.1.1) stand in badly written files and are read as they are. What a private element is
    in implicit VR is too uncertain to say how long it has to be.
    """
    if length == MISREAD_LENGTH:
        return True
    is_number = element_vr.padding is vr.Padding.NUL and (encoding.explicit or not tag & 0x10000)
    return is_number and length % element_vr.width != 0
