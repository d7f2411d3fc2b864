"""Where signatures are found, and how their places are written."""

from __future__ import annotations

import pytest

from sealgate.dicom.location import Location, signature_carriers
from sealgate.dicom.scan import scan
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding
from support.elements import BIG, EXPLICIT, IMPLICIT, UNDEFINED, WRITERS, Writer

ENCODINGS = {EXPLICIT: Encoding.EXPLICIT_LE, IMPLICIT: Encoding.IMPLICIT_LE, BIG: Encoding.EXPLICIT_BE}
SERIES, INSTANCE, ORIGINAL, SIGNATURES = 0x00081115, 0x0008114A, 0x04000561, 0xFFFAFFFA


def found(data_set: bytes, writer: Writer) -> list[str]:
    carrier = scan(Source(data_set), ENCODINGS[writer])
    return [str(place.location) for place in signature_carriers(carrier)]


def signatures(writer: Writer) -> bytes:
    return writer.sequence(SIGNATURES, writer.item())


@pytest.mark.parametrize("writer", WRITERS, ids=str)
@pytest.mark.parametrize("undefined", [False, True], ids=["length", "delimiter"])
def test_carriers_are_found_at_every_depth_in_the_order_of_the_bytes_and_the_data_set_last(
    writer: Writer, undefined: bool
) -> None:
    def nest(tag: int, *items: bytes) -> bytes:
        return writer.sequence(tag, *(writer.item(item, undefined=undefined) for item in items), undefined=undefined)

    own = signatures(writer)
    plain = writer.element(0x00080100, "SH", b"AB")
    data_set = nest(SERIES, plain, plain + nest(INSTANCE, own, plain, own) + own) + nest(0x00081199, own) + own
    assert found(data_set, writer) == [
        "ReferencedSeriesSequence[1].ReferencedInstanceSequence[0]",
        "ReferencedSeriesSequence[1].ReferencedInstanceSequence[2]",
        "ReferencedSeriesSequence[1]",
        "ReferencedSOPSequence[0]",
        "Main Dataset",
    ]


def test_a_carrier_holds_the_elements_of_its_item_alone() -> None:
    own = EXPLICIT.element(0x00080100, "SH", b"AB") + signatures(EXPLICIT)
    data_set = EXPLICIT.sequence(SERIES, EXPLICIT.item(own)) + EXPLICIT.element(0x00100020, "LO", b"AB")
    (place,) = signature_carriers(scan(Source(data_set), Encoding.EXPLICIT_LE))
    assert [element.tag for element in place.carrier.elements] == [0x00080100, SIGNATURES]


def test_the_carrier_inside_un_of_undefined_length_is_in_implicit_vr() -> None:
    own = IMPLICIT.element(0x00080100, "SH", b"AB") + signatures(IMPLICIT)
    data_set = EXPLICIT.header(0x00091001, "UN", UNDEFINED) + IMPLICIT.item(own) + IMPLICIT.delimiter(0xFFFEE0DD)
    (place,) = signature_carriers(scan(Source(data_set), Encoding.EXPLICIT_LE))
    assert str(place.location) == "(0009,1001)[0]"
    assert place.carrier.encoding is Encoding.IMPLICIT_LE


def test_signatures_inside_original_attributes_and_inside_signatures_are_records_and_sign_nothing() -> None:
    own = signatures(EXPLICIT)
    inside = EXPLICIT.sequence(ORIGINAL, EXPLICIT.item(EXPLICIT.sequence(SERIES, EXPLICIT.item(own)) + own))
    assert found(inside, EXPLICIT) == []
    assert found(EXPLICIT.sequence(SERIES, EXPLICIT.item(inside)), EXPLICIT) == []
    nested = EXPLICIT.sequence(SIGNATURES, EXPLICIT.item(EXPLICIT.sequence(SERIES, EXPLICIT.item(own))))
    assert found(nested, EXPLICIT) == ["Main Dataset"]


def test_the_place_of_the_data_set_itself_has_a_name() -> None:
    assert str(Location()) == "Main Dataset"
    assert str(Location(((0x00091001, 2), (0x00081140, 0)))) == "(0009,1001)[2].ReferencedImageSequence[0]"
