"""`sealgate queue`: what waits for delivery, and what a person can do about it, also while the gateway runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sealgate.cli.access import (
    AsJson,
    By,
    Config,
    DataDir,
    Limit,
    age,
    ask,
    operator,
    write_json,
    write_table,
)
from sealgate.node.operations import DEFAULT_LIMIT

queue_app = typer.Typer(help="See and steer what waits for delivery.")

Destination = Annotated[
    str | None, typer.Option("--destination", metavar="D", help="Only deliveries to this destination.")
]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for the register.")]


@queue_app.command("list")
def list_(
    data_dir: DataDir = None,
    config: Config = None,
    destination: Destination = None,
    state: Annotated[str | None, typer.Option("--state", metavar="S", help="Only entries in this state.")] = None,
    limit: Limit = DEFAULT_LIMIT,
    as_json: AsJson = False,
) -> None:
    """List deliveries in their order, then held instances; without --state everything that is not finished.

    States of deliveries: ready, leased, waiting_commitment, done, done_with_warning, dead, dropped.
    States of instances without delivery: held, waiting_signer, waiting_tsa, dropped.

    \b
    Examples:
      sealgate queue list
      sealgate queue list --state dead --destination archive
      sealgate queue list --config sealgate.toml --json
    """
    entries = ask("queue_list", data_dir, config, destination=destination, state=state, limit=limit)
    if as_json:
        write_json(entries)
        return
    columns = ("job", "instance", "SOP instance UID", "state", "destination", "attempts", "age", "next", "last error")
    write_table(_title(len(entries), limit), columns, (_cells(entry) for entry in entries))


@queue_app.command()
def summary(data_dir: DataDir = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show how much waits for each destination, in which state, and how old it is (columns: minutes).

    \b
    Example:
      sealgate queue summary
    """
    found = ask("queue_summary", data_dir, config)
    if as_json:
        write_json(found)
        return
    limits = found["age_limits_minutes"]
    columns = ("destination", "state", "total", "oldest", *(f"<{limit}" for limit in limits), f"{limits[-1]}+")
    rows = (
        (row["destination"] or "(held)", row["state"], row["count"], age(row["oldest_age_seconds"]), *row["ages"])
        for row in found["rows"]
    )
    write_table("", columns, rows)


@queue_app.command()
def retry(
    jobs: Annotated[list[int] | None, typer.Argument(metavar="[JOB]...", help="Jobs to send again.")] = None,
    data_dir: DataDir = None,
    config: Config = None,
    destination: Annotated[
        str | None, typer.Option("--destination", metavar="D", help="All dead and postponed jobs of this destination.")
    ] = None,
    by: By = None,
    reason: Reason = None,
) -> None:
    """Send dead and postponed jobs again now, with a new budget of attempts.

    \b
    Examples:
      sealgate queue retry 17 18
      sealgate queue retry --destination archive --reason "archive is back"
    """
    if bool(jobs) == bool(destination):
        raise typer.BadParameter("give either jobs or --destination")
    arguments: dict[str, Any] = {"jobs": jobs or None, "destination": destination, "reason": reason}
    changed = ask("queue_retry", data_dir, config, by=operator(by), **arguments)["jobs"]
    typer.echo(f"{_number(len(changed), 'job')} will be sent again")


@queue_app.command()
def release(
    instances: Annotated[list[int], typer.Argument(metavar="INSTANCE...", help="Held instances.", show_default=False)],
    data_dir: DataDir = None,
    config: Config = None,
    by: By = None,
    reason: Reason = None,
) -> None:
    """Let held instances go to the destinations that they were received for.

    \b
    Example:
      sealgate queue release 5 --reason "signer known, certificate renewed"
    """
    released = ask("queue_release", data_dir, config, by=operator(by), instances=list(instances), reason=reason)
    for touched in released:
        typer.echo(f"instance {touched['instance_id']} goes to {', '.join(touched['destinations']) or 'nobody'}")


@queue_app.command()
def drop(
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the register.", show_default=False)],
    instances: Annotated[
        list[int] | None, typer.Argument(metavar="[INSTANCE]...", help="Instances of which nothing more is delivered.")
    ] = None,
    jobs: Annotated[
        list[int] | None, typer.Option("--job", metavar="JOB", help="One delivery only; may be given several times.")
    ] = None,
    data_dir: DataDir = None,
    config: Config = None,
    by: By = None,
) -> None:
    """Give up held instances, or deliveries that are not finished. The payload stays; the register keeps who and why.

    \b
    Examples:
      sealgate queue drop 5 --reason "test image"
      sealgate queue drop --job 17 --reason "archive no longer exists" --by "A. Operator"
    """
    if not instances and not jobs:
        raise typer.BadParameter("give instances, or deliveries by --job")
    arguments: dict[str, Any] = {"instances": instances or None, "jobs": jobs or None}
    dropped = ask("queue_drop", data_dir, config, by=operator(by), reason=reason, **arguments)
    for touched in dropped:
        destinations = ", ".join(touched["destinations"])
        what = f"its deliveries to {destinations} are dropped" if destinations else "dropped"
        typer.echo(f"instance {touched['instance_id']}: {what}")


def _cells(entry: dict[str, Any]) -> tuple[object, ...]:
    status = entry["last_status"]
    said = entry["last_error"] or ", ".join(entry["reasons"])
    return (
        entry["job_id"],
        entry["instance_id"],
        entry["sop_instance_uid"],
        entry["state"],
        entry["destination"],
        entry["attempts"],
        age(entry["age_seconds"]),
        age(entry["waits_seconds"]),
        said if status is None else f"{status:04X} {said}",
    )


def _title(count: int, limit: int) -> str:
    return f"the first {limit}; more with --limit" if count >= limit else _number(count, "entry", "entries")


def _number(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
