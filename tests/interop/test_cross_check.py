"""Five hundred objects signed here and verified by dcmsign, the same signed by dcmsign and verified here.

Profiles, MAC algorithms, kinds of keys, transfer syntaxes and nested items are mixed by a fixed seed; a third has a
certified timestamp, and of a fifth a signed value is changed afterwards, which both have to notice.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

import sealgate
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.profiles import ProfileName
from sealgate.verification.report import DataSetReport, Outcome
from support.peers import dcmsign
from support.pki import Authority, Credential
from support.samples import sample
from support.signing import signer
from support.tsa import OpensslTsa, openssl_tsa, tsa_credential

pytestmark = [pytest.mark.peer, pytest.mark.slow]

OBJECTS = 500
PARTS = 20
"""The objects are cut into parts that run side by side."""

KEYS = ("rsa2048", "rsa3072", "dsa2048", "p256", "p384", "p521", "brainpoolp256", "brainpoolp384")
IMAGES = (
    "CT_small.dcm",  # explicit VR, private elements
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "image_dfl.dcm",  # deflated
    "JPEG2000.dcm",
    "MR_small_RLE.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "JPEG-lossy.dcm",
    "liver_expb_1frame.dcm",  # explicit VR big endian, functional groups
    "ExplVR_BigEnd.dcm",
    "rtplan.dcm",  # implicit VR, nested
)
ITEMS = (
    ("rtplan.dcm", "BeamSequence[0]"),
    ("rtplan.dcm", "BeamSequence[0].ControlPointSequence[0]"),
    ("rtplan.dcm", "(300a,0070)[0].(300c,0004)[0]"),
    ("test-SR.dcm", "ContentSequence[0]"),
    ("test-SR.dcm", "ContentSequence[0].ConceptNameCodeSequence[0]"),
    ("liver_expb_1frame.dcm", "SharedFunctionalGroupsSequence[0]"),
)
REPORTS = ("test-SR.dcm", "reportsi.dcm")
_MAC_OPTIONS = {"RIPEMD160": "+mr", "SHA1": "+ms", "MD5": "+mm", "SHA256": "+m2", "SHA384": "+m3", "SHA512": "+m5"}
_PROFILE_OPTIONS = {
    ProfileName.NONE: "-pf",
    ProfileName.BASE: "+pb",
    ProfileName.CREATOR: "+pc",
    ProfileName.AUTHORIZATION: "+pa",
    ProfileName.SR: "+pr",
    ProfileName.SR_VERIFICATION: "+pv",
}
_POLICIES = {
    ProfileName.CREATOR: "+rc",
    ProfileName.AUTHORIZATION: "+ru",
    ProfileName.SR: "+rs",
    ProfileName.SR_VERIFICATION: "+rs",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One object, and how it is signed."""

    number: int
    name: str
    location: str
    profile: ProfileName
    mac: str
    key: str
    purpose: int | None
    timestamped: bool
    tampered: bool

    def __str__(self) -> str:
        where = f" {self.location}" if self.location else ""
        return f"{self.number}: {self.name}{where} {self.profile} {self.mac} {self.key} purpose {self.purpose}"


def cases() -> Iterator[Case]:
    """The objects: every profile with every MAC algorithm comes, and with it whatever key the profile allows."""
    draw = random.Random("cross check")
    for number in range(OBJECTS):
        profile = list(ProfileName)[number % 6]
        mac = list(MAC_ALGORITHMS)[number // 6 % 6]
        location = ""
        if profile in (ProfileName.SR, ProfileName.SR_VERIFICATION):
            name = draw.choice(REPORTS)
        elif profile in (ProfileName.NONE, ProfileName.BASE) and draw.random() < 0.4:
            name, location = draw.choice(ITEMS)
        else:
            name = draw.choice(IMAGES)
        yield Case(
            number=number,
            name=name,
            location=location,
            profile=profile,
            mac=mac,
            key=draw.choice(KEYS) if profile is ProfileName.NONE else draw.choice(KEYS[:2]),
            # Every signature of a report has a purpose (PS3.15 C.4); that of a verification is given.
            purpose=5
            if profile is ProfileName.SR_VERIFICATION
            else draw.choice((1, 5, 14, 18) + (None,) * (profile is not ProfileName.SR)),
            timestamped=number % 3 == 0,
            tampered=number % 5 == 0,
        )


@cache
def content(name: str, *, verified: bool) -> bytes:
    """The object; with `verified` a report says that somebody has verified it."""
    if not verified:
        return sample(name).read_bytes()
    report = pydicom.dcmread(sample(name))
    observer = Dataset()
    observer.VerifyingObserverName = "Reader^A"
    observer.VerificationDateTime = "20260101120000"
    observer.VerifyingOrganization = "Test"
    report.VerificationFlag = "VERIFIED"
    report.VerifyingObserverSequence = Items([observer])
    written = io.BytesIO()
    report.save_as(written)
    return written.getvalue()


def tampered(file: bytes, location: str) -> bytes:
    """The file with one signed value changed by an editor that knows nothing of signatures."""
    data_set = pydicom.dcmread(io.BytesIO(file))
    target: Dataset = data_set
    for step in filter(None, location.split(".")):
        word, _, index = step.rstrip("]").partition("[")
        tag = int(word.strip("()").replace(",", ""), 16) if word.startswith("(") else word
        target = target[tag].value[int(index)]
    texts = ("SH", "LO", "CS", "DS", "IS", "PN", "UI")
    element = next(e for e in target.iterall() if e.VR in texts and e.value and 8 <= e.tag.group < 0x4FFE)
    element.value = {"DS": "7", "IS": "7", "UI": "1.2.7"}.get(element.VR, "CHANGED")
    written = io.BytesIO()
    data_set.save_as(written)
    return written.getvalue()


@dataclass(frozen=True, slots=True)
class Laboratory:
    """Keys, a TSA, and a place for files."""

    folder: Path
    authority: Authority
    tsa: OpensslTsa
    signers: dict[str, Credential]

    @property
    def root(self) -> Path:
        return self.authority.certificate_path


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    folder = tmp_path_factory.mktemp("laboratory")
    authority = Authority(folder / "pki")
    tsa = openssl_tsa(folder / "tsa", tsa_credential(authority))
    return Laboratory(folder, authority, tsa, {key: authority.issue(key, key=key) for key in KEYS})


def dcmsign_says(laboratory: Laboratory, file: Path, case: Case) -> tuple[str, str]:
    """(what it says about the signature, and about the timestamp)."""
    policy = [_POLICIES[case.profile]] if case.profile in _POLICIES else []
    outcome = dcmsign("--verify", "+rg", *policy, "+cf", laboratory.root, file)
    lines = dict(
        line.removeprefix("W: ").strip().split(" : ", 1) for line in outcome.text.splitlines() if " : " in line
    )
    verdict = lines.get("Signature Verification", outcome.text)
    assert outcome.exit_code == (0 if verdict == "OK" else 101), outcome.text
    return verdict, lines.get("Timestamp Verification", "")


def we_say(laboratory: Laboratory, file: Path) -> DataSetReport:
    return sealgate.verify(file, [laboratory.root])


def of_part(part: int) -> list[Case]:
    return [case for case in cases() if case.number % PARTS == part]


@pytest.mark.parametrize("part", range(PARTS))
def test_what_is_signed_here_is_accepted_by_dcmsign(laboratory: Laboratory, part: int) -> None:
    for case in of_part(part):
        file = laboratory.folder / f"ours-{case.number}.dcm"
        signed = sealgate.sign(
            content(case.name, verified=case.profile is ProfileName.SR_VERIFICATION),
            signer=signer(laboratory.signers[case.key]),
            profile=case.profile,
            purpose=case.purpose,
            mac=case.mac,
            timestamp=laboratory.tsa.reply if case.timestamped else None,
            **({"location": case.location} if case.location else {}),
        )
        file.write_bytes(signed)
        assert dcmsign_says(laboratory, file, case) == ("OK", "OK" if case.timestamped else ""), case
        if case.tampered:
            file.write_bytes(tampered(signed, case.location))
            verdict, _ = dcmsign_says(laboratory, file, case)
            assert "document corrupted" in verdict, case
            assert we_say(laboratory, file).outcome is Outcome.INVALID, case


@pytest.mark.parametrize("part", range(PARTS))
def test_what_dcmsign_signs_is_verified_here(laboratory: Laboratory, part: int) -> None:
    for case in of_part(part):
        folder = laboratory.folder / f"theirs-{case.number}"
        folder.mkdir()
        plain, file, query, uid = (folder / name for name in ("plain.dcm", "signed.dcm", "q.tsq", "q.uid"))
        plain.write_bytes(content(case.name, verified=case.profile is ProfileName.SR_VERIFICATION))
        credential = laboratory.signers[case.key]
        command = ("+si", credential.key_path, credential.certificate_path, case.location)
        made = dcmsign(
            *(command if case.location else ("+s", *command[1:3])),
            _PROFILE_OPTIONS[case.profile],
            _MAC_OPTIONS[case.mac],
            *(() if case.purpose is None else ("+sp", case.purpose)),
            *(("+ts", query, uid) if case.timestamped else ()),
            plain,
            file,
        )
        assert made.exit_code == 0, (case, made.text)
        if case.timestamped:
            response, stamped = folder / "q.tsr", folder / "stamped.dcm"
            response.write_bytes(laboratory.tsa.reply(query.read_bytes()))
            inserted = dcmsign("+t", query, response, uid, file, stamped)
            if case.key == "p521" and inserted.exit_code == 87:
                continue  # as below: it takes the byte that pads an odd length for a part of the signature
            assert inserted.exit_code == 0, (case, inserted.text)
            file = stamped
        verdict, timestamp = dcmsign_says(laboratory, file, case)
        report = we_say(laboratory, file)
        (signature,) = report.signatures
        if verdict == "OK":
            assert signature.is_good, (case, signature.reasons)
            assert (timestamp == "OK") is (signature.proven is not None and signature.proven.proof == "timestamp"), case
        else:
            # About every second signature that dcmsign makes with P-521 has a length that it cannot read itself.
            assert case.key == "p521", (case, verdict)
            assert signature.is_good, (case, signature.reasons)
        if case.tampered:
            file.write_bytes(tampered(file.read_bytes(), case.location))
            assert dcmsign_says(laboratory, file, case)[0] != "OK", case
            assert we_say(laboratory, file).outcome is Outcome.INVALID, case


def test_the_objects_are_as_many_and_as_different_as_they_say() -> None:
    chosen = list(cases())
    assert len(chosen) == OBJECTS
    assert len({(case.profile, case.mac) for case in chosen}) == 36
    assert {case.key for case in chosen} == set(KEYS)
    assert sum(case.timestamped for case in chosen) >= OBJECTS // 3
    assert len({case.location for case in chosen}) == len({where for _, where in ITEMS}) + 1
