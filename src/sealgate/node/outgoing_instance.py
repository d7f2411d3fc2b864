"""An instance on its way out, as a requestor takes it: what the C-STORE-RQ says of it, and its bytes in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from sealgate.dicom.transfer_syntax import BY_UID
from sealgate.node.dimse import is_uid

ContextPair = tuple[str, str]
"""SOP class UID and transfer syntax UID: the presentation context that an instance needs."""


@dataclass(slots=True, kw_only=True)
class OutgoingInstance:
    """An instance to be stored, once: its data set goes out as it is. Raises ValueError for what is no instance."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    size: int
    """Bytes of the data set."""
    chunks: Iterable[bytes | memoryview]
    """The data set; each chunk but the last has an even length and is good until the next one is asked for."""
    _begun: Iterator[bytes | memoryview] | None = field(init=False, default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not (is_uid(self.sop_class_uid) and is_uid(self.sop_instance_uid)) or self.size <= 0:
            raise ValueError("an outgoing instance needs two UIDs and a data set")

    @property
    def pair(self) -> ContextPair:
        """The presentation context that it needs."""
        return self.sop_class_uid, self.transfer_syntax_uid

    @property
    def padded_size(self) -> int:
        """Bytes that are sent."""
        return self.size + self._needs_padding

    def read_ahead(self) -> None:
        """Have the first chunk at hand, while there is nothing else to do; a second call does nothing.

        Raises what `chunks` raises.
        """
        if self._begun is None:
            rest = iter(self.chunks)
            self._begun = chain([next(rest, b"")], rest)

    def padded_chunks(self) -> Iterator[bytes | memoryview]:
        """What is sent: the data set, and behind a deflated one of odd length the NUL that PS3.5 A.5 asks for.

        Files often lack it; DCMTK and others abort an association over a fragment of odd length.
        """
        self.read_ahead()
        assert self._begun is not None
        for chunk in self._begun:
            yield bytes(chunk) + b"\0" if self._needs_padding and len(chunk) % 2 else chunk

    @property
    def _needs_padding(self) -> bool:
        syntax = BY_UID.get(self.transfer_syntax_uid)
        return self.size % 2 == 1 and syntax is not None and syntax.deflated
