"""Signatures that a change of VR hides from readers are reported, not taken for absent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sealgate.dicom.scan import scan
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import BY_UID, EXPLICIT_LE, Encoding
from sealgate.signature.reasons import Reason
from sealgate.trust.store import TrustStore
from sealgate.verification.report import Outcome
from sealgate.verification.verify import Judging, verify
from support.elements import EXPLICIT

SIGNATURES = 0xFFFAFFFA
AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("vr", ["UN", "OB"])
@pytest.mark.parametrize("nested", [False, True], ids=["top level", "in an item"])
def test_a_digital_signatures_element_of_another_vr_is_reported(vr: str, nested: bool) -> None:
    hidden = EXPLICIT.element(SIGNATURES, vr, b"some thing")
    data_set = hidden
    if nested:
        item = b"\xfe\xff\x00\xe0" + len(hidden).to_bytes(4, "little") + hidden
        data_set = EXPLICIT.element(0x00081140, "SQ", item)
    carrier = scan(Source(data_set), Encoding.EXPLICIT_LE)
    report = verify(carrier, BY_UID[EXPLICIT_LE], Judging(store=TrustStore(), now=AT))
    assert report.outcome is Outcome.INVALID
    assert report.signatures[0].reasons == (Reason.SIGNATURE_SEQUENCES_MALFORMED,)
