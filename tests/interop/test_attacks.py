"""Attacks that dcmsign does not see: each file is built, judged by dcmsign and by us, and held against the docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sealgate.errors import TrustFileUnusable
from sealgate.files.credentials import read_store
from sealgate.signature.reasons import Severity
from sealgate.verification.report import Outcome
from support import peers, samples
from support.attacks import ATTACKS, DCMSIGN_SAYS, Forged, Scene, shown

pytestmark = pytest.mark.peer

DOCUMENT = Path(__file__).parents[2] / "docs" / "attacks.md"
UNREADABLE_CRL = "A51"
"""The attack that is no file: a CRL that cannot be read."""

MUST_NOT_PASS = (
    "A0 A1 A1b A1c A1d A2 A5 A5b A5c A5d A9 A14 A14b A15 A15b A19 A25"
    " A27 A27b A41 A41b A42 A42b A42c A42d A42e A42f A42g"
    " A49 A49b A49c A52 A52b A53 A4b A60 A61 A62 A63"
).split()
"""What dcmsign calls OK although a reader sees, or believes, something else than was signed."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("scene"))


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gets_its_verdict_from_dcmsign_and_from_us(name: str, scene: Scene) -> None:
    attack = ATTACKS[name]
    forged = attack.build(scene)
    report = scene.report(forged)
    assert (report.outcome, shown(report)) == (attack.outcome, tuple(sorted(attack.reasons)))
    word, _, exit_code = attack.dcmsign.rpartition(", ")
    outcome = scene.dcmsign(forged)
    assert DCMSIGN_SAYS[word] in outcome.text
    assert forged.also in outcome.text or forged.also in scene.dcmsign(forged, "-v").text
    assert outcome.exit_code == int(exit_code)


@pytest.mark.parametrize("name", MUST_NOT_PASS)
def test_what_changes_what_a_reader_sees_is_not_valid(name: str) -> None:
    attack = ATTACKS[name]
    assert attack.dcmsign in ("OK, 0", "no signatures, 0", "expired but stamped, 0")
    assert attack.outcome in (Outcome.QUESTIONABLE, Outcome.INVALID)
    assert max(reason.severity for reason in attack.reasons) >= Severity.QUESTIONABLE


@pytest.mark.parametrize(("name", "exit_code"), [("A1", 0), ("A1b", 0), ("A1c", 102), ("A1d", 0)])
def test_the_creator_policy_of_dcmsign_sees_one_overlay_and_nothing_else(
    name: str, exit_code: int, scene: Scene
) -> None:
    assert scene.dcmsign(ATTACKS[name].build(scene), "+rc").exit_code == exit_code


def test_what_the_attacks_start_from_is_valid(scene: Scene) -> None:
    for sample in ("CT_small.dcm", "SC_rgb_rle_2frame.dcm", "examples_jpeg2k.dcm", "MR_small_RLE.dcm", "JPEG2000.dcm"):
        report = scene.report(Forged(file=scene.by_dcmsign(samples.sample(sample).read_bytes())))
        assert report.outcome is Outcome.VALID, sample


def test_a_crl_that_cannot_be_read_stops_us_and_not_dcmsign(scene: Scene) -> None:
    broken = scene.folder / "broken.crl"
    broken.write_bytes(b"-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n")
    outcome = scene.dcmsign(Forged(file=scene.ct), "+cr", broken)
    assert "unable to load CRL file" in outcome.text
    assert (DCMSIGN_SAYS["OK"] in outcome.text, outcome.exit_code) == (True, 0)
    with pytest.raises(TrustFileUnusable):
        read_store(anchors=[scene.authority.certificate_path], crls=[broken])


@pytest.mark.parametrize("options", [("+g", "-e"), ("+g", "+e"), ("+p", "512", "64", "+g=")], ids=" ".join)
@pytest.mark.parametrize(
    "sample", ["test-SR.dcm", "rtplan.dcm", "examples_overlay.dcm", "MR_small_RLE.dcm", "liver_expb_1frame.dcm"]
)
def test_group_lengths_and_padding_that_dcmconv_writes_raise_no_alarm(
    sample: str, options: tuple[str, ...], scene: Scene
) -> None:
    signed, converted = scene.folder / "signed.dcm", scene.folder / "converted.dcm"
    signed.write_bytes(scene.by_dcmsign(samples.sample(sample).read_bytes()))
    outcome = peers.run("dcmconv", *options, signed, converted)
    assert outcome.exit_code == 0, outcome.text
    report = scene.report(Forged(file=converted.read_bytes()))
    assert report.outcome is Outcome.VALID, report.reasons


def rows() -> dict[str, tuple[str, str]]:
    """Verdicts of dcmsign and of us by the name of the attack, as the document has them."""
    found = {}
    for line in DOCUMENT.read_text().splitlines():
        match = re.fullmatch(r"\| (A\d+\w?) \| .+ \| (.+) \| (.+) \|", line)
        if match:
            assert match[1] not in found, match[1]
            found[match[1]] = (match[2], match[3])
    return found


def test_the_document_says_what_the_attacks_come_to() -> None:
    documented = rows()
    documented.pop(UNREADABLE_CRL)
    assert documented == {name: (attack.dcmsign, attack.ours) for name, attack in ATTACKS.items()}
