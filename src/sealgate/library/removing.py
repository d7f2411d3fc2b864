"""`sealgate.remove`: one signature, or all, cut out of a data set so that its original bytes come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack, overload

from sealgate.files.writing import Durability
from sealgate.library.signing import handed_back
from sealgate.library.sources import BytesLike, Given, Opened, PathLike, Reading, opened, target_of
from sealgate.signature.remove import Removal, remove_signature, remove_signatures

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


class RemovingKeywords(TypedDict, total=False):
    """What `remove` takes by name."""

    digital_signature_uid: str | None
    """The one signature to remove; by default all are."""
    in_place: bool
    """Write over the input."""
    durability: Durability
    reading: Reading
    on_removed: Callable[[Removal], object] | None
    """Is told what was removed, and where."""


@overload
def remove(source: BytesLike, **wishes: Unpack[RemovingKeywords]) -> bytes: ...
@overload
def remove(source: Dataset, **wishes: Unpack[RemovingKeywords]) -> Dataset: ...
@overload
def remove(source: PathLike, output: PathLike | None = None, **wishes: Unpack[RemovingKeywords]) -> Path: ...
def remove(source: Given, output: PathLike | None = None, **wishes: Unpack[RemovingKeywords]) -> bytes | Path | Dataset:
    """Remove one signature, or all, at any depth, and give back the same kind of thing: bytes, a path, or a Dataset.

    What was added when signing is cut, so that the bytes from before come back (of a deflated data set the inflated
    ones). Signatures inside Original Attributes Sequence (0400,0561) are a record of the past and stay. For what can be
    wished see `RemovingKeywords`.

        >>> sealgate.remove(Path("signed.dcm").read_bytes()) == Path("ct.dcm").read_bytes()
        True

    Raises SignatureNotFound where there is none with the UID, SignatureSequencesUnusable, InputError,
    ConfigurationError and UnwritableFile. A data set without signatures comes back as it is.
    """
    in_place = wishes.get("in_place", False)
    target = target_of(source, output, in_place)
    given = opened(source, wishes.get("reading", Reading()))
    with given.naming():
        removal = remove_opened(given, wishes.get("digital_signature_uid"))
    on_removed = wishes.get("on_removed")
    if on_removed is not None:
        on_removed(removal)
    durability = wishes.get("durability", Durability.FILE)
    return handed_back(source, target, given.spliced(removal.edits), durability=durability, in_place=in_place)


def remove_opened(given: Opened, digital_signature_uid: str | None) -> Removal:
    """What there is to cut from a data set that is open.

    Raises SignatureNotFound, SignatureSequencesUnusable, InputError.
    """
    if digital_signature_uid is None:
        return remove_signatures(given.carrier)
    return remove_signature(given.carrier, digital_signature_uid)
