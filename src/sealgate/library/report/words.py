"""The words of the report: what outcomes, facts and settings mean to somebody who did not run the verification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sealgate.signature.reasons import Reason, Severity
from sealgate.verification.report import DataSetReport, Fact, Outcome, Proof, Status, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An outcome as it is shown: colour, symbol and word always come together."""

    tone: str
    """Name of the colour and of the symbol."""
    word: str


VERDICTS: Mapping[Outcome, Verdict] = {
    Outcome.VALID: Verdict(tone="valid", word="Valid"),
    Outcome.QUESTIONABLE: Verdict(tone="questionable", word="Questionable"),
    Outcome.INDETERMINATE: Verdict(tone="indeterminate", word="Could not be judged"),
    Outcome.INVALID: Verdict(tone="invalid", word="Not valid"),
    Outcome.UNSIGNED: Verdict(tone="unsigned", word="Not signed"),
}
UNREADABLE = Verdict(tone="unreadable", word="Not readable")

_HEADLINES = {
    Outcome.VALID: ("The signature is valid.", "All {count} signatures are valid."),
    Outcome.QUESTIONABLE: (
        "The signature is good, but look closer before you rely on the file.",
        "The signatures are good, but look closer before you rely on the file.",
    ),
    Outcome.INDETERMINATE: (
        "The signature could not be fully judged.",
        "{graver} of {count} signatures could not be fully judged.",
    ),
    Outcome.INVALID: ("The signature is not valid.", "{graver} of {count} signatures are not valid."),
    Outcome.UNSIGNED: ("This file is not signed.", "This file is not signed."),
}
_HEADLINE_OF_FINDINGS = "The file is not valid as a whole."
_HEADLINE_OF_OPEN_FINDINGS = "The file could not be fully judged."
_MEANINGS: Mapping[Outcome, str] = {
    Outcome.VALID: "What is signed has not changed since it was signed, and the certificate of the signer leads to an"
    " authority that is trusted here.",
    Outcome.QUESTIONABLE: "What is signed has not changed, and the signer is trusted here. But something that a reader"
    " sees or relies on is not protected, or is unusual.",
    Outcome.INDETERMINATE: "It is neither shown to be good nor shown to be bad, because something that is needed to"
    " tell is missing. Do not treat the file as valid.",
    Outcome.INVALID: "Signed content, or a signature itself, was changed after signing, or does not prove what it"
    " claims. Do not rely on this file.",
    Outcome.UNSIGNED: "Nothing in it shows who made it, or whether it was changed since.",
}
_MEANING_OF_FINDINGS = (
    "What the signatures prove is not what was asked for, or something is in the file that has no place there. Do not"
    " rely on this file."
)
MEANING_OF_UNREADABLE = "It could not be verified, so nothing is known about its signatures. Do not rely on this file."
HEADLINE_OF_UNREADABLE = "This file cannot be read."

SUMMARIES: Mapping[Outcome, str] = {
    Outcome.VALID: "The signed content is unchanged, and the signer is trusted here.",
    Outcome.QUESTIONABLE: "The signed content is unchanged and the signer is trusted here; the points marked Caution"
    " need a look.",
    Outcome.INDETERMINATE: "Something that is needed to judge this signature is missing; the points below say what.",
    Outcome.INVALID: "This signature proves nothing; the points marked Failed say why.",
}

FACT_NAMES: Mapping[Step, str] = {
    Step.STRUCTURE: "Structure",
    Step.MAC_PARAMETERS: "MAC parameters",
    Step.MAC: "Signature over the content",
    Step.DCMTK_STREAM: "Nested content",
    Step.SIGNER: "Signer’s certificate and key",
    Step.DATES: "Dates",
    Step.PATH: "Certification path",
    Step.REVOCATION: "Revocation",
    Step.TIMESTAMP: "Certified timestamp",
    Step.PROFILE: "Signature profile",
    Step.COVERAGE: "Coverage",
}

_STATUS_WORDS = {
    Status.PASSED: ("passed", "Passed"),
    Status.WARNING: ("note", "Note"),
    Status.FAILED: ("failed", "Failed"),
    Status.INDETERMINATE: ("open", "Could not be checked"),
    Status.NOT_CHECKED: ("not-checked", "Not checked"),
}
_CAUTION = ("caution", "Caution")
_EFFECTS = {
    Severity.WARNING: "Worth knowing; it does not change the outcome.",
    Severity.QUESTIONABLE: "Makes the signature questionable.",
    Severity.INDETERMINATE: "Keeps the signature from being judged.",
    Severity.INVALID: "Makes the signature not valid.",
}
PROOFS: Mapping[Proof, str] = {
    Proof.TIMESTAMP: "the time in its verified timestamp",
    Proof.FIRST_RECEIPT: "the time at which the file was first received",
    Proof.NONE: "the time of this verification, since nothing proves an earlier one",
}


def headline(report: DataSetReport) -> str:
    """One sentence that tells the outcome of a whole file."""
    count = len(report.signatures)
    graver = sum(signature.outcome is report.outcome for signature in report.signatures)
    if not _is_about_signatures(report):
        return _HEADLINE_OF_OPEN_FINDINGS if report.outcome is Outcome.INDETERMINATE else _HEADLINE_OF_FINDINGS
    one, several = _HEADLINES[report.outcome]
    text = (one if count < 2 else several).format(count=count, graver=graver)
    return text.replace("1 of", "One of").replace("are not valid", "is not valid") if graver == 1 < count else text


def _is_about_signatures(report: DataSetReport) -> bool:
    """Whether the outcome comes from signatures; else it comes from findings about the whole."""
    if report.outcome in (Outcome.INVALID, Outcome.INDETERMINATE):
        return any(signature.outcome is report.outcome for signature in report.signatures)
    return True


def meaning(report: DataSetReport, *, points: int) -> str:
    """What the outcome of a whole file means for somebody who wants to use it."""
    told = _MEANINGS[report.outcome] if _is_about_signatures(report) else _MEANING_OF_FINDINGS
    return told if not points else f"{told} The reason:" if points == 1 else f"{told} The reasons:"


def status_words(fact: Fact) -> tuple[str, str]:
    """Key of colour and symbol, and the word, of a fact's status."""
    gravest = max((reason.severity for reason in fact.reasons), default=Severity.WARNING)
    if fact.status is Status.WARNING and gravest is Severity.QUESTIONABLE:
        return _CAUTION
    return _STATUS_WORDS[fact.status]


def effect(reason: Reason) -> str:
    """What a reason does to the outcome, as a sentence."""
    return _EFFECTS[reason.severity]


def gravest_points(facts: Sequence[tuple[str, Fact]]) -> list[str]:
    """Sentences of the facts that made the outcome what it is: the gravest kind of trouble alone, where there is any.

    Each fact comes with the words that say what it is about.
    """
    severities = [max((reason.severity for reason in fact.reasons), default=Severity.WARNING) for _, fact in facts]
    gravest = max(severities, default=Severity.WARNING)
    if gravest is Severity.WARNING:
        return []
    told = (
        f"{about}: {sentence(fact.text)}" for (about, fact), s in zip(facts, severities, strict=True) if s is gravest
    )
    return list(dict.fromkeys(told))


def sentence(text: str) -> str:
    """`text` with a capital letter and a full stop."""
    text = text.strip()
    if not text:
        return ""
    first = text[0].upper() if text.split(" ", 1)[0].isalpha() else text[0]
    return first + text[1:] + ("" if text[-1] in ".!?:" else ".")


def moment(at: datetime) -> str:
    """A moment as people write it, in UTC."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B} {at.year}, {at:%H:%M:%S} UTC"


def day(at: datetime) -> str:
    """The day of a moment, in UTC."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B} {at.year}"
