"""pydicom Datasets: as bytes that can be signed or verified, and back."""

from __future__ import annotations

from copy import copy, deepcopy
from io import BytesIO
from typing import TYPE_CHECKING

from sealgate.dicom.part10 import DataSet, open_data_set, open_file
from sealgate.dicom.transfer_syntax import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, transfer_syntax
from sealgate.errors import MalformedDataSet, NotDicom, SealgateError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


NO_PREAMBLE = bytes(128)
"""What stands in front of a file that nobody but DICOM programs is to read (PS3.10 7.1)."""


def opened_dataset(ds: Dataset) -> DataSet:
    """The data set that pydicom would write for `ds`, in the transfer syntax that it has, else explicit little endian.

    Raises NotDicom where `ds` is no Dataset, and MalformedDataSet where pydicom cannot write it.
    """
    from pydicom.dataset import Dataset, FileMetaDataset

    if not isinstance(ds, Dataset):
        raise NotDicom(f"a data set is given as bytes, a path or a pydicom Dataset, not as {type(ds).__name__}")
    uid = _transfer_syntax_uid(ds)
    buffer = BytesIO()
    try:
        if _has_file_meta(ds):
            whole = copy(ds)
            whole.preamble = getattr(ds, "preamble", None) or NO_PREAMBLE  # without one it is no file
            whole.save_as(buffer)
            return open_file(buffer.getvalue())
        syntax = transfer_syntax(uid)
        bare = copy(ds)  # what File Meta Information there is would be written too, and it does not name the syntax
        bare.file_meta, bare.preamble = FileMetaDataset(), None
        bare.save_as(buffer, implicit_vr=not syntax.encoding.explicit, little_endian=syntax.encoding.little_endian)
        return open_data_set(buffer.getvalue(), syntax=syntax)
    except SealgateError:
        raise
    except Exception as error:  # noqa: BLE001
        # pydicom encodes here for the first time what a program assigned, and complains with any kind of error. Its
        # sentences quote the value, which is patient data, so they go no further.
        reason = f"pydicom cannot encode the Dataset ({type(error).__name__})"
        raise MalformedDataSet(reason, 0) from None


def dataset_of(content: bytes, like: Dataset) -> Dataset:
    """The Dataset of signed bytes; it has the File Meta Information that `like` has."""
    from pydicom.filereader import dcmread, read_dataset
    from pydicom.uid import UID

    if _has_file_meta(like):
        return dcmread(BytesIO(content))
    syntax = UID(_transfer_syntax_uid(like))
    result = read_dataset(BytesIO(content), syntax.is_implicit_VR, syntax.is_little_endian)
    result.set_original_encoding(syntax.is_implicit_VR, syntax.is_little_endian, like.original_character_set)
    if getattr(like, "file_meta", None) is not None:
        result.file_meta = deepcopy(like.file_meta)
    return result


def _has_file_meta(ds: Dataset) -> bool:
    file_meta = getattr(ds, "file_meta", None)
    return file_meta is not None and "TransferSyntaxUID" in file_meta


def _transfer_syntax_uid(ds: Dataset) -> str:
    if _has_file_meta(ds):
        return str(ds.file_meta.TransferSyntaxUID)
    implicit_vr, little_endian = ds.original_encoding
    if implicit_vr is None:
        return EXPLICIT_LE
    if implicit_vr:
        return IMPLICIT_LE
    return EXPLICIT_LE if little_endian else EXPLICIT_BE
