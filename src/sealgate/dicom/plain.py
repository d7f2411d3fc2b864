"""Plain elements: nearly all that a data set has, and those about which there is nothing to find out.

A plain element is in explicit VR little endian and no sequence. Its tag is higher than the one before it, and may be
signed (PS3.3 C.12.1.1.3.1.1); its VR is known; the length of its value is defined and fits the VR, and the value stands
in its normal form (see `vr.Padding`). So a run of plain elements is read in one tight loop, enters a MAC as the bytes
that it is, and no check has to look at any of its elements again.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from sealgate.dicom import tags, vr
from sealgate.dicom.elements import Element
from sealgate.dicom.vr import Padding
from sealgate.dicom.walk import Kind

MIN_HEADER_BYTES = 8

_header = struct.Struct("<HHHH").unpack_from
_long_length = struct.Struct("<L").unpack_from
_VRS = {
    int.from_bytes(code, "little"): (known, known.long, max(known.width, 2) - 1)
    for code, known in vr.BY_CODE.items()
    if known.signable and known is not vr.SQ
}
"""VR, whether its length has 32 bits, and the bits that no length may have, by the number that its two letters are."""
_NO_VR = (vr.UN, True, 0)
_new = tuple.__new__
_ELEMENT = Kind.ELEMENT
_TEXT, _UID = Padding.TEXT, Padding.UID
_SPACE = 0x20
_without_white_space = re.compile(rb"[^\t-\r ]*").fullmatch


def is_normal(view: memoryview, padding: Padding, start: int, end: int) -> bool:
    """Whether normalisation leaves the value between `start` and `end` as it is."""
    if padding is Padding.NONE:
        return True
    if (end - start) % 2:
        return False
    if padding is Padding.NUL or end == start:
        return True
    if padding is Padding.TEXT:
        return view[end - 1] != _SPACE or view[end - 2] != _SPACE
    return view[end - 2] != 0 and _without_white_space(view, start, end) is not None


def read_plain(view: memoryview, position: int, limit: int, last_tag: int, append: Callable[[Element], object]) -> int:
    """Give the plain elements that stand from `position` on and end by `limit` to `append`.

    `last_tag` is that of the element before them, -1 where there is none. Returns where the first element begins that
    is not plain, or not there as a whole: a walk has to go on from there.
    """
    last_tag = max(last_tag, tags.LENGTH_TO_END)
    last_header = limit - MIN_HEADER_BYTES
    vr_of = _VRS.get
    while position <= last_header:
        group, number, code, length = _header(view, position)
        known, is_long, odd_bits = vr_of(code, _NO_VR)
        value_start = position + MIN_HEADER_BYTES
        if is_long:
            if known is vr.UN or value_start + 4 > limit:
                break
            (length,) = _long_length(view, value_start)
            value_start += 4
        tag = group << 16 | number
        if length & odd_bits or not number or not last_tag < tag < tags.MAC_PARAMETERS_SEQUENCE:
            break
        end = value_start + length
        if end > limit:
            break
        if known is vr.UI:
            if not is_normal(view, _UID, value_start, end):
                break
        elif length and view[end - 1] == _SPACE and view[end - 2] == _SPACE and known.padding is _TEXT:
            break
        append(_new(Element, (tag, known, _ELEMENT, position, value_start, end, end, 0, False)))
        position, last_tag = end, tag
    return position
