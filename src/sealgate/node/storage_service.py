"""The interface between associations and the pipeline: what the acceptor asks, and what it may be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from sealgate.node.dimse import StoreRequest, StoreResponse
from sealgate.node.peer import Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why an association is not accepted: the three fields of an A-ASSOCIATE-RJ (PS3.8 table 9-21)."""

    result: int
    source: int
    reason: int


APPLICATION_CONTEXT_NOT_SUPPORTED: Final = Rejection(result=1, source=1, reason=2)
CALLING_AE_TITLE_NOT_RECOGNIZED: Final = Rejection(result=1, source=1, reason=3)
CALLED_AE_TITLE_NOT_RECOGNIZED: Final = Rejection(result=1, source=1, reason=7)
PROTOCOL_VERSION_NOT_SUPPORTED: Final = Rejection(result=1, source=2, reason=2)
TEMPORARY_CONGESTION: Final = Rejection(result=2, source=3, reason=1)
LOCAL_LIMIT_EXCEEDED: Final = Rejection(result=2, source=3, reason=2)

_WORDS: Final = {
    (1, 1): "no reason given",
    (1, 2): "application context name not supported",
    (1, 3): "calling AE title not recognized",
    (1, 7): "called AE title not recognized",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}
_SOURCES: Final = {1: "by its user", 2: "by its upper layer (ACSE)", 3: "by its upper layer (presentation)"}


def describe_rejection(rejection: Rejection) -> str:
    """The three fields of a rejection in words: `for good, by its user: called AE title not recognized`."""
    result = {1: "for good", 2: "for now"}.get(rejection.result, f"with result {rejection.result}")
    source = _SOURCES.get(rejection.source, f"by source {rejection.source}")
    return f"{result}, {source}: {_WORDS.get((rejection.source, rejection.reason), f'reason {rejection.reason}')}"


class Reception(Protocol):
    """One instance on its way in. Called by one thread; ends with either `finish` or `discard`, never with both."""

    def write(self, fragment: memoryview) -> None:
        """Take the next bytes of the data set. `fragment` may not be kept: its buffer is used again.

        May raise StoreRefused; then `discard` follows and the rest of the data set is read and dropped.
        """

    def finish(self) -> StoreResponse:
        """The last fragment is in: do all that a true answer needs, and give it."""

    def discard(self) -> None:
        """The data set will not be completed, or was refused: remove what was written."""


class StorageService(Protocol):
    """Who takes instances. Called by many threads, one for each association."""

    def admit(self, peer: Peer) -> Rejection | None:
        """Whether `peer` may have an association; None if it may."""

    def begin(self, request: StoreRequest) -> Reception:
        """An instance is about to come. May raise StoreRefused(status, comment)."""
