"""Profiles: what is asked of a signature in each of the three readings, and that every decision is written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.dicom.location import Location, find, main_place
from sealgate.errors import ElementNotSignable, ProfileNotMet
from sealgate.signature import model
from sealgate.signature.algorithms import KeyType
from sealgate.signature.profiles import (
    PROFILES,
    ProfileName,
    Reading,
    Shortfall,
    deviations,
    has_verification_signature,
    report_profile,
)
from sealgate.signature.purposes import PURPOSES
from support.elements import EXPLICIT, IMPLICIT, IMPLICIT_LE_UID, part10
from support.forging import forge, with_signatures
from support.pki import Authority, Credential
from support.placing import put
from support.signing import opened

BASE, CREATOR = PROFILES[ProfileName.BASE], PROFILES[ProfileName.CREATOR]
AUTHORIZATION, SR = PROFILES[ProfileName.AUTHORIZATION], PROFILES[ProfileName.SR]
SR_VERIFICATION = PROFILES[ProfileName.SR_VERIFICATION]
IDENTIFYING = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
DOCS = Path(__file__).parents[3] / "docs" / "profiles.md"
OBSERVERS = EXPLICIT.sequence(0x0040A073, EXPLICIT.item(EXPLICIT.element(0x0040A030, "DT", b"2026")))
VERIFIED = (EXPLICIT.element(0x0040A493, "CS", b"VERIFIED"), OBSERVERS)


@pytest.fixture(scope="module")
def rsa(pki: Authority) -> Credential:
    return pki.issue("profile-unit-rsa", "rsa2048")


def uids(writer: object = EXPLICIT) -> list[bytes]:
    return [writer.element(tag, "UI", b"1.2.34") for tag in IDENTIFYING]  # type: ignore[attr-defined]


def data_set(*more: bytes) -> bytes:
    """Identifying UIDs and more elements, in the order of their tags."""

    def tag(element: bytes) -> tuple[int, int]:
        return int.from_bytes(element[:2], "little"), int.from_bytes(element[2:4], "little")

    return b"".join(sorted((*uids(), *more), key=tag))


def report(*more: bytes) -> bytes:
    """A structured report."""
    content = [EXPLICIT.sequence(0x0040A043), EXPLICIT.sequence(0x0040A730)]
    return data_set(EXPLICIT.element(0x0040A040, "CS", b"CONTAINER "), *content, *more)


def judged(file: bytes, name: ProfileName, reading: Reading, kind: KeyType = KeyType.RSA, last: int = -1) -> list[str]:
    """What the profile finds wrong with a signature of the main data set."""
    _, carrier = opened(file)
    own, signature = model.mac_parameters(carrier)[last], model.digital_signatures(carrier)[last]
    return list(deviations(PROFILES[name], main_place(carrier), own, signature, kind, reading=reading))


@pytest.mark.parametrize("overlay", [0x60000010, 0x60020010, 0x601E3000])
def test_overlays_of_every_group_are_asked_for_but_by_dcmtk_only_those_of_the_first(
    overlay: int, rsa: Credential
) -> None:
    element = EXPLICIT.element(overlay, "OW" if overlay & 0x3000 else "US", b"\0\1")
    file, _ = put(part10(data_set(element)), rsa, elements=IDENTIFYING)
    for name in (ProfileName.CREATOR, ProfileName.AUTHORIZATION):
        (text,) = judged(file, name, Reading.STANDARD)
        assert text.endswith("has to be signed and is not")
        assert bool(judged(file, name, Reading.DCMTK)) is (overlay >> 16 == 0x6000)


def test_overlays_beyond_the_repeating_groups_are_not_asked_for(rsa: Credential) -> None:
    file, _ = put(part10(data_set(EXPLICIT.element(0x60200010, "US", b"\0\1"))), rsa, elements=IDENTIFYING)
    assert judged(file, ProfileName.CREATOR, Reading.STANDARD) == []


@pytest.mark.parametrize("tag", [0x7FE00008, 0x7FE00009])
def test_float_pixel_data_is_signed_by_us_and_not_asked_of_others(tag: int, rsa: Credential) -> None:
    whole = part10(data_set(EXPLICIT.element(tag, "OF" if tag == 0x7FE00008 else "OD", b"\0" * 8)))
    _, created = put(whole, rsa, elements=IDENTIFYING, profile=CREATOR)
    assert tag in created.data_elements_signed
    file, _ = put(whole, rsa, elements=IDENTIFYING)
    for reading, count in ((Reading.SEALGATE, 1), (Reading.STANDARD, 0), (Reading.DCMTK, 0)):
        assert len(judged(file, ProfileName.CREATOR, reading)) == count


def test_a_list_of_elements_gets_what_the_profile_asks_for(rsa: Credential) -> None:
    rows, name = EXPLICIT.element(0x00280010, "US", b"\1\0"), EXPLICIT.element(0x00100010, "PN", b"A^B ")
    equipment = EXPLICIT.element(0x00081010, "SH", b"CT1 ")
    whole = part10(data_set(rows, name, equipment, EXPLICIT.element(0x60020010, "US", b"\1\0")))
    _, created = put(whole, rsa, elements=(0x00100010,), profile=CREATOR)
    assert created.data_elements_signed == tuple(sorted((*IDENTIFYING, 0x00081010, 0x00100010, 0x00280010, 0x60020010)))
    _, created = put(whole, rsa, elements=(0x00100010,), profile=AUTHORIZATION, reading=Reading.DCMTK)
    assert created.data_elements_signed == tuple(sorted((*IDENTIFYING, 0x00100010, 0x00280010)))


def test_private_elements_are_asked_for_in_raw_data_alone(rsa: Credential) -> None:
    private = (EXPLICIT.element(0x00110010, "LO", b"ACME"), EXPLICIT.element(0x00111001, "LO", b"AB"))
    raw = EXPLICIT.element(0x00089123, "UI", b"1.2.34")
    for more, expected in ((private, 0), ((*private, raw), 2)):
        file, _ = put(part10(data_set(*more)), rsa, elements=(*IDENTIFYING, *([0x00089123] if raw in more else [])))
        for reading in Reading:
            assert len(judged(file, ProfileName.CREATOR, reading)) == expected


def test_an_element_that_is_asked_for_and_may_not_be_signed_is_refused(rsa: Credential) -> None:
    with pytest.raises(ElementNotSignable, match=r"\(0028,0010\)"):
        put(part10(data_set(EXPLICIT.element(0x00280010, "UN", b"\1\0"))), rsa, profile=CREATOR)


@pytest.mark.parametrize("name", [ProfileName.CREATOR, ProfileName.AUTHORIZATION, ProfileName.SR_VERIFICATION])
def test_what_is_asked_for_unconditionally_has_to_be_there(name: ProfileName, rsa: Credential) -> None:
    for missing in PROFILES[name].required:
        elements = [*uids(), EXPLICIT.element(0x0040A040, "CS", b"TEXT"), EXPLICIT.sequence(0x0040A043)]
        elements += [OBSERVERS, EXPLICIT.element(0x0040A493, "CS", b"VERIFIED"), EXPLICIT.sequence(0x0040A730)]
        kept = [one for one in elements if one[:4] != EXPLICIT.tag(missing)]
        with pytest.raises(ProfileNotMet) as caught:
            put(part10(b"".join(kept)), rsa, profile=PROFILES[name])
        flag = missing == 0x0040A493
        assert caught.value.shortfall == (Shortfall.DATA_SET if flag else Shortfall.ELEMENT_ABSENT)


def test_a_required_element_that_is_listed_and_absent_does_for_dcmtk_only(rsa: Credential) -> None:
    content = b"".join(uids()[:3])
    listed = (*IDENTIFYING[:3], IDENTIFYING[3])
    file = part10(with_signatures(content, forge(rsa, content, listed=listed)))
    assert judged(file, ProfileName.CREATOR, Reading.DCMTK) == []
    assert judged(file, ProfileName.CREATOR, Reading.STANDARD) == ["(0020,000e) has to be signed and is not there"]


@pytest.mark.parametrize("name", [name for name in ProfileName if name is not ProfileName.NONE])
def test_only_rsa_keys_serve_for_a_profile(name: ProfileName, pki: Authority) -> None:
    credential = pki.issue("profile-unit-ec", "p256")
    with pytest.raises(ProfileNotMet, match="RSA") as caught:
        put(part10(report(*VERIFIED)), credential, profile=PROFILES[name], purpose=PURPOSES[1])
    assert caught.value.shortfall == Shortfall.KEY
    file, _ = put(part10(report(*VERIFIED)), credential, purpose=PURPOSES[5])
    for reading in Reading:
        assert judged(file, name, reading, KeyType.EC) == ["its key is EC and not RSA"]


@pytest.mark.parametrize("profile", [CREATOR, AUTHORIZATION, SR, SR_VERIFICATION], ids=lambda profile: profile.name)
def test_profiles_but_base_are_for_the_main_data_set(profile: object, rsa: Credential) -> None:
    whole = part10(data_set(EXPLICIT.sequence(0x00081115, EXPLICIT.item(report(*VERIFIED)))))
    item = Location(((0x00081115, 0),))
    with pytest.raises(ProfileNotMet, match="main data set") as caught:
        put(whole, rsa, profile=profile, location=item)
    assert caught.value.shortfall == Shortfall.CARRIER
    file, _ = put(whole, rsa, profile=BASE, location=item, purpose=PURPOSES[5])
    place = find(opened(file)[1], item)
    own, signature = model.mac_parameters(place.carrier)[0], model.digital_signatures(place.carrier)[0]
    assert deviations(BASE, place, own, signature, KeyType.RSA) == ()
    for reading in Reading:
        (text,) = deviations(profile, place, own, signature, KeyType.RSA, reading=reading)  # type: ignore[arg-type]
        assert text == "it signs ReferencedSeriesSequence[0] and not the main data set"


def test_reports_need_a_purpose_but_not_for_dcmtk(rsa: Credential) -> None:
    with pytest.raises(ProfileNotMet, match="purpose") as caught:
        put(part10(report()), rsa, profile=SR)
    assert caught.value.shortfall == Shortfall.PURPOSE
    file, _ = put(part10(report()), rsa, profile=SR, reading=Reading.DCMTK)
    assert judged(file, ProfileName.SR, Reading.DCMTK) == []
    assert judged(file, ProfileName.SR, Reading.STANDARD) == ["it has no Digital Signature Purpose (0400,0401)"]
    file, _ = put(part10(report()), rsa, profile=SR, purpose=PURPOSES[1])
    assert judged(file, ProfileName.SR, Reading.STANDARD) == []


def test_the_verification_signature_of_a_report_has_purpose_5_whatever_is_asked_for(rsa: Credential) -> None:
    file, created = put(part10(report(*VERIFIED)), rsa, profile=SR_VERIFICATION, purpose=PURPOSES[1])
    assert created.purpose is PURPOSES[5]
    assert has_verification_signature(opened(file)[1])
    assert judged(file, ProfileName.SR_VERIFICATION, Reading.STANDARD) == []
    other, _ = put(part10(report(*VERIFIED)), rsa, purpose=PURPOSES[6])
    assert judged(other, ProfileName.SR_VERIFICATION, Reading.DCMTK) == []
    (text,) = judged(other, ProfileName.SR_VERIFICATION, Reading.STANDARD)
    assert text == "its purpose is not that of a verification signature (5)"


def test_a_verified_report_needs_a_verification_signature_which_may_come_later(rsa: Credential) -> None:
    first, _ = put(part10(report(*VERIFIED)), rsa, profile=SR, purpose=PURPOSES[1])
    assert not has_verification_signature(opened(first)[1])
    (text,) = judged(first, ProfileName.SR, Reading.STANDARD)
    assert "no signature has the purpose of a verification signature" in text
    assert judged(first, ProfileName.SR, Reading.DCMTK) == []
    both, _ = put(first, rsa, profile=SR_VERIFICATION, uid="1.2.3")
    assert judged(both, ProfileName.SR, Reading.STANDARD, last=0) == []


def test_the_verification_datetime_is_covered_by_the_sequence_of_observers(rsa: Credential) -> None:
    wanted = (*IDENTIFYING, 0x0040A040, 0x0040A043, 0x0040A493, 0x0040A730)
    file, _ = put(part10(report(*VERIFIED)), rsa, elements=wanted, purpose=PURPOSES[5])
    for reading in Reading:
        assert judged(file, ProfileName.SR_VERIFICATION, reading) == ["(0040,a073) has to be signed and is not"]
    file, _ = put(part10(report(*VERIFIED)), rsa, elements=(*wanted, 0x0040A073), purpose=PURPOSES[5])
    for reading in Reading:
        assert judged(file, ProfileName.SR_VERIFICATION, reading) == []


@pytest.mark.parametrize("tag", [0x0040A375, 0x0040A385, 0x0040A360])
def test_evidence_and_predecessors_of_reports_are_asked_for_where_they_are_present(tag: int, rsa: Credential) -> None:
    whole = part10(report(EXPLICIT.sequence(tag)))
    listed = (*IDENTIFYING, 0x0040A040, 0x0040A043, 0x0040A730)
    file, _ = put(whole, rsa, elements=listed, purpose=PURPOSES[1])
    for reading in Reading:
        (text,) = judged(file, ProfileName.SR, reading)
        assert text == f"(0040,{tag & 0xFFFF:04x}) has to be signed and is not"


@pytest.mark.parametrize("verified", [False, True])
def test_a_data_set_that_is_no_report_is_refused(verified: bool, rsa: Credential) -> None:
    more = VERIFIED if verified else ()
    for profile in (SR, SR_VERIFICATION):
        with pytest.raises(ProfileNotMet, match="no structured report") as caught:
            put(part10(data_set(*more)), rsa, profile=profile, purpose=PURPOSES[1])
        assert caught.value.shortfall == Shortfall.DATA_SET
    with pytest.raises(ProfileNotMet, match="not VERIFIED"):
        put(part10(report()), rsa, profile=SR_VERIFICATION)


def test_the_profile_of_a_report_follows_its_verification_flag() -> None:
    assert report_profile(opened(part10(report()))[1]) is SR
    assert report_profile(opened(part10(report(*VERIFIED)))[1]) is SR_VERIFICATION
    unverified = EXPLICIT.element(0x0040A493, "CS", b"UNVERIFIED")
    assert report_profile(opened(part10(report(unverified)))[1]) is SR


@pytest.mark.parametrize(
    ("uid", "dcmtk_minds"), [(IMPLICIT_LE_UID, True), ("1.2.840.10008.1.2.2", True), ("1.2", False)]
)
def test_the_mac_is_over_explicit_little_endian(uid: str, dcmtk_minds: bool, rsa: Credential) -> None:
    content = data_set()
    file = part10(with_signatures(content, forge(rsa, content, mac_uid=uid)))
    text = "its MAC Calculation Transfer Syntax (0400,0010) is not explicit VR little endian"
    assert judged(file, ProfileName.BASE, Reading.STANDARD) == [text]
    assert judged(file, ProfileName.BASE, Reading.DCMTK) == ([text] if dcmtk_minds else [])


@pytest.mark.parametrize("listed", [IDENTIFYING[::-1], (*IDENTIFYING, IDENTIFYING[0])], ids=["order", "twice"])
def test_elements_are_listed_in_their_order_but_dcmtk_does_not_mind(listed: tuple[int, ...], rsa: Credential) -> None:
    content = data_set()
    file = part10(with_signatures(content, forge(rsa, content, listed=listed)))
    assert judged(file, ProfileName.CREATOR, Reading.DCMTK) == []
    (text,) = judged(file, ProfileName.CREATOR, Reading.STANDARD)
    assert text == "its Data Elements Signed (0400,0020) are not in the order of the data set"


@pytest.mark.parametrize("date", ["20260301120000", "20260301120000.000000"])
def test_the_time_has_an_offset_but_dcmtk_does_not_mind(date: str, rsa: Credential) -> None:
    content = data_set()
    file = part10(with_signatures(content, forge(rsa, content, date=date)))
    assert judged(file, ProfileName.BASE, Reading.DCMTK) == []
    (text,) = judged(file, ProfileName.BASE, Reading.STANDARD)
    assert text == "its Digital Signature DateTime (0400,0105) has no offset from UTC"


def test_an_unknown_mac_algorithm_and_listed_elements_that_may_not_be_signed_fit_no_profile(rsa: Credential) -> None:
    content = data_set(EXPLICIT.element(0xFFFCFFFC, "OB", b"\0\0"))
    pair = forge(rsa, content, mac_algorithm="SHA224", listed=(*IDENTIFYING, 0xFFFCFFFC))
    file = part10(content[:-14] + with_signatures(b"", pair) + content[-14:])
    for reading in Reading:
        assert judged(file, ProfileName.BASE, reading) == [
            "its MAC Algorithm (0400,0015) is none of the six that the profile allows",
            "(fffc,fffc) is listed as signed and may not be",
        ]


def test_no_profile_asks_for_nothing(rsa: Credential) -> None:
    content = b"".join(uids(IMPLICIT))
    file = part10(with_signatures(content, forge(rsa, content, writer=IMPLICIT), writer=IMPLICIT), IMPLICIT_LE_UID)
    for reading in Reading:
        assert judged(file, ProfileName.NONE, reading, KeyType.DSA) == []


def test_every_profile_and_every_deviation_is_written_down() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name in ProfileName:
        assert f"| `{name}` |" in text
    for reading in Reading:
        assert f"`{reading}`" in text
    rows = [line for line in text.partition("## Deviations")[2].partition("## Keys")[0].splitlines() if line[:1] == "|"]
    assert len(rows) == 2 + 13
    assert all(row.count("|") == 5 and row.split("|")[4].strip() for row in rows)
