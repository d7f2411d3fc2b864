"""Output in another transfer syntax, or with other forms of length, and which signatures do not survive it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sealgate.dicom.part10 import DataSet
from sealgate.dicom.reencode import Lengths, reencoded, reencoded_header
from sealgate.dicom.scan import scan
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import TransferSyntax
from sealgate.files.buffers import stored
from sealgate.library.sources import Opened
from sealgate.signature.transit import Risk, endangered_signatures


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How results are encoded; as it stands: like the input, byte for byte."""

    syntax: TransferSyntax | None = None
    """None: that of the input."""
    lengths: Lengths = Lengths.KEPT
    convert_unknown: bool = False
    """Give UN of defined length the VR that the data dictionary knows."""

    @property
    def changes_something(self) -> bool:
        """Whether the input does not simply stay as it is."""
        return self.syntax is not None or self.lengths is not Lengths.KEPT or self.convert_unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Reencoded:
    """A data set that was written anew."""

    given: Opened
    broken: tuple[str, ...]
    """Digital Signature UIDs of signatures whose MAC cannot be the same any more."""
    reader_dependent: tuple[str, ...] = ()
    """UIDs of those that now hold only for readers whose dictionary knows the private elements that they cover."""


def rewritten(given: Opened, writing: Writing) -> Reencoded:
    """The data set as `writing` wants it. Raises ConversionImpossible, InputError and StorageError."""
    if not writing.changes_something:
        return Reencoded(given=given, broken=())
    target = writing.syntax or given.syntax
    pieces = reencoded(
        given.carrier,
        given.syntax,
        replace(target, deflated=False),
        lengths=writing.lengths,
        convert_unknown=writing.convert_unknown,
    )
    buffer = stored(pieces)
    header = (
        memoryview(reencoded_header(given.data_set.header, target.uid)) if given.data_set.header else memoryview(b"")
    )
    data_set = DataSet(source=Source(buffer), syntax=target, header=header)
    after = replace(given, data_set=data_set, carrier=scan(data_set.source, data_set.encoding), original=None)
    endangered = endangered_signatures(given.carrier, target.encoding)
    uids = {
        risk: tuple(one.digital_signature_uid or "(without UID)" for one in endangered if one.risk is risk)
        for risk in (Risk.CERTAIN, Risk.READER)
    }
    return Reencoded(given=after, broken=uids[Risk.CERTAIN], reader_dependent=uids[Risk.READER])
