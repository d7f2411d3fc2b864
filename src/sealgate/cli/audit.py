"""`sealgate audit`: the register of what came in, was verified or signed, and went out, also while the gateway runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sealgate.cli.access import AsJson, Config, DataDir, Limit, ask, write_json, write_table
from sealgate.node.operations import DEFAULT_LIMIT

audit_app = typer.Typer(help="Search the register of what came in and went out.")


@audit_app.command("list")
def list_(
    data_dir: DataDir = None,
    config: Config = None,
    sop_instance_uid: Annotated[
        str | None, typer.Option("--sop-instance-uid", metavar="UID", help="Only this SOP instance.")
    ] = None,
    calling_ae_title: Annotated[
        str | None, typer.Option("--calling-ae-title", metavar="AET", help="Only what this AE title sent.")
    ] = None,
    verdict: Annotated[
        str | None, typer.Option("--verdict", metavar="V", help="Only this verdict: accept, hold or reject.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Not before it, such as 2026-11-21T08:00+01:00."),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before this time.")] = None,
    limit: Limit = DEFAULT_LIMIT,
    as_json: AsJson = False,
) -> None:
    """List what was received, newest first; --json adds digests, every signature and every delivery in full.

    \b
    Examples:
      sealgate audit list --limit 20
      sealgate audit list --verdict reject --since 2026-11-21T00:00+00:00
      sealgate audit list --sop-instance-uid 1.2.826.0.1.3680043.8.498.1 --json
    """
    records = ask(
        "audit_list",
        data_dir,
        config,
        sop_instance_uid=sop_instance_uid,
        calling_ae_title=calling_ae_title,
        verdict=verdict,
        since=since,
        until=until,
        limit=limit,
    )
    if as_json:
        write_json(records)
        return
    columns = ("time", "from", "SOP instance UID", "action", "verdict", "signatures", "deliveries", "reasons")
    write_table("", columns, (_cells(record) for record in records))


@audit_app.command()
def actions(
    data_dir: DataDir = None, config: Config = None, limit: Limit = DEFAULT_LIMIT, as_json: AsJson = False
) -> None:
    """List what people did to the queue, newest first.

    \b
    Example:
      sealgate audit actions
    """
    found = ask("audit_actions", data_dir, config, limit=limit)
    if as_json:
        write_json(found)
        return
    columns = ("time", "who", "action", "job", "instance", "destinations", "reason")
    rows = (
        (
            action["at"],
            action["operator"],
            action["action"],
            action["job_id"],
            action["instance_id"],
            ", ".join(action["destinations"]),
            action["reason"],
        )
        for action in found
    )
    write_table("", columns, rows)


def _cells(record: dict[str, Any]) -> tuple[object, ...]:
    signatures = (
        f"{'made' if signature['made_here'] else 'found'} {signature['outcome']}" for signature in record["signatures"]
    )
    deliveries = (f"{delivery['destination']} {delivery['outcome']}" for delivery in record["deliveries"])
    return (
        record["at"],
        f"{record['calling_ae_title']} {record['peer_address']}",
        record["sop_instance_uid"],
        record["action"],
        record["verdict"],
        ", ".join(signatures),
        ", ".join(deliveries),
        ", ".join(record["reasons"]),
    )
