"""An instance on its way out: a deflated data set of odd length is padded, and nothing else is ever changed."""

from __future__ import annotations

import pytest

from sealgate.dicom.transfer_syntax import DEFLATED_LE, EXPLICIT_LE
from sealgate.node.outgoing_instance import OutgoingInstance


def outgoing(chunks: list[bytes], transfer_syntax_uid: str) -> OutgoingInstance:
    return OutgoingInstance(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=transfer_syntax_uid,
        size=sum(map(len, chunks)),
        chunks=chunks,
    )


@pytest.mark.parametrize(
    ("transfer_syntax_uid", "chunks", "sent"),
    [
        pytest.param(DEFLATED_LE, [b"ab", b"c"], b"abc\0", id="deflated-odd"),
        pytest.param(DEFLATED_LE, [b"ab", b"cd"], b"abcd", id="deflated-even"),
        pytest.param(EXPLICIT_LE, [b"ab", b"c"], b"abc", id="explicit-odd"),
        pytest.param("1.2.3.4", [b"abc"], b"abc", id="unknown-odd"),
    ],
)
def test_only_an_odd_deflated_data_set_gets_a_nul(transfer_syntax_uid: str, chunks: list[bytes], sent: bytes) -> None:
    instance = outgoing(chunks, transfer_syntax_uid)
    assert b"".join(instance.padded_chunks()) == sent
    assert instance.padded_size == len(sent)
