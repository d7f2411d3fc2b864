"""Values of elements are shown in short, in the character sets of the file, and hostile ones do no harm."""

from __future__ import annotations

import struct

import pytest

from sealgate.dicom.part10 import open_file
from sealgate.dicom.scan import Carrier, scan
from sealgate.errors import InputError
from sealgate.library.report.element_values import values_of
from support import samples
from support.elements import BIG, EXPLICIT, Writer, part10


def carrier_of(*elements: bytes, writer: Writer = EXPLICIT) -> Carrier:
    data_set = open_file(part10(b"".join(elements), writer.uid))
    return scan(data_set.source, data_set.encoding)


@pytest.mark.parametrize(
    ("vr", "value", "shown"),
    [
        ("PN", b"Doe^Jane ", "Doe^Jane"),
        ("LO", b"", "(empty)"),
        ("UI", b"1.2.3\0", "1.2.3"),
        ("DS", b"1.5\\2.5 ", "1.5\\2.5"),
        ("US", struct.pack("<2H", 1, 2), "1, 2"),
        ("US", struct.pack("<9H", *range(9)), "0, 1, 2, 3, 4, 5, …"),
        ("SS", b"\xff\xff", "-1"),
        ("FD", struct.pack("<d", 0.1), "0.1"),
        ("AT", struct.pack("<HH", 0x0010, 0x0020), "(0010,0020)"),
        ("OB", bytes(12), "12 bytes"),
        ("UN", bytes(12), "12 bytes"),
        ("US", b"\1", ""),
        ("LT", b"x" * 1000, "x" * 80 + "…"),
    ],
)
def test_a_value_is_shown_by_its_vr(vr: str, value: bytes, shown: str) -> None:
    carrier = carrier_of(EXPLICIT.element(0x00104000, vr, value))
    assert values_of(carrier, carrier)(0x00104000) == shown


def test_numbers_are_read_in_the_byte_order_of_the_file() -> None:
    carrier = carrier_of(BIG.element(0x00080001, "UL", bytes(4)), BIG.element(0x00280010, "US", b"\1\0"), writer=BIG)
    assert values_of(carrier, carrier)(0x00280010) == "256"


def test_text_is_read_in_the_character_set_of_the_file_also_inside_items() -> None:
    name = EXPLICIT.element(0x00100010, "PN", "Müller^Zoë".encode("latin-1"))
    data_set = carrier_of(EXPLICIT.element(0x00080005, "CS", b"ISO_IR 100"), name)
    assert values_of(data_set, data_set)(0x00100010) == "Müller^Zoë"
    item = carrier_of(EXPLICIT.element(0x00080080, "LO", b""), name)
    assert values_of(item, data_set)(0x00100010) == "Müller^Zoë"


@pytest.mark.parametrize("character_set", [b"no such set ", b"\\\\\\\\", b"ISO 2022 IR 87\\ISO_IR 192", b"\xff" * 2000])
def test_a_character_set_that_is_none_does_no_harm(character_set: bytes) -> None:
    elements = (EXPLICIT.element(0x00080005, "CS", character_set), EXPLICIT.element(0x00100010, "PN", b"\x1b$B\xff^A "))
    carrier = carrier_of(*elements)
    assert values_of(carrier, carrier)(0x00100010)


def test_items_are_counted_and_what_is_absent_is_nothing() -> None:
    carrier = carrier_of(EXPLICIT.sequence(0x00081140, EXPLICIT.item(), EXPLICIT.item()))
    value = values_of(carrier, carrier)
    assert value(0x00081140) == "2 items"
    assert value(0x00100010) == ""


def test_every_value_of_every_sample_can_be_shown() -> None:
    count = 0
    for path in samples.files():
        try:
            data_set = open_file(path.read_bytes())
            carrier = scan(data_set.source, data_set.encoding)
        except InputError:
            continue
        value = values_of(carrier, carrier)
        shown = [value(element.tag) for element in carrier.elements]
        assert all(len(text) <= 81 for text in shown)
        count += len(shown)
    assert count > 3000
