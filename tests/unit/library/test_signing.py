"""`sealgate.sign`, `verify`, `remove` and `signatures` on bytes, paths and pydicom Datasets."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

import sealgate
from sealgate.dicom import transfer_syntax
from sealgate.dicom.reencode import Lengths
from sealgate.errors import (
    ConfigurationError,
    ElementAbsent,
    LocationNotFound,
    MalformedDataSet,
    NotDicom,
    SignatureNotFound,
    UnreadableFile,
    UnwritableFile,
)
from sealgate.library.reencoding import Writing
from sealgate.signature.keys import Signer
from sealgate.verification.report import Outcome
from support import samples
from support.pki import Authority

CT = samples.sample("CT_small.dcm")
NM = samples.sample("JPEG2000.dcm")
PLAN = samples.sample("rtplan.dcm")


@pytest.fixture
def signer(pki: Authority) -> Signer:
    credential = pki.issue("signer")
    return sealgate.load_signer(credential.key_path, credential.certificate_path)


@pytest.fixture
def anchor(pki: Authority) -> Path:
    return pki.certificate_path


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_come_back_as_bytes_with_two_insertions(signer: Signer, anchor: Path, kind: type) -> None:
    original = NM.read_bytes()
    signed = sealgate.sign(kind(original), signer=signer)
    assert type(signed) is bytes
    assert signed[: signed.index(b"\xfe\x4f\x01\x00SQ")] == original[: signed.index(b"\xfe\x4f\x01\x00SQ")]
    assert sealgate.verify(signed, anchor).outcome is Outcome.VALID
    assert sealgate.remove(signed) == original


def test_a_path_goes_to_the_path_that_is_named(signer: Signer, anchor: Path, tmp_path: Path) -> None:
    result = sealgate.sign(str(NM), tmp_path / "signed.dcm", signer=signer)
    assert result == tmp_path / "signed.dcm"
    assert sealgate.verify(result, anchor).outcome is Outcome.VALID
    assert sealgate.remove(result, tmp_path / "plain.dcm") == tmp_path / "plain.dcm"
    assert (tmp_path / "plain.dcm").read_bytes() == NM.read_bytes()


@pytest.mark.parametrize(
    "name", ["JPEG2000.dcm", "rtplan.dcm", "reportsi.dcm", "image_dfl.dcm", "MR_small_bigendian.dcm"]
)
def test_a_dataset_comes_back_as_a_dataset_and_the_given_one_stays(name: str, signer: Signer, anchor: Path) -> None:
    ds = pydicom.dcmread(samples.sample(name))
    before = len(ds)
    signed = sealgate.sign(ds, signer=signer)
    assert isinstance(signed, Dataset)
    assert len(ds) == before
    assert signed.file_meta.TransferSyntaxUID == ds.file_meta.TransferSyntaxUID
    assert len(signed.DigitalSignaturesSequence) == 1
    assert sealgate.verify(signed, anchor).outcome in (Outcome.VALID, Outcome.QUESTIONABLE)
    assert "DigitalSignaturesSequence" not in sealgate.remove(signed)


def test_a_dataset_without_file_meta_is_signed_and_stays_without(signer: Signer, anchor: Path) -> None:
    ds = Dataset()
    ds.PatientID, ds.SOPInstanceUID = "1", "1.2.3"
    signed = sealgate.sign(ds, signer=signer)
    assert not hasattr(signed, "file_meta")
    assert signed.PatientID == "1"
    assert sealgate.verify(signed, anchor).outcome is Outcome.VALID
    signed.PatientID = "2"
    assert sealgate.verify(signed, anchor).outcome is Outcome.INVALID


def test_a_dataset_that_was_changed_and_saved_elsewhere_verifies_as_what_it_is(
    signer: Signer, anchor: Path, tmp_path: Path
) -> None:
    signed = sealgate.sign(pydicom.dcmread(NM), signer=signer)
    signed.save_as(tmp_path / "kept.dcm")
    assert sealgate.verify(tmp_path / "kept.dcm", anchor).outcome is Outcome.VALID
    signed.PatientName = "Somebody^Else"
    signed.save_as(tmp_path / "changed.dcm")
    assert sealgate.verify(tmp_path / "changed.dcm", anchor).outcome is Outcome.INVALID


def test_a_dataset_that_pydicom_cannot_write_is_one_error_of_ours(signer: Signer) -> None:
    ds = Dataset()
    ds.add_new(0x00280010, "US", "not a number")
    with pytest.raises(MalformedDataSet, match="pydicom cannot encode"):
        sealgate.sign(ds, signer=signer)


def test_what_is_no_data_set_at_all_is_one_error_of_ours(signer: Signer) -> None:
    with pytest.raises(NotDicom, match="not as int"):
        sealgate.sign(5, signer=signer)  # type: ignore[call-overload]


def test_an_input_is_written_over_only_when_asked(signer: Signer, anchor: Path, tmp_path: Path) -> None:
    path = tmp_path / "nm.dcm"
    path.write_bytes(NM.read_bytes())
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="in_place=True"):
        sealgate.sign(path, signer=signer)
    (tmp_path / "link.dcm").symlink_to(path)
    with pytest.raises(UnwritableFile, match="the input itself"):
        sealgate.sign(path, tmp_path / "link.dcm", signer=signer)
    assert path.read_bytes() == NM.read_bytes()
    sealgate.sign(tmp_path / "link.dcm", signer=signer, in_place=True)
    assert (tmp_path / "link.dcm").is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert sealgate.verify(path, anchor).outcome is Outcome.VALID
    assert {one.name for one in tmp_path.iterdir()} == {"nm.dcm", "link.dcm"}


def test_bytes_take_no_output_path(signer: Signer, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is returned"):
        sealgate.sign(NM.read_bytes(), tmp_path / "x.dcm", signer=signer)  # type: ignore[call-overload]


def test_a_misspelt_wish_is_a_type_error_before_anything_happens(signer: Signer) -> None:
    with pytest.raises(TypeError, match="profil"):
        sealgate.sign(NM.read_bytes(), signer=signer, profil="base")  # type: ignore[call-overload]


def test_elements_are_named_by_keyword_by_tag_or_by_number(signer: Signer, anchor: Path) -> None:
    signed = sealgate.sign(NM.read_bytes(), signer=signer, elements=["PatientID", "0010,0010", 0x7FE00010])
    [signature] = sealgate.signatures(signed)
    assert signature.data_elements_signed == (0x00100010, 0x00100020, 0x7FE00010)
    assert sealgate.verify(signed, anchor, coverage=["PatientID"]).outcome is not Outcome.INVALID
    assert sealgate.verify(signed, anchor, coverage="rendering").outcome is Outcome.INVALID
    with pytest.raises(ElementAbsent):
        sealgate.sign(NM.read_bytes(), signer=signer, elements=["ContentLabel"])


def test_an_item_is_signed_found_and_removed(signer: Signer) -> None:
    original = PLAN.read_bytes()
    where = "BeamSequence[0].ControlPointSequence[1]"
    signed = sealgate.sign(sealgate.sign(original, signer=signer, location=where), signer=signer)
    found = sealgate.signatures(signed)
    assert [one.location for one in found] == [where, "Main Dataset"]
    assert [one.location for one in found.at("(300a,00b0)[0].(300a,0111)[1]")] == [where]
    assert len(found.at("Main Dataset")) == 1
    inner = found[0].digital_signature_uid
    assert inner is not None
    left = sealgate.remove(signed, digital_signature_uid=inner)
    assert [one.location for one in sealgate.signatures(left)] == ["Main Dataset"]
    assert sealgate.remove(signed) == original
    with pytest.raises(LocationNotFound):
        sealgate.sign(original, signer=signer, location="BeamSequence[9]")


def test_one_signature_of_several_is_verified_by_its_uid(signer: Signer, anchor: Path) -> None:
    first = sealgate.sign(NM.read_bytes(), signer=signer, digital_signature_uid="1.2.3")
    both = sealgate.sign(first, signer=signer, digital_signature_uid="1.2.4")
    report = sealgate.verify(both, anchor, digital_signature_uid="1.2.4")
    assert [one.digital_signature_uid for one in report.signatures] == ["1.2.4"]
    with pytest.raises(SignatureNotFound, match=r"1\.2\.5"):
        sealgate.verify(both, anchor, digital_signature_uid="1.2.5")


def test_the_moment_of_judging_is_an_argument_and_must_be_aware(signer: Signer, anchor: Path) -> None:
    signed = sealgate.sign(NM.read_bytes(), signer=signer)
    assert sealgate.verify(signed, anchor, at=datetime(2099, 1, 1, tzinfo=UTC)).outcome is Outcome.INDETERMINATE
    with pytest.raises(ConfigurationError, match="offset"):
        sealgate.verify(signed, anchor, at=datetime(2099, 1, 1))  # noqa: DTZ001 - the point of the test


@pytest.mark.parametrize(
    "wish",
    [{"revocation": "perhaps"}, {"timestamps": "later"}, {"profile": "best"}, {"coverage": ["NoSuchKeyword"]}],
    ids=lambda wish: next(iter(wish)),
)
def test_words_that_mean_nothing_are_a_configuration_error(anchor: Path, wish: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        sealgate.verify(NM.read_bytes(), anchor, **wish)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wish",
    [{"mac": "CRC32"}, {"profile": "best"}, {"purpose": 19}, {"elements": ["NoSuch"]}, {"location": "Nowhere[0]"}],
    ids=lambda wish: next(iter(wish)),
)
def test_wishes_for_signing_that_mean_nothing_are_a_configuration_error(
    signer: Signer, wish: dict[str, object]
) -> None:
    with pytest.raises(ConfigurationError):
        sealgate.sign(NM.read_bytes(), signer=signer, **wish)  # type: ignore[call-overload]


def test_errors_about_a_file_name_it_and_those_about_bytes_do_not(signer: Signer, tmp_path: Path) -> None:
    (tmp_path / "cut.dcm").write_bytes(NM.read_bytes()[:-1000])
    with pytest.raises(UnreadableFile, match=r"cut\.dcm"):
        sealgate.verify(tmp_path / "cut.dcm")
    with pytest.raises(ElementAbsent, match=r"rtplan\.dcm cannot be signed"):
        sealgate.sign(PLAN, tmp_path / "x.dcm", signer=signer, elements=["PixelData"])
    with pytest.raises(MalformedDataSet):
        sealgate.verify(NM.read_bytes()[:-1000])


def test_progress_rises_to_the_whole(signer: Signer, anchor: Path) -> None:
    signed = sealgate.sign(sealgate.sign(NM.read_bytes(), signer=signer), signer=signer)
    told: list[tuple[int, int]] = []
    report = sealgate.verify(signed, anchor, progress=lambda done, total: told.append((done, total)))
    assert report.outcome is Outcome.VALID
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] > len(signed)


def test_what_was_made_is_told_while_signing(signer: Signer) -> None:
    told = []
    sealgate.sign(CT.read_bytes(), signer=signer, purpose=5, on_signed=told.append)
    assert told[0].created.purpose.code == 5
    assert told[0].created.unsigned_elements == (0xFFFCFFFC,)


def test_the_output_may_be_encoded_anew_before_it_is_signed(signer: Signer, anchor: Path) -> None:
    writing = Writing(syntax=transfer_syntax.BY_UID[transfer_syntax.EXPLICIT_BE], lengths=Lengths.UNDEFINED)
    signed = sealgate.sign(PLAN.read_bytes(), signer=signer, writing=writing)
    assert sealgate.verify(signed, anchor).outcome is Outcome.VALID
    assert pydicom.dcmread(BytesIO(signed)).file_meta.TransferSyntaxUID == transfer_syntax.EXPLICIT_BE


@pytest.mark.parametrize("elements", ["PatientID", 0x00100020, [(0x0010, 0x0020)], ("0010,0020",)])
def test_one_element_needs_no_list_and_a_tag_may_be_a_pair(elements: Any, signer: Signer) -> None:
    signed = sealgate.sign(samples.sample("CT_small.dcm").read_bytes(), signer=signer, elements=elements)
    assert sealgate.signatures(signed)[0].data_elements_signed == (0x00100020,)


def test_pem_that_is_taken_for_a_path_does_not_get_into_the_error(signer: Signer) -> None:
    text = "-----BEGIN PRIVATE KEY-----\nMIIsecret\n-----END PRIVATE KEY-----\n"
    for call in (lambda: sealgate.load_signer(text, text), lambda: sealgate.trust_store(text)):
        with pytest.raises(UnreadableFile, match="give the PEM as bytes") as raised:
            call()
        assert "secret" not in str(raised.value)
