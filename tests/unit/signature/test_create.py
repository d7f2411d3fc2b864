"""Making a signature: two insertions and nothing else, and refusals by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO

import pydicom
import pytest
from pydicom.filewriter import dcmwrite

from sealgate.dicom import encode, tags
from sealgate.dicom.location import Location
from sealgate.dicom.scan import scan
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import BY_UID, Encoding
from sealgate.errors import (
    CannotSign,
    DuplicateElement,
    ElementAbsent,
    ElementNotSignable,
    LengthOverflow,
    MacIdNumbersUsedUp,
    NothingSignable,
    SignatureSequencesUnusable,
)
from sealgate.signature import model
from sealgate.signature.create import SigningOptions, sign
from sealgate.verification.report import Outcome
from support import samples
from support.elements import BIG, EXPLICIT, IMPLICIT, JPEG_UID, WRITERS, Writer, part10
from support.pki import Authority, Credential
from support.signing import AT, UID, Signed, anchors, opened, signed, signer, verified

SEQUENCE = 0x00081140
MAC_PARAMETERS, SIGNATURES, PADDING = 0x4FFE0001, 0xFFFAFFFA, 0xFFFCFFFC
ENCODINGS = {EXPLICIT: Encoding.EXPLICIT_LE, IMPLICIT: Encoding.IMPLICIT_LE, BIG: Encoding.EXPLICIT_BE}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"), now=AT)


@pytest.fixture(scope="module")
def credential(authority: Authority) -> Credential:
    return authority.issue("signer")


def plain(writer: Writer, *more: bytes) -> bytes:
    name, uid = writer.element(0x00100010, "PN", b"A^B "), writer.element(0x00080018, "UI", b"1.2.34")
    return uid + name + b"".join(more)


def file_of(writer: Writer, *more: bytes) -> bytes:
    return part10(plain(writer, *more), writer.uid)


def refused(error: type[CannotSign], data_set: bytes, credential: Credential, **options: tuple[int, ...]) -> str:
    with pytest.raises(error) as caught:
        signed(part10(data_set), credential, elements=options.get("elements"))
    assert type(caught.value) is error
    return str(caught.value)


# --- what is made


SOME = ("CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "JPEG2000.dcm", "image_dfl.dcm")


@pytest.mark.parametrize("name", [*SOME, "rtplan.dcm", "reportsi.dcm", "ExplVR_LitEndNoMeta.dcm"])
def test_a_signed_file_is_the_original_with_two_insertions(
    name: str, authority: Authority, credential: Credential
) -> None:
    file = samples.sample(name).read_bytes()
    done = signed(file, credential)
    original = bytes(done.original.source.view)
    assert [edit.cut for edit in done.created.edits] == [0, 0]
    assert done.without_insertions() == original
    assert len(done.data_set) == len(original) + sum(len(edit.inserted) for edit in done.created.edits)
    assert done.file.startswith(bytes(done.original.header))
    (report,) = verified(done.file, anchors(authority)).signatures
    assert (report.outcome, report.reasons) == (Outcome.VALID, ())
    assert report.data_elements_signed == done.created.data_elements_signed


@pytest.mark.parametrize("name", SOME)
def test_pydicom_reads_the_signature_that_was_made(name: str, credential: Credential) -> None:
    done = signed(samples.sample(name).read_bytes(), credential, mac_algorithm="SHA512")
    ds = pydicom.dcmread(BytesIO(done.file))
    (parameters,) = ds[MAC_PARAMETERS].value
    (signature,) = ds[SIGNATURES].value
    assert parameters.MACIDNumber == signature.MACIDNumber == done.created.mac_id_number == 0
    assert parameters.MACAlgorithm == "SHA512"
    assert [int(tag) for tag in parameters.DataElementsSigned] == list(done.created.data_elements_signed)
    assert signature.DigitalSignatureUID == UID
    assert signature.DigitalSignatureDateTime == "20260301120000.000000+0000"
    assert signature.CertificateType == "X509_1993_SIG"
    assert signature.CertificateOfSigner[: len(credential.der)] == credential.der
    assert [element.tag for element in signature] == [0x04000005, *range(0x04000100, 0x04000101), 0x04000105,
                                                      0x04000110, 0x04000115, 0x04000120]  # fmt: skip


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_the_sequences_stand_where_tag_order_wants_them(writer: Writer, credential: Credential) -> None:
    pixels = writer.element(0x7FE00010, "OW", b"abcd")
    padding = writer.element(PADDING, "OB", b"ab")
    done = signed(file_of(writer, pixels, padding), credential)
    carrier = scan(Source(done.data_set), ENCODINGS[writer])
    assert [element.tag for element in carrier.elements][2:] == [MAC_PARAMETERS, 0x7FE00010, SIGNATURES, PADDING]
    assert carrier.notes == 0


def test_the_mac_transfer_syntax_is_that_of_the_file_where_it_is_explicit_little_endian(credential: Credential) -> None:
    def written(name: str) -> str | None:
        _, carrier = opened(signed(samples.sample(name).read_bytes(), credential).file)
        return model.mac_parameters(carrier)[0].mac_calculation_transfer_syntax_uid

    assert written("CT_small.dcm") == written("MR_small_implicit.dcm") == "1.2.840.10008.1.2.1"
    assert written("MR_small_bigendian.dcm") == written("ExplVR_LitEndNoMeta.dcm") == "1.2.840.10008.1.2.1"
    assert written("image_dfl.dcm") == "1.2.840.10008.1.2.1.99"
    assert written("JPEG2000.dcm") == "1.2.840.10008.1.2.4.91"


def test_what_may_not_be_signed_is_left_out_and_named(credential: Credential) -> None:
    un = EXPLICIT.element(0x00091002, "UN", b"ab")
    spoilt = EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(EXPLICIT.element(0x00081199, "UN", b"ab")))
    data_set = EXPLICIT.element(0x00080000, "UL", bytes(4)) + spoilt + un + EXPLICIT.element(0x00100020, "LO", b"AB")
    created = signed(part10(data_set), credential).created
    assert created.data_elements_signed == (0x00100020,)
    assert created.unsigned_elements == (SEQUENCE, 0x00091002)


def test_private_elements_are_left_out_of_implicit_vr_since_readers_differ_in_their_vr(credential: Credential) -> None:
    def content(writer: Writer) -> bytes:
        creator = writer.element(0x00190010, "LO", b"GEMS_ACQU_01")
        return creator + writer.element(0x00191002, "SL", bytes(4))

    assert signed(file_of(EXPLICIT, content(EXPLICIT)), credential).created.unsigned_elements == ()
    implicit = file_of(IMPLICIT, content(IMPLICIT))
    assert signed(implicit, credential).created.unsigned_elements == (0x00191002,)
    inside = file_of(IMPLICIT, IMPLICIT.sequence(0x00400275, IMPLICIT.item(content(IMPLICIT))))
    assert signed(inside, credential).created.unsigned_elements == (0x00400275,)
    asked = signed(implicit, credential, elements=(0x00191002,)).created
    assert asked.data_elements_signed == (0x00191002,)


def test_a_list_of_elements_is_signed_sorted_and_once_each(authority: Authority, credential: Credential) -> None:
    file = samples.sample("CT_small.dcm").read_bytes()
    wanted = (0x00100020, 0x00080018, 0x00100020)
    done = signed(file, credential, elements=wanted)
    assert done.created.data_elements_signed == (0x00080018, 0x00100020)
    assert 0x7FE00010 in done.created.unsigned_elements
    assert done.without_insertions() == bytes(done.original.source.view)
    (report,) = verified(done.file, anchors(authority)).signatures
    assert report.outcome is Outcome.VALID
    assert (*report.unsigned_elements, PADDING) == done.created.unsigned_elements


def test_elements_out_of_order_are_signed(authority: Authority, credential: Credential) -> None:
    data_set = EXPLICIT.element(0x00100020, "LO", b"AB") + EXPLICIT.element(0x00080018, "UI", b"1.2.34")
    done = signed(part10(data_set), credential)
    assert done.created.data_elements_signed == (0x00080018, 0x00100020)
    assert verified(done.file, anchors(authority)).outcome is Outcome.VALID
    assert done.without_insertions() == data_set


# --- existing signatures


@pytest.mark.parametrize("name", SOME)
def test_a_second_signature_leaves_the_first_one_valid(name: str, authority: Authority, credential: Credential) -> None:
    first = signed(samples.sample(name).read_bytes(), credential)
    second = signed(first.file, authority.issue("second", "rsa2048"), mac_algorithm="SHA384", uid="1.2.3")
    report = verified(second.file, anchors(authority))
    assert [one.outcome for one in report.signatures] == [Outcome.VALID] * 2
    assert [one.digital_signature_uid for one in report.signatures] == [UID, "1.2.3"]
    assert (first.created.mac_id_number, second.created.mac_id_number) == (0, 1)
    assert second.without_insertions() == first.data_set
    assert sorted(edit.cut for edit in second.created.edits) == [0, 0, 4, 4]


def with_undefined_lengths(file: bytes) -> bytes:
    ds = pydicom.dcmread(BytesIO(file))
    for tag in (MAC_PARAMETERS, SIGNATURES):
        ds[tag].is_undefined_length = True
        for item in ds[tag].value:
            item.is_undefined_length_sequence_item = True
    out = BytesIO()
    dcmwrite(out, ds)
    return out.getvalue()


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm"])
def test_sequences_of_undefined_length_are_extended_before_their_delimiter(
    name: str, authority: Authority, credential: Credential
) -> None:
    first = with_undefined_lengths(signed(samples.sample(name).read_bytes(), credential).file)
    second = signed(first, credential, uid="1.2.3")
    assert [edit.cut for edit in second.created.edits] == [0, 0]
    assert second.without_insertions() == bytes(second.original.source.view)
    report = verified(second.file, anchors(authority))
    assert [one.outcome for one in report.signatures] == [Outcome.VALID] * 2


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_empty_signature_sequences_are_filled(writer: Writer, authority: Authority, credential: Credential) -> None:
    for undefined in (False, True):
        empty = [writer.sequence(tag, undefined=undefined) for tag in (MAC_PARAMETERS, SIGNATURES)]
        done = signed(file_of(writer, *empty), credential)
        assert verified(done.file, anchors(authority)).outcome is Outcome.VALID
        assert done.without_insertions() == plain(writer, *empty)


def mac_item(number: int) -> bytes:
    return EXPLICIT.item(EXPLICIT.element(0x04000005, "US", EXPLICIT.words(number)))


def test_the_smallest_free_mac_id_number_of_both_sequences_is_taken(credential: Credential) -> None:
    parameters = EXPLICIT.sequence(MAC_PARAMETERS, mac_item(0), mac_item(2))
    signatures = EXPLICIT.sequence(SIGNATURES, mac_item(1), mac_item(4))
    assert signed(file_of(EXPLICIT, parameters, signatures), credential).created.mac_id_number == 3


def test_used_up_mac_id_numbers_are_refused(credential: Credential, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealgate.signature.model.MAX_SIGNATURES", 0x10000)
    numbers = [mac_item(number) for number in range(0x10000)]
    used = plain(EXPLICIT, EXPLICIT.sequence(MAC_PARAMETERS, *numbers[1:]))
    assert signed(part10(used), credential).created.mac_id_number == 0
    used = plain(EXPLICIT, EXPLICIT.sequence(MAC_PARAMETERS, *numbers))
    assert "65,536" in refused(MacIdNumbersUsedUp, used, credential)


@pytest.mark.parametrize("tag", [MAC_PARAMETERS, SIGNATURES], ids=tags.written)
def test_signature_sequences_that_are_no_sequences_are_not_extended(tag: int, credential: Credential) -> None:
    un = EXPLICIT.header(tag, "UN", 0xFFFFFFFF) + IMPLICIT.item() + IMPLICIT.delimiter(0xFFFEE0DD)
    for value in (EXPLICIT.element(tag, "OB", b"abcd"), EXPLICIT.element(tag, "UN", EXPLICIT.item()), un):
        assert tags.written(tag) in refused(SignatureSequencesUnusable, plain(EXPLICIT, value), credential)


def test_too_many_signatures_are_not_extended(credential: Credential) -> None:
    many = plain(EXPLICIT, EXPLICIT.sequence(SIGNATURES, *[EXPLICIT.item()] * 1001))
    assert "1001" in refused(SignatureSequencesUnusable, many, credential)


# --- refusals


@pytest.mark.parametrize(
    "data_set",
    [
        b"",
        EXPLICIT.element(0x00041130, "CS", b"DIR "),
        EXPLICIT.element(0x00080000, "UL", bytes(4)) + EXPLICIT.element(PADDING, "OB", b"ab"),
        EXPLICIT.element(0x00080060, "UN", b"CT"),
    ],
    ids=["empty", "directory", "never signed", "UN"],
)
def test_a_data_set_without_signable_elements_is_refused(data_set: bytes, credential: Credential) -> None:
    refused(NothingSignable, data_set, credential)


def test_an_empty_list_of_elements_is_refused(credential: Credential) -> None:
    refused(NothingSignable, plain(EXPLICIT), credential, elements=())


NAME = EXPLICIT.element(0x00100010, "PN", b"A^B ")
DUPLICATES = {
    "behind": plain(EXPLICIT, NAME),
    "in front": NAME + plain(EXPLICIT),
    "of an unsignable one": EXPLICIT.element(0x00091002, "UN", b"ab") * 2 + plain(EXPLICIT),
    "of group lengths": EXPLICIT.element(0x00080000, "UL", bytes(4)) * 2 + plain(EXPLICIT),
    "in an item": EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(), EXPLICIT.item(NAME, NAME)),
    "in an item, apart": EXPLICIT.sequence(
        SEQUENCE, EXPLICIT.item(NAME, EXPLICIT.element(0x00100020, "LO", b"AB"), NAME)
    ),
    "deeper": EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(NAME, NAME)))),
    "of sequences": EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(EXPLICIT.sequence(SEQUENCE) * 2)),
}


@pytest.mark.parametrize("data_set", DUPLICATES.values(), ids=DUPLICATES)
def test_duplicates_are_refused_by_name_wherever_they_stand(data_set: bytes, credential: Credential) -> None:
    sentence = refused(DuplicateElement, data_set, credential)
    assert sentence.startswith("(") and "stands twice" in sentence  # noqa: PT018
    assert "A^B" not in sentence


def test_duplicates_in_implicit_vr_and_big_endian_are_refused(credential: Credential) -> None:
    for writer in (IMPLICIT, BIG):
        twice = writer.element(0x00100010, "PN", b"A^B ")
        with pytest.raises(DuplicateElement, match="0010,0010"):
            signed(file_of(writer, twice), credential)


def test_an_absent_element_is_refused_by_name(credential: Credential) -> None:
    sentence = refused(ElementAbsent, plain(EXPLICIT), credential, elements=(0x00100010, 0x00100020))
    assert "(0010,0020)" in sentence


@pytest.mark.parametrize(
    "element",
    [
        EXPLICIT.element(0x00100020, "UN", b"AB"),
        EXPLICIT.element(0x00100020, "ZZ", b"AB"),
        EXPLICIT.sequence(0x00100020, EXPLICIT.item(EXPLICIT.element(0x00100010, "UN", b"AB"))),
    ],
    ids=["UN", "unknown VR", "UN inside"],
)
def test_an_element_that_may_not_be_signed_is_refused_by_name(element: bytes, credential: Credential) -> None:
    sentence = refused(ElementNotSignable, plain(EXPLICIT, element), credential, elements=(0x00100010, 0x00100020))
    assert "(0010,0020)" in sentence


def test_elements_that_are_never_signed_cannot_be_asked_for(credential: Credential) -> None:
    data_set = plain(EXPLICIT, EXPLICIT.element(PADDING, "OB", b"ab"))
    assert "(fffc,fffc)" in refused(ElementNotSignable, data_set, credential, elements=(PADDING,))


def test_pixel_data_that_does_not_fit_the_transfer_syntax_is_refused(credential: Credential) -> None:
    native, fragments = EXPLICIT.element(0x7FE00010, "OW", b"ab"), EXPLICIT.fragments(0x7FE00010, b"", b"ab")
    assert "pixel data" in refused(CannotSign, plain(EXPLICIT, fragments), credential)
    with pytest.raises(CannotSign, match="pixel data"):
        signed(part10(plain(EXPLICIT, native), JPEG_UID), credential)


def test_a_list_of_signed_elements_that_does_not_fit_its_length_field_is_refused(
    authority: Authority, credential: Credential
) -> None:
    elements = [EXPLICIT.element(0x00110010 + n, "LO") for n in range(0x4000)]
    assert "16384" in refused(LengthOverflow, b"".join(elements), credential)
    fitting = signed(part10(b"".join(elements[1:])), credential)
    assert len(fitting.created.data_elements_signed) == 0x3FFF
    assert verified(fitting.file, anchors(authority)).outcome is Outcome.VALID


def test_a_signature_sequence_that_would_reach_ffffffff_is_refused(
    credential: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = signed(file_of(EXPLICIT), credential)
    _, carrier = opened(first.file)
    sequence = carrier.element(SIGNATURES)
    assert sequence is not None
    monkeypatch.setattr(encode, "UNDEFINED_LENGTH", 2 * (sequence.end - sequence.start) - 100)
    with pytest.raises(LengthOverflow, match=r"would have a length of \d+ bytes"):
        signed(first.file, credential)
    monkeypatch.setattr(encode, "UNDEFINED_LENGTH", 100)
    with pytest.raises(LengthOverflow, match="length of"):
        signed(file_of(EXPLICIT), credential)


def test_the_time_must_be_given_in_utc(credential: Credential) -> None:
    _, carrier = opened(file_of(EXPLICIT))
    for at in (datetime(2026, 3, 1, 12), datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=1)))):  # noqa: DTZ001
        with pytest.raises(ValueError, match="UTC"):
            sign(carrier, BY_UID[EXPLICIT.uid], signer(credential), SigningOptions(), digital_signature_uid=UID, at=at)


def test_the_same_arguments_give_the_same_edits_with_rsa(authority: Authority) -> None:
    rsa = authority.issue("rsa", "rsa2048")
    file = samples.sample("CT_small.dcm").read_bytes()
    once, again = signed(file, rsa), signed(file, rsa)
    assert isinstance(once, Signed)
    assert once.created == again.created
    assert signed(file, rsa, at=AT.astimezone(UTC) + timedelta(seconds=1)).created != once.created


@pytest.mark.parametrize("text", ["(fffa,fffa)[0]", "(4ffe,0001)[0]", "OriginalAttributesSequence[0]"])
def test_nothing_is_signed_where_signatures_would_be_spoilt_or_overlooked(text: str, credential: Credential) -> None:
    past = EXPLICIT.sequence(0x04000561, EXPLICIT.item(EXPLICIT.element(0x00100010, "PN", b"A^B ")))
    data_set, carrier = opened(signed(file_of(EXPLICIT, past), credential).file)
    with pytest.raises(ElementNotSignable, match="nothing is signed inside of"):
        sign(
            carrier,
            data_set.syntax,
            signer(credential),
            SigningOptions(),
            digital_signature_uid=UID,
            at=AT,
            location=Location.parse(text),
        )
