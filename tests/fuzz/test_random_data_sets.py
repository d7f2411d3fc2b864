"""Random data sets, foretold byte by byte: signing, timestamps and removing do to them what they have to, and no more.

The data sets, the files that have to come out and the MAC byte streams are all written by `support.modelled`, which
shares nothing with the package.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sealgate.dicom.location import Location
from sealgate.errors import NothingSignable
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.create import CreatedSignature, SigningOptions, write_mac_stream
from sealgate.signature.profiles import PROFILES, ProfileName
from sealgate.signature.purposes import PURPOSES
from sealgate.timestamp.insert import insert_token
from sealgate.trust.store import TrustStore
from sealgate.verification.judging import Judging
from sealgate.verification.report import SignatureReport, Status, Step
from sealgate.verification.verify import verify
from support import modelled, placing, tokens
from support.elements import BIG, DEFLATED_LE_UID, EXPLICIT, IMPLICIT, JPEG_UID, Writer, part10
from support.modelled import HASHES, Items, Members, Node, Path, Pixels, Signed, Value
from support.pki import Authority, Credential
from support.signing import AT, anchors, opened
from support.tsa import tsa_credential

ROUNDS = int(os.environ.get("SEALGATE_FUZZ_ROUNDS", "400"))
"""Twenty times the data sets of each kind. With a larger number in the environment each search is another one."""
EXAMPLES = settings(
    max_examples=max(ROUNDS // 20, 1),
    derandomize=ROUNDS == 400,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
GEN_TIME = AT.strftime("%Y%m%d%H%M%SZ")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: how its elements are written, and under which transfer syntax."""

    name: str
    writer: Writer
    uid: str
    mac_uid: str
    encapsulated: bool = False


KINDS = (
    Kind("explicit", EXPLICIT, EXPLICIT.uid, EXPLICIT.uid),
    Kind("implicit", IMPLICIT, IMPLICIT.uid, EXPLICIT.uid),
    Kind("big endian", BIG, BIG.uid, EXPLICIT.uid),
    Kind("deflated", EXPLICIT, DEFLATED_LE_UID, DEFLATED_LE_UID),
    Kind("encapsulated", EXPLICIT, JPEG_UID, JPEG_UID, encapsulated=True),
)

# --- random data sets

PIXEL_DATA, PADDING = 0x7FE00010, 0xFFFCFFFC
PIXEL_REPRESENTATION, SMALLEST_PIXEL_VALUE = 0x00280103, 0x00280106
PUBLIC = {
    0x00080005: "CS", 0x00080008: "CS", 0x00080018: "UI", 0x00080054: "AE", 0x00080100: "SH", 0x00081030: "LO",
    0x00081115: "SQ", 0x00081140: "SQ", 0x00081160: "IS", 0x00081199: "SQ", 0x00100010: "PN", 0x00100030: "DA",
    0x00100040: "CS", 0x00101010: "AS", 0x00101030: "DS", 0x001021B0: "LT", 0x00189087: "FD", 0x00186020: "SL",
    0x00186050: "UL", 0x00181012: "DA", 0x00082110: "CS", 0x00280009: "AT", 0x00280010: "US", 0x00280103: "US",
    0x00280106: "US", 0x00281201: "OW", 0x0040A043: "SQ", 0x0040A120: "DT", 0x0040A122: "TM", 0x0040A160: "UT",
    0x0040A161: "FD", 0x0040A730: "SQ", 0x00480105: "SQ", 0x52009229: "SQ", 0x54000110: "OB", 0x70530010: "LO",
    0x00660016: "OF", 0x00660023: "OW", 0x00660040: "OL", 0x00720083: "UV", 0x00720082: "SV", 0x00081190: "UR",
    0x00080119: "UC", 0x00720073: "OD", 0x00720081: "OV", 0x00324000: "LT", 0x00080081: "ST", 0x00080030: "TM",
}  # fmt: skip
"""Elements with the VR that every dictionary gives them, so that they mean the same in implicit VR."""
SEQUENCES = [tag for tag, vr in PUBLIC.items() if vr == "SQ"]
VRS = (*sorted(modelled.KNOWN - {"SQ"}), "UN", "ZZ")
ODD = (
    *(0x00080000, 0x00080001, 0x00100000, 0x4FFE0000, 0xFFFA0000, 0x00400000),  # group lengths and Length to End
    *(0x00041500, 0x4FFE0002, 0xFFFC0001, PADDING, 0x00090010, 0x00090011, 0x7FE10010),
)
OCTETS = {vr: st.binary(max_size=12) for vr in VRS} | {
    vr: st.lists(st.sampled_from(b"A1. \\\0\t^="), max_size=12).map(bytes) for vr in modelled.TEXT
}
UIDS = st.lists(st.sampled_from(b"12. \0\t"), max_size=12).map(bytes)
LARGE = st.sampled_from((0x3FF0, 0x4001, 0xFFFE, 0xFFFF))
"""Lengths at dcmsign's buffer of 16 KiB, and at the end of what fits a 16-bit length."""


@st.composite
def value(draw: st.DrawFn, tag: int, vr: str) -> Value:
    """A value of any length, odd ones too."""
    if tag & 0xFFFF == 0 or tag == modelled.LENGTH_TO_END:
        return Value(tag, vr, draw(st.binary(min_size=4, max_size=4)))
    octets = draw(UIDS if vr == "UI" else OCTETS[vr])
    if draw(st.integers(0, 40)) == 0:
        octets = octets[:1] * draw(LARGE)
    return Value(tag, vr, octets)


@st.composite
def sequence(draw: st.DrawFn, tag: int, kind: Kind, depth: int, *, explicit: bool) -> Items:
    """A sequence of either form of length, or, in explicit VR, of VR UN with its items in implicit VR."""
    unknown = explicit and draw(st.integers(0, 5)) == 0
    items = [
        draw(members(kind, depth - 1, explicit=explicit and not unknown))
        for _ in range(draw(st.integers(0, 2)) if depth else 0)
    ]
    return Items(tag, items, undefined=unknown or draw(st.booleans()), unknown=unknown)


@st.composite
def members(draw: st.DrawFn, kind: Kind, depth: int, *, explicit: bool) -> Members:
    """The content of a data set or item: elements in any order, no tag twice."""
    nodes: list[Node] = []
    for tag in draw(st.lists(st.sampled_from(sorted(PUBLIC)), unique=True, max_size=6)):
        if PUBLIC[tag] == "SQ":
            nodes.append(draw(sequence(tag, kind, depth, explicit=explicit)))
        else:
            nodes.append(draw(value(tag, PUBLIC[tag])))
    for tag in draw(st.lists(st.sampled_from(ODD), unique=True, max_size=2)):
        vr = "UL" if tag & 0xFFFF == 0 or tag == modelled.LENGTH_TO_END else "LO" if tag & 0x10000 else "OB"
        nodes.append(draw(value(tag, vr)))
    if not explicit:
        nodes = [node for node in nodes if node.tag not in (0x00041500, 0x4FFE0002, 0xFFFC0001)]
    nodes += draw(private(kind, depth, explicit=explicit))
    if draw(st.integers(0, 3)) == 0:
        nodes.append(draw(pixels(kind)))
    nodes = draw(st.permutations(nodes)) if draw(st.booleans()) else sorted(nodes, key=lambda node: node.tag)
    found = Members(list(nodes), undefined=draw(st.booleans()))
    if not explicit:
        settle(found)
    return found


@st.composite
def private(draw: st.DrawFn, kind: Kind, depth: int, *, explicit: bool) -> list[Node]:
    """Private elements of any VR; in implicit VR nobody knows it."""
    found: list[Node] = []
    for tag in draw(st.lists(st.integers(0x00091000, 0x000910FF), unique=True, max_size=2)):
        vr = draw(st.sampled_from((*VRS, "SQ"))) if explicit else "ZZ"
        found.append(
            draw(sequence(tag, kind, depth, explicit=explicit)) if vr == "SQ" else draw(value(tag, vr))  # type: ignore[arg-type]
        )
    return found


@st.composite
def pixels(draw: st.DrawFn, kind: Kind) -> Node:
    """Native or encapsulated pixel data, as the transfer syntax has it."""
    if kind.encapsulated:
        return Pixels(PIXEL_DATA, draw(st.lists(st.binary(max_size=9), min_size=1, max_size=4)))
    return Value(PIXEL_DATA, "OW", draw(st.binary(max_size=16)))


def settle(found: Members) -> None:
    """Give an element of implicit VR the VR that the elements before it say: SS where pixels are signed."""
    signed = False
    for node in found.nodes:
        if isinstance(node, Value) and node.tag == PIXEL_REPRESENTATION:
            signed = node.octets[:2] in (b"\1", b"\1\0")
        elif isinstance(node, Value) and node.tag == SMALLEST_PIXEL_VALUE:
            node.vr = "SS" if signed else "US"


def data_sets(kind: Kind) -> st.SearchStrategy[Members]:
    return members(kind, 3, explicit=kind.writer.explicit)


# --- what has to come of them


@dataclass(frozen=True, slots=True)
class People:
    """Who signs, who stamps, and who is trusted."""

    signer: Credential
    tsa: Credential
    trusted: TrustStore


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    authority = Authority(tmp_path_factory.mktemp("pki"), now=AT)
    return People(authority.issue("signer", "rsa2048"), tsa_credential(authority, key="p256"), anchors(authority))


def to_sign(place: Members, writer: Writer) -> tuple[int, ...]:
    """Tags of the elements that a signature over all has to list."""
    listed = [node for node in place.nodes if modelled.is_signable(node, writer)]
    if not writer.explicit:
        listed = [node for node in listed if not modelled.has_private(node)]
    return tuple(sorted(node.tag for node in listed))


def mac_uid(place: Members, kind: Kind) -> str:
    """The transfer syntax of the file, but for an item of native pixel data within an encapsulated one."""
    return EXPLICIT.uid if kind.encapsulated and isinstance(place.node(PIXEL_DATA), Value) else kind.mac_uid


@dataclass(slots=True)
class Story:
    """A data set, and the file that has to be there after everything that was done to it."""

    kind: Kind
    model: Members
    file: bytes
    uids: list[str]

    @property
    def expected(self) -> bytes:
        return modelled.written(self.model, self.kind.writer)

    def check(self, people: People) -> dict[str, SignatureReport]:
        """The file is the one foretold, and every signature in it is good."""
        data_set, carrier = opened(self.file)
        assert bytes(data_set.source.view) == self.expected
        report = verify(carrier, data_set.syntax, Judging(store=people.trusted, now=AT))
        assert sorted(str(one.digital_signature_uid) for one in report.signatures) == sorted(self.uids)
        for one in report.signatures:
            assert one.is_good, one.reasons
            assert one.facts[Step.MAC - 1].status in (Status.PASSED, Status.WARNING)
        return {str(one.digital_signature_uid): one for one in report.signatures}


def begun(kind: Kind, data_set: Members) -> Story:
    """A file of a model, without having done anything to it."""
    octets = modelled.written(data_set, kind.writer)
    if kind.uid == DEFLATED_LE_UID:
        deflater = zlib.compressobj(wbits=-15)
        octets = deflater.compress(octets) + deflater.flush()
        octets += b"\0" * (len(octets) % 2)
    return Story(kind, data_set, part10(octets, kind.uid), [])


def with_older_signature(draw: st.DrawFn, story: Story, path: Path, signer: Credential, number: int) -> None:
    """A signature by somebody else: nothing of the package makes it."""
    place = modelled.way(story.model, path, story.kind.writer)[-1]
    listed = to_sign(place.members, place.writer)
    if not listed:
        return
    chosen = tuple(tag for tag in listed if draw(st.integers(0, 3))) or listed
    said = Signed(
        mac_id_number=number * 7,
        mac_uid=mac_uid(place.members, story.kind),
        mac_algorithm=draw(st.sampled_from(sorted(HASHES))),
        listed=chosen,
        uid=f"1.2.9.{number}",
        moment="20260301110000.000000+0000",
        certificate=b"",
        value=b"",
        purpose=(5, "Verification Signature") if draw(st.booleans()) else None,
    )
    modelled.sign(place.members, place.writer, said, signer)
    modelled.put(story.model, path, said, story.kind.writer, undefined=draw(st.booleans()))
    story.uids.append(said.uid)


@dataclass(frozen=True, slots=True)
class Done:
    """A signature that was made, and everything as it was before."""

    path: Path
    uid: str
    model: bytes
    file: bytes


def signed_once(draw: st.DrawFn, story: Story, path: Path, people: People, number: int) -> Done | None:
    """Sign at `path`, perhaps with a timestamp; what has to come out is foretold."""
    place = modelled.way(story.model, path, story.kind.writer)[-1]
    listed = to_sign(place.members, place.writer)
    purpose = draw(st.sampled_from((None, PURPOSES[1], PURPOSES[18])))
    profile = PROFILES[draw(st.sampled_from((ProfileName.NONE, ProfileName.BASE)))]
    algorithm = draw(st.sampled_from(("SHA256", "SHA384", "SHA512")))
    elements = tuple(tag for tag in listed if draw(st.booleans())) or None if draw(st.booleans()) else None
    uid = f"1.2.{number}"
    before = Done(path, uid, story.expected, story.file)
    options = SigningOptions(
        mac_algorithm=MAC_ALGORITHMS[algorithm], elements=elements, profile=profile, purpose=purpose
    )
    try:
        file, created = placing.put(story.file, people.signer, options, location=Location(path), uid=uid)
    except NothingSignable:
        assert not listed
        return None
    said = Signed(
        mac_id_number=created.mac_id_number,
        mac_uid=mac_uid(place.members, story.kind),
        mac_algorithm=algorithm,
        listed=listed if elements is None else elements,
        uid=uid,
        moment=AT.strftime("%Y%m%d%H%M%S.000000+0000"),
        certificate=people.signer.der,
        value=created.signature_value,
        purpose=None if purpose is None else (purpose.code, purpose.meaning),
    )
    check_mac(story, place, said, created, people)
    modelled.put(story.model, path, said, story.kind.writer)
    story.file = file
    story.uids.append(uid)
    story.check(people)
    if draw(st.booleans()):
        stamped(story, path, uid, created, people)
    return before


def check_mac(story: Story, place: modelled.Step, said: Signed, created: CreatedSignature, people: People) -> None:
    """Another writer's MAC stream is the one that was signed."""
    stream = bytearray()
    write_mac_stream(stream.extend, opened(story.file)[1], created)
    assert bytes(stream) == modelled.mac(place.members, said.listed, said.item(place.writer), place.writer)
    assert modelled.is_signature(place.members, place.writer, said, people.signer)


def stamped(story: Story, path: Path, uid: str, created: CreatedSignature, people: People) -> None:
    token = tokens.token(people.tsa, created.signature_value, gen_time=GEN_TIME)
    data_set, carrier = opened(story.file)
    story.file = placing.spliced(data_set, insert_token(carrier, uid, token))
    modelled.stamp(story.model, path, uid, token, story.kind.writer)
    report = story.check(people)[uid]
    assert report.facts[Step.TIMESTAMP - 1].status is Status.PASSED
    assert report.timestamp is not None


def content(file: bytes) -> bytes:
    return bytes(opened(file)[0].source.view)


def check_removal(story: Story, done: list[Done], before: bytes) -> None:
    """Taking away the newest first gives back every state there was, down to the very first bytes."""
    file = story.file
    for one in reversed(done):
        file, removal = placing.take(file, one.uid)
        assert [removed.digital_signature_uid for removed in removal.removed] == [one.uid]
        assert content(file) == one.model
        if story.kind.uid != DEFLATED_LE_UID:
            assert file == one.file
    assert content(file) == before


def check_removal_of_all(story: Story, original: bytes) -> None:
    """Taking all away at once leaves the data set as it was without signatures."""
    file, removal = placing.take(story.file)
    assert sorted(str(one.digital_signature_uid) for one in removal.removed) == sorted(story.uids)
    assert content(file) == original
    if story.kind.uid != DEFLATED_LE_UID:
        assert file.endswith(original)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_byte_of_a_signed_random_data_set_is_foretold(kind: Kind, people: People) -> None:
    @EXAMPLES
    @given(drawn=st.data(), data_set=data_sets(kind))
    def check(drawn: st.DataObject, data_set: Members) -> None:
        original = modelled.written(data_set, kind.writer)
        story = begun(kind, data_set)
        draw: st.DrawFn = drawn.draw  # type: ignore[assignment]
        places = st.sampled_from([(), *modelled.paths(data_set)])
        for number in range(draw(st.integers(0, 2))):
            with_older_signature(draw, story, draw(places), people.signer, number)
        story = replace(begun(kind, story.model), uids=story.uids)
        before = story.expected
        done = []
        for number in range(draw(st.integers(1, 3))):
            one = signed_once(draw, story, draw(places), people, number)
            if one is not None:
                done.append(one)
        if done:
            check_removal(story, done, before)
        check_removal_of_all(story, original)

    check()
