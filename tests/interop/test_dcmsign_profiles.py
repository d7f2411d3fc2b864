"""Profiles, held against dcmsign: the same tags, the same refusals, the same verdicts of +rc, +ru and +rs."""

from __future__ import annotations

import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sealgate.dicom.dictionary import STANDARD
from sealgate.dicom.location import Location, signature_carriers
from sealgate.errors import CannotSign, ElementAbsent, ElementNotSignable, ProfileNotMet, SealgateError
from sealgate.signature import model
from sealgate.signature.create import SigningOptions
from sealgate.signature.keys import der_length, key_type, load_certificate, public_key_of
from sealgate.signature.modules import MODULES
from sealgate.signature.profiles import PROFILES, Profile, ProfileName, Reading, Shortfall, deviations, report_profile
from sealgate.signature.purposes import PURPOSES
from sealgate.signature.selection import is_signable
from support import peers, samples
from support.elements import EXPLICIT, part10
from support.pki import Authority, Credential
from support.placing import put
from support.signing import opened

pytestmark = pytest.mark.peer

CREATOR, AUTHORIZATION = PROFILES[ProfileName.CREATOR], PROFILES[ProfileName.AUTHORIZATION]
SR, SR_VERIFICATION = PROFILES[ProfileName.SR], PROFILES[ProfileName.SR_VERIFICATION]
SIGNING = {
    ProfileName.NONE: "-pf",
    ProfileName.BASE: "+pb",
    ProfileName.CREATOR: "+pc",
    ProfileName.AUTHORIZATION: "+pa",
    ProfileName.SR: "+pr",
    ProfileName.SR_VERIFICATION: "+pv",
}
POLICY_NOT_MET = 102
IDENTIFYING = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
VALUE_TYPE, CONCEPT_NAME, CONTENT, OBSERVERS = 0x0040A040, 0x0040A043, 0x0040A730, 0x0040A073
FLAG = EXPLICIT.element(0x0040A493, "CS", b"VERIFIED")


@pytest.fixture(scope="module")
def rsa(pki: Authority) -> Credential:
    return pki.issue("profile-rsa", "rsa2048")


@pytest.fixture(scope="module")
def ec(pki: Authority) -> Credential:
    return pki.issue("profile-ec", "p256")


def element(tag: int) -> bytes:
    """An empty element of the VR that the dictionary has, so that it can stand in any data set."""
    words = STANDARD.words(tag)
    vr = words if len(words) == 2 else "OW"
    return EXPLICIT.sequence(tag) if vr == "SQ" else EXPLICIT.element(tag, vr)


def data_set(tags: Iterable[int], *more: bytes) -> bytes:
    """A file with the identifying UIDs and empty elements."""
    elements = {tag: EXPLICIT.element(tag, "UI", b"1.2.34") for tag in IDENTIFYING}
    elements |= {tag: element(tag) for tag in tags if tag not in elements}
    elements |= {int.from_bytes(one[:2], "little") << 16 | int.from_bytes(one[2:4], "little"): one for one in more}
    return part10(b"".join(elements[tag] for tag in sorted(elements)))


def report(*more: bytes) -> bytes:
    """A structured report with what the profile looks for."""
    return data_set((VALUE_TYPE, CONCEPT_NAME, CONTENT), *more)


def fits(file: bytes, profile: Profile | None) -> bool:
    """Whether any signature fits in DCMTK's reading; without a profile that of a report."""
    _, whole = opened(file)
    chosen = profile if profile is not None else report_profile(whole)
    for place in signature_carriers(whole):
        parameters = {one.mac_id_number: one for one in model.mac_parameters(place.carrier)}
        for signature in model.digital_signatures(place.carrier):
            encoded = signature.certificate_of_signer
            assert encoded is not None
            kind = key_type(public_key_of(load_certificate(encoded[: der_length(encoded)])))
            own = parameters[signature.mac_id_number]
            if not deviations(chosen, place, own, signature, kind, reading=Reading.DCMTK):
                return True
    return False


def policies(file: bytes, pki: Authority, folder: Path, options: Iterable[str] = ("+rc", "+ru", "+rs")) -> list[bool]:
    """Whether dcmsign finds the policies met."""
    path = folder / "judged.dcm"
    path.write_bytes(file)
    outcomes = [peers.dcmsign("--verify", option, "+cf", pki.certificate_path, path) for option in options]
    assert all(outcome.exit_code in (0, POLICY_NOT_MET) for outcome in outcomes), outcomes
    return [outcome.exit_code == 0 for outcome in outcomes]


# --- the tables


def tags_of_dcmsign(option: str) -> Iterable[int]:
    """Tags to be tried: all of the modules, overlays and curves at both ends of their ranges, and others by chance."""
    listed = {tag for tags in MODULES.values() for tag in tags}
    repeated = {tag | 0x00020000 for tag in listed if tag >> 24 in (0x50, 0x60)}
    ends = {0x501E3000, 0x50203000, 0x601E3000, 0x60203000, 0x50000004, 0x60000012, 0x7FE00008, 0x7FE00009}
    rng = random.Random(option)
    others = {rng.randrange(0x0010, 0x0090) << 16 | rng.randrange(1, 0x400) for _ in range(4000)}
    known = {tag for tag in others if STANDARD.words(tag) and not tag >> 16 & 1}
    return sorted((listed | repeated | ends | set(sorted(known)[:40])) - set(IDENTIFYING))


@pytest.mark.parametrize(("option", "profile"), [("+rc", CREATOR), ("+ru", AUTHORIZATION)], ids=["creator", "auth"])
def test_the_table_has_the_tags_of_dcmsign(
    option: str, profile: Profile, rsa: Credential, pki: Authority, tmp_path: Path
) -> None:
    tags = list(tags_of_dcmsign(option))

    def demanded(tag: int) -> bool:
        folder = tmp_path / f"{tag:08x}"
        folder.mkdir()
        file, _ = put(data_set((tag,)), rsa, at=datetime.now(UTC), elements=IDENTIFYING)
        assert fits(file, profile) is not profile.demands(tag, Reading.DCMTK)
        return not policies(file, pki, folder, (option,))[0]

    with ThreadPoolExecutor(2) as pool:
        theirs = {tag for tag, is_demanded in zip(tags, pool.map(demanded, tags), strict=True) if is_demanded}
    assert {f"{tag:08x}" for tag in theirs} == {f"{t:08x}" for t in tags if profile.demands(t, Reading.DCMTK)}


@pytest.mark.parametrize("verified", [False, True], ids=["unverified", "verified"])
def test_the_tables_for_reports_have_the_tags_of_dcmsign(
    verified: bool, rsa: Credential, pki: Authority, tmp_path: Path
) -> None:
    profile = SR_VERIFICATION if verified else SR
    more = (FLAG, element(OBSERVERS)) if verified else ()
    basis = {*IDENTIFYING, VALUE_TYPE, CONCEPT_NAME, CONTENT, *((0x0040A493, OBSERVERS) if verified else ())}
    listed = {tag for tags in MODULES.values() for tag in tags} | {0x0040A030}
    tags = sorted(tag for tag in listed - basis if tag >> 16 in (0x0008, 0x0018, 0x0028, 0x0040))

    def demanded(tag: int) -> bool:
        folder = tmp_path / f"{tag:08x}"
        folder.mkdir()
        file = data_set((VALUE_TYPE, CONCEPT_NAME, CONTENT, tag), *more)
        file, _ = put(file, rsa, at=datetime.now(UTC), elements=tuple(basis))
        return not policies(file, pki, folder, ("+rs",))[0]

    with ThreadPoolExecutor(2) as pool:
        theirs = {tag for tag, is_demanded in zip(tags, pool.map(demanded, tags), strict=True) if is_demanded}
    assert theirs == {tag for tag in tags if profile.demands(tag, Reading.DCMTK)}


@pytest.mark.parametrize("profile", [CREATOR, AUTHORIZATION, SR, SR_VERIFICATION], ids=lambda profile: profile.name)
def test_what_has_to_be_there_is_what_dcmsign_asks_for(
    profile: Profile, rsa: Credential, pki: Authority, tmp_path: Path
) -> None:
    option = {CREATOR: "+rc", AUTHORIZATION: "+ru"}.get(profile, "+rs")
    for missing in (*IDENTIFYING, OBSERVERS, 0x00100010):
        tags = {*IDENTIFYING, VALUE_TYPE, CONCEPT_NAME, CONTENT, OBSERVERS, 0x00100010} - {missing}
        elements = {tag: EXPLICIT.element(tag, "UI", b"1.2.34") for tag in IDENTIFYING if tag in tags}
        elements |= {tag: element(tag) for tag in tags if tag not in elements}
        if profile is SR_VERIFICATION:
            elements[0x0040A493] = FLAG
        file = part10(b"".join(elements[tag] for tag in sorted(elements)))
        file, _ = put(file, rsa, at=datetime.now(UTC))
        assert policies(file, pki, tmp_path, (option,)) == [missing not in profile.required]
        assert fits(file, profile) is (missing not in profile.required)


# --- making signatures


def how_we_sign(file: bytes, credential: Credential, options: SigningOptions) -> tuple[bytes, tuple[int, ...]] | str:
    """The file and its signed elements; or what dcmsign says in such a case."""
    try:
        signed, created = put(file, credential, options, at=datetime.now(UTC))
    except ProfileNotMet as error:
        return {
            Shortfall.DATA_SET: "dataset not suitable for the selected security profile",
            Shortfall.KEY: "signature algorithm not allowed for the selected security profile",
            Shortfall.ELEMENT_ABSENT: "required attributes missing",
        }[Shortfall(error.shortfall)]
    except ElementNotSignable:
        return "list of attributes to be signed contains attribute that is not signable"
    except ElementAbsent:
        return "should be signed but is not present in the dataset"
    return signed, created.data_elements_signed


UNSIGNABLE = (EXPLICIT.element(0x00080070, "UN", b"ABCD"),)
SELECTIONS: tuple[tuple[int, ...] | None, ...] = (
    None,
    (0x00080018,),
    (0x00102000,),  # never there
    (0x00102000, 0xFFFCFFFC),  # never there, and never signable
)
FILES = {
    "ct": samples.sample("CT_small.dcm").read_bytes(),
    "no-uid": part10(EXPLICIT.element(0x00080018, "UI", b"1.2.34") + element(0x00100010)),
    "report": report(element(0x00100010)),
    "verified": report(FLAG, element(OBSERVERS)),
    "verified-by-nobody": report(FLAG),
    "unsignable": data_set((0x00100010,), *UNSIGNABLE),
    "padded": report(EXPLICIT.element(0xFFFCFFFC, "OB", b"\0\0")),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_we_sign_what_dcmsign_signs_and_refuse_what_it_refuses(
    name: str, profile: Profile, rsa: Credential, ec: Credential, pki: Authority, tmp_path: Path
) -> None:
    source, target = tmp_path / "source.dcm", tmp_path / "target.dcm"
    source.write_bytes(FILES[name])
    for credential, wanted in ((ec, None), *((rsa, selection) for selection in SELECTIONS)):
        given = [argument for tag in wanted or () for argument in ("-t", f"{tag >> 16:04x},{tag & 0xFFFF:04x}")]
        keys = (credential.key_path, credential.certificate_path)
        outcome = peers.dcmsign("+s", *keys, SIGNING[profile.name], "+m2", *given, source, target)
        options = SigningOptions(elements=wanted, profile=profile, reading=Reading.DCMTK)
        ours = how_we_sign(FILES[name], credential, options)
        if isinstance(ours, str):
            assert outcome.exit_code == 85, outcome.text
            assert ours in outcome.text
            continue
        assert outcome.exit_code == 0, outcome.text
        _, carrier = opened(target.read_bytes())
        assert model.mac_parameters(carrier)[0].data_elements_signed == ours[1]
        if wanted is not None:
            continue
        judged = [fits(ours[0], CREATOR), fits(ours[0], AUTHORIZATION), fits(ours[0], None)]
        assert policies(ours[0], pki, tmp_path) == judged


def test_a_signature_of_another_item_or_key_fits_no_policy(
    rsa: Credential, ec: Credential, pki: Authority, tmp_path: Path
) -> None:
    file = samples.sample("rtplan.dcm").read_bytes()
    item = Location.parse("BeamSequence[0]")
    in_item, _ = put(file, rsa, profile=PROFILES[ProfileName.BASE], location=item, at=datetime.now(UTC))
    by_ec, _ = put(file, ec, at=datetime.now(UTC))
    both, _ = put(in_item, rsa, uid="1.2.3", at=datetime.now(UTC))
    for signed, met in ((in_item, False), (by_ec, False), (both, True)):
        assert policies(signed, pki, tmp_path) == [met, met, False]
        assert [fits(signed, profile) for profile in (CREATOR, AUTHORIZATION, None)] == [met, met, False]


@pytest.mark.parametrize("path", samples.files()[::7], ids=samples.label)
def test_signatures_over_parts_of_any_file_fit_where_dcmsign_says_so(
    path: Path, rsa: Credential, pki: Authority, tmp_path: Path
) -> None:
    try:
        file = path.read_bytes()
        _, carrier = opened(file)
    except SealgateError:
        return
    rng = random.Random(path.name)
    tags = [one.tag for one in carrier.in_tag_order() if is_signable(one) and not one.tag >> 16 & 1]
    for left_out in (0, 1, 3):
        chosen = sorted(set(tags) - set(rng.sample(tags, min(left_out, len(tags)))))
        try:
            signed, _ = put(file, rsa, at=datetime.now(UTC), elements=tuple(chosen))
        except CannotSign:
            return
        ours = [fits(signed, CREATOR), fits(signed, AUTHORIZATION), fits(signed, None)]
        assert policies(signed, pki, tmp_path) == ours


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_what_we_make_under_our_own_reading_fits_both_others(
    profile: Profile, rsa: Credential, pki: Authority, tmp_path: Path
) -> None:
    file = FILES["verified"]
    purpose = PURPOSES[1] if profile.purpose is None else None
    if profile is SR:
        file, _ = put(file, rsa, profile=SR_VERIFICATION, uid="1.2.3", at=datetime.now(UTC))
    signed, created = put(file, rsa, profile=profile, purpose=purpose, at=datetime.now(UTC))
    assert created.purpose is (profile.purpose or purpose)
    path = tmp_path / "signed.dcm"
    path.write_bytes(signed)
    outcome = peers.dcmsign("--verify", "+rg", "+cf", pki.certificate_path, path)
    assert outcome.exit_code == 0, outcome.text
    place = next(signature_carriers(opened(signed)[1]))
    own, signature = model.mac_parameters(place.carrier)[-1], model.digital_signatures(place.carrier)[-1]
    kind = key_type(rsa.key.public_key())
    for reading in Reading:
        assert deviations(profile, place, own, signature, kind, reading=reading) == ()
