"""Removing signatures: what goes, what stays, and that the bytes from before come back."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from sealgate.dicom.location import Location
from sealgate.errors import CannotSign, SealgateError, SignatureNotFound, SignatureSequencesUnusable
from sealgate.signature import model
from support import samples
from support.elements import EXPLICIT, IMPLICIT, UNDEFINED, WRITERS, Writer, part10
from support.forging import MAC_PARAMETERS, SIGNATURES, body, forge, with_signatures
from support.pki import Authority, Credential
from support.placing import content, item_locations, put, take
from support.signing import opened

SERIES, ORIGINAL = 0x00081115, 0x04000561
MAX_PLACES = 3
"""Places in each sample file that are signed besides the data set."""


@pytest.fixture(scope="module")
def credential(pki: Authority) -> Credential:
    return pki.issue("remover", "p256")


@pytest.mark.parametrize("path", samples.files(), ids=samples.label)
def test_what_was_added_to_a_file_at_any_place_and_is_removed_leaves_the_bytes_as_they_were(
    path: Path, credential: Credential
) -> None:
    original = path.read_bytes()
    try:
        _, carrier = opened(original)
    except SealgateError:
        return
    file, made = original, []
    before = {}
    for number, location in enumerate([*islice(item_locations(carrier), MAX_PLACES), Location(), Location()]):
        uid = f"1.2.3.{number}"
        before[uid] = file
        try:
            file, created = put(file, credential, location=location, uid=uid)
        except CannotSign:
            continue
        made.append((created.location, uid))
    inflated = content(original)
    for _, uid in reversed(made):
        one_less, removal = take(file, uid)
        assert content(one_less) == content(before[uid])
        assert [signature.digital_signature_uid for signature in removal.removed] == [uid]
        if uid == made[-1][1]:
            none_left, everything = take(file)
            assert content(none_left) == inflated
            assert sorted((str(r.location), r.digital_signature_uid) for r in everything.removed) == sorted(
                (str(location), uid) for location, uid in made
            )
        file = one_less
    assert content(file) == inflated


@pytest.mark.parametrize("writer", WRITERS, ids=str)
@pytest.mark.parametrize("first", [0, 1])
def test_one_of_two_signatures_goes_with_its_own_mac_parameters(
    writer: Writer, first: int, credential: Credential
) -> None:
    file = part10(body(writer), writer.uid)
    one, _ = put(file, credential, uid="1.2.1")
    both, _ = put(one, credential, uid="1.2.2")
    going, staying = ("1.2.1", "1.2.2") if first == 0 else ("1.2.2", "1.2.1")
    _, carrier = opened(take(both, going)[0])
    (signature,) = model.digital_signatures(carrier)
    (parameters,) = model.mac_parameters(carrier)
    assert signature.digital_signature_uid == staying
    assert parameters.mac_id_number == signature.mac_id_number
    if first == 1:
        assert content(take(both, going)[0]) == content(one)


def test_mac_parameters_that_another_signature_uses_stay(credential: Credential) -> None:
    first, second = forge(credential), forge(credential)
    sequences = EXPLICIT.sequence(MAC_PARAMETERS, first[0]) + EXPLICIT.sequence(SIGNATURES, first[1], second[1])
    file = part10(body() + sequences)
    _, carrier = opened(take(file, "1.2.826.0.1.3680043.10.1.1")[0])
    assert len(model.digital_signatures(carrier)) == 1
    assert len(model.mac_parameters(carrier)) == 1
    assert content(take(file)[0]) == body()


def test_mac_parameters_that_no_signature_uses_stay(credential: Credential) -> None:
    used, orphan = forge(credential), forge(credential, mac_id_number=7)
    file = part10(
        body() + EXPLICIT.sequence(MAC_PARAMETERS, used[0], orphan[0]) + EXPLICIT.sequence(SIGNATURES, used[1])
    )
    assert content(take(file)[0]) == body() + EXPLICIT.sequence(MAC_PARAMETERS, orphan[0])


def test_all_mac_parameters_with_the_number_of_a_signature_go(credential: Credential) -> None:
    one, two = forge(credential), forge(credential)
    file = part10(body() + EXPLICIT.sequence(MAC_PARAMETERS, one[0], two[0]) + EXPLICIT.sequence(SIGNATURES, one[1]))
    assert content(take(file)[0]) == body()


def test_a_signature_without_mac_id_number_cannot_be_removed_since_its_parameters_are_not_known(
    credential: Credential,
) -> None:
    pair = forge(credential, item={0x04000005: None})
    file = part10(with_signatures(body(), pair))
    for uid in (None, "1.2.826.0.1.3680043.10.1.1"):
        with pytest.raises(SignatureSequencesUnusable, match="Main Dataset: a signature has no MAC ID Number"):
            take(file, uid)


def test_of_two_sequences_of_signatures_no_one_is_left_behind_in_silence(credential: Credential) -> None:
    _, signatures = forge(credential, uid="1.2.3")
    twice = with_signatures(body(), forge(credential)) + EXPLICIT.sequence(SIGNATURES, signatures)
    for uid in (None, "1.2.826.0.1.3680043.10.1.1", "1.2.3"):
        with pytest.raises(SignatureSequencesUnusable, match=r"\(fffa,fffa\) stands twice"):
            take(part10(twice), uid)


def test_an_unknown_uid_is_not_found(credential: Credential) -> None:
    file, _ = put(part10(body()), credential)
    with pytest.raises(SignatureNotFound, match=r"UID 1\.2\.3$"):
        take(file, "1.2.3")
    with pytest.raises(SignatureNotFound):
        take(part10(body()), "1.2.3")


def test_a_data_set_without_signatures_stays_as_it_is() -> None:
    file = samples.sample("CT_small.dcm").read_bytes()
    without, removal = take(file)
    assert without == file
    assert removal.removed == ()
    assert removal.edits == ()


def test_signatures_inside_original_attributes_are_kept(credential: Credential) -> None:
    record = EXPLICIT.sequence(ORIGINAL, EXPLICIT.item(with_signatures(body(), forge(credential))))
    file = part10(with_signatures(body(EXPLICIT, record), forge(credential, body(EXPLICIT, record))))
    without, removal = take(file)
    assert content(without) == body(EXPLICIT, record)
    assert [str(signature.location) for signature in removal.removed] == ["Main Dataset"]


def test_of_several_signatures_with_one_uid_the_first_goes(credential: Credential) -> None:
    inner = EXPLICIT.sequence(SERIES, EXPLICIT.item(with_signatures(body(), forge(credential))))
    whole = EXPLICIT.element(0x00080018, "UI", b"1.2.34") + inner
    file, _ = put(part10(whole), credential)
    _, removal = take(file, "1.2.826.0.1.3680043.10.1.1")
    assert [str(signature.location) for signature in removal.removed] == ["ReferencedSeriesSequence[0]"]


def test_a_damaged_sequence_elsewhere_does_not_keep_a_signature_from_being_removed(credential: Credential) -> None:
    damaged = EXPLICIT.sequence(SERIES, EXPLICIT.item(EXPLICIT.element(SIGNATURES, "OB", b"abcd")))
    whole = EXPLICIT.element(0x00080018, "UI", b"1.2.34") + damaged
    file, _ = put(part10(whole), credential)
    assert content(take(file, "1.2.826.0.1.3680043.10.1.1")[0]) == whole
    for uid in (None, "1.2.3"):
        with pytest.raises(SignatureSequencesUnusable, match=r"ReferencedSeriesSequence\[0\]"):
            take(file, uid)


@pytest.mark.parametrize("undefined", [False, True], ids=["length", "delimiter"])
def test_signatures_inside_un_of_undefined_length_go_too(undefined: bool, credential: Credential) -> None:
    inner = IMPLICIT.element(0x00080100, "SH", b"AB")
    un = EXPLICIT.header(0x00091001, "UN", UNDEFINED) + IMPLICIT.item(inner, undefined=undefined)
    original = EXPLICIT.element(0x00080018, "UI", b"1.2.34") + un + IMPLICIT.delimiter(0xFFFEE0DD)
    file, created = put(part10(original), credential, location=Location(((0x00091001, 0),)))
    assert created.data_elements_signed == (0x00080100,)
    assert content(file) != original
    assert content(take(file)[0]) == original
