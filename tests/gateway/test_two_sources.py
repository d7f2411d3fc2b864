"""The same bytes by two sources: what the rules of one let through does not reach the destinations of the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sealgate.node.dimse import Status
from support.gateway import gateway, identity
from support.instances import ct_slice, data_set_of, send
from support.pki import Authority

LENIENT = {"name": "lenient", "calling_ae_titles": ["LENIENT"], "action": "pass", "destinations": ["research"]}


def tables(tmp_path: Path, strict: dict[str, Any], lenient: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "source": [
            LENIENT if lenient is None else lenient,
            {"name": "strict", "calling_ae_titles": ["STRICT"], "destinations": ["archive"], **strict},
        ],
        "destination": [{"name": name, "directory": tmp_path / name} for name in ("research", "archive")],
    }


def test_what_came_unsigned_by_a_lenient_source_is_signed_for_the_strict_one(tmp_path: Path, pki: Authority) -> None:
    instance = ct_slice(1)
    strict = {"action": "sign", "identity": "signer"}
    with gateway(tmp_path, tables={"identity": [identity(pki.issue("signer"))], **tables(tmp_path, strict)}) as running:
        for calling in ("LENIENT", "STRICT", "STRICT"):
            assert [a.status for a in send(running.port, [instance], calling=calling)] == [Status.SUCCESS]
        running.wait_until_delivered()
        plain, signed, *more = running.audit()
        assert not more, "the third arrival is known and is not signed a second time"
        assert [len(plain["signatures"]), len(signed["signatures"])] == [0, 1]
        assert "ALERT" not in running.log, "they are the same bytes"
    (unsigned_file,) = (tmp_path / "research").iterdir()
    (signed_file,) = (tmp_path / "archive").iterdir()
    assert data_set_of(unsigned_file.read_bytes()) == instance.data_set
    assert len(data_set_of(signed_file.read_bytes())) > len(instance.data_set)


@pytest.mark.parametrize(("handling", "status", "kept"), [("reject", 0xC100, 0), ("hold", 0x0000, 1)])
def test_what_a_lenient_source_passed_on_does_not_get_past_the_strict_one(
    tmp_path: Path, handling: str, status: int, kept: int
) -> None:
    instance = ct_slice(1)
    with gateway(tmp_path, tables=tables(tmp_path, {"action": "verify", "on_unsigned": handling})) as running:
        assert [a.status for a in send(running.port, [instance], calling="LENIENT")] == [Status.SUCCESS]
        running.wait_until_delivered()
        assert [a.status for a in send(running.port, [instance], calling="STRICT")] == [status]
        assert [entry["state"] for entry in running.unfinished()] == ["held"] * kept
        assert [record["verdict"] for record in running.audit()] == ["accept", handling]
    assert list((tmp_path / "research").iterdir())
    assert not list((tmp_path / "archive").iterdir())


def test_what_came_before_a_source_was_made_strict_is_judged_by_the_new_rules(tmp_path: Path) -> None:
    instance = ct_slice(1)
    earlier = tables(tmp_path, {"action": "pass"})
    with gateway(tmp_path, tables=earlier) as running:
        assert [a.status for a in send(running.port, [instance], calling="STRICT")] == [Status.SUCCESS]
        running.wait_until_delivered()
    (path,) = (tmp_path / "archive").iterdir()
    path.unlink()
    with gateway(tmp_path, tables=tables(tmp_path, {"action": "verify", "on_unsigned": "reject"})) as running:
        assert [a.status for a in send(running.port, [instance], calling="STRICT")] == [0xC100]
    assert not list((tmp_path / "archive").iterdir())
