"""Data sets as models: written in any encoding by `elements.Writer`, with the MAC byte stream that belongs to them.

What signing has to do to a data set is done here to its model, and the model is written anew with lengths that fit. So
whole files can be foretold, byte by byte, and nothing is shared with the package.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

from support.elements import IMPLICIT, LONG_VRS, Writer
from support.pki import Credential

MAC_PARAMETERS, SIGNATURES = 0x4FFE0001, 0xFFFAFFFA
CERTIFICATE, SIGNATURE, TIMESTAMP_TYPE, TIMESTAMP, PURPOSE = 0x04000115, 0x04000120, 0x04000305, 0x04000310, 0x04000401
NOT_IN_MAC = frozenset((CERTIFICATE, SIGNATURE, TIMESTAMP_TYPE, TIMESTAMP))
LENGTH_TO_END = 0x00080001
TEXT = frozenset("AE AS CS DA DS DT IS LO LT PN SH ST TM UC UR UT".split())
WIDTHS = {"AT": 2, "US": 2, "SS": 2, "OW": 2, **dict.fromkeys(("UL", "SL", "FL", "OF", "OL"), 4)} | dict.fromkeys(
    ("FD", "OD", "OV", "SV", "UV"), 8
)
KNOWN = TEXT | set(WIDTHS) | {"UI", "OB", "SQ"}
HASHES: Mapping[str, type[hashes.SHA1 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "SHA1": hashes.SHA1,
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}


@dataclass(slots=True)
class Value:
    """An element with a value, as it is stored."""

    tag: int
    vr: str
    octets: bytes


@dataclass(slots=True)
class Pixels:
    """Encapsulated pixel data; the first fragment is the Basic Offset Table."""

    tag: int
    fragments: list[bytes]
    vr: str = "OB"


@dataclass(slots=True)
class Members:
    """The elements of a data set or item, in the order in which they stand."""

    nodes: list[Node] = field(default_factory=list)
    undefined: bool = False

    def node(self, tag: int) -> Node | None:
        """The element with a tag."""
        return next((node for node in self.nodes if node.tag == tag), None)


@dataclass(slots=True)
class Items:
    """A sequence; `unknown` has VR UN and undefined length, so that its items are in implicit VR (PS3.5 6.2.2)."""

    tag: int
    items: list[Members]
    undefined: bool = False
    unknown: bool = False

    @property
    def vr(self) -> str:
        """VR in an explicit VR header."""
        return "UN" if self.unknown else "SQ"

    def inner(self, writer: Writer) -> Writer:
        """What writes the items, where `writer` writes the sequence."""
        return IMPLICIT if self.unknown else writer


Node = Value | Pixels | Items
Path = tuple[tuple[int, int], ...]
"""Tags of sequences and numbers of items."""


# --- writing


def written(members: Members, writer: Writer) -> bytes:
    """The bytes of the elements of a data set or item."""
    return b"".join(_node(node, writer) for node in members.nodes)


def _node(node: Node, writer: Writer) -> bytes:
    if isinstance(node, Value):
        return writer.element(node.tag, node.vr, node.octets)
    if isinstance(node, Pixels):
        return writer.fragments(node.tag, *node.fragments, vr=node.vr)
    inner = node.inner(writer)
    content = b"".join(inner.item(written(item, inner), undefined=item.undefined) for item in node.items)
    if node.unknown:
        return writer.header(node.tag, "UN", 0xFFFFFFFF) + content + inner.delimiter(0xFFFEE0DD)
    return writer.sequence(node.tag, content, undefined=node.undefined)


# --- what may be signed


def is_never_signed(tag: int) -> bool:
    """PS3.3 C.12.1.1.3.1.1: group lengths, Length to End, groups below 0008, signatures, padding."""
    group = tag >> 16
    return tag & 0xFFFF == 0 or group < 8 or group == 0xFFFA or tag in (LENGTH_TO_END, MAC_PARAMETERS, 0xFFFCFFFC)


def is_signable(node: Node, writer: Writer) -> bool:
    """Whether an element of a carrier that `writer` writes may be signed."""
    return not is_never_signed(node.tag) and _has_known_vrs(node, writer)


def _has_known_vrs(node: Node, writer: Writer) -> bool:
    if isinstance(node, Items):
        inner = node.inner(writer)
        return all(_has_known_vrs(one, inner) for item in node.items for one in item.nodes)
    return isinstance(node, Pixels) or node.vr in KNOWN


def has_private(node: Node) -> bool:
    """Whether it is or contains a private element other than a private creator."""
    if node.tag & 0x10000 and not 0x10 <= node.tag & 0xFFFF <= 0xFF:
        return True
    return isinstance(node, Items) and any(has_private(one) for item in node.items for one in item.nodes)


# --- the MAC byte stream (PS3.3 C.12.1.1.3.1.1), always in explicit VR little endian


def stream(nodes: Iterable[Node], writer: Writer) -> bytes:
    """The stream of elements that `writer` writes; of those that are never signed nothing."""
    parts = []
    for node in sorted(nodes, key=lambda node: node.tag):
        if is_never_signed(node.tag):
            continue
        head = struct.pack("<HH", node.tag >> 16, node.tag & 0xFFFF)
        if isinstance(node, Value):
            parts += [head, _stream_of_value(node, writer)]
        elif isinstance(node, Pixels):
            parts += [head, b"OB\0\0", *(_ITEM + octets + b"\0" * (len(octets) % 2) for octets in node.fragments), _END]
        else:
            inner = node.inner(writer)
            parts += [head, b"SQ\0\0", *(_ITEM + stream(item.nodes, inner) for item in node.items), _END]
    return b"".join(parts)


_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"


def _stream_of_value(node: Value, writer: Writer) -> bytes:
    octets, vr = node.octets, node.vr
    if vr == "UI":
        octets = bytes(byte for byte in octets if byte not in b"\t\n\v\f\r ").rstrip(b"\0")
    if len(octets) % 2 and vr != "OW":
        octets += b"\0"
    if vr in TEXT:
        octets = octets.rstrip(b" ")
        octets += b" " * (len(octets) % 2)
    is_long = len(octets) > 0xFFFF and vr not in LONG_VRS
    if writer.order == ">":
        octets = _swapped(octets, WIDTHS.get(vr, 1))
    if is_long:
        return b"UN\0\0" + struct.pack("<L", len(octets)) + octets
    if vr in LONG_VRS:
        return vr.encode() + b"\0\0" + struct.pack("<L", len(octets)) + octets
    return vr.encode() + struct.pack("<H", len(octets)) + octets


def _swapped(octets: bytes, width: int) -> bytes:
    whole = len(octets) - len(octets) % width
    words = (octets[at : at + width][::-1] for at in range(0, whole, width))
    return b"".join(words) + octets[whole:]


def mac(members: Members, listed: Iterable[int], item: Members, writer: Writer) -> bytes:
    """The bytes under a signature in `item` over the listed elements of `members`."""
    signed = frozenset(listed)
    of_item = [node for node in item.nodes if node.tag not in NOT_IN_MAC]
    return stream((node for node in members.nodes if node.tag in signed), writer) + stream(of_item, writer)


# --- signatures


@dataclass(slots=True, kw_only=True)
class Signed:
    """What the two items of a signature say."""

    mac_id_number: int
    mac_uid: str
    mac_algorithm: str
    listed: tuple[int, ...]
    uid: str
    moment: str
    certificate: bytes
    value: bytes
    purpose: tuple[int, str] | None = None

    def parameters(self, writer: Writer) -> Members:
        """The item of MAC Parameters Sequence."""
        halves = [half for tag in self.listed for half in (tag >> 16, tag & 0xFFFF)]
        return Members(
            [
                Value(0x04000005, "US", writer.words(self.mac_id_number)),
                Value(0x04000010, "UI", _even(self.mac_uid, b"\0")),
                Value(0x04000015, "CS", _even(self.mac_algorithm, b" ")),
                Value(0x04000020, "AT", writer.words(*halves)),
            ]
        )

    def item(self, writer: Writer) -> Members:
        """The item of Digital Signatures Sequence."""
        nodes: list[Node] = [
            Value(0x04000005, "US", writer.words(self.mac_id_number)),
            Value(0x04000100, "UI", _even(self.uid, b"\0")),
            Value(0x04000105, "DT", _even(self.moment, b" ")),
            Value(0x04000110, "CS", _even("X509_1993_SIG", b" ")),
            Value(CERTIFICATE, "OB", self.certificate + b"\0" * (len(self.certificate) % 2)),
            Value(SIGNATURE, "OB", self.value),
        ]
        if self.purpose is not None:
            code = [
                Value(0x00080100, "SH", _even(str(self.purpose[0]), b" ")),
                Value(0x00080102, "SH", b"ASTM-sigpurpose "),
                Value(0x00080104, "LO", _even(self.purpose[1], b" ")),
            ]
            nodes.append(Items(PURPOSE, [Members([*code])]))
        return Members(nodes)


def _even(text: str, pad: bytes) -> bytes:
    octets = text.encode("ascii")
    return octets + pad * (len(octets) % 2)


def sign(members: Members, writer: Writer, said: Signed, credential: Credential) -> None:
    """Give `said` the value of an RSA signature over `members`, which `writer` writes."""
    assert isinstance(credential.key, rsa.RSAPrivateKey)
    said.certificate = credential.der
    digest = hashlib.new(said.mac_algorithm, mac(members, said.listed, said.item(writer), writer)).digest()
    said.value = credential.key.sign(digest, padding.PKCS1v15(), utils.Prehashed(HASHES[said.mac_algorithm]()))


def is_signature(members: Members, writer: Writer, said: Signed, credential: Credential) -> bool:
    """Whether the value of `said` is an RSA signature of the credential over `members`."""
    key = credential.key.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    content = mac(members, said.listed, said.item(writer), writer)
    try:
        key.verify(said.value, content, padding.PKCS1v15(), HASHES[said.mac_algorithm]())
    except InvalidSignature:
        return False
    return True


# --- places


@dataclass(slots=True)
class Step:
    """A carrier on the way to a place: its elements, what writes them, and the sequence that leads on."""

    members: Members
    writer: Writer
    onward: Items | None = None


def way(data_set: Members, path: Path, writer: Writer) -> list[Step]:
    """The carriers from the data set to the one at `path`."""
    steps = [Step(data_set, writer)]
    for tag, number in path:
        sequence = steps[-1].members.node(tag)
        assert isinstance(sequence, Items)
        steps[-1].onward = sequence
        steps.append(Step(sequence.items[number], sequence.inner(steps[-1].writer)))
    return steps


def paths(members: Members, before: Path = ()) -> Iterator[Path]:
    """The paths of all items, at every depth, those of signature sequences aside."""
    for node in members.nodes:
        if isinstance(node, Items) and node.tag not in (MAC_PARAMETERS, SIGNATURES):
            for number, item in enumerate(node.items):
                path = (*before, (node.tag, number))
                yield path
                yield from paths(item, path)


def put(data_set: Members, path: Path, said: Signed, writer: Writer, *, undefined: bool = False) -> None:
    """Put a signature into the model, with the group lengths around it; new sequences and items of either length."""
    steps = way(data_set, path, writer)
    place = steps[-1]
    grown = 0
    for tag, item in ((MAC_PARAMETERS, said.parameters(place.writer)), (SIGNATURES, said.item(place.writer))):
        before = len(written(place.members, place.writer))
        sequence = place.members.node(tag)
        item.undefined = undefined
        if sequence is None:
            nodes = place.members.nodes
            at = next((at for at, node in enumerate(nodes) if node.tag > tag), len(nodes))
            nodes.insert(at, Items(tag, [item], undefined=undefined))
        else:
            assert isinstance(sequence, Items)
            sequence.items.append(item)
        growth = len(written(place.members, place.writer)) - before
        _raise_length(place.members, tag & 0xFFFF0000, growth, place.writer)
        grown += growth
    raise_lengths(steps, grown)


def raise_lengths(steps: list[Step], growth: int) -> None:
    """Raise the group lengths and Length to End around the last step, of which the inside has grown."""
    for step in steps[:-1]:
        assert step.onward is not None
        _raise_length(step.members, step.onward.tag & 0xFFFF0000, growth, step.writer)
    if any(node.tag == LENGTH_TO_END for node in steps[0].members.nodes[:2]):
        _raise_length(steps[0].members, LENGTH_TO_END, growth, steps[0].writer)


def _raise_length(members: Members, tag: int, growth: int, writer: Writer) -> None:
    node = members.node(tag)
    if isinstance(node, Value) and len(node.octets) == 4:
        (length,) = struct.unpack(writer.order + "L", node.octets)
        node.octets = struct.pack(writer.order + "L", (length + growth) % (1 << 32))


def stamp(data_set: Members, path: Path, uid: str, token: bytes, writer: Writer) -> None:
    """Put a token into the signature with a UID at `path`, in front of its purpose."""
    steps = way(data_set, path, writer)
    place = steps[-1]
    before = len(written(place.members, place.writer))
    sequence = place.members.node(SIGNATURES)
    assert isinstance(sequence, Items)
    wanted = _even(uid, b"\0")
    item = next(item for item in sequence.items if Value(0x04000100, "UI", wanted) in item.nodes)
    at = next((at for at, node in enumerate(item.nodes) if node.tag > TIMESTAMP), len(item.nodes))
    item.nodes[at:at] = [
        Value(TIMESTAMP_TYPE, "CS", b"CMS_TSP "),
        Value(TIMESTAMP, "OB", token + b"\0" * (len(token) % 2)),
    ]
    growth = len(written(place.members, place.writer)) - before
    _raise_length(place.members, SIGNATURES & 0xFFFF0000, growth, place.writer)
    raise_lengths(steps, growth)
