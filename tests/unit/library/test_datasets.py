"""pydicom Datasets as programs have them: read in part, made by hand, with File Meta Information or without."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import get_overloads

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

import sealgate
from sealgate.signature.keys import Signer
from sealgate.verification.report import Outcome
from support import samples
from support.pki import Authority

CT = samples.sample("CT_small.dcm")


@pytest.fixture
def signer(pki: Authority) -> Signer:
    credential = pki.issue("signer")
    return sealgate.load_signer(credential.key_path, credential.certificate_path)


def made_by_hand() -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = "1.2.3"
    ds.PatientName = "Größe^Jürgen"
    ds.ConceptNameCodeSequence = [Dataset()]
    return ds


def with_transfer_syntax() -> Dataset:
    ds = made_by_hand()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def with_meta_of_nothing() -> Dataset:
    ds = made_by_hand()
    ds.file_meta = FileMetaDataset()
    return ds


def without_its_transfer_syntax() -> Dataset:
    ds = pydicom.dcmread(CT)
    del ds.file_meta.TransferSyntaxUID
    return ds


def with_private_elements() -> Dataset:
    ds = made_by_hand()
    block = ds.private_block(0x0011, "MAKER", create=True)
    block.add_new(0x01, "LO", "private")
    block.add_new(0x02, "OB", b"\1\2")
    return ds


def changed_after_reading() -> Dataset:
    ds = pydicom.dcmread(CT)
    ds.PatientName = "Other^Name"
    return ds


@pytest.mark.parametrize(
    "make",
    [
        made_by_hand,
        with_transfer_syntax,
        with_meta_of_nothing,
        without_its_transfer_syntax,
        with_private_elements,
        changed_after_reading,
        lambda: pydicom.dcmread(CT, defer_size=512),
        lambda: pydicom.dcmread(CT, stop_before_pixels=True),
        lambda: pydicom.dcmread(samples.sample("rtplan.dcm")).BeamSequence[0],
    ],
)
def test_it_is_signed_and_comes_back_and_the_given_one_is_as_it_was(
    make: Callable[[], Dataset], signer: Signer, pki: Authority
) -> None:
    ds, before = make(), make()
    signed = sealgate.sign(ds, signer=signer)
    assert ds == before
    assert getattr(ds, "file_meta", None) == getattr(before, "file_meta", None)
    assert getattr(signed, "file_meta", None) == getattr(before, "file_meta", None)
    assert sealgate.verify(signed, pki.certificate_path).outcome is Outcome.VALID
    assert sealgate.remove(signed) == deepcopy(before)


def test_a_type_checker_takes_a_dataset_for_a_dataset() -> None:
    """It takes any class with `__getattr__`, as that of pydicom, for a path too, and the first overload that fits."""
    for function in (sealgate.sign, sealgate.remove):
        kinds = [overload.__annotations__["source"] for overload in get_overloads(function)]
        assert kinds == ["BytesLike", "Dataset", "PathLike"]
