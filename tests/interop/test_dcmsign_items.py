"""Signatures in items, side by side and at any depth, with dcmsign as the witness: what we place, it accepts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from sealgate.dicom import tags
from sealgate.dicom.location import Location, find, signature_carriers
from sealgate.dicom.scan import Carrier
from sealgate.dicom.splice import merged
from sealgate.dicom.walk import Kind
from sealgate.errors import (
    CannotSign,
    LocationInvalid,
    LocationNotFound,
    NothingSignable,
    ProfileNotMet,
    SealgateError,
)
from sealgate.signature import model
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.create import SigningOptions, sign, write_mac_stream
from sealgate.signature.itemwise import sign_items
from sealgate.signature.keys import is_signature_of
from sealgate.signature.profiles import PROFILES, ProfileName
from sealgate.signature.purposes import PURPOSES, purpose_of
from sealgate.signature.selection import signed_elements
from sealgate.signature.stream import mac_encoding, write_dcmtk_stream, write_stream
from support import peers, samples
from support.elements import EXPLICIT, IMPLICIT, JPEG_UID, UNDEFINED, WRITERS, Writer, part10
from support.pki import Authority, Credential
from support.placing import content, item_locations, put, spliced, take
from support.signing import opened, signer

pytestmark = pytest.mark.peer

SERIES, INSTANCE, ICON, OBSERVER, STRUCTURES = 0x00081115, 0x0008114A, 0x00880200, 0x0040A073, 0x30060039
MAX_PLACES = 6
"""Items in each sample file that are signed, one by one in one file."""


@pytest.fixture(scope="module")
def credential(pki: Authority) -> Credential:
    return pki.issue("item-signer", "p256")


def verdicts(file: bytes, pki: Authority, folder: Path, *options: object) -> tuple[int, int, str]:
    """dcmsign's exit code, the number of signatures that it calls OK, and all that it says."""
    path = folder / "verified.dcm"
    path.write_bytes(file)
    outcome = peers.dcmsign("--verify", "+rg", "+cf", pki.certificate_path, *options, path)
    return outcome.exit_code, outcome.text.count("Verification : OK"), outcome.text


def is_directory(path: Path) -> bool:
    """Whether the items of a file are directory records, in which dcmsign looks for no signatures."""
    return path.name.startswith("DICOMDIR")


@pytest.mark.parametrize("path", samples.files(), ids=samples.label)
def test_signatures_in_items_of_any_file_are_accepted(
    path: Path, credential: Credential, pki: Authority, tmp_path: Path
) -> None:
    file = path.read_bytes()
    try:
        _, carrier = opened(file)
    except SealgateError:
        return
    with_pixels = [
        location
        for location in item_locations(carrier)
        if find(carrier, location).carrier.element(tags.PIXEL_DATA) is not None
    ]
    count = 0
    for number, location in enumerate([*islice(item_locations(carrier), MAX_PLACES), *with_pixels[:1]]):
        try:
            file, _ = put(file, credential, location=location, uid=f"1.2.3.{number}", at=datetime.now(UTC))
        except CannotSign:
            continue
        count += 1
    if count == 0 or is_directory(path):
        return
    exit_code, good, text = verdicts(file, pki, tmp_path)
    assert exit_code == 0, text
    assert good == count, text


def nested(writer: Writer, depth: int, *, undefined: bool, group_lengths: bool = False) -> bytes:
    """A data set with one sequence in another, `depth` times, an element before and behind each."""
    content = writer.element(0x00080100, "SH", b"AB")
    for level in range(depth):
        length = writer.element(0x00080000, "UL", writer.words(0, 0)) if group_lengths else b""
        items = (writer.item(length + content, undefined=bool((level + undefined) % 2)), writer.item(content))
        sequence = writer.sequence(INSTANCE, *items, undefined=undefined)
        content = writer.element(0x00080100, "SH", b"AB") + sequence + writer.element(0x00100010, "PN", b"A^B ")
    return content


@pytest.mark.parametrize("writer", WRITERS, ids=str)
@pytest.mark.parametrize("undefined", [False, True], ids=["length", "delimiter"])
@pytest.mark.parametrize("group_lengths", [False, True], ids=["plain", "group-lengths"])
def test_signatures_at_every_level_stand_side_by_side(
    writer: Writer, undefined: bool, group_lengths: bool, credential: Credential, pki: Authority, tmp_path: Path
) -> None:
    depth = 5
    original = part10(nested(writer, depth, undefined=undefined, group_lengths=group_lengths), writer.uid)
    file, count = original, 0
    for level in range(depth + 1):
        for _ in range(2):
            location = Location(((INSTANCE, 0),) * level)
            file, created = put(file, credential, location=location, uid=f"1.2.{count}", at=datetime.now(UTC))
            assert created.location == location
            count += 1
    exit_code, good, text = verdicts(file, pki, tmp_path)
    assert (exit_code, good) == (0, count), text
    places = [str(place.location) for place in signature_carriers(opened(file)[1])]
    assert len(places) == depth + 1
    assert take(file)[0] == original


def test_group_lengths_around_a_signature_stay_true(credential: Credential) -> None:
    inner = EXPLICIT.element(0x00080100, "SH", b"AB")
    sequence = EXPLICIT.sequence(SERIES, EXPLICIT.item(inner))
    group = len(sequence).to_bytes(4, "little")
    original = part10(EXPLICIT.element(0x00080000, "UL", group) + sequence + EXPLICIT.element(0x00100010, "PN"))
    file, _ = put(original, credential, location=Location(((SERIES, 0),)))
    _, carrier = opened(file)
    length, grown = carrier.element(0x00080000), carrier.element(SERIES)
    assert length is not None
    assert grown is not None
    stated = int.from_bytes(carrier.source.view[length.value_start : length.value_end], "little")
    assert stated == grown.end - grown.start > len(sequence)
    assert take(file)[0] == original


def test_signatures_in_several_places_can_be_put_in_at_once(
    credential: Credential, pki: Authority, tmp_path: Path
) -> None:
    original = part10(nested(EXPLICIT, 3, undefined=False))
    data_set, carrier = opened(original)
    changes = []
    for level in (3, 2, 1, 0):  # inner ones first: their ends are at one offset
        created = sign(
            carrier,
            data_set.syntax,
            signer(credential),
            SigningOptions(),
            digital_signature_uid=f"1.2.{level}",
            at=datetime.now(UTC),
            location=Location(((INSTANCE, 1),) if level == 1 else ((INSTANCE, 0),) * level),
        )
        changes += created.changes
    file = spliced(data_set, merged(changes))
    exit_code, good, text = verdicts(file, pki, tmp_path)
    assert (exit_code, good) == (0, 4), text
    assert take(file)[0] == original


@pytest.mark.parametrize("undefined", [False, True], ids=["length", "delimiter"])
def test_a_signature_inside_un_of_undefined_length_is_in_implicit_vr_and_is_accepted(
    undefined: bool, credential: Credential, pki: Authority, tmp_path: Path
) -> None:
    inner = IMPLICIT.element(0x00080100, "SH", b"AB")
    sequence = IMPLICIT.sequence(SERIES, IMPLICIT.item(inner, undefined=undefined), undefined=undefined)
    un = EXPLICIT.header(0x00091001, "UN", UNDEFINED) + IMPLICIT.item(sequence, undefined=not undefined)
    file = part10(EXPLICIT.element(0x00080018, "UI", b"1.2.34") + un + IMPLICIT.delimiter(0xFFFEE0DD))
    done, created = put(file, credential, location=Location(((0x00091001, 0), (SERIES, 0))), at=datetime.now(UTC))
    assert created.data_elements_signed == (0x00080100,)
    exit_code, good, text = verdicts(done, pki, tmp_path)
    assert (exit_code, good) == (0, 1), text


def icon(*more: bytes) -> bytes:
    pixels = EXPLICIT.element(0x00280010, "US", EXPLICIT.words(1)) + EXPLICIT.element(0x7FE00010, "OW", b"abcd")
    return EXPLICIT.sequence(ICON, EXPLICIT.item(pixels, *more))


def test_an_icon_of_native_pixels_in_a_file_of_compressed_ones_is_signed_in_explicit_vr_little_endian(
    credential: Credential, pki: Authority, tmp_path: Path
) -> None:
    whole = EXPLICIT.element(0x00080018, "UI", b"1.2.34") + icon() + EXPLICIT.fragments(0x7FE00010, b"", b"abcd")
    file = part10(whole, JPEG_UID)
    done, created = put(file, credential, location=Location(((ICON, 0),)), at=datetime.now(UTC))
    assert created.mac_calculation_transfer_syntax_uid == EXPLICIT.uid
    both, main = put(done, credential, uid="1.2.3", at=datetime.now(UTC))
    assert main.mac_calculation_transfer_syntax_uid == JPEG_UID
    exit_code, good, text = verdicts(both, pki, tmp_path)
    assert (exit_code, good) == (0, 2), text


LOCATIONS = (
    *("BeamSequence[0].ControlPointSequence[1]", "BeamSequence[0]", "(300a,00b0)[0]", " (300a,00b0) [0]"),
    *("(300A,00B0)[0].(300a,0111)[0]", "BeamSequence", "BeamSequence[0].", "BeamSequence[0]ControlPointSequence[0]"),
    *("BeamSequence[9]", "NoSuchSequence[0]", "PatientName[0]", "(0010,0010)[0]", "(0040,a730)[0]", "BeamSequence[x]"),
    *("BeamSequence[-1]", "BeamSequence[]", "", "beamsequence[0]", "300a,00b0[0]", "BeamSequence [0]"),
    *("BeamSequence[0] . ControlPointSequence[0]", "BeamSequence[0]. ControlPointSequence[0]", "(300a,00b0[0]"),
    *("(zzzz,00b0)[0]", "[0]", ".BeamSequence[0]", "BeamSequence[0].ControlPointSequence[0] x", "BeamSequence[0] "),
    *("BeamSequence[00]", "BeamSequence[ 0]", "BeamSequence[0 ]", "( 300a,00b0 )[0]", "(300a ,00b0)[0]"),
    *("(300a, b0)[0]", "BeamSequence[4294967295]", "BeamSequence[0]..ControlPointSequence[0]", "BeamSequence\t[0]"),
)


@pytest.mark.parametrize("text", LOCATIONS)
def test_a_location_is_read_as_dcmsign_reads_it(text: str, credential: Credential, tmp_path: Path) -> None:
    path = samples.sample("rtplan.dcm")
    outcome = peers.dcmsign(
        "+si", credential.key_path, credential.certificate_path, text, "+m2", path, tmp_path / "out.dcm"
    )
    _, carrier = opened(path.read_bytes())
    theirs = (
        outcome.exit_code == 0,
        "incomplete." in outcome.text,
        "unknown." in outcome.text and "attribute name ''" not in outcome.text,
        "is not a sequence" in outcome.text,
        "items, cannot locate" in outcome.text,
    )
    assert theirs == how_it_is_read(text, carrier), outcome.text


def how_it_is_read(text: str, carrier: Carrier) -> tuple[bool, bool, bool, bool, bool]:
    """Found, incomplete, an unknown keyword in it, no sequence there, too few items there."""
    try:
        find(carrier, Location.parse(text))
    except LocationInvalid as error:
        return False, error.incomplete, error.unknown_keyword is not None, False, False
    except LocationNotFound as error:
        return False, False, False, not error.is_sequence, error.items is not None
    return True, False, False, False, False


def test_our_removal_and_that_of_dcmsign_leave_the_same_signatures(
    credential: Credential, pki: Authority, tmp_path: Path
) -> None:
    keys = (credential.key_path, credential.certificate_path)
    steps = [("+s", *keys), ("+si", *keys, "BeamSequence[0].ControlPointSequence[1]"), ("+s", *keys)]
    before = samples.sample("rtplan.dcm")
    for number, step in enumerate(steps):
        after = tmp_path / f"{number}.dcm"
        assert peers.dcmsign(*step, "+m2", before, after).exit_code == 0
        before = after
    signed = before.read_bytes()
    for uid in uids(signed):
        theirs = tmp_path / "theirs.dcm"
        assert peers.dcmsign("+r", uid, before, theirs).exit_code == 0
        ours, _ = take(signed, uid)
        assert uids(ours) == uids(theirs.read_bytes())
        exit_code, good, text = verdicts(ours, pki, tmp_path)
        assert (exit_code, good) == (0, 2), text
        assert content(ours) == content(theirs.read_bytes())
    theirs = tmp_path / "none.dcm"
    assert peers.dcmsign("+ra", before, theirs).exit_code == 0
    assert content(take(signed)[0]) == content(theirs.read_bytes())


def uids(file: bytes) -> list[str]:
    """The UIDs of all signatures."""
    found = []
    for place in signature_carriers(opened(file)[1]):
        for signature in model.digital_signatures(place.carrier):
            assert signature.digital_signature_uid is not None
            found.append(signature.digital_signature_uid)
    return found


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_every_purpose_is_signed_and_is_read_by_dcmsign_as_we_mean_it(
    writer: Writer, credential: Credential, pki: Authority, tmp_path: Path
) -> None:
    file = part10(writer.element(0x00080018, "UI", b"1.2.34"), writer.uid)
    for code, purpose in PURPOSES.items():
        file, created = put(file, credential, uid=f"1.2.{code}", at=datetime.now(UTC), purpose=purpose)
        assert created.purpose is purpose
    exit_code, _, text = verdicts(file, pki, tmp_path, "-v")
    assert exit_code == 0, text
    for code, purpose in PURPOSES.items():
        assert f"Signature purpose           : {purpose.meaning} ({code}, ASTM-sigpurpose)" in text
    for signature, purpose in zip(model.digital_signatures(opened(file)[1]), PURPOSES.values(), strict=True):
        written = purpose_of(signature.item)
        assert written is not None
        assert written.purpose is purpose
        assert written.code_meaning == purpose.meaning


def test_the_purposes_are_those_of_dcmsign() -> None:
    listed = peers.dcmsign("+lp").text
    for code, purpose in PURPOSES.items():
        assert f"{code:>4}: {purpose.meaning}\n" in listed
    assert "19:" not in listed


COMPRESSED = ("JPEG2000.dcm", "MR_small_RLE.dcm", "SC_rgb_jpeg_dcmtk.dcm", "JPEGLSNearLossless_08.dcm")


@pytest.mark.parametrize("name", COMPRESSED)
def test_the_old_format_is_that_of_dcmsign_in_both_directions(
    name: str, credential: Credential, pki: Authority, tmp_path: Path
) -> None:
    path = samples.sample(name)
    ours, created = put(path.read_bytes(), credential, at=datetime.now(UTC), old_format=True)
    assert created.old_format
    assert verdicts(ours, pki, tmp_path, "-fo")[0] == 0
    assert verdicts(ours, pki, tmp_path)[0] == 101
    theirs, dump = tmp_path / "theirs.dcm", tmp_path / "stream"
    options = ("+s", credential.key_path, credential.certificate_path, "+m2", "-fo", "+d", dump)
    assert peers.dcmsign(*options, path, theirs).exit_code == 0
    _, carrier = opened(theirs.read_bytes())
    (parameters,), (signature,) = model.mac_parameters(carrier), model.digital_signatures(carrier)
    assert parameters.data_elements_signed is not None
    elements = signed_elements(carrier, parameters.data_elements_signed)
    encoding = mac_encoding(parameters.mac_calculation_transfer_syntax_uid or "")
    for old_format in (True, False):
        streams = bytearray(), bytearray()
        write_stream(streams[0].extend, carrier, elements, signature.item, encoding, old_format=old_format)
        write_dcmtk_stream(streams[1].extend, carrier, elements, signature.item, encoding, old_format=old_format)
        assert [stream == dump.read_bytes() for stream in streams] == [old_format] * 2


@pytest.mark.parametrize("location", ["", "BeamSequence[0].ControlPointSequence[1]"])
def test_the_stream_that_is_dumped_is_the_one_that_was_signed(location: str, credential: Credential) -> None:
    path = samples.sample("rtplan.dcm")
    place = Location.parse(location) if location else Location()
    _, created = put(path.read_bytes(), credential, location=place, purpose=PURPOSES[3])
    hash_ = MAC_ALGORITHMS["SHA256"].new()
    _, carrier = opened(path.read_bytes())
    assert write_mac_stream(hash_.update, carrier, created) == 0
    public_key = credential.key.public_key()
    assert is_signature_of(public_key, MAC_ALGORITHMS["SHA256"], hash_.digest(), created.signature_value)


def contours(writer: Writer, count: int = 41) -> bytes:
    """A sequence of some 2 kB for each contour."""
    points = writer.element(0x30060050, "DS", b"1.5\\" * 500 + b"20")
    return writer.sequence(0x30060040, *(writer.item(points) for _ in range(count)))


def structures(writer: Writer = EXPLICIT, count: int = 41, *, deeper: bool = False) -> bytes:
    """Like an RT structure set: contours in a sequence in an item, more than dcmsign's buffer holds."""
    contour = contours(writer, count)
    if deeper:
        contour = writer.sequence(SERIES, writer.item(contour))
    number = writer.element(0x30060084, "IS", b"1 ")
    items = (writer.item(contour, number), writer.item(number), writer.item(contour, number))
    return writer.element(0x00080018, "UI", b"1.2.34") + writer.sequence(STRUCTURES, *items)


@pytest.mark.parametrize("writer", WRITERS, ids=str)
@pytest.mark.parametrize("deeper", [False, True], ids=["one-level", "two-levels"])
def test_signed_item_by_item_dcmsign_accepts_what_it_cannot_hash_as_a_whole(
    writer: Writer, deeper: bool, credential: Credential, pki: Authority, tmp_path: Path
) -> None:
    original = part10(structures(writer, deeper=deeper), writer.uid)
    as_a_whole, created = put(original, credential, at=datetime.now(UTC))
    assert created.dcmtk_lost_bytes > 0
    assert verdicts(as_a_whole, pki, tmp_path)[0] == 101
    data_set, carrier = opened(original)
    dumped = bytearray()
    assert write_mac_stream(dumped.extend, carrier, created, like_dcmtk=True) == created.dcmtk_lost_bytes
    numbers = iter(range(100))
    itemwise = sign_items(
        carrier,
        data_set.syntax,
        signer(credential),
        SigningOptions(),
        new_uid=lambda: f"1.2.{next(numbers)}",
        at=datetime.now(UTC),
    )
    assert itemwise.main.unsigned_elements == (STRUCTURES,)
    assert len(itemwise.items) == (5 if deeper else 3)
    assert all(one.dcmtk_lost_bytes == 0 for one in (*itemwise.items, itemwise.main))
    file = spliced(data_set, itemwise.edits)
    exit_code, good, text = verdicts(file, pki, tmp_path)
    assert (exit_code, good) == (0, len(itemwise.items) + 1), text
    assert take(file)[0] == original


def test_item_by_item_changes_nothing_where_dcmsign_loses_nothing(credential: Credential) -> None:
    data_set, carrier = opened(part10(structures(count=1)))
    created = sign_items(
        carrier,
        data_set.syntax,
        signer(credential),
        SigningOptions(),
        new_uid=lambda: "1.2.3",
        at=datetime.now(UTC),
    )
    assert created.items == ()
    assert created.main.unsigned_elements == ()


def test_item_by_item_is_refused_where_the_profile_asks_for_the_whole_sequence(pki: Authority) -> None:
    rsa = signer(pki.issue("item-rsa", "rsa2048"))
    group = EXPLICIT.sequence(0x0008113A, EXPLICIT.item(contours(EXPLICIT)))
    uids_ = [EXPLICIT.element(tag, "UI", b"1.2.34") for tag in (0x00080016, 0x00080018)]
    more = [EXPLICIT.element(tag, "UI", b"1.2.34") for tag in (0x0020000D, 0x0020000E)]
    data_set, carrier = opened(part10(b"".join((*uids_, group, *more))))
    options = SigningOptions(profile=PROFILES[ProfileName.CREATOR])
    with pytest.raises(ProfileNotMet, match=r"asks for \(0008,113a\) as a whole"):
        sign_items(carrier, data_set.syntax, rsa, options, new_uid=lambda: "1.2.3", at=datetime.now(UTC))


def test_item_by_item_needs_something_else_to_sign_in_the_data_set(credential: Credential) -> None:
    sequence = structures()[14:]
    data_set, carrier = opened(part10(sequence))
    assert [element.kind for element in carrier.elements] == [Kind.SEQUENCE]
    with pytest.raises(NothingSignable):
        sign_items(
            carrier,
            data_set.syntax,
            signer(credential),
            SigningOptions(),
            new_uid=lambda: "1.2.3",
            at=datetime.now(UTC),
        )


@pytest.mark.parametrize("kind", ["rsa2048", "p521", "brainpoolp384", "dsa2048"])
def test_every_mac_algorithm_and_kind_of_key_serves_in_items_too(kind: str, pki: Authority, tmp_path: Path) -> None:
    credential = pki.issue(f"item-{kind}", kind)
    original = part10(nested(EXPLICIT, 2, undefined=False))

    def accepted(mac_algorithm: str) -> tuple[int, int, str]:
        folder = tmp_path / mac_algorithm
        folder.mkdir()
        location = Location(((INSTANCE, 0), (INSTANCE, 1)))
        algorithm = MAC_ALGORITHMS[mac_algorithm]
        done, _ = put(original, credential, location=location, at=datetime.now(UTC), mac_algorithm=algorithm)
        return verdicts(done, pki, folder)

    with ThreadPoolExecutor(2) as pool:
        for exit_code, good, text in pool.map(accepted, MAC_ALGORITHMS):
            assert (exit_code, good) == (0, 1), text
