"""Signatures in both directions between Sealgate and DCMTK's dcmsign, on every sample file of pydicom.

What differs between the two is listed here with its reason, and a test fails when an entry no longer applies.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import product
from pathlib import Path

import pydicom
import pytest
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as ItemSequence

from sealgate.dicom import splice, tags
from sealgate.dicom.part10 import DataSet
from sealgate.dicom.scan import Carrier, Element, scan, walk_element
from sealgate.dicom.source import Source
from sealgate.dicom.splice import Span
from sealgate.dicom.vr import BY_NAME
from sealgate.dicom.walk import Kind, Token
from sealgate.errors import DuplicateElement, NotDicom, NothingSignable, SealgateError, Truncated, UnknownTransferSyntax
from sealgate.signature import model
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.reasons import Reason
from sealgate.signature.selection import is_signable, signed_elements
from sealgate.signature.stream import mac_encoding, write_dcmtk_stream, write_stream
from sealgate.trust.store import TrustStore
from sealgate.verification.report import Outcome
from sealgate.verification.verify import Judging, verify
from support import peers, samples
from support.elements import EXPLICIT, IMPLICIT, WRITERS, Writer, part10
from support.pki import Authority, Credential
from support.signing import anchors, opened, signed, verified

pytestmark = pytest.mark.peer

MAC_OPTIONS = {"RIPEMD160": "+mr", "MD5": "+mm", "SHA1": "+ms", "SHA256": "+m2", "SHA384": "+m3", "SHA512": "+m5"}
KEY_KINDS = ("rsa2048", "p256", "p384", "dsa2048")
WAYS = tuple(product(MAC_OPTIONS, KEY_KINDS))
"""Every MAC algorithm with every kind of key; the sample files take turns with them."""

UNREADABLE_FOR_DCMSIGN = {
    "MR_truncated.dcm": Truncated,
    "SC_rgb_jpeg.dcm": Truncated,  # says implicit VR, holds something else
    "no_meta.dcm": NotDicom,
    "rtplan_truncated.dcm": Truncated,
}
"""dcmsign ends with 20, and we say why."""

UNREADABLE_FOR_US = {
    "DICOMDIR-nooffset": Truncated,  # an item reaches beyond the end of the file; dcmsign does not mind
    "meta_missing_tsyntax.dcm": UnknownTransferSyntax,  # dcmsign guesses
}
NOTHING_SIGNABLE = (
    *("dicomdirtests/DICOMDIR", "dicomdirtests/DICOMDIR-bigEnd", "dicomdirtests/DICOMDIR-empty.dcm"),
    *("dicomdirtests/DICOMDIR-implicit", "dicomdirtests/DICOMDIR-nopatient", "dicomdirtests/DICOMDIR-reordered"),
    *("dicomdirtests/DICOMDIR-nooffset", "TINY_ALPHA/DICOMDIR"),
)
"""All elements are in group 0004: dcmsign signs an empty list, which its own verification then refuses."""

DUPLICATES = ("winter.dcm",)
QUESTIONABLE = {
    "rtdose_rle.dcm": (Reason.IDENTITY_NOT_SIGNED, Reason.RENDERING_NOT_SIGNED),  # of VR UN, so it cannot be signed
    "rtdose_rle_1frame.dcm": (Reason.IDENTITY_NOT_SIGNED, Reason.RENDERING_NOT_SIGNED),
    "nested_priv_SQ.dcm": (Reason.UNSIGNED_PAYLOAD,),  # group 0001
    "meta_missing_tsyntax.dcm": (Reason.UNSIGNED_PAYLOAD,),
}
"""Files of which what a reader sees cannot all be signed."""
"""An element stands twice: dcmsign takes the first and drops the other, pydicom shows the last, and we do not sign."""


def is_one_of(path: Path, names: object) -> bool:
    assert isinstance(names, tuple | dict)
    return any(path.as_posix().endswith(f"/{name}") for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A sample file with the way in which it is signed."""

    path: Path
    mac_algorithm: str
    kind: str

    def __str__(self) -> str:
        return samples.label(self.path)


CASES = [Case(path=path, mac_algorithm=WAYS[n % 24][0], kind=WAYS[n % 24][1]) for n, path in enumerate(samples.files())]


class ByDcmsign:
    """What dcmsign made of a file."""

    def __init__(self, case: Case, credential: Credential, folder: Path, *options: object) -> None:
        self.path = case.path
        self.signed_path, dump = folder / "signed.dcm", folder / "stream"
        outcome = peers.dcmsign(
            *("+s", credential.key_path, credential.certificate_path, MAC_OPTIONS[case.mac_algorithm], "+d", dump),
            *(*options, case.path, self.signed_path),
        )
        self.exit_code, self.text = outcome
        self.stream = dump.read_bytes() if dump.exists() else b""

    @cached_property
    def file(self) -> bytes:
        """The signed file."""
        return self.signed_path.read_bytes()

    @cached_property
    def data_set(self) -> DataSet:
        """The signed data set."""
        return opened(self.file)[0]

    @cached_property
    def carrier(self) -> Carrier:
        """The signed data set, scanned."""
        return opened(self.file)[1]

    @property
    def data_elements_signed(self) -> list[int]:
        """The tags that dcmsign chose, as pydicom reads them."""
        listed = pydicom.dcmread(self.signed_path)[0x4FFE0001].value[-1].DataElementsSigned
        if listed is None:
            return []
        return [int(tag) for tag in (listed if isinstance(listed, list | pydicom.multival.MultiValue) else [listed])]


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    found = request.param
    assert isinstance(found, Case)
    return found


@pytest.fixture(scope="module")
def credentials(pki: Authority) -> dict[str, Credential]:
    return {kind: pki.issue(f"signer-{kind}", kind) for kind in KEY_KINDS}


@pytest.fixture(scope="module")
def by_dcmsign(case: Case, credentials: dict[str, Credential], tmp_path_factory: pytest.TempPathFactory) -> ByDcmsign:
    return ByDcmsign(case, credentials[case.kind], tmp_path_factory.mktemp("dcmsign"))


def streams(original: Carrier, of_signature: Carrier, listed: list[int]) -> tuple[bytes, bytes, int]:
    """The standard's stream and dcmsign's, of `listed` elements of `original` and the item of the last signature."""
    item = model.digital_signatures(of_signature)[-1].item
    own_uid = model.mac_parameters(of_signature)[-1].mac_calculation_transfer_syntax_uid
    assert own_uid is not None
    elements, encoding = signed_elements(original, listed), mac_encoding(own_uid)
    standard, dcmtk = bytearray(), bytearray()
    write_stream(standard.extend, original, elements, item, encoding)
    lost = write_dcmtk_stream(dcmtk.extend, original, elements, item, encoding)
    return bytes(standard), bytes(dcmtk), lost


# --- what dcmsign signs


def test_our_stream_equals_the_one_that_dcmsign_dumps(case: Case, by_dcmsign: ByDcmsign) -> None:
    if is_one_of(case.path, UNREADABLE_FOR_DCMSIGN):
        assert by_dcmsign.exit_code == 20
        return
    assert by_dcmsign.exit_code == 0, by_dcmsign.text
    if is_one_of(case.path, NOTHING_SIGNABLE):
        assert by_dcmsign.data_elements_signed == []
        outcome = peers.dcmsign("--verify", by_dcmsign.signed_path)
        assert "DataElementsSigned missing or incorrect" in outcome.text
        return
    if is_one_of(case.path, UNREADABLE_FOR_US):
        original = by_dcmsign.carrier
    else:
        _, original = opened(case.path.read_bytes())
    standard, dcmtk, lost = streams(original, by_dcmsign.carrier, by_dcmsign.data_elements_signed)
    assert standard == by_dcmsign.stream
    assert (dcmtk, lost) == (standard, 0)


def test_what_dcmsign_signed_is_valid_for_us(case: Case, by_dcmsign: ByDcmsign, pki: Authority) -> None:
    if is_one_of(case.path, UNREADABLE_FOR_DCMSIGN):
        return
    report = verified(by_dcmsign.file, anchors(pki), at=datetime.now(UTC))
    (signature,) = report.signatures
    invalid = [reason for reason in signature.reasons if reason.severity > reason.severity.WARNING]
    if is_one_of(case.path, NOTHING_SIGNABLE):
        assert invalid == [Reason.DATA_ELEMENTS_SIGNED_MISSING]
    else:
        assert invalid == []
        odd = tuple(reason for reason in report.reasons if reason.severity > reason.severity.WARNING)
        assert odd == QUESTIONABLE.get(case.path.name, ())
        assert report.outcome is (Outcome.QUESTIONABLE if odd else Outcome.VALID)
        assert signature.mac_algorithm == case.mac_algorithm


@pytest.mark.parametrize("kind", [*KEY_KINDS, "rsa1024", "rsa4096", "dsa1024", "brainpoolp256"])
def test_every_mac_algorithm_with_every_kind_of_key_is_valid_for_us(
    kind: str, sample: Path, pki: Authority, tmp_path: Path
) -> None:
    credential = pki.issue("signer", kind)

    def judged(mac_algorithm: str) -> tuple[Outcome, str | None]:
        folder = tmp_path / mac_algorithm
        folder.mkdir()
        done = ByDcmsign(Case(path=sample, mac_algorithm=mac_algorithm, kind=kind), credential, folder)
        (report,) = verified(done.file, anchors(pki), at=datetime.now(UTC)).signatures
        return report.outcome, report.mac_algorithm

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(judged, MAC_OPTIONS))
    assert results == [(Outcome.VALID, mac_algorithm) for mac_algorithm in MAC_OPTIONS]


# --- what we sign


def test_what_we_signed_is_accepted_by_dcmsign_and_is_the_original_with_insertions(
    case: Case, credentials: dict[str, Credential], pki: Authority, tmp_path: Path
) -> None:
    file = case.path.read_bytes()
    refusal: type[SealgateError] | None = None
    for names in (UNREADABLE_FOR_DCMSIGN, UNREADABLE_FOR_US):
        refusal = next((error for name, error in names.items() if is_one_of(case.path, (name,))), refusal)
    if refusal is None and is_one_of(case.path, NOTHING_SIGNABLE):
        refusal = NothingSignable
    if is_one_of(case.path, DUPLICATES):
        refusal = DuplicateElement
    if refusal is not None:
        with pytest.raises(refusal):
            signed(file, credentials[case.kind])
        return
    done = signed(file, credentials[case.kind], mac_algorithm=case.mac_algorithm, at=datetime.now(UTC))
    original = bytes(done.original.source.view)
    spans = [one for one in splice.segments(len(original), done.created.edits) if isinstance(one, Span)]
    assert b"".join(original[span.start : span.end] for span in spans) == original
    assert done.without_insertions() == original
    assert done.created.dcmtk_lost_bytes == 0
    path = tmp_path / "signed.dcm"
    path.write_bytes(done.file)
    outcome = peers.dcmsign("--verify", "+rg", "+cf", pki.certificate_path, path)
    assert outcome.exit_code == 0, outcome.text
    assert "Signature Verification : OK" in outcome.text.replace("  ", " ")


@pytest.mark.parametrize("kind", [*KEY_KINDS, "rsa4096", "p521", "brainpoolp384"])
def test_every_mac_algorithm_with_every_kind_of_key_is_accepted_by_dcmsign(
    kind: str, sample: Path, pki: Authority, tmp_path: Path
) -> None:
    credential = pki.issue("signer", kind)

    def accepted(mac_algorithm: str) -> tuple[int, str]:
        path = tmp_path / f"{mac_algorithm}.dcm"
        done = signed(sample.read_bytes(), credential, mac_algorithm=mac_algorithm, at=datetime.now(UTC))
        path.write_bytes(done.file)
        return peers.dcmsign("--verify", "+rg", "+cf", pki.certificate_path, path)

    with ThreadPoolExecutor(2) as pool:
        for outcome in pool.map(accepted, MAC_OPTIONS):
            assert outcome[0] == 0, outcome[1]


def test_our_second_signature_and_one_by_dcmsign_stand_side_by_side(
    sample: Path, credentials: dict[str, Credential], pki: Authority, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    ours = tmp_path / "ours.dcm"
    ours.write_bytes(signed(sample.read_bytes(), credentials["p256"], at=now).file)
    case = Case(path=ours, mac_algorithm="SHA384", kind="rsa2048")
    theirs = ByDcmsign(case, credentials["rsa2048"], tmp_path)
    both = signed(theirs.file, credentials["p384"], at=now, uid="1.2.3.4")
    path = tmp_path / "three.dcm"
    path.write_bytes(both.file)
    outcome = peers.dcmsign("--verify", "+rg", "+cf", pki.certificate_path, path)
    assert outcome.exit_code == 0, outcome.text
    report = verified(both.file, anchors(pki), at=datetime.now(UTC))
    assert [one.outcome for one in report.signatures] == [Outcome.VALID] * 3


# --- tampering


def normal_form(vr: str, value: bytes) -> bytes:
    """What a value is for the MAC: here, and only here, a change of padding may go unnoticed."""
    if vr in "AE AS CS DA DS DT IS LO LT PN SH ST TM UC UR UT".split() and len(value) % 2 == 0:
        value = value.rstrip(b" ")
        return value + b" " * (len(value) % 2)
    if vr == "UI":
        value = bytes(octet for octet in value if octet not in b"\t\n\v\f\r ").rstrip(b"\0")
        return value + b"\0" * (len(value) % 2)
    return value


def values_inside(carrier: Carrier, element: Element) -> Iterator[tuple[int, int, str]]:
    """Start, end and VR of every signed value of an element that has at least one byte."""
    if element.kind is Kind.ELEMENT:
        if element.value_end > element.value_start:
            yield element.value_start, element.value_end, str(element.vr)
        return
    depth = 0  # inside a sequence that is never signed
    for token in walk_element(carrier, element):
        depth += _left_out(token, depth)
        if not depth and token.kind in (Kind.ELEMENT, Kind.FRAGMENT) and not _is_never_signed(token):
            assert token.value_end is not None
            if token.value_end > token.value_start:
                yield token.value_start, token.value_end, str(token.vr)


def _is_never_signed(token: Token) -> bool:
    return token.kind is Kind.ELEMENT and tags.is_never_signed(token.tag)


def _left_out(token: Token, depth: int) -> int:
    if token.kind is Kind.SEQUENCE:
        return int(depth > 0 or tags.is_never_signed(token.tag))
    return -1 if token.kind is Kind.SEQUENCE_END and depth else 0


def test_a_changed_byte_of_any_signed_value_is_noticed(case: Case, by_dcmsign: ByDcmsign) -> None:
    if is_one_of(case.path, UNREADABLE_FOR_DCMSIGN) or is_one_of(case.path, NOTHING_SIGNABLE):
        return
    carrier, syntax = by_dcmsign.carrier, by_dcmsign.data_set.syntax
    octets = bytearray(carrier.source.view)
    rng = random.Random(str(case))
    places = [
        place
        for element in signed_elements(carrier, by_dcmsign.data_elements_signed)
        for place in values_inside(carrier, element)
    ]
    for start, end, vr in rng.sample(places, min(len(places), 12)):
        where = rng.randrange(start, end)
        for at, octet in ((where, octets[where] ^ 1 << rng.randrange(8)), (end - 1, rng.choice(b" \0"))):
            before, value = octets[at], bytes(octets[start:end])
            octets[at] = octet
            judging = Judging(store=TrustStore(), now=datetime.now(UTC))
            changed = scan(Source(bytes(octets)), carrier.encoding)
            report = verify(changed, syntax, judging)
            unnoticed = normal_form(vr, value) == normal_form(vr, bytes(octets[start:end]))
            expected = Outcome.INDETERMINATE if unnoticed else Outcome.INVALID
            assert report.outcome is expected, (vr, at, before, octet)
            octets[at] = before


PADDING = {
    "a second NUL behind a UID": ("UI", b"1.2.34", b"1.2.34\0\0"),
    "a space in place of the NUL": ("UI", b"1.2.3\0", b"1.2.3 "),
    "a space inside a UID": ("UI", b"1.2.34", b"1.2 .34 "),
    "spaces behind a text": ("LO", b"ABC ", b"ABC   "),
    "a text of spaces alone": ("LO", b"", b"      "),
}


@pytest.mark.parametrize(("vr", "value", "padded"), PADDING.values(), ids=PADDING)
def test_padding_that_normalisation_removes_goes_unnoticed_by_both(
    vr: str, value: bytes, padded: bytes, credentials: dict[str, Credential], pki: Authority, tmp_path: Path
) -> None:
    tag = 0x00080018 if vr == "UI" else 0x00081030
    element = EXPLICIT.element(tag, vr, value)
    done = signed(
        part10(element + EXPLICIT.element(0x00100020, "LO", b"AB")), credentials["p256"], at=datetime.now(UTC)
    )
    path = tmp_path / "padded.dcm"
    path.write_bytes(done.file.replace(element, EXPLICIT.element(tag, vr, padded), 1))
    assert path.read_bytes() != done.file
    report = verified(path.read_bytes(), anchors(pki), at=datetime.now(UTC))
    grave = {reason for reason in report.reasons if reason.severity > reason.severity.WARNING}
    assert grave == ({Reason.UID_WITH_WHITE_SPACE} if b"2 ." in padded else set())
    outcome = peers.dcmsign("--verify", "+rg", "+cf", pki.certificate_path, path)
    assert outcome.exit_code == 0, outcome.text


@pytest.mark.parametrize("name", ["JPEG2000.dcm", "MR_small_RLE.dcm", "CT_small.dcm"])
def test_a_signature_in_the_old_format_is_valid_where_that_is_asked_for(
    name: str, credentials: dict[str, Credential], pki: Authority, tmp_path: Path
) -> None:
    path, signer = tmp_path / "old.dcm", credentials["rsa2048"]
    made = peers.dcmsign("+s", signer.key_path, signer.certificate_path, "+m2", "-fo", samples.sample(name), path)
    assert made.exit_code == 0, made.text
    data_set, carrier = opened(path.read_bytes())
    judging = Judging(store=anchors(pki), now=datetime.now(UTC))
    (new,) = verify(carrier, data_set.syntax, judging).signatures
    (old,) = verify(carrier, data_set.syntax, replace(judging, old_format=True)).signatures
    assert old.outcome is Outcome.VALID
    if name == "CT_small.dcm":  # without fragments both formats are the same
        assert (new.outcome, old.reasons) == (Outcome.VALID, ())
    else:
        assert new.reasons == (Reason.MAC_MISMATCH,)
        assert old.reasons == (Reason.OLD_FORMAT,)


# --- the content that dcmsign loses


def structure_set(folder: Path) -> Path:
    """An RT structure set with more than 16 KiB of contours two levels deep."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = "1.2.840.10008.5.1.4.1.1.481.3", "1.2.3.4.5", "RTSTRUCT"
    ds.PatientID = "SG1"
    contour = ItemSequence()
    for number in range(41):
        item = Dataset()
        item.ContourGeometricType, item.NumberOfContourPoints = "CLOSED_PLANAR", 100
        item.ContourData = [f"{number}.{point:03}" for point in range(300)]
        contour.append(item)
    roi = Dataset()
    roi.ROIDisplayColor, roi.ContourSequence, roi.ReferencedROINumber = [255, 0, 0], contour, 1
    ds.ROIContourSequence = ItemSequence([roi])
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    path = folder / "structures.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


def test_the_model_of_its_buffer_gives_what_dcmsign_dumps_for_a_structure_set(
    credentials: dict[str, Credential], pki: Authority, tmp_path: Path
) -> None:
    case = Case(path=structure_set(tmp_path), mac_algorithm="SHA256", kind="rsa2048")
    theirs = ByDcmsign(case, credentials["rsa2048"], tmp_path)
    _, original = opened(case.path.read_bytes())
    standard, dcmtk, lost = streams(original, theirs.carrier, theirs.data_elements_signed)
    assert dcmtk == theirs.stream != standard
    assert lost == len(standard) - len(theirs.stream) > 16384
    assert peers.dcmsign("--verify", "+rg", "+cf", pki.certificate_path, theirs.signed_path).exit_code == 0
    (report,) = verified(theirs.file, anchors(pki), at=datetime.now(UTC)).signatures
    assert (report.outcome, report.reasons) == (Outcome.INVALID, (Reason.DCMTK_TRUNCATED_STREAM,))
    assert any(f"left {lost} bytes" in fact.text for fact in report.facts)


def test_our_signature_over_a_structure_set_covers_it_and_is_refused_by_dcmsign(
    credentials: dict[str, Credential], pki: Authority, tmp_path: Path
) -> None:
    done = signed(structure_set(tmp_path).read_bytes(), credentials["p256"], at=datetime.now(UTC))
    assert done.created.dcmtk_lost_bytes > 16384
    assert verified(done.file, anchors(pki), at=datetime.now(UTC)).outcome is Outcome.VALID
    path = tmp_path / "ours.dcm"
    path.write_bytes(done.file)
    outcome = peers.dcmsign("--verify", "+rg", "+cf", pki.certificate_path, path)
    assert outcome.exit_code != 0
    assert "corrupted" in outcome.text
    position = done.file.rindex(b"40.299")
    changed = done.file[:position] + b"41" + done.file[position + 2 :]
    (report,) = verified(changed, anchors(pki), at=datetime.now(UTC)).signatures
    assert report.reasons == (Reason.MAC_MISMATCH,)


def random_items(rng: random.Random, writer: Writer, depth: int) -> bytes:
    """Items with values around the size of the buffer, and sequences in them."""
    items = []
    for _ in range(rng.randrange(1, 4)):
        elements = [writer.element(0x00080100, "SH", b"X" * rng.randrange(0, 20, 2))]
        if depth and rng.random() < 0.8:
            inner = random_items(rng, writer, depth - 1)
            elements.append(writer.sequence(0x00081140, inner, undefined=rng.random() < 0.5))
        elements.append(writer.element(0x00081150, "UI", b"1." + b"2" * rng.randrange(0, 30, 2)))
        elements.append(writer.element(0x00280010, "US", writer.words(*range(rng.randrange(4)))))
        if depth and rng.random() < 0.5:
            inner = random_items(rng, writer, depth - 1) if rng.random() < 0.8 else b""
            elements.append(writer.sequence(0x0040A043, inner, undefined=rng.random() < 0.5))
        size = rng.choice((0, 10, 4000, 9000, 16384, 16384 * 2, 40000)) + rng.randrange(-8, 60, 2)
        elements.append(writer.element(0x0040A160, "UT", b"y" * max(size, 0)))
        items.append(writer.item(*elements, undefined=rng.random() < 0.5))
    return b"".join(items)


def random_nested(seed: int) -> tuple[Writer, bytes]:
    rng = random.Random(seed)
    writer = WRITERS[seed % 3]
    front = writer.element(0x00080018, "UI", b"1.2.34") + writer.element(
        0x00081030, "LO", b"z" * rng.randrange(0, 64, 2)
    )
    sequences = [
        writer.sequence(tag, random_items(rng, writer, rng.randrange(4)), undefined=rng.random() < 0.5)
        for tag in (0x00081140, 0x0040A043, 0x0040A730)
    ]
    return writer, front + b"".join(sequences)


@pytest.mark.parametrize("seeds", [range(n, n + 10) for n in range(0, 60, 10)], ids=lambda seeds: f"{seeds[0]}")
def test_the_model_of_its_buffer_gives_what_dcmsign_dumps_for_random_data_sets(
    seeds: range, credentials: dict[str, Credential], tmp_path: Path
) -> None:
    def differs(seed: int) -> bool:
        folder = tmp_path / str(seed)
        folder.mkdir()
        writer, data_set = random_nested(seed)
        path = folder / "random.dcm"
        path.write_bytes(part10(data_set, writer.uid))
        case = Case(path=path, mac_algorithm="SHA256", kind="p256")
        theirs = ByDcmsign(case, credentials["p256"], folder)
        assert theirs.exit_code == 0, theirs.text
        _, original = opened(path.read_bytes())
        standard, dcmtk, lost = streams(original, theirs.carrier, theirs.data_elements_signed)
        assert dcmtk == theirs.stream, seed
        assert len(standard) == len(dcmtk) + lost
        return lost > 0

    with ThreadPoolExecutor(2) as pool:
        losses = list(pool.map(differs, seeds))
    assert any(losses)


# --- elements that no sample file has


def test_the_stream_of_odd_values_and_words_of_every_vr_equals_that_of_dcmsign(
    credentials: dict[str, Credential], tmp_path: Path
) -> None:
    def compared(number: int) -> None:
        rng = random.Random(number)
        writer = (EXPLICIT, WRITERS[2])[number % 2]
        folder = tmp_path / str(number)
        folder.mkdir()
        elements = [writer.element(0x00090010, "LO", b"SEALGATE")]
        known = sorted(set(BY_NAME) - {"SQ", "UN"})
        for place, vr in enumerate(rng.sample(known, len(known))):
            alphabet = b" 1.A\\\0" if vr not in ("OB", "OW") else bytes(range(256))
            value = bytes(rng.choice(alphabet) for _ in range(rng.randrange(12)))
            elements.append(writer.element(0x00091000 + place, vr, value))
        path = folder / "odd.dcm"
        path.write_bytes(part10(b"".join(elements), writer.uid))
        theirs = ByDcmsign(Case(path=path, mac_algorithm="SHA256", kind="p256"), credentials["p256"], folder)
        assert theirs.exit_code == 0, theirs.text
        _, original = opened(path.read_bytes())
        assert theirs.data_elements_signed == [e.tag for e in original.in_tag_order() if is_signable(e)]
        assert streams(original, theirs.carrier, theirs.data_elements_signed)[0] == theirs.stream

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(compared, range(20)))


AMBIGUOUS = {
    "unsigned pixels, 8-bit waveform": {0x00280103: b"\0\0", 0x54001004: b"\x08\0"},
    "signed pixels, 16-bit waveform": {0x00280103: b"\1\0", 0x54001004: b"\x10\0"},
    "neither": {0x00280103: None, 0x54001004: None},
}


@pytest.mark.parametrize("fixed", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_every_public_element_in_implicit_vr_has_the_vr_that_dcmsign_gives_it(
    fixed: dict[int, bytes | None], credentials: dict[str, Credential], tmp_path: Path
) -> None:
    public = [tag for tag, entry in DicomDictionary.items() if tag >= 0x00080000 and entry[0] != "SQ"]
    repeated = [0x60003000, 0x601E3000, 0x60000010, 0x50003000, 0x5000200C, 0x50000005]
    values = {tag: b"12345678" for tag in (*public, *repeated) if tag < 0xFFFA0000 and tag & 0xFFFF} | fixed
    values |= {0x00080005: b"ISO_IR 100", 0x00287FE0: None}  # dcmsign refuses a Pixel Data Provider URL here
    elements = [IMPLICIT.element(tag, "", value) for tag in sorted(values) if (value := values[tag]) is not None]
    path = tmp_path / "all.dcm"
    path.write_bytes(part10(b"".join(elements), IMPLICIT.uid))
    theirs = ByDcmsign(Case(path=path, mac_algorithm="SHA256", kind="p256"), credentials["p256"], tmp_path)
    assert theirs.exit_code == 0, theirs.text
    _, original = opened(path.read_bytes())
    assert len(theirs.data_elements_signed) > len(elements) - 200  # the newest ones are not in its dictionary
    assert streams(original, theirs.carrier, theirs.data_elements_signed)[0] == theirs.stream


@pytest.mark.parametrize("length", [65534, 65535, 65536])
@pytest.mark.parametrize("vr", ["US", "LO"])
@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_a_value_around_the_longest_that_a_short_vr_takes_equals_that_of_dcmsign(
    writer: Writer, vr: str, length: int, credentials: dict[str, Credential], tmp_path: Path
) -> None:
    if writer.explicit and length > 65535:
        return
    value = bytes(n % 7 + 49 for n in range(length))
    path = tmp_path / "long.dcm"
    data_set = writer.element(0x00081030 if vr == "LO" else 0x00280009 + 7, vr, value)
    path.write_bytes(part10(data_set, writer.uid))
    theirs = ByDcmsign(Case(path=path, mac_algorithm="SHA256", kind="p256"), credentials["p256"], tmp_path)
    assert theirs.exit_code == 0, theirs.text
    _, original = opened(path.read_bytes())
    standard, _, _ = streams(original, theirs.carrier, [element.tag for element in original.elements])
    assert standard == theirs.stream


def test_the_tables_of_exceptions_name_sample_files() -> None:
    paths = samples.files()
    for names in (UNREADABLE_FOR_DCMSIGN, UNREADABLE_FOR_US, NOTHING_SIGNABLE, DUPLICATES):
        for name in names:
            assert any(is_one_of(path, (name,)) for path in paths), name


def test_every_way_of_signing_has_its_turn() -> None:
    assert {(case.mac_algorithm, case.kind) for case in CASES} == set(WAYS)
    assert set(MAC_OPTIONS) == set(MAC_ALGORITHMS)
