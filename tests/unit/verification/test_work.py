"""How much work a data set may cost: all its signatures together, and what a few deflated bytes hold."""

from __future__ import annotations

import pytest

from sealgate.dicom.deflate import deflate
from sealgate.dicom.limits import FREE_HEADERS, MAX_HEADERS, SIZE_OF_FREE_HEADERS
from sealgate.dicom.location import signature_carriers
from sealgate.dicom.scan import scan
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.work import allowed_headers
from sealgate.errors import LimitExceeded
from sealgate.signature.remove import remove_signatures
from sealgate.verification.report import Outcome
from support.elements import DEFLATED_LE_UID, EXPLICIT, part10
from support.forging import SIGNATURES, body, forge, with_signatures
from support.pki import Authority, Credential
from support.signing import AT, anchors, signed, verified

UID, NAME, SEQUENCE = 0x00080018, 0x00100010, 0x00081140
MIB = 1 << 20


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"), now=AT)


@pytest.fixture(scope="module")
def signer(authority: Authority) -> Credential:
    return authority.issue("signer")


def over_items(signer: Credential, count: int, items: int, *, same: bool) -> bytes:
    """`count` signatures over empty items, all over the same elements or each over others than the one before."""
    content = body(EXPLICIT, EXPLICIT.sequence(SEQUENCE, EXPLICIT.item() * items))
    lists = ((UID, NAME, SEQUENCE), (UID, NAME, SEQUENCE) if same else (NAME, SEQUENCE))
    return with_signatures(
        content, *(forge(signer, content, mac_id_number=number, listed=lists[number % 2]) for number in range(count))
    )


def nested(levels: int, elements: int) -> bytes:
    """Items in items that each say that they are signed, around many elements."""
    content = b"".join(EXPLICIT.element(0x00091000 + number, "CS") for number in range(elements))
    for _ in range(levels):
        item = EXPLICIT.item(content, EXPLICIT.sequence(SIGNATURES), undefined=True)
        content = EXPLICIT.sequence(SEQUENCE, item, undefined=True)
    return body(EXPLICIT) + content


@pytest.mark.parametrize("same", [True, False])
def test_several_signatures_over_all_of_a_data_set_are_good(
    same: bool, signer: Credential, authority: Authority
) -> None:
    file = part10(over_items(signer, 10, 5_000, same=same))
    report = verified(file, anchors(authority))
    assert len(report.signatures) == 10
    assert not {signature.outcome for signature in report.signatures} - {Outcome.VALID, Outcome.QUESTIONABLE}


def test_signatures_that_follow_each_other_over_the_same_elements_cost_one_pass(
    signer: Credential, authority: Authority
) -> None:
    report = verified(part10(over_items(signer, 10, 50_000, same=True)), anchors(authority))
    assert {signature.outcome for signature in report.signatures} == {Outcome.VALID}


def test_a_mac_that_was_hashed_once_is_not_taken_for_that_of_other_elements(
    signer: Credential, authority: Authority
) -> None:
    content = body(EXPLICIT)
    good, other = forge(signer, content, listed=(UID, NAME)), forge(signer, content, mac_id_number=1, listed=(NAME,))
    changed = forge(signer, content.replace(b"A^B ", b"X^Y "), mac_id_number=2, listed=(UID, NAME))
    report = verified(part10(with_signatures(content, good, other, changed, good)), anchors(authority))
    assert [signature.outcome is Outcome.INVALID for signature in report.signatures][1:3] == [False, True]


def test_signatures_that_take_too_much_work_together_are_refused(signer: Credential, authority: Authority) -> None:
    file = part10(over_items(signer, 12, 50_000, same=False))
    with pytest.raises(LimitExceeded, match=f"items and fragments: {FREE_HEADERS + 1} is more"):
        verified(file, anchors(authority))


def test_the_limit_ends_with_the_verification(signer: Credential, authority: Authority) -> None:
    source = Source(over_items(signer, 1, 1_000, same=True))
    with source.shared_work() as work, pytest.raises(LimitExceeded):
        work.spend(FREE_HEADERS)
    assert scan(source, Encoding.EXPLICIT_LE).elements


def test_carriers_nested_in_each_other_are_refused_where_each_is_scanned_with_many_others() -> None:
    few = scan(Source(nested(30, 100)), Encoding.EXPLICIT_LE)
    assert len(list(signature_carriers(few))) == 30
    many = scan(Source(nested(30, 20_000)), Encoding.EXPLICIT_LE)
    with pytest.raises(LimitExceeded):
        list(signature_carriers(many))
    with pytest.raises(LimitExceeded):
        remove_signatures(many)


def test_a_deflated_data_set_has_no_more_elements_than_its_bytes_pay_for(
    signer: Credential, authority: Authority
) -> None:
    dense = body(EXPLICIT, EXPLICIT.sequence(SEQUENCE, EXPLICIT.item() * (FREE_HEADERS // 2)))
    with pytest.raises(LimitExceeded):
        verified(part10(b"".join(deflate([dense])), DEFLATED_LE_UID), anchors(authority))
    assert verified(part10(dense), anchors(authority)).outcome is Outcome.UNSIGNED
    empty = body(EXPLICIT, EXPLICIT.element(0x7FE00010, "OW", bytes(20 * MIB)))
    file = signed(part10(b"".join(deflate([empty])), DEFLATED_LE_UID), signer).file
    assert verified(file, anchors(authority)).outcome is Outcome.VALID


def test_larger_data_sets_may_cost_more() -> None:
    assert allowed_headers(0) == allowed_headers(SIZE_OF_FREE_HEADERS) == FREE_HEADERS
    assert allowed_headers(20 * MIB) == FREE_HEADERS + 19 * MIB
    assert allowed_headers(1 << 40) == MAX_HEADERS
    assert allowed_headers(100 * MIB, 2 * MIB) == allowed_headers(16 * MIB)
