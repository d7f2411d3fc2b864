"""Places: written locations, the way to an item, and edits in several places with the lengths around them."""

from __future__ import annotations

import random

import pytest

from sealgate.dicom import encode, splice
from sealgate.dicom.location import MAX_LOCATION_CHARACTERS, Location, find, main_place, signature_carriers
from sealgate.dicom.scan import items, scan
from sealgate.dicom.source import Source
from sealgate.dicom.splice import Change, Edit, LengthField, merged
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.errors import LengthOverflow, LocationInvalid, LocationNotFound
from support.elements import BIG, EXPLICIT, IMPLICIT, UNDEFINED, WRITERS, Writer
from support.placing import item_locations

ENCODINGS = {EXPLICIT: Encoding.EXPLICIT_LE, IMPLICIT: Encoding.IMPLICIT_LE, BIG: Encoding.EXPLICIT_BE}
SERIES, INSTANCE, COMMENT = 0x00081115, 0x0008114A, 0x00204000


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("ReferencedSeriesSequence[0]", ((SERIES, 0),)),
        ("ReferencedSeriesSequence[0].ReferencedInstanceSequence[12]", ((SERIES, 0), (INSTANCE, 12))),
        ("(0008,1115)[007].(8,114A)[1] ", ((SERIES, 7), (INSTANCE, 1))),
        (" (0009,1001) [0]. (0008, 1115)[4294967296]", ((0x00091001, 0), (SERIES, 0xFFFFFFFF))),
    ],
)
def test_a_location_is_parsed(text: str, path: tuple[tuple[int, int], ...]) -> None:
    assert Location.parse(text) == Location(path)


def test_what_a_location_is_written_as_is_parsed_to_the_same() -> None:
    location = Location(((SERIES, 3), (0x00091001, 0), (INSTANCE, 10)))
    assert Location.parse(str(location)) == location


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "ends where the tag of a sequence is expected"),
        ("ReferencedSeriesSequence", "ends where an item number is expected"),
        ("ReferencedSeriesSequence[0].", "ends where the tag of a sequence is expected"),
        ("ReferencedSeriesSequence[-1]", "has no item number"),
        ("ReferencedSeriesSequence[٣]", "has no item number"),
        ("NoSuchSequence[0]", "names 'NoSuchSequence', which is no keyword"),
        ("(00081115)[0]", "has neither a keyword nor"),
        ("ReferencedSeriesSequence[0] .x[0]", "has something else than a period"),
        ("x" * (MAX_LOCATION_CHARACTERS + 1), "is too long"),
    ],
)
def test_a_text_that_is_no_location_is_refused(text: str, reason: str) -> None:
    with pytest.raises(LocationInvalid, match=reason) as caught:
        Location.parse(text)
    assert caught.value.incomplete is ("ends where" in reason)
    assert len(str(caught.value)) < 300


def test_any_text_is_parsed_or_refused() -> None:
    rng = random.Random(4)
    pieces = ["ReferencedSeriesSequence", "(0008,1115)", "(", ")", "[", "]", "0", "1", ".", " ", ",", "\t", "\0", "é"]
    for _ in range(3000):
        text = "".join(rng.choices(pieces, k=rng.randrange(8)))
        try:
            location = Location.parse(text)
        except LocationInvalid:
            continue
        assert Location.parse(str(location)) == location


def test_the_keywords_of_another_dictionary_can_be_used() -> None:
    assert Location.parse("Mine[0]", {"Mine": SERIES}.__getitem__) == Location(((SERIES, 0),))


def nest(writer: Writer, *, undefined: bool = False) -> bytes:
    """Two levels of items."""
    plain = writer.element(0x00080100, "SH", b"AB")
    inner = writer.sequence(INSTANCE, writer.item(plain), writer.item(undefined=undefined), undefined=not undefined)
    items = (writer.item(plain, undefined=not undefined), writer.item(plain, inner, undefined=undefined))
    return writer.sequence(SERIES, *items, undefined=undefined) + writer.element(0x00100010, "PN", b"A^B ")


@pytest.mark.parametrize("writer", WRITERS, ids=str)
@pytest.mark.parametrize("undefined", [False, True], ids=["length", "delimiter"])
def test_every_item_is_found(writer: Writer, undefined: bool) -> None:
    data_set = scan(Source(nest(writer, undefined=undefined)), ENCODINGS[writer])
    for location in item_locations(data_set):
        place = find(data_set, location)
        assert place.location == location
        empty = location == Location(((SERIES, 1), (INSTANCE, 1)))
        assert [element.tag for element in place.carrier.elements][:1] == ([] if empty else [0x00080100])
    assert find(data_set, Location()) == main_place(data_set)


@pytest.mark.parametrize(
    ("path", "reason", "count"),
    [
        (((0x00400260, 0),), r"the sequence \(0040,0260\) is not there", None),
        (((0x00100010, 0),), r"\(0010,0010\) is no sequence", None),
        (((SERIES, 2),), r"\(0008,1115\) has 2 items", 2),
        (((SERIES, 1), (INSTANCE, 0xFFFFFFFF)), r"\(0008,114a\) has 2 items", 2),
        (((SERIES, 0), (INSTANCE, 0)), r"the sequence \(0008,114a\) is not there", None),
    ],
)
def test_an_item_that_is_not_there_is_not_found(
    path: tuple[tuple[int, int], ...], reason: str, count: int | None
) -> None:
    data_set = scan(Source(nest(EXPLICIT)), Encoding.EXPLICIT_LE)
    with pytest.raises(LocationNotFound, match=reason) as caught:
        find(data_set, Location(path))
    assert caught.value.tag == path[-1][0]
    assert caught.value.is_sequence is ("no sequence" not in reason)
    assert caught.value.items == count


def grown(data_set: bytes, writer: Writer, *, last: bool) -> bytes:
    """`data_set` with a comment at the end of every item and of itself, put in at once."""
    scanned = scan(Source(data_set), ENCODINGS[writer])
    changes = []
    locations = sorted(item_locations(scanned), key=lambda location: -len(location.path))  # inner ones first
    for location in [*locations, Location()] if last else locations:
        place = find(scanned, location)
        inserted = writer.element(COMMENT, "LT", b"ABCD")
        edit = Edit(offset=place.carrier.end, inserted=inserted)
        changes.append(Change(edit=edit, enclosing=place.around_element(COMMENT)))
    return b"".join(splice.pieces(Source(data_set), merged(changes)))


@pytest.mark.parametrize("writer", WRITERS, ids=str)
@pytest.mark.parametrize("undefined", [False, True], ids=["length", "delimiter"])
@pytest.mark.parametrize("last", [False, True])
def test_edits_in_many_places_at_once_leave_a_well_formed_data_set(writer: Writer, undefined: bool, last: bool) -> None:
    before = nest(writer, undefined=undefined)
    after = scan(Source(grown(before, writer, last=last)), ENCODINGS[writer])
    for location in item_locations(after):
        assert find(after, location).carrier.elements[-1].tag == COMMENT
    assert (after.elements[-1].tag == COMMENT) is last
    places = len(list(item_locations(scan(Source(before), ENCODINGS[writer])))) + last
    assert len(after.source) == len(before) + places * len(writer.element(COMMENT, "LT", b"ABCD"))


def test_items_and_their_content_can_be_cut_too() -> None:
    before = nest(EXPLICIT)
    data_set = scan(Source(before), Encoding.EXPLICIT_LE)
    place = main_place(data_set)
    sequence = data_set.elements[0]
    first, second = items(data_set, sequence)
    cut_item = Change(
        edit=Edit(offset=first.start, cut=first.end - first.start), enclosing=place.around_items(sequence)
    )
    inside = Change(
        edit=Edit(offset=first.value_start, cut=first.value_end - first.value_start),
        enclosing=place.around_content(sequence, first),
    )
    other = Change(
        edit=Edit(offset=second.value_start, inserted=EXPLICIT.element(0x00080020, "DA")),
        enclosing=place.around_content(sequence, second),
    )
    after = b"".join(splice.pieces(Source(before), merged([inside, other, cut_item])))
    (item,) = items(scan(Source(after), Encoding.EXPLICIT_LE), scan(Source(after), Encoding.EXPLICIT_LE).elements[0])
    assert after[item.value_start : item.value_start + 4] == EXPLICIT.tag(0x00080020)


def test_what_is_inserted_in_front_of_a_cut_stays() -> None:
    edits = merged([Change(edit=Edit(offset=4, cut=4)), Change(edit=Edit(offset=4, inserted=b"ab"))])
    assert b"".join(splice.pieces(Source(b"0123456789"), edits)) == b"0123ab89"


def test_a_length_that_would_overflow_is_refused_and_a_retired_one_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    field = LengthField(offset=4, length=0xFFFFFFF0, encoding=Encoding.EXPLICIT_LE)
    change = Change(edit=Edit(offset=8, inserted=b"\0" * 15), enclosing=(field,))
    with pytest.raises(LengthOverflow):
        merged([change])
    assert merged([Change(edit=Edit(offset=8, inserted=b"\0" * 14), enclosing=(field,))])[0].inserted[0] == 0xFE
    group = LengthField(offset=4, length=0xFFFFFFF0, encoding=Encoding.EXPLICIT_BE, retired=True)
    assert merged([Change(edit=Edit(offset=8, inserted=b"\0" * 17), enclosing=(group,))])[0].inserted == b"\0\0\0\1"
    monkeypatch.setattr(encode, "UNDEFINED_LENGTH", 10)
    with pytest.raises(LengthOverflow):
        merged(
            [
                Change(
                    edit=Edit(offset=8, inserted=b"\0" * 6),
                    enclosing=(LengthField(offset=4, length=4, encoding=Encoding.EXPLICIT_LE),),
                )
            ]
        )


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_length_to_end_and_group_lengths_follow(writer: Writer) -> None:
    def number(value: int) -> bytes:
        return value.to_bytes(4, "little" if writer.order == "<" else "big")

    rest = writer.sequence(
        SERIES, writer.item(writer.element(0x00080000, "UL", number(2)), writer.element(INSTANCE, "SQ"))
    )
    head = writer.element(0x00080000, "UL", number(12 + len(rest))) + writer.element(
        0x00080001, "UL", number(len(rest))
    )
    data_set = scan(Source(head + rest), ENCODINGS[writer])
    place = find(data_set, Location(((SERIES, 0),)))
    edit = Edit(offset=place.carrier.end, inserted=writer.element(0x00081199, "SQ"))
    change = Change(edit=edit, enclosing=place.around_element(0x00081199))
    after = b"".join(splice.pieces(data_set.source, merged([change])))
    grown_set = scan(Source(after), ENCODINGS[writer])
    size = len(edit.inserted)
    values = [after[element.value_start : element.value_end] for element in grown_set.elements[:2]]
    assert values == [number(12 + len(rest) + size), number(len(rest) + size)]
    inner = find(grown_set, Location(((SERIES, 0),))).carrier.elements[0]
    assert after[inner.value_start : inner.value_end] == number(2 + size)


@pytest.mark.parametrize("undefined", [False, True], ids=["length", "delimiter"])
def test_the_walk_and_the_way_give_the_same_lengths_around_a_carrier(undefined: bool) -> None:
    own = EXPLICIT.sequence(0xFFFAFFFA, EXPLICIT.item())
    group = EXPLICIT.element(0x00080000, "UL", b"\1\2\3\4")
    content = own
    for level in range(4):
        inner = EXPLICIT.sequence(INSTANCE, EXPLICIT.item(content, undefined=level % 2 == 0), undefined=undefined)
        content = group + inner + own
    implicit = IMPLICIT.sequence(INSTANCE, IMPLICIT.item(IMPLICIT.sequence(0xFFFAFFFA, IMPLICIT.item())))
    un = EXPLICIT.header(0x00091001, "UN", UNDEFINED) + IMPLICIT.item(implicit) + IMPLICIT.delimiter(0xFFFEE0DD)
    data_set = scan(Source(content[: -len(own)] + un + own), Encoding.EXPLICIT_LE)
    places = list(signature_carriers(data_set))
    assert len(places) == 6
    for place in places:
        assert place.enclosing == find(data_set, place.location).enclosing
