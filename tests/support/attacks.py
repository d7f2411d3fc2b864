"""Manipulations of signed files, each built from nothing but a good signature: what an attacker would make of it.

Every attack says what dcmsign 3.6.7 answers and what we answer; `docs/attacks.md` is held against it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sealgate.dicom.scan import walk_element
from sealgate.signature.reasons import Reason, Severity
from sealgate.trust.store import TrustStore
from sealgate.verification.judging import Judging
from sealgate.verification.report import DataSetReport, Outcome
from sealgate.verification.verify import verify
from support import peers, samples, tokens, tree
from support.elements import EXPLICIT, IMPLICIT, IMPLICIT_LE_UID, JPEG_UID, part10
from support.forging import MAC_PARAMETERS, SIGNATURES, body, even, forge, with_signatures
from support.pki import DAY, YEAR, Authority, Credential, Revoked, private_key
from support.signing import anchors, opened, signed
from support.tree import Element, Item
from support.tsa import tsa_credential

ORIGINAL_ATTRIBUTES, MODIFIED_ATTRIBUTES = 0x04000561, 0x04000550
OTHER_PATIENT_IDS = 0x00101002
PADDING = 0xFFFCFFFC

DCMSIGN_SAYS = {
    "OK": "Signature Verification : OK",
    "corrupted": "signature is invalid (document corrupted)",
    "no signatures": "no signatures found in dataset",
    "not signable": "signature contains attribute that is not signable",
    "transfer syntax": "unable to use the selected transfer syntax for MAC computation",
    "expired": "certificate has expired",
    "expired but stamped": "Timestamp Verification : OK, extends validity period of expired signature.",
}
"""The words of docs/attacks.md and what dcmsign writes."""


@dataclass(frozen=True, kw_only=True)
class Forged:
    """What an attack gives: a file, and what it is judged by."""

    file: bytes
    trusted: TrustStore | None = None
    """By default the authority of the scene."""
    options: Sequence[object] = ()
    """Further options of `dcmsign --verify`."""
    judging: Mapping[str, Any] = field(default_factory=dict)
    also: str = ""
    """What dcmsign writes as well."""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One row of the table."""

    name: str
    dcmsign: str
    """A word of DCMSIGN_SAYS and the exit code: `OK, 0`."""
    outcome: Outcome
    reasons: tuple[Reason, ...]
    build: Callable[[Scene], Forged]

    @property
    def ours(self) -> str:
        """Our verdict as docs/attacks.md has it."""
        codes = ", ".join(f"`{reason}`" for reason in self.reasons)
        return f"{self.outcome}: {codes}" if codes else str(self.outcome)


ATTACKS: dict[str, Attack] = {}

Build = Callable[["Scene"], Forged]


def attack(name: str, dcmsign: str, outcome: Outcome, *reasons: Reason) -> Callable[[Build], Build]:
    """Put a row into the table."""

    def named(build: Build) -> Build:
        assert name not in ATTACKS
        ATTACKS[name] = Attack(name=name, dcmsign=dcmsign, outcome=outcome, reasons=reasons, build=build)
        return build

    return named


class Scene:
    """An authority, a signer, and files that dcmsign itself has signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = datetime.now(UTC)
        self.authority = Authority(folder / "pki", now=self.now)
        self.signer = self.authority.issue("signer", "rsa2048")
        self._signed: dict[tuple[object, ...], bytes] = {}

    @property
    def ct(self) -> bytes:
        """CT_small.dcm, signed by dcmsign over all elements."""
        return self.by_dcmsign(samples.sample("CT_small.dcm").read_bytes())

    def by_dcmsign(self, file: bytes, *options: object, signer: Credential | None = None) -> bytes:
        """A file as dcmsign signs it; the options `+s` and `+si` are put in front where they are not there."""
        key = (file, *options, signer)
        if key not in self._signed:
            chosen = signer if signer is not None else self.signer
            given, out = self.folder / "in.dcm", self.folder / "out.dcm"
            given.write_bytes(file)
            how = options if "+si" in options else ("+s", chosen.key_path, chosen.certificate_path, *options)
            outcome = peers.dcmsign(*how, "+m2", given, out)
            assert outcome.exit_code == 0, outcome.text
            self._signed[key] = out.read_bytes()
        return self._signed[key]

    def report(self, forged: Forged) -> DataSetReport:
        """What we say."""
        data_set, carrier = opened(forged.file)
        store = forged.trusted if forged.trusted is not None else anchors(self.authority)
        judging = Judging(store=store, now=datetime.now(UTC))
        return verify(carrier, data_set.syntax, replace(judging, **forged.judging))

    def dcmsign(self, forged: Forged, *more: object) -> peers.Outcome:
        """What dcmsign says."""
        path = self.folder / "forged.dcm"
        path.write_bytes(forged.file)
        store = forged.trusted if forged.trusted is not None else anchors(self.authority)
        files: list[object] = []
        for number, anchor in enumerate(store.anchors):
            trusted = self.folder / f"trusted-{number}.pem"
            trusted.write_bytes(x509.load_der_x509_certificate(anchor).public_bytes(serialization.Encoding.PEM))
            files += ["+cf", trusted]
        return peers.dcmsign("--verify", *files, *forged.options, *more, path)


def shown(report: DataSetReport) -> tuple[Reason, ...]:
    """The codes that a row names: all but warnings, and the warnings where there is nothing else.

    That CT_small.dcm is a TIFF file as well is no part of any attack.
    """
    reasons = [reason for reason in report.reasons if reason is not Reason.TIFF_DIRECTORY]
    grave = [reason for reason in reasons if reason.severity is not Severity.WARNING]
    return tuple(sorted(grave or reasons))


def changed(file: bytes, change: Callable[[list[Element]], object]) -> bytes:
    """A file with the elements of its data set changed in place."""
    data_set, _ = opened(file)
    elements = tree.read(bytes(data_set.source.view))
    change(elements)
    return bytes(data_set.header) + tree.write(elements)


def insert(elements: list[Element], *new: Element) -> None:
    """Put elements where their tags belong."""
    for one in new:
        assert tree.element(elements, one.tag) is None
        elements.append(one)
        elements.sort(key=lambda element: element.tag)


def at(elements: list[Element], tag: int, *more: int) -> Element:
    """An element, or one in the first item of it, and so on."""
    found = tree.element(elements, tag)
    assert found is not None
    return found if not more else at(found.items[0].elements, *more)


def value_of_signature(elements: list[Element]) -> bytes:
    """The signature value without its pad byte."""
    value = at(elements, SIGNATURES, 0x04000120).value
    is_der = value[0] == 0x30 and len(value) - 1 <= 2 + value[1] <= len(value)  # RSA signatures begin with any byte
    return value[: 2 + value[1]] if is_der else value


def with_token(file: bytes, make: Callable[[bytes], bytes]) -> bytes:
    """A file with a timestamp token over its first signature."""

    def change(elements: list[Element]) -> None:
        token = make(value_of_signature(elements))
        insert(
            at(elements, SIGNATURES).items[0].elements,
            Element(0x04000305, "CS", b"CMS_TSP "),
            Element(0x04000310, "OB", even(token)),
        )

    return changed(file, change)


def generalized(moment: datetime) -> str:
    """GeneralizedTime in seconds."""
    return f"{moment.astimezone(UTC):%Y%m%d%H%M%S}Z"


def bind(change: Callable[[list[Element]], object]) -> Build:
    """An attack that only changes elements of the signed CT."""
    return lambda scene: Forged(file=changed(scene.ct, change))


# --- elements that are not signed


@attack("A0", "OK, 0", Outcome.INVALID, Reason.DCMTK_TRUNCATED_STREAM)
def nested_content_behind_16_kib(scene: Scene) -> Forged:
    contours = [
        EXPLICIT.item(EXPLICIT.element(0x30060050, "DS", even(b"\\".join([b"%d.5" % n] * 200), b" ")))
        for n in range(41)
    ]
    rois = EXPLICIT.sequence(0x30060039, EXPLICIT.item(EXPLICIT.sequence(0x30060040, *contours)))
    file = scene.by_dcmsign(part10(body() + rois))

    def change(elements: list[Element]) -> None:
        inner = at(elements, 0x30060039, 0x30060040)
        del inner.items[30:]
        inner.items[25].elements[0].value = b"1.0\\2.0\\3.0 "

    return Forged(file=changed(file, change))


@attack("A1", "OK, 0", Outcome.QUESTIONABLE, Reason.IDENTITY_NOT_SIGNED)
def an_element_of_the_patient_added(scene: Scene) -> Forged:
    added = Element(0x00104000, "LT", b"allergic to nothing ")
    return Forged(file=changed(scene.ct, lambda elements: insert(elements, added)))


@attack("A1b", "OK, 0", Outcome.QUESTIONABLE, Reason.RENDERING_NOT_SIGNED)
def a_window_added(scene: Scene) -> Forged:
    window = Element(0x00281050, "DS", b"9999"), Element(0x00281051, "DS", b"1 ")
    return Forged(file=changed(scene.ct, lambda elements: insert(elements, *window)))


def _overlay(group: int) -> tuple[Element, ...]:
    words = [(0x0010, "US", 128), (0x0011, "US", 128), (0x0100, "US", 1), (0x0102, "US", 0)]
    numbers = [Element(group << 16 | number, vr, struct.pack("<H", value)) for number, vr, value in words]
    return (
        *numbers,
        Element(group << 16 | 0x0040, "CS", b"G "),
        Element(group << 16 | 0x0050, "SS", b"\1\0\1\0"),
        Element(group << 16 | 0x3000, "OW", b"\xff" * 2048),
    )


@attack("A1c", "OK, 0", Outcome.QUESTIONABLE, Reason.RENDERING_NOT_SIGNED)
def an_overlay_added(scene: Scene) -> Forged:
    return Forged(file=changed(scene.ct, lambda elements: insert(elements, *_overlay(0x6000))))


@attack("A1d", "OK, 0", Outcome.QUESTIONABLE, Reason.RENDERING_NOT_SIGNED)
def a_second_overlay_added(scene: Scene) -> Forged:
    return Forged(file=changed(scene.ct, lambda elements: insert(elements, *_overlay(0x6002))))


@attack("A29", "OK, 0", Outcome.QUESTIONABLE, Reason.IDENTITY_NOT_SIGNED, Reason.RENDERING_NOT_SIGNED)
def a_name_changed_that_is_not_signed(scene: Scene) -> Forged:
    file = scene.by_dcmsign(samples.sample("CT_small.dcm").read_bytes(), "-t", "0008,0005")
    return Forged(file=changed(file, lambda elements: setattr(at(elements, 0x00100010), "value", b"Other^Name")))


# --- MAC parameters


def _listed(elements: list[Element]) -> Element:
    return at(elements, MAC_PARAMETERS, 0x04000020)


@attack("A2", "OK, 0", Outcome.QUESTIONABLE, Reason.LISTED_ELEMENT_ABSENT)
def an_absent_element_listed(scene: Scene) -> Forged:
    def change(elements: list[Element]) -> None:
        _listed(elements).value += b"\x10\x00\x00\x40"

    return Forged(file=changed(scene.ct, change))


@attack("A2b", "corrupted, 101", Outcome.INVALID, Reason.MAC_MISMATCH)
def a_changed_element_taken_off_the_list(scene: Scene) -> Forged:
    def change(elements: list[Element]) -> None:
        at(elements, 0x00100010).value = b"Other^Name"
        _listed(elements).value = _listed(elements).value.replace(b"\x10\x00\x10\x00", b"", 1)

    return Forged(file=changed(scene.ct, change))


@attack("A3", "OK, 0", Outcome.VALID)
def the_list_reversed(scene: Scene) -> Forged:
    def change(elements: list[Element]) -> None:
        value = _listed(elements).value
        _listed(elements).value = b"".join(value[n : n + 4] for n in range(len(value) - 4, -1, -4))

    return Forged(file=changed(scene.ct, change))


@attack("A4", "OK, 0", Outcome.VALID)
def another_mac_transfer_syntax_of_the_same_stream(scene: Scene) -> Forged:
    def change(elements: list[Element]) -> None:
        at(elements, MAC_PARAMETERS, 0x04000010).value = b"1.2.840.10008.1.2.1.99"

    return Forged(file=changed(scene.ct, change))


@attack("A4b", "OK, 0", Outcome.QUESTIONABLE, Reason.UNSIGNED_PAYLOAD)
def an_element_added_to_the_mac_parameters(scene: Scene) -> Forged:
    added = Element(0x00104000, "LT", b"any ")
    return Forged(file=changed(scene.ct, lambda e: insert(at(e, MAC_PARAMETERS).items[0].elements, added)))


@attack("A33", "OK, 0", Outcome.INVALID, Reason.MAC_PARAMETERS_AMBIGUOUS)
def a_second_mac_item_behind(scene: Scene) -> Forged:
    return _two_mac_items(scene, behind=True)


@attack("A33b", "corrupted, 101", Outcome.INVALID, Reason.MAC_MISMATCH, Reason.MAC_PARAMETERS_AMBIGUOUS)
def a_second_mac_item_in_front(scene: Scene) -> Forged:
    return _two_mac_items(scene, behind=False)


def _two_mac_items(scene: Scene, *, behind: bool) -> Forged:
    def change(elements: list[Element]) -> None:
        items = at(elements, MAC_PARAMETERS).items
        other = [replace(element) for element in items[0].elements]
        listed = tree.element(other, 0x04000020)
        assert listed is not None
        listed.value = listed.value[:8]
        items.insert(1 if behind else 0, Item(other))

    return Forged(file=changed(scene.ct, change))


@attack("A36", "OK, 0", Outcome.QUESTIONABLE, Reason.VR_NOT_COVERED)
def a_vr_changed_under_a_mac_over_implicit_vr(scene: Scene) -> Forged:
    content = EXPLICIT.element(0x00080060, "CS", b"CT") + EXPLICIT.element(0x00280120, "SS", b"\xff\xff")
    date = f"{scene.now:%Y%m%d%H%M%S}.000000+0000"
    pair = forge(scene.signer, content, mac_uid=IMPLICIT_LE_UID, date=date)
    file = part10(with_signatures(content, pair))

    def change(elements: list[Element]) -> None:
        at(elements, 0x00080060).vr, at(elements, 0x00280120).vr = "SH", "US"

    return Forged(file=changed(file, change))


# --- pixel data


def _fragments(file: bytes, change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    """A file with other fragments."""
    data_set, carrier = opened(file)
    pixel_data = carrier.element(0x7FE00010)
    assert pixel_data is not None
    view = bytes(data_set.source.view)
    found = [view[token.value_start : token.value_end] for token in walk_element(carrier, pixel_data)]
    encoded = EXPLICIT.fragments(0x7FE00010, *change(found))
    return bytes(data_set.header) + view[: pixel_data.start] + encoded + view[pixel_data.end :]


ITEM_TAG = b"\xfe\xff\x00\xe0"


def _merged(number: int) -> Callable[[list[bytes]], list[bytes]]:
    return lambda found: [*found[:number], found[number] + ITEM_TAG + found[number + 1], *found[number + 2 :]]


@attack("A5", "OK, 0", Outcome.QUESTIONABLE, Reason.FRAGMENTS_AMBIGUOUS)
def two_fragments_merged(scene: Scene) -> Forged:
    file = scene.by_dcmsign(samples.sample("SC_rgb_rle_2frame.dcm").read_bytes())
    return Forged(file=_fragments(file, _merged(1)))


@attack("A5c", "OK, 0", Outcome.QUESTIONABLE, Reason.FRAGMENTS_AMBIGUOUS)
def two_fragments_of_one_frame_merged(scene: Scene) -> Forged:
    file = scene.by_dcmsign(samples.sample("examples_jpeg2k.dcm").read_bytes())
    return Forged(file=_fragments(file, _merged(1)))


@attack("A5d", "OK, 0", Outcome.QUESTIONABLE, Reason.FRAGMENTS_AMBIGUOUS)
def all_fragments_of_one_frame_merged(scene: Scene) -> Forged:
    file = scene.by_dcmsign(samples.sample("examples_jpeg2k.dcm").read_bytes())
    return Forged(file=_fragments(file, lambda found: [found[0], ITEM_TAG.join(found[1:])]))


@attack("A5b", "OK, 0", Outcome.QUESTIONABLE, Reason.FRAGMENTS_AMBIGUOUS)
def the_offset_table_merged_with_the_first_fragment(scene: Scene) -> Forged:
    file = scene.by_dcmsign(samples.sample("MR_small_RLE.dcm").read_bytes())
    return Forged(file=_fragments(file, _merged(0)))


@attack("A6", "OK, 0", Outcome.QUESTIONABLE, Reason.PIXEL_DATA_OF_OTHER_SYNTAX)
def another_transfer_syntax_in_file_and_mac(scene: Scene) -> Forged:
    file = scene.by_dcmsign(samples.sample("JPEG2000.dcm").read_bytes())
    return Forged(file=file.replace(b"1.2.840.10008.1.2.4.91", b"1.2.840.10008.1.2.4.50"))


@attack("A6b", "transfer syntax, 101", Outcome.INVALID, Reason.MAC_TRANSFER_SYNTAX_UNUSABLE)
def another_transfer_syntax_in_the_file_alone(scene: Scene) -> Forged:
    file = scene.by_dcmsign(samples.sample("JPEG2000.dcm").read_bytes())
    return Forged(file=file.replace(b"1.2.840.10008.1.2.4.91", b"1.2.840.10008.1.2.4.90", 1))


@attack("A7", "OK, 0", Outcome.VALID)
def preamble_and_file_meta_replaced(scene: Scene) -> Forged:
    file = scene.ct
    where = file.index(b"UI", file.index(b"\x02\x00\x03\x00"))
    length = int.from_bytes(file[where + 2 : where + 4], "little")
    uid = b"1.2.3".ljust(length, b"4")
    return Forged(file=b"MZ" + bytes(126) + file[128 : where + 4] + uid + file[where + 4 + length :])


# --- items


def _patient(patient_id: bytes, charset: bytes = b"ISO_IR 100") -> bytes:
    other = EXPLICIT.item(EXPLICIT.element(0x00100020, "LO", even(b"M\xfcller-7", b" ")), undefined=True)
    return (
        EXPLICIT.element(0x00080005, "CS", even(charset, b" "))
        + EXPLICIT.element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0")
        + EXPLICIT.element(0x00080018, "UI", b"1.2.34")
        + EXPLICIT.element(0x00100020, "LO", even(patient_id, b" "))
        + EXPLICIT.sequence(OTHER_PATIENT_IDS, other, undefined=True)
    )


def _signed_item(scene: Scene) -> bytes:
    key, certificate = scene.signer.key_path, scene.signer.certificate_path
    return scene.by_dcmsign(part10(_patient(b"P1")), "+si", key, certificate, "OtherPatientIDsSequence[0]")


@attack("A9", "OK, 0", Outcome.QUESTIONABLE, Reason.ITEM_CONTEXT_NOT_SIGNED)
def the_character_set_changed_around_a_signed_item(scene: Scene) -> Forged:
    file = _signed_item(scene)
    return Forged(file=changed(file, lambda elements: setattr(at(elements, 0x00080005), "value", b"ISO_IR 144")))


@attack("A13", "OK, 0", Outcome.QUESTIONABLE, Reason.ITEM_CONTEXT_NOT_SIGNED)
def a_signed_item_moved_to_another_patient(scene: Scene) -> Forged:
    moved: list[Element] = []
    changed(_signed_item(scene), lambda elements: moved.append(at(elements, OTHER_PATIENT_IDS)))

    def change(elements: list[Element]) -> None:
        elements[:] = [element for element in elements if element.tag != OTHER_PATIENT_IDS]
        insert(elements, moved[0])

    return Forged(file=changed(part10(_patient(b"P2")), change))


@attack("A32", "OK, 0", Outcome.VALID)
def an_inner_signature_removed_under_an_outer_one(scene: Scene) -> Forged:
    both = scene.by_dcmsign(_signed_item(scene))

    def change(elements: list[Element]) -> None:
        item = at(elements, OTHER_PATIENT_IDS).items[0]
        item.elements = [one for one in item.elements if one.tag not in (MAC_PARAMETERS, SIGNATURES)]

    return Forged(file=changed(both, change))


# --- duplicates, payload, values


def _second_name(position: int | None) -> Callable[[list[Element]], None]:
    def change(elements: list[Element]) -> None:
        number = next(n for n, element in enumerate(elements) if element.tag == 0x00100010)
        second = Element(0x00100010, "PN", b"Other^Name")
        elements.insert(len(elements) if position is None else number + position, second)

    return change


attack("A14", "OK, 0", Outcome.INVALID, Reason.DUPLICATE_ELEMENT)(bind(_second_name(1)))
attack("A14b", "OK, 0", Outcome.INVALID, Reason.DUPLICATE_ELEMENT)(bind(_second_name(None)))
attack("A14c", "corrupted, 101", Outcome.INVALID, Reason.DUPLICATE_ELEMENT, Reason.MAC_MISMATCH)(bind(_second_name(0)))


@attack("A15", "OK, 0", Outcome.QUESTIONABLE, Reason.UNSIGNED_PAYLOAD)
def padding_replaced(scene: Scene) -> Forged:
    return Forged(file=changed(scene.ct, lambda elements: setattr(at(elements, PADDING), "value", b"payload " * 99)))


@attack("A15b", "OK, 0", Outcome.QUESTIONABLE, Reason.UNSIGNED_PAYLOAD, Reason.VR_UNKNOWN)
def an_element_of_group_fffe_appended(scene: Scene) -> Forged:
    # group FFFE has no VR, and dcmsign reads one: the length fits both readings
    length = int.from_bytes(b"OB\0\0", "little") - 4
    return Forged(file=scene.ct + EXPLICIT.element(0xFFFE1000, "OB", b"payload".ljust(length)))


@attack("A19", "OK, 0", Outcome.QUESTIONABLE, Reason.UID_WITH_WHITE_SPACE)
def spaces_inserted_into_a_signed_uid(scene: Scene) -> Forged:
    def change(elements: list[Element]) -> None:
        uid = at(elements, 0x0020000D)
        uid.value = even(b"1 " + uid.value.rstrip(b"\0")[1:], b" ")

    return Forged(file=changed(scene.ct, change))


@attack("A19b", "OK, 0", Outcome.VALID, Reason.VALUE_PADDED)
def spaces_behind_the_patient_id(scene: Scene) -> Forged:
    def change(elements: list[Element]) -> None:
        at(elements, 0x00100020).value += b" " * 40

    return Forged(file=changed(scene.ct, change))


# --- certificates


def _certificate(scene: Scene, issuer: x509.Name, key: Any, by: Any, *, ca: bool = False, **years: float) -> Credential:
    """A certificate of any odd kind, signed by the key `by` in the name of `issuer`."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "attacker")])
    begins = scene.now - YEAR * years.get("since", 0.1)
    certificate = (
        x509.CertificateBuilder(issuer, name, key.public_key(), 4711, begins, scene.now + YEAR)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(by, hashes.SHA256())
    )
    path = scene.folder / "attacker.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path = scene.folder / "attacker.key"
    plain = serialization.NoEncryption()
    key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return Credential(certificate=certificate, key=key, certificate_path=path, key_path=key_path)


def _in_the_name_of_an_expired_root(scene: Scene) -> tuple[bytes, TrustStore, Credential]:
    old = Authority(scene.folder / "expired", "Expired CA", not_before=scene.now - 2 * YEAR, not_after=scene.now - YEAR)
    key = private_key("p256", "attacker")
    attacker = _certificate(scene, old.certificate.subject, key, key)
    file = signed(samples.sample("CT_small.dcm").read_bytes(), attacker, at=scene.now).file
    return file, anchors(old, scene.authority), tsa_credential(scene.authority)


@attack("A25", "expired but stamped, 0", Outcome.INVALID, Reason.PATH_INVALID)
def a_forged_certificate_of_an_expired_root_with_a_timestamp(scene: Scene) -> Forged:
    file, trusted, tsa = _in_the_name_of_an_expired_root(scene)
    stamped = with_token(file, lambda value: tokens.token(tsa, value))
    return Forged(file=stamped, trusted=trusted)


@attack("A25b", "expired, 101", Outcome.INVALID, Reason.PATH_INVALID)
def a_forged_certificate_of_an_expired_root(scene: Scene) -> Forged:
    file, trusted, _ = _in_the_name_of_an_expired_root(scene)
    return Forged(file=file, trusted=trusted)


@attack("A11", "OK, 0", Outcome.VALID)
def the_certificate_of_the_same_key_under_another_name(scene: Scene) -> Forged:
    other = scene.authority.issue("signer", "rsa2048", organizational_unit="Somewhere else")

    def change(elements: list[Element]) -> None:
        at(elements, SIGNATURES, 0x04000115).value = even(other.der)

    return Forged(file=changed(scene.ct, change))


@attack("A39", "OK, 0", Outcome.VALID, Reason.CERTIFICATE_WITH_TRAILING_BYTES)
def bytes_behind_the_certificate(scene: Scene) -> Forged:
    def change(elements: list[Element]) -> None:
        at(elements, SIGNATURES, 0x04000115).value += b"payload "

    return Forged(file=changed(scene.ct, change))


def _usage(**allowed: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign"
        " encipher_only decipher_only"
    ).split()
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names})


@attack("A49", "OK, 0", Outcome.QUESTIONABLE, Reason.KEY_USAGE_NOT_SIGNING)
def a_certificate_for_encipherment(scene: Scene) -> Forged:
    signer = scene.authority.issue("encipherment", key_usage=_usage(key_encipherment=True))
    return Forged(file=scene.by_dcmsign(samples.sample("CT_small.dcm").read_bytes(), signer=signer))


@attack("A49b", "OK, 0", Outcome.QUESTIONABLE, Reason.EXTENDED_KEY_USAGE_NOT_SIGNING)
def a_certificate_of_a_tls_client(scene: Scene) -> Forged:
    only_client = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
    signer = scene.authority.issue("client", extensions=[only_client])
    return Forged(file=scene.by_dcmsign(samples.sample("CT_small.dcm").read_bytes(), signer=signer))


@attack("A49c", "OK, 0", Outcome.QUESTIONABLE, Reason.AUTHORITY_AS_SIGNER, Reason.KEY_USAGE_NOT_SIGNING)
def a_certification_authority_as_signer(scene: Scene) -> Forged:
    signer = scene.authority.subordinate(scene.folder / "sub").credential
    return Forged(file=scene.by_dcmsign(samples.sample("CT_small.dcm").read_bytes(), signer=signer))


@attack("A50", "OK, 0", Outcome.QUESTIONABLE, Reason.BREAKABLE_KEY)
def a_key_that_can_be_broken(scene: Scene) -> Forged:
    path = scene.folder / "small.key"
    outcome = peers.openssl("genrsa", "-out", path, "512")
    assert outcome.exit_code == 0, outcome.text
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    small = _certificate(scene, scene.authority.certificate.subject, key, scene.authority.key)
    return Forged(file=scene.by_dcmsign(samples.sample("CT_small.dcm").read_bytes(), signer=small))


@attack("A50b", "OK, 0", Outcome.VALID, Reason.WEAK_MAC_ALGORITHM)
def a_weak_digest(scene: Scene) -> Forged:
    done = signed(samples.sample("CT_small.dcm").read_bytes(), scene.signer, mac_algorithm="MD5", at=scene.now)
    return Forged(file=done.file)


# --- signature sequences


def _without_signatures(elements: list[Element]) -> list[Element]:
    cut = [element for element in elements if element.tag in (MAC_PARAMETERS, SIGNATURES)]
    elements[:] = [element for element in elements if element.tag not in (MAC_PARAMETERS, SIGNATURES)]
    return cut


@attack("A12", "no signatures, 0", Outcome.UNSIGNED)
def signatures_stripped(scene: Scene) -> Forged:
    return Forged(file=changed(scene.ct, _without_signatures))


@attack("A26", "no signatures, 0", Outcome.UNSIGNED, Reason.SIGNATURE_OF_THE_PAST)
def a_signature_moved_into_original_attributes(scene: Scene) -> Forged:
    def change(elements: list[Element]) -> None:
        modified = Element(MODIFIED_ATTRIBUTES, "SQ", items=[Item(_without_signatures(elements))])
        insert(elements, Element(ORIGINAL_ATTRIBUTES, "SQ", items=[Item([modified])]))
        at(elements, 0x00100010).value = b"Other^Name"

    return Forged(file=changed(scene.ct, change))


@attack("A27", "no signatures, 0", Outcome.INVALID, Reason.SIGNATURE_SEQUENCES_MALFORMED)
def signatures_called_un(scene: Scene) -> Forged:
    def change(elements: list[Element]) -> None:
        signatures = at(elements, SIGNATURES)
        content = tree.write([signatures])[12:]
        elements[elements.index(signatures)] = Element(SIGNATURES, "UN", content)

    return Forged(file=changed(scene.ct, change))


@attack("A27b", "no signatures, 0", Outcome.INVALID, Reason.SIGNATURE_HIDDEN)
def signatures_under_another_tag(scene: Scene) -> Forged:
    return Forged(file=changed(scene.ct, lambda elements: setattr(at(elements, SIGNATURES), "tag", 0xFFFA1001)))


@attack("A27c", "no signatures, 0", Outcome.INVALID, Reason.SIGNATURE_HIDDEN)
def signatures_in_a_private_sequence(scene: Scene) -> Forged:
    def change(elements: list[Element]) -> None:
        at(elements, SIGNATURES).tag = 0x00991001
        elements.sort(key=lambda element: element.tag)

    return Forged(file=changed(scene.ct, change))


@attack("A41", "OK, 0", Outcome.INVALID, Reason.UNSIGNABLE_IN_SIGNATURE_ITEM)
def a_forged_purpose(scene: Scene) -> Forged:
    code = [
        Element(0x00080100, "SH", b"7 "),
        Element(0x00080102, "SH", b"ASTM-sigpurpose "),
        Element(0x00080104, "LO", b"Consent Signature "),
        Element(0x00091001, "UN", b"ab"),
    ]
    purpose = Element(0x04000401, "SQ", items=[Item(code)])
    file = changed(scene.ct, lambda e: insert(at(e, SIGNATURES).items[0].elements, purpose))
    return Forged(file=file, also="Consent Signature (7, ASTM-sigpurpose)")


@attack("A41b", "OK, 0", Outcome.INVALID, Reason.UNSIGNABLE_IN_SIGNATURE_ITEM)
def an_unsignable_element_in_the_signature_item(scene: Scene) -> Forged:
    added = Element(0x04000402, "UN", b"ab")
    return Forged(file=changed(scene.ct, lambda e: insert(at(e, SIGNATURES).items[0].elements, added)))


# --- inside of signed sequences


def _added_to_item(added: Element) -> Build:
    def build(scene: Scene) -> Forged:
        file = scene.by_dcmsign(part10(_patient(b"P1")))
        return Forged(file=changed(file, lambda e: insert(at(e, OTHER_PATIENT_IDS).items[0].elements, added)))

    return build


NESTED = {
    "A42": Element(PADDING, "OB", b"payload "),
    "A42b": Element(0xFFFA1001, "OB", b"payload "),
    "A42c": Element(0x00041130, "CS", b"PAYLOAD "),
    "A42d": Element(0x00060001, "OB", b"payload "),
    "A42e": Element(0x00080001, "UL", b"load"),
    "A42f": Element(0x00100000, "UL", b"load"),
    "A42g": Element(MAC_PARAMETERS, "SQ"),
}
for _name, _element in NESTED.items():
    attack(_name, "OK, 0", Outcome.QUESTIONABLE, Reason.NESTED_ELEMENT_NOT_SIGNED)(_added_to_item(_element))
attack("A42u", "not signable, 101", Outcome.INVALID, Reason.ELEMENT_NOT_SIGNABLE)(
    _added_to_item(Element(0x00104000, "UN", b"ab"))
)
attack("A42v", "corrupted, 101", Outcome.INVALID, Reason.MAC_MISMATCH)(_added_to_item(Element(0x00104000, "LT", b"ab")))


# --- time


def _old_signer(scene: Scene) -> Credential:
    return scene.authority.issue("old signer", not_before=scene.now - 2 * YEAR, not_after=scene.now + YEAR)


def _stamped(scene: Scene, moment: datetime) -> Forged:
    spans: dict[str, Any] = {"not_before": scene.now - 2 * YEAR, "not_after": scene.now + 2 * YEAR}
    authority = Authority(scene.folder / "long", "Long CA", now=scene.now, **spans)
    extension = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)
    tsa = authority.issue("long tsa", "rsa2048", hosts=(), extensions=[extension], **spans)
    signer = authority.issue("long signer", "rsa2048", **spans)
    file = signed(samples.sample("CT_small.dcm").read_bytes(), signer, at=scene.now - timedelta(minutes=1)).file
    stamped = with_token(file, lambda value: tokens.token(tsa, value, gen_time=generalized(moment)))
    return Forged(file=stamped, trusted=anchors(authority), also="Timestamp Verification : OK")


@attack("A52", "OK, 0", Outcome.QUESTIONABLE, Reason.TIMESTAMP_IN_FUTURE)
def a_token_of_the_future(scene: Scene) -> Forged:
    return _stamped(scene, scene.now + YEAR)


@attack("A52b", "OK, 0", Outcome.QUESTIONABLE, Reason.TIMESTAMP_BEFORE_SIGNING)
def a_token_a_year_before_the_signature(scene: Scene) -> Forged:
    return _stamped(scene, scene.now - YEAR)


@attack("A53", "OK, 0", Outcome.QUESTIONABLE, Reason.TIMESTAMP_REVOKED)
def a_token_of_a_revoked_tsa(scene: Scene) -> Forged:
    tsa = tsa_credential(scene.authority, "revoked tsa")
    revoked = Revoked(tsa.certificate.serial_number, scene.now - DAY / 2)
    crl = scene.authority.crl(revoked, at=scene.now - timedelta(hours=1))
    path = scene.folder / "crl.pem"
    path.write_bytes(x509.load_der_x509_crl(crl).public_bytes(serialization.Encoding.PEM))
    file = with_token(scene.ct, lambda value: tokens.token(tsa, value))
    store = TrustStore(anchors=(scene.authority.credential.der,), crls=(crl,))
    return Forged(file=file, trusted=store, options=("+cr", path), also="Timestamp Verification : OK")


@attack("A54", "OK, 0", Outcome.VALID, Reason.DATETIME_INCOMPLETE, Reason.DATETIME_WITHOUT_OFFSET)
def a_year_as_the_time_of_signing(scene: Scene) -> Forged:
    signer = _old_signer(scene)
    file = part10(with_signatures(body(), forge(signer, date=f"{scene.now:%Y}")))
    return Forged(file=file)


@attack("A54b", "OK, 0", Outcome.VALID, Reason.DATETIME_WITHOUT_OFFSET)
def a_time_without_offset(scene: Scene) -> Forged:
    file = part10(with_signatures(body(), forge(scene.signer, date=f"{scene.now:%Y%m%d%H%M%S}")))
    return Forged(file=file)


@attack("A60", "OK, 0", Outcome.QUESTIONABLE, Reason.VR_UNKNOWN)
def an_element_of_unknown_vr(scene: Scene) -> Forged:
    return Forged(file=scene.ct + EXPLICIT.tag(0x00991001) + b"ZZ\0\0\4\0\0\0any ")


@attack("A61", "OK, 0", Outcome.QUESTIONABLE, Reason.ENCODING_AMBIGUOUS)
def a_first_element_that_looks_explicit(scene: Scene) -> Forged:
    begin = IMPLICIT.element(0x00080016, "UI", b"1.2.34")
    content = begin + IMPLICIT.element(0x00090010, "LO", b"ACME") + IMPLICIT.element(0x00100020, "LO", b"AB")
    first = IMPLICIT.element(0x00080001 | 0x10000, "OB", bytes(int.from_bytes(b"UL", "little")))
    file = scene.by_dcmsign(part10(content, IMPLICIT_LE_UID))
    return Forged(file=file.replace(begin, first + begin, 1))


@attack("A62", "OK, 0", Outcome.QUESTIONABLE, Reason.VALUE_LENGTH_UNFIT)
def a_word_without_its_last_byte(scene: Scene) -> Forged:
    rows = EXPLICIT.element(0x00280010, "US", EXPLICIT.words(128))
    assert rows in scene.ct
    return Forged(file=scene.ct.replace(rows, EXPLICIT.element(0x00280010, "US", b"\x80"), 1))


@attack("A63", "OK, 0", Outcome.QUESTIONABLE, Reason.FRAGMENTS_AMBIGUOUS)
def fragments_of_an_icon_merged(scene: Scene) -> Forged:
    def icon(*fragments: bytes) -> bytes:
        return EXPLICIT.sequence(0x00880200, EXPLICIT.item(EXPLICIT.fragments(0x7FE00010, b"", *fragments)))

    two, one = icon(b"abcd", b"efgh"), icon(b"abcd" + ITEM_TAG + b"efgh")
    file = scene.by_dcmsign(part10(EXPLICIT.element(0x00080016, "UI", b"1.2.34") + two, JPEG_UID))
    assert two in file
    return Forged(file=file.replace(two, one, 1))
