"""Signed files that another reader shows with other content than was signed, and files that cost more than they should.

Each is built from nothing but a good signature. That another reader is really misled is a test of its own, so that
what is expected of Sealgate does not rest on a belief.
"""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sealgate.dicom.deflate import deflate
from sealgate.errors import SealgateError
from sealgate.verification.report import Outcome
from support import tree
from support.elements import (
    DEFLATED_LE_UID,
    EXPLICIT,
    EXPLICIT_LE_UID,
    IMPLICIT,
    IMPLICIT_LE_UID,
    JPEG_UID,
    Writer,
    part10,
)
from support.forging import MAC_PARAMETERS, SIGNATURES, forge, with_signatures
from support.pki import Authority, Credential
from support.signing import AT, anchors, signed, verified
from support.tree import Element

NAME, SIGNED, SHOWN = 0x00100010, "Good^Joe", "Evil^Eve"
PIXEL_DATA, ICON, DATA_ELEMENTS_SIGNED = 0x7FE00010, 0x00880200, 0x04000020
INVERSE = EXPLICIT.element(0x20500020, "CS", b"INVERSE ")
MAX_SECONDS = 1.0
"""Of processor time, for less than a megabyte."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"), now=AT)


@pytest.fixture(scope="module")
def signer(authority: Authority) -> Credential:
    return authority.issue("signer")


def body(writer: Writer = EXPLICIT, name: str = SIGNED) -> bytes:
    uids = writer.element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0") + writer.element(
        0x00080018, "UI", b"1.2.34"
    )
    return uids + writer.element(NAME, "PN", name.encode()) + writer.element(0x00100020, "LO", b"4711")


def swallowing(writer: Writer, size: int) -> bytes:
    """A private element without its value of `size` bytes: for one reader all that follows is inside of it."""
    creator = writer.element(0x00110010, "LO", b"ACME")
    if writer.explicit:
        return creator + writer.tag(0x00111010) + b"OB\0\0" + struct.pack("<L", size)
    return creator + writer.header(0x00111010, "OB", size)


def length_that_is(tag: int) -> int:
    """The length whose bytes are those of a tag."""
    length: int = struct.unpack("<L", EXPLICIT.tag(tag))[0]
    return length


EVIL = EXPLICIT.element(NAME, "PN", SHOWN.encode())
ITEM_END, SEQUENCE_END = EXPLICIT.delimiter(0xFFFEE00D), EXPLICIT.delimiter(0xFFFEE0DD)


def of_unknown_vr(tag: int, seen: bytes) -> bytes:
    """An element of VR ZZ with a length of 32 bits; who takes it for 16 reads on in the length and in `seen`."""
    size = length_that_is(NAME)
    value = b"LO" + struct.pack("<H", 2) + b"A " + seen
    rest = size - len(value) - len(swallowing(EXPLICIT, 0))
    return EXPLICIT.tag(tag) + b"ZZ\0\0" + struct.pack("<L", size) + value + swallowing(EXPLICIT, rest) + bytes(rest)


# --- files that another reader shows otherwise

Build = Callable[[Credential], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    build: Build
    shown: Callable[[bytes], Any]
    """What the other reader shows."""
    expected: Any
    """What it shows instead of what was signed."""
    known: str = ""
    """Why Sealgate calls it valid all the same; empty where it does not."""


def pydicom_name(file: bytes) -> str:
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(pydicom.dcmread(io.BytesIO(file))[NAME].value)


def gdcm_name(file: bytes) -> str:
    gdcm = pytest.importorskip("gdcm")
    gdcm.Trace.WarningOff()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.dcm"
        path.write_bytes(file)
        reader = gdcm.Reader()
        reader.SetFileName(str(path))
        assert reader.Read()
    names = gdcm.StringFilter()
    names.SetFile(reader.GetFile())
    return str(names.ToString(gdcm.Tag(0x10, 0x10)))


def is_there(tag: int) -> Callable[[bytes], bool]:
    def shown(file: bytes) -> bool:
        import pydicom

        return tag in pydicom.dcmread(io.BytesIO(file))

    return shown


def pixels(file: bytes) -> bytes:
    import pydicom

    return bytes(pydicom.dcmread(io.BytesIO(file)).pixel_array.tobytes()[:4])


def fails(read: Callable[[bytes], object]) -> Callable[[bytes], bool]:
    def shown(file: bytes) -> bool:
        try:
            read(file)
        except Exception:  # noqa: BLE001 (what the other library raises is its own)
            return True
        return False

    return shown


def after(element: bytes) -> Build:
    """An element behind a signed data set."""
    return lambda signer: part10(signed(part10(body()), signer).data_set + element)


def in_parameters(signer: Credential) -> bytes:
    """An element in the item of MAC Parameters Sequence, where nobody looks for any."""
    parameters, item = forge(signer, body())
    content = parameters[8:] + of_unknown_vr(0x04000099, ITEM_END + SEQUENCE_END + EVIL)
    first = EXPLICIT.sequence(MAC_PARAMETERS, EXPLICIT.item(content, undefined=True), undefined=True)
    return part10(body() + first + EXPLICIT.sequence(SIGNATURES, item))


def in_private_sequence(signer: Credential) -> bytes:
    inner = of_unknown_vr(0x00091011, ITEM_END + SEQUENCE_END + EVIL)
    private = EXPLICIT.sequence(0x00091010, EXPLICIT.item(inner, undefined=True), undefined=True)
    return after(EXPLICIT.element(0x00090010, "LO", b"ACME") + private)(signer)


def first_looks_explicit(signer: Credential) -> bytes:
    """In implicit VR, with a length whose first two bytes are a VR."""
    data_set = signed(part10(body(IMPLICIT), IMPLICIT.uid), signer).data_set
    size = int.from_bytes(b"UL", "little")
    fake = body(EXPLICIT, SHOWN)
    rest = size - len(fake) - len(swallowing(EXPLICIT, 0))
    value = fake + swallowing(EXPLICIT, rest + len(data_set)) + bytes(rest)
    return part10(IMPLICIT.element(0x00091001, "OB", value) + data_set, IMPLICIT_LE_UID)


def first_looks_implicit(signer: Credential) -> bytes:
    """In explicit VR, with bytes in the place of the VR that are none."""
    data_set = signed(part10(body()), signer).data_set
    size = length_that_is(0x00090010)
    value = struct.pack("<L", 0) + body(IMPLICIT, SHOWN)
    rest = size - len(value) - len(swallowing(IMPLICIT, 0))
    value += swallowing(IMPLICIT, rest + len(data_set)) + bytes(rest)
    second = EXPLICIT.element(0x00091002, "OB", value)
    return part10(EXPLICIT.tag(0x00091001) + b"\x08\0\0\0" + second + data_set)


def of_thirteen_bytes(signer: Credential) -> bytes:
    """In implicit VR GDCM takes a length of 13 for 10, since an old program wrote it wrongly."""
    data_set = signed(part10(body(IMPLICIT), IMPLICIT.uid), signer).data_set
    size = 0x00010008  # for GDCM the length of an element, for others the tag of the next one
    length = struct.pack("<L", size)
    seen = b"\0\2\0" + bytes(size - 3) + IMPLICIT.element(NAME, "PN", SHOWN.encode())
    outer = int.from_bytes(length[3:] + seen[:3], "little")
    rest = outer - (len(seen) - 3) - len(swallowing(IMPLICIT, 0))
    tail = swallowing(IMPLICIT, rest) + bytes(rest)
    first = IMPLICIT.element(0x00090011, "LO", b"0123456789" + b"\x11\0\x10")
    return part10(first + b"\0" + length + seen + tail + data_set, IMPLICIT_LE_UID)


def without_last_byte(signer: Credential) -> bytes:
    """A signed word without its last byte, which is zero: the MAC has it all the same."""
    bits = EXPLICIT.element(0x00280002, "US", EXPLICIT.words(1))
    file = signed(part10(body() + bits), signer).file
    return file.replace(bits, EXPLICIT.element(0x00280002, "US", b"\1"))


def listed_without(elements: list[Element], *tags: int) -> None:
    """Take tags off Data Elements Signed, which nothing protects."""
    parameters = tree.element(elements, MAC_PARAMETERS)
    assert parameters is not None
    listed = tree.element(parameters.items[0].elements, DATA_ELEMENTS_SIGNED)
    assert listed is not None
    codes = [listed.value[at : at + 4] for at in range(0, len(listed.value), 4)]
    listed.value = b"".join(code for code in codes if code not in [EXPLICIT.tag(tag) for tag in tags])


def tail_moved(signer: Credential) -> bytes:
    """The last elements of a report moved into the signature item: its part of the MAC stream follows theirs."""
    content = EXPLICIT.sequence(0x0040A730, EXPLICIT.item(EXPLICIT.element(0x0040A160, "UT", b"a finding ")))
    flag = EXPLICIT.element(0x0040A493, "CS", b"VERIFIED")
    elements = tree.read(signed(part10(body() + flag + content), signer).data_set)
    moved = [element for element in elements if element.tag in (0x0040A493, 0x0040A730)]
    rest = [element for element in elements if element not in moved]
    signatures = tree.element(rest, SIGNATURES)
    assert signatures is not None
    signatures.items[0].elements[:0] = moved
    listed_without(rest, 0x0040A493, 0x0040A730)
    return part10(tree.write(rest))


def swallowed(signer: Credential) -> bytes:
    """What follows the fragments of an icon put into the last of them: the MAC stream has no lengths of fragments."""
    values = EXPLICIT.element(0x00281052, "DS", b"0 ")
    behind = EXPLICIT.sequence(0x30060010, EXPLICIT.item(EXPLICIT.sequence(0x30060012, EXPLICIT.item(values))))

    def icon(fragment: bytes) -> bytes:
        fragments = EXPLICIT.fragments(PIXEL_DATA, b"", fragment)
        return EXPLICIT.sequence(ICON, EXPLICIT.item(fragments), undefined=True)

    original = body() + icon(b"abcdefgh") + INVERSE + behind
    data_set = signed(part10(original, JPEG_UID), signer).data_set
    sequence, item = b"SQ\0\0", EXPLICIT.tag(0xFFFEE000)
    nested = EXPLICIT.tag(0x30060010) + sequence + item + EXPLICIT.tag(0x30060012) + sequence + item + values
    end = SEQUENCE_END[:4]
    own = tree.read(data_set[len(original) :])
    listed_without(own, 0x20500020, 0x30060010)
    return part10(body() + icon(b"abcdefgh" + end + end + INVERSE + nested) + tree.write(own), JPEG_UID)


def image(pixel_data: bytes) -> bytes:
    words = {0x00280002: 1, 0x00280010: 4, 0x00280011: 6, 0x00280100: 8, 0x00280101: 8, 0x00280102: 7, 0x00280103: 0}
    elements = {tag: EXPLICIT.element(tag, "US", EXPLICIT.words(value)) for tag, value in words.items()}
    elements[0x00280004] = EXPLICIT.element(0x00280004, "CS", b"MONOCHROME2 ")
    return body() + b"".join(elements[tag] for tag in sorted(elements)) + pixel_data


def native_called_encapsulated(signer: Credential) -> bytes:
    native = EXPLICIT.element(PIXEL_DATA, "OW", bytes(range(24)))
    return part10(signed(part10(image(native)), signer).data_set, JPEG_UID)


def encapsulated_called_native(signer: Credential) -> bytes:
    """The transfer syntax changed in the file and in the MAC parameters, which nothing protects."""
    fragments = EXPLICIT.fragments(PIXEL_DATA, b"", bytes(range(32)))
    content = image(fragments)
    parameters, item = forge(signer, content, mac_uid=JPEG_UID)
    other = tree.read(parameters[8:])
    uid = tree.element(other, 0x04000010)
    assert uid is not None
    uid.value = EXPLICIT_LE_UID.encode() + b"\0"
    return part10(with_signatures(content, (EXPLICIT.item(tree.write(other)), item)))


def two_transfer_syntaxes(signer: Credential) -> bytes:
    """The first says explicit VR, the second that the data set is deflated."""
    uids = (EXPLICIT_LE_UID, DEFLATED_LE_UID)
    group = b"".join(EXPLICIT.element(0x00020010, "UI", uid.encode() + b"\0" * (len(uid) % 2)) for uid in uids)
    length = EXPLICIT.element(0x00020000, "UL", struct.pack("<L", len(group)))
    return bytes(128) + b"DICM" + length + group + signed(part10(body()), signer).data_set


CASES = {
    "VR ZZ behind": Case(build=after(of_unknown_vr(0x00091001, EVIL)), shown=pydicom_name, expected=SHOWN),
    "VR ZZ in a private sequence": Case(build=in_private_sequence, shown=pydicom_name, expected=SHOWN),
    "VR ZZ in the MAC parameters": Case(build=in_parameters, shown=pydicom_name, expected=SHOWN),
    "first element looks explicit": Case(build=first_looks_explicit, shown=pydicom_name, expected=SHOWN),
    "first element looks implicit": Case(build=first_looks_implicit, shown=pydicom_name, expected=SHOWN),
    "length of 13": Case(build=of_thirteen_bytes, shown=gdcm_name, expected=SHOWN),
    "last byte of a word cut": Case(
        build=without_last_byte,
        shown=fails(lambda file: __import__("pydicom").dcmread(io.BytesIO(file))[0x00280002].value),
        expected=True,
    ),
    "tail moved into the signature item": Case(build=tail_moved, shown=is_there(0x0040A730), expected=False),
    "elements swallowed by an icon": Case(build=swallowed, shown=is_there(0x20500020), expected=False),
    "native pixel data called JPEG": Case(build=native_called_encapsulated, shown=fails(pixels), expected=True),
    "fragments called native": Case(
        build=encapsulated_called_native,
        shown=pixels,
        expected=b"\xfe\xff\x00\xe0",
    ),
    "two transfer syntaxes": Case(build=two_transfer_syntaxes, shown=fails(pydicom_name), expected=True),
}


@pytest.mark.parametrize("name", CASES)
def test_another_reader_shows_something_else_than_was_signed(name: str, signer: Credential) -> None:
    case = CASES[name]
    assert case.shown(case.build(signer)) == case.expected


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=case.known) if case.known else ())
        for name, case in CASES.items()
    ],
)
def test_what_another_reader_shows_otherwise_is_not_valid(name: str, signer: Credential, authority: Authority) -> None:
    try:
        outcome = verified(CASES[name].build(signer), anchors(authority)).outcome
    except SealgateError:
        return  # refused
    assert outcome is not Outcome.VALID


# --- what costs too much


def many_signatures(signer: Credential) -> bytes:
    """Forty signatures, each over the same sequence of 60,000 empty items."""
    content = body() + EXPLICIT.sequence(0x00111001, EXPLICIT.item() * 60_000)
    parameters, item = forge(signer, content)
    return part10(with_signatures(content, (parameters, item), *[(b"", item)] * 39))


def deflated_signatures(signer: Credential) -> bytes:
    """Two over 375,000 items, in a file of five kilobytes."""
    content = body() + EXPLICIT.sequence(0x00111001, EXPLICIT.item() * 375_000)
    parameters, item = forge(signer, content)
    data_set = with_signatures(content, (parameters, item), (b"", item))
    return part10(b"".join(deflate([data_set])), DEFLATED_LE_UID)


def nested_carriers(signer: Credential) -> bytes:
    """Each of thirty nested items says that it is signed, and the two innermost have 110,000 elements."""
    content = b""
    for level in range(30):
        elements = (
            EXPLICIT.element(0x00091000 + number % 0xE000, "CS") for number in range(55_000 if level < 2 else 0)
        )
        item = EXPLICIT.item(content, *elements, EXPLICIT.sequence(SIGNATURES), undefined=True)
        content = EXPLICIT.sequence(0x00081140, item, undefined=True)
    return part10(body() + content)


def many_spaces(signer: Credential) -> bytes:
    """Signed with 900,000 spaces behind a text, fifty times."""
    content = body() + EXPLICIT.element(0x0040A160, "UT", b" " * 900_000)
    parameters, item = forge(signer, content)
    return part10(with_signatures(content, (parameters, item), *[(b"", item)] * 49))


def other_signatures(signer: Credential) -> bytes:
    """Twelve over the same 60,000 items, each with another list than the one before."""
    content = body() + EXPLICIT.sequence(0x00111001, EXPLICIT.item() * 60_000)
    lists = ((0x00080018, 0x00111001), (NAME, 0x00111001))
    pairs = [forge(signer, content, mac_id_number=number, listed=lists[number % 2]) for number in range(12)]
    return part10(with_signatures(content, *pairs))


COSTLY: dict[str, Build] = {
    "many signatures": many_signatures,
    "signatures over other elements": other_signatures,
    "deflated": deflated_signatures,
    "nested carriers": nested_carriers,
    "spaces": many_spaces,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COSTLY)
def test_less_than_a_megabyte_takes_no_more_than_a_moment(name: str, signer: Credential, authority: Authority) -> None:
    file = COSTLY[name](signer)
    assert len(file) < 1 << 20
    begun = time.process_time()
    with suppress(SealgateError):
        verified(file, anchors(authority))
    assert time.process_time() - begun < MAX_SECONDS


# --- names of files

LONG_NAME = "x" * 300 + ".dcm"
ODD_NAME = b"\xff.dcm"


def ran(*arguments: str | bytes, folder: Path) -> str:
    strict = {"PYTHONIOENCODING": "utf-8:strict", "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, "-m", "sealgate", *arguments]
    outcome = subprocess.run(command, cwd=folder, env=strict, capture_output=True, timeout=60, check=False)
    return outcome.stderr.decode("utf-8", "replace")


COMMANDS = (["verify"], ["inspect"], ["remove", "--all", "--dry-run", "--output-dir", "o"], ["dcmsign"])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_name_that_no_file_can_have_is_an_error_of_ours(command: list[str], tmp_path: Path) -> None:
    assert "Traceback" not in ran(*command, LONG_NAME, folder=tmp_path)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_name_that_is_no_text_is_shown_all_the_same(command: list[str], signer: Credential, tmp_path: Path) -> None:
    (tmp_path / ODD_NAME.decode("utf-8", "surrogateescape")).write_bytes(signed(part10(body()), signer).file)
    assert "Traceback" not in ran(*command, ODD_NAME, folder=tmp_path)
