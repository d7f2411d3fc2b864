"""What we accept of the presentation contexts that a requestor proposes (PS3.8 annex B, PS3.4 B.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from sealgate.dicom.transfer_syntax import BY_UID, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from sealgate.node.associate import AnsweredContext, AssociateRequest, ContextOutcome

VERIFICATION_SOP_CLASS_UID: Final = "1.2.840.10008.1.1"

RETIRED_STORAGE_SOP_CLASSES: Final = (
    "1.2.840.10008.5.1.1.27",  # Stored Print
    "1.2.840.10008.5.1.1.29",  # Hardcopy Grayscale Image
    "1.2.840.10008.5.1.1.30",  # Hardcopy Color Image
    "1.2.840.10008.5.1.4.1.1.3",  # Ultrasound Multi-frame Image
    "1.2.840.10008.5.1.4.1.1.5",  # Nuclear Medicine Image
    "1.2.840.10008.5.1.4.1.1.6",  # Ultrasound Image
    "1.2.840.10008.5.1.4.1.1.8",  # Standalone Overlay
    "1.2.840.10008.5.1.4.1.1.9",  # Standalone Curve
    "1.2.840.10008.5.1.4.1.1.10",  # Standalone Modality LUT
    "1.2.840.10008.5.1.4.1.1.11",  # Standalone VOI LUT
    "1.2.840.10008.5.1.4.1.1.12.3",  # X-Ray Angiographic Bi-Plane Image
    "1.2.840.10008.5.1.4.1.1.129",  # Standalone PET Curve
)
"""Storage SOP classes that PS3.4 has retired and pynetdicom does not list; old modalities and archives send them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedContext:
    """A presentation context that both sides may use."""

    context_id: int
    abstract_syntax_uid: str
    transfer_syntax_uid: str


def _rank(uid: str) -> int:
    """Place of a transfer syntax in our order of preference.

    What is encapsulated can come from its sender in no other way without being decoded. Implicit VR comes last: it
    loses the value representations of private elements, and with them signatures made over explicit VR.
    """
    if BY_UID[uid].encapsulated:
        return 0
    return {EXPLICIT_LE: 1, EXPLICIT_BE: 2, IMPLICIT_LE: 4}.get(uid, 3)  # the deflated ones are left


_RANKS: Final = {uid: _rank(uid) for uid in BY_UID}


def choose_transfer_syntax(proposed: tuple[str, ...]) -> str | None:
    """The transfer syntax that we accept of those proposed, None where all are unknown.

    Of equals it is the one proposed first: among compressed ones the sender knows which it has.
    """
    known = [uid for uid in proposed if uid in _RANKS]
    return min(known, key=_RANKS.__getitem__, default=None)


@cache
def storage_sop_classes() -> frozenset[str]:
    """UIDs of all storage SOP classes (PS3.4 B.5, GG.3) that pynetdicom knows, and the retired ones."""
    # Takes a second and 50 MB, which those who only send do without; a listener asks before it listens.
    from pynetdicom.presentation import AllStoragePresentationContexts, NonPatientObjectPresentationContexts

    contexts = (*AllStoragePresentationContexts, *NonPatientObjectPresentationContexts)
    return frozenset((*map(str, (context.abstract_syntax for context in contexts)), *RETIRED_STORAGE_SOP_CLASSES))


def answer_contexts(request: AssociateRequest, *, unrestricted: bool) -> tuple[AnsweredContext, ...]:
    """Our answer to each proposed presentation context.

    `unrestricted`: any abstract syntax is taken for a storage SOP class, as private ones are.
    """
    storage = storage_sop_classes()
    answers = []
    for context in request.contexts:
        syntax = choose_transfer_syntax(context.transfer_syntax_uids)
        abstract = context.abstract_syntax_uid
        if not (unrestricted or abstract in storage or abstract == VERIFICATION_SOP_CLASS_UID):
            outcome = ContextOutcome.ABSTRACT_SYNTAX_NOT_SUPPORTED
        elif syntax is None:
            outcome = ContextOutcome.TRANSFER_SYNTAXES_NOT_SUPPORTED
        else:
            outcome = ContextOutcome.ACCEPTED
        accepted = syntax if syntax and outcome is ContextOutcome.ACCEPTED else ""
        answers.append(AnsweredContext(context_id=context.context_id, outcome=outcome, transfer_syntax_uid=accepted))
    return tuple(answers)


def accepted_contexts(request: AssociateRequest, answers: Iterable[AnsweredContext]) -> dict[int, AcceptedContext]:
    """The presentation contexts that may be used, by their ID. Answers to what was not proposed are left out."""
    abstract_syntaxes = {context.context_id: context.abstract_syntax_uid for context in request.contexts}
    return {
        answer.context_id: AcceptedContext(
            context_id=answer.context_id,
            abstract_syntax_uid=abstract_syntaxes[answer.context_id],
            transfer_syntax_uid=answer.transfer_syntax_uid,
        )
        for answer in answers
        if answer.outcome == ContextOutcome.ACCEPTED and answer.context_id in abstract_syntaxes
    }
