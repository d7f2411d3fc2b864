"""The hostile peers of tests/benchmarks/hostile.py against a gateway whose patience is a second, not a minute."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from sealgate.node.limits import AssociationLimits
from sealgate.spool.payload import PREPARED_FILES
from support.gateway import Gateway, environment, gateway, identity, tls
from support.impatient_gateway import wrapper
from support.instances import ct_slice, send
from support.pki import Authority
from support.ports import LOOPBACK
from support.waiting import wait_until

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "hostile.py"
HOLD_SECONDS = 10
"""How long an attack waits to be cut off: more than any limit below, with room for a slow machine."""
IMPATIENT = AssociationLimits(
    tls_handshake_s=1.0, artim_s=1.0, idle_s=2.0, idle_in_message_s=1.0, pdu_s=1.5, write_s=2.0, drain_grace_s=0.2
)
MAX_GROWTH_MB = 32
"""Buffers of 50 associations take 7 MB; what peers claim or send takes nothing."""
MAX_ECHO_MS = 1000
SCRIPT_SECONDS = 110
_ROW = re.compile(r"(\w+) +(-?\d+) +(-?\d+) +(-?\d+) +(-?\d+)  (.{16})(.{10})(.*)")
_ECHO = re.compile(r"(\d+) ms")
_BAD = ("STILL OPEN", "escaped: True", "NO HANDSHAKE", "FAILS", "no --tls-port")

ATTACKS = (
    *("pdu_4gib_in_association", "pdu_4gib_before_association", "pdu_4gib_claim_then_300mb"),
    *("slow_drip_associate", "slow_drip_pdata", "idle_connections_500", "idle_associations_200"),
    *("contexts_128_x_38_syntaxes", "same_context_id_twice", "pdata_before_association", "garbage_http"),
    *("garbage_random", "associate_rq_fuzzed_200", "command_set_256mb_never_last", "command_set_lying_length"),
    *("pdv_length_beyond_pdu", "pdv_length_zero", "unknown_context_id", "path_in_sop_instance_uid"),
    *("abort_mid_transfer_x20", "reset_mid_transfer_x20", "silent_mid_transfer", "tls_connect_without_hello"),
)
"""All but the one that needs a small disk, which is among the tests of full disks."""


class Row(NamedTuple):
    """What one attack did."""

    attack: str
    growth_mb: int
    left_files: int
    echo: str
    echo_after: str
    outcome: str


@pytest.fixture
def site(tmp_path: Path, pki: Authority) -> Iterator[Gateway]:
    tables = {
        "listener": [
            {"name": "plain", "port": 0},
            {"name": "tls", "port": 0, "tls": tls(pki.issue("gateway"), pki.certificate_path)},
        ],
        "identity": [identity(pki.issue("signer"))],
        "source": [{"name": "any", "action": "sign", "identity": "signer"}],
    }
    with gateway(tmp_path, tables=tables, wrapper=wrapper(IMPATIENT)) as running:
        yield running


def rows(site: Gateway, tmp_path: Path) -> dict[str, Row]:
    """Run the script and read its table."""
    watched = [site.data_dir / "payload", tmp_path / "received"]
    watch = [word for folder in watched for word in ("--watch", str(folder))]
    done = subprocess.run(
        [
            *(sys.executable, str(SCRIPT), LOOPBACK, str(site.ports["plain"]), "--pid", str(site.pid)),
            *("--hold", str(HOLD_SECONDS), "--tls-port", str(site.ports["tls"]), "--only", ",".join(ATTACKS)),
            *watch,
        ],
        capture_output=True,
        text=True,
        env=environment({"PYTHONDONTWRITEBYTECODE": "1"}),
        timeout=SCRIPT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines()[1:]:
        match = _ROW.fullmatch(line)
        assert match is not None, line
        attack, growth, _, _, left, echo, after, outcome = match.groups()
        found[attack] = Row(attack, int(growth), int(left), echo.strip(), after.strip(), outcome)
    return found


def complaints(row: Row) -> Iterator[str]:
    if row.growth_mb > MAX_GROWTH_MB:
        yield f"memory grew by {row.growth_mb} MB"
    if row.left_files:
        yield f"{row.left_files} files were left"
    for when, echo in (("meanwhile", row.echo), ("afterwards", row.echo_after)):
        took = _ECHO.fullmatch(echo)
        if took is None or int(took[1]) > MAX_ECHO_MS:
            yield f"a C-ECHO {when}: {echo}"
    for bad in _BAD:
        if bad in row.outcome:
            yield row.outcome


def descriptors(pid: int) -> tuple[int, int]:
    """How many a process has open, and how many of payload files, of which some are made in advance."""
    targets = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            targets.append(str(descriptor.readlink()))
    of_payloads = sum("/payload/" in target for target in targets)
    return len(targets) - of_payloads, of_payloads


def is_quiet(pid: int, before: int) -> bool:
    others, of_payloads = descriptors(pid)
    return others <= before and of_payloads <= 2 * PREPARED_FILES


@pytest.mark.slow
def test_hostile_peers_cost_little_are_cut_off_and_keep_nobody_out(site: Gateway, tmp_path: Path) -> None:
    send(site.port, [ct_slice(1)])  # what is loaded at first use is loaded before memory is measured
    site.wait_until_delivered()
    before, _ = descriptors(site.pid)
    found = rows(site, tmp_path)
    assert list(found) == list(ATTACKS)
    assert {row.attack: said for row in found.values() if (said := list(complaints(row)))} == {}
    assert found["path_in_sop_instance_uid"].outcome.startswith("status 0117")
    wait_until(lambda: is_quiet(site.pid, before), "the end of all connections")
    assert "Traceback" not in site.log
    assert not site.unfinished()
    assert len(site.audit()) == 1
