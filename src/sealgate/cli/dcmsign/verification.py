"""`dcmsign --verify`: every signature in turn, with dcmsign's verdicts, and notes on what dcmsign does not see."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from sealgate.cli.dcmsign import chain, verdicts
from sealgate.cli.dcmsign.certificate import Certificate
from sealgate.cli.dcmsign.codes import Code
from sealgate.cli.dcmsign.details import label, show_signature
from sealgate.cli.dcmsign.judgement import judge
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.selected import Selected, select
from sealgate.cli.dcmsign.settings import Settings, SignaturePolicy
from sealgate.dicom import tags
from sealgate.dicom.location import Place, signature_carriers
from sealgate.dicom.part10 import DataSet
from sealgate.dicom.scan import Carrier, Notes, walk_element
from sealgate.dicom.walk import Kind
from sealgate.errors import InputError
from sealgate.signature import model
from sealgate.signature.model import is_sequence

IGNORED = "Found Digital Signature Sequence within the Original Attributes Sequence, ignoring."


def verify(data_set: DataSet, carrier: Carrier, settings: Settings, run: Run) -> Code:
    """Verify all signatures of a data set. Raises MalformedDataSet and LimitExceeded."""
    run.messages.info("verifying all signatures.")
    work = _Verification(data_set, carrier, settings, run)
    with carrier.source.shared_work() as shared:
        for place in carriers(carrier, run):
            for selected in _signatures(place, run):
                work.verify(selected)
                shared.check()  # what ran into the limit is no matter of this signature
    return work.end()


def note(sentence: str, run: Run) -> None:
    """Say what dcmsign does not say."""
    run.messages.warn(f"{label('Sealgate', verbose=run.messages.is_verbose)}{sentence}")


def carriers(data_set: Carrier, run: Run) -> Iterator[Place]:
    """The carriers of signatures, in dcmsign's order; those inside Original Attributes are only mentioned."""
    ignored = _ignored(data_set)
    for place in signature_carriers(data_set):
        tag = place.location.path[0][0] if place.location.path else tags.DIGITAL_SIGNATURES_SEQUENCE
        while ignored and ignored[0] <= tag:
            run.messages.warn(IGNORED)
            ignored.pop(0)
        sequence = place.carrier.element(tags.DIGITAL_SIGNATURES_SEQUENCE)
        if is_sequence(sequence):
            yield place
        else:
            note(
                f"{tags.written(tags.DIGITAL_SIGNATURES_SEQUENCE)} is there, but is no sequence: it was passed over",
                run,
            )
    for _ in ignored:
        run.messages.warn(IGNORED)


def say_ignored(data_set: Carrier, run: Run) -> None:
    """Mention every Digital Signatures Sequence inside Original Attributes."""
    for _ in _ignored(data_set):
        run.messages.warn(IGNORED)


def _ignored(data_set: Carrier) -> list[int]:
    """For each Digital Signatures Sequence inside Original Attributes the tag of the element at the top around it."""
    found = []
    for element in data_set.in_tag_order():
        if not element.notes & Notes.SIGNATURES or element.kind is not Kind.SEQUENCE:
            continue
        inside = 1 if element.tag == tags.ORIGINAL_ATTRIBUTES_SEQUENCE else 0
        for token in walk_element(data_set, element):
            if token.kind is Kind.SEQUENCE:
                if inside and token.tag == tags.DIGITAL_SIGNATURES_SEQUENCE:
                    found.append(element.tag)
                inside += bool(inside) or token.tag == tags.ORIGINAL_ATTRIBUTES_SEQUENCE
            elif token.kind is Kind.SEQUENCE_END and inside:
                inside -= 1
    return found


def _signatures(place: Place, run: Run) -> Iterator[Selected]:
    signatures = model.digital_signatures(place.carrier)
    try:
        parameters = model.mac_parameters(place.carrier)
    except InputError as error:
        run.messages.warn(str(error))
        parameters = []
    for signature in signatures:
        yield select(place, signature, parameters, run.messages)


class _Verification:
    """One verification: what was found so far."""

    def __init__(self, data_set: DataSet, carrier: Carrier, settings: Settings, run: Run) -> None:
        self._data_set = data_set
        self._carrier = carrier
        self._settings = settings
        self._run = run
        self._now = datetime.now(UTC)
        self._count = 0
        self._corrupted = 0
        self._fulfilled = settings.signature_policy in (SignaturePolicy.IF_PRESENT, SignaturePolicy.ANY)

    def verify(self, selected: Selected) -> None:
        """Verify one signature, and its timestamp where that has a say."""
        run, settings = self._run, self._settings
        self._count += 1
        show_signature(selected, self._count, run)
        if not self._fulfilled:
            from sealgate.cli.dcmsign.policies import fulfils

            self._fulfilled = fulfils(settings.signature_policy, selected, self._carrier)
        judgement = judge(selected, self._data_set.syntax, run, old_format=settings.old_format)
        verdict, is_trusted, has_expired = judgement.verdict, False, False
        if verdict is None:
            assert selected.certificate is not None
            self._warn_of_weak_key(selected.certificate)
            problem = chain.verdict(
                selected.certificate.der, settings.trust, self._now, check_crl=settings.trust.check_crl
            )
            is_trusted, has_expired = problem is None, problem == verdicts.HAS_EXPIRED
            if problem is not None:
                is_unreadable = problem == chain.UNREADABLE
                verdict = verdicts.NO_CERTIFICATE if is_unreadable else f"{verdicts.NO_TRUST}{problem}"
        self._say("Signature Verification", verdict or "OK")
        self._corrupted += not is_trusted
        for sentence in judgement.notes:
            note(sentence, run)
        if is_trusted or has_expired:
            self._verify_timestamp(selected, has_expired)

    def _verify_timestamp(self, selected: Selected, has_expired: bool) -> None:
        from sealgate.cli.dcmsign.timestamp_verification import verify_timestamp

        result = verify_timestamp(selected, self._settings, self._run, self._now, has_expired=has_expired)
        if result is None:
            return
        if result.verdict:
            self._say("Timestamp Verification", result.verdict)
        for sentence in result.notes:
            note(sentence, self._run)
        if result.extends:
            self._corrupted -= 1
        elif not result.is_good and not has_expired:
            self._corrupted += 1  # a signature whose certificate has expired is counted already

    def _warn_of_weak_key(self, certificate: Certificate) -> None:
        if certificate.is_weak:
            self._run.messages.warn(
                f"Certificate contains a weak key: {certificate.key_type}, {certificate.key_size} bits"
            )

    def _say(self, what: str, verdict: str) -> None:
        self._run.messages.warn(f"{label(what, verbose=self._run.messages.is_verbose)}{verdict}")

    def end(self) -> Code:
        """What the whole comes to, with what is said about it."""
        messages, policy = self._run.messages, self._settings.signature_policy
        if not self._count:
            if policy is SignaturePolicy.IF_PRESENT:
                messages.warn("no signatures found in dataset.")
                return Code.NO_ERROR
            messages.error("no signatures found although required by the signature verification policy.")
            return Code.NO_SIGNATURES_PRESENT
        messages.info(f"{self._count} signatures verified in dataset, {self._corrupted} corrupted.")
        if not self._fulfilled:
            messages.error(f"No signature in this dataset fulfills the required {policy.value} signature policy")
            return Code.SIGNATURE_VERIFICATION_POLICY
        return Code.SIGNATURE_VERIFICATION_FAILED if self._corrupted else Code.NO_ERROR
