"""`luffy cluster …`, `luffy release …`, `luffy maintenance …`: what people decide, each with who, when and why."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer

from luffy_dagster.cli import context, ui
from luffy_dagster.cli.arguments import Slug
from luffy_dagster.core.wording import many

cluster_app = typer.Typer(no_args_is_help=True, help="Decide about a cluster: resolve, ignore, reopen, merge, assign.")
release_app = typer.Typer(no_args_is_help=True, help="Releases: which version runs where since when.")
maintenance_app = typer.Typer(no_args_is_help=True, help="Maintenance windows, which record what they hid.")

Service = Annotated[str, typer.Option("--service", "-s", help="Its service.", show_default=False)]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the cluster.", show_default=False)]
Other = Annotated[
    str, typer.Argument(metavar="OTHER", help="Id of the cluster that it is the same as.", show_default=False)
]
Print = Annotated[str, typer.Argument(metavar="FINGERPRINT", help="Which of the cluster's.", show_default=False)]
Owner = Annotated[str, typer.Argument(metavar="OWNER", help="A person or a team.", show_default=False)]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="What the release is called.", show_default=False)]
Window = Annotated[int, typer.Argument(metavar="NUMBER", help="Its number, as list shows it.", show_default=False)]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why.")]


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    for sub, name in ((cluster_app, "cluster"), (release_app, "release"), (maintenance_app, "maintenance")):
        app.add_typer(sub, name=name, rich_help_panel="Alerts")


@cluster_app.command("show")
def show(cluster: Id, service: Service, json_: ui.Json = False) -> None:
    """A cluster's state, and every move of it.

    Example: [bold]luffy cluster show c-12 -s payments[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        row = store.clusters.get(conn, service, cluster, now=context.now())
        moves = store.cluster_states.transitions(conn, service, cluster)
        releases = store.releases.known(conn, service)
        where = next(iter(store.cluster_states.environments(conn, service, cluster)), "")
    first = releases.running(where, row.first_seen)
    release = first.version if first else None
    if json_:
        ui.print_json({"cluster": row, "moves": moves, "first_release": release})
        return
    ui.out.print(
        ui.pairs([("what", row.title), ("state", str(row.state)), ("owner", row.owner), ("first in release", release)])
    )
    for move in moves:
        ui.out.print(
            f"{ui.when(move.at)}  {move.from_state} → {move.to_state}  {move.actor}  {move.reason}", markup=False
        )


@cluster_app.command("resolve")
def resolve(
    cluster: Id,
    service: Service,
    release: Annotated[str | None, typer.Option("--in-release", help="Fixed in this version.")] = None,
    commit: Annotated[str | None, typer.Option("--in-commit", help="Fixed by this commit.")] = None,
    reason: Reason = "",
    json_: ui.Json = False,
) -> None:
    """Resolved now, in a release or in a commit; only a newer release's occurrence brings it back.

    Example: [bold]luffy cluster resolve c-12 -s payments --in-release 1.4.2[/]
    """
    from luffy_dagster.flows import triage

    done = triage.resolve(
        context.flows(), service, cluster, actor=context.actor(), reason=reason, release=release, commit=commit
    )
    ui.print_json(done) if json_ else ui.out.print(f"[green]✓[/] {cluster} is resolved")


@cluster_app.command("ignore")
def ignore(
    cluster: Id,
    service: Service,
    occurrences: Annotated[int | None, typer.Option("--until-count", min=1, help="Until so many more.")] = None,
    hours: Annotated[float | None, typer.Option("--hours", min=0.1, help="For so long.")] = None,
    reason: Reason = "",
    json_: ui.Json = False,
) -> None:
    """Ignored until so many more occurrences, for a time, or (neither) for ever.

    Example: [bold]luffy cluster ignore c-12 -s payments --until-count 100[/]
    """
    from luffy_dagster.flows import triage

    until = None if hours is None else context.now() + timedelta(hours=hours)
    done = triage.ignore(
        context.flows(), service, cluster, actor=context.actor(), reason=reason, until=until, occurrences=occurrences
    )
    ui.print_json(done) if json_ else ui.out.print(f"[green]✓[/] {cluster} is ignored")


@cluster_app.command("reopen")
def reopen(cluster: Id, service: Service, reason: Reason = "", json_: ui.Json = False) -> None:
    """Open again.

    Example: [bold]luffy cluster reopen c-12 -s payments[/]
    """
    from luffy_dagster.flows import triage

    done = triage.reopen(context.flows(), service, cluster, actor=context.actor(), reason=reason)
    ui.print_json(done) if json_ else ui.out.print(f"[green]✓[/] {cluster} is open again")


@cluster_app.command("merge")
def merge(cluster: Id, other: Other, service: Service, reason: Reason = "", json_: ui.Json = False) -> None:
    """Two clusters are one cause, whatever a later run thinks.

    Example: [bold]luffy cluster merge c-12 c-17 -s payments --reason "same bug"[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        kept = store.clusters.merge(
            conn, service, cluster, other, actor=context.actor(), reason=reason or None, now=context.now()
        )
    ui.print_json({"cluster": kept}) if json_ else ui.out.print(f"[green]✓[/] both are {kept} now")


@cluster_app.command("unmerge")
def unmerge(fingerprint: Print, service: Service, reason: Reason = "", json_: ui.Json = False) -> None:
    """Take a fingerprint out of its cluster for good.

    Example: [bold]luffy cluster unmerge fp-1a2b -s payments[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        made = store.clusters.split(
            conn, service, fingerprint, actor=context.actor(), reason=reason or None, now=context.now()
        )
    ui.print_json({"cluster": made}) if json_ else ui.out.print(f"[green]✓[/] {fingerprint} is cluster {made} now")


@cluster_app.command("assign")
def assign(cluster: Id, owner: Owner, service: Service, json_: ui.Json = False) -> None:
    """Give a cluster to somebody ("" takes it back).

    Example: [bold]luffy cluster assign c-12 ann -s payments[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        store.clusters.assign_owner(conn, service, cluster, owner or None, actor=context.actor(), now=context.now())
    ui.print_json({"owner": owner or None}) if json_ else ui.out.print(f"[green]✓[/] owner: {owner or 'nobody'}")


@release_app.command("add")
def add_release(
    service: Slug,
    version: Version,
    commit: Annotated[str | None, typer.Option("--commit", help="Its commit.")] = None,
    environment: Annotated[str | None, typer.Option("--environment", "-e", help="Where it runs.")] = None,
    at: Annotated[str, typer.Option("--at", help="Since when: now, 2h (before now), or a time.")] = "now",
    json_: ui.Json = False,
) -> None:
    """A release went live.

    Example: [bold]luffy release add payments 1.4.2 --commit 8f3a2c1 -e production[/]
    """
    from luffy_dagster import store

    now = context.now()
    moment = ui.parse_time(at, now, "--at")
    with context.connection() as conn:
        store.releases.add(conn, service, environment, version, commit, moment, actor=context.actor(), now=now)
    ui.print_json({"version": version}) if json_ else ui.out.print(f"[green]✓[/] {service} runs {version}")


@release_app.command("sync")
def sync(service: Slug, json_: ui.Json = False) -> None:
    """Take the tags of the service's repository as its releases; what is known keeps its earliest time.

    Example: [bold]luffy release sync payments[/]
    """
    from luffy_dagster.flows.releases import sync_tags

    found = sync_tags(context.flows(), service)
    if json_:
        ui.print_json([{"version": one.name, "commit": one.commit, "at": one.at} for one in found])
        return
    newest = f", the newest {found[-1].name}" if found else ""
    count = many(len(found), "tag")
    ui.out.print(f"[green]✓[/] {count}{newest}", highlight=False)


@release_app.command("list")
def releases(service: Slug, json_: ui.Json = False) -> None:
    """Releases of a service, the newest first.

    Example: [bold]luffy release list payments[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        store.services.get(conn, service)
        found = store.releases.list_releases(conn, service)
    if json_:
        ui.print_json(found)
        return
    for one in found:
        ui.out.print(
            f"{ui.when(one.at)}  {one.environment or '–'}  {one.version}  {one.commit or ''}  ({one.source})",
            markup=False,
        )


@maintenance_app.command("add")
def add_window(
    service: Annotated[list[str], typer.Argument(help="Services.", show_default=False)],
    reason: Reason,
    hours: Annotated[float, typer.Option("--hours", min=0.1, max=720, help="How long.")] = 1.0,
    begin: Annotated[
        str | None, typer.Option("--from", help="When it begins: 2026-11-28T22:00, or +3h (from now); else now.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="When it ends, in place of --hours.")] = None,
    pause: Annotated[bool, typer.Option("--pause", help="Stop their work too; the gap is fetched afterwards.")] = False,
    json_: ui.Json = False,
) -> None:
    """A maintenance window, from now on or planned.

    For example:

    [bold]luffy maintenance add payments --hours 2 --reason "database upgrade" --pause[/]

    [bold]luffy maintenance add payments --from 2026-11-28T22:00 --to 2026-11-29T02:00 --reason "move to another host"[/]
    """
    from luffy_dagster import store

    now = context.now()
    starts = _planned(begin, now, "--from") if begin else now
    ends = _planned(end, now, "--to") if end else starts + timedelta(hours=hours)
    with context.connection() as conn:
        number = store.mutes.add_window(
            conn, service, owner=context.actor(), reason=reason, starts_at=starts, ends_at=ends, pause=pause, now=now,
        )  # fmt: skip
    if json_:
        ui.print_json({"window": number, "starts_at": starts, "ends_at": ends})
    else:
        ui.out.print(f"[green]✓[/] window {number}: {ui.when(starts)} – {ui.when(ends)}", highlight=False)


def _planned(text: str, now: datetime, option: str) -> datetime:
    """A time that may lie ahead: `+3h` counts from now on."""
    return (
        now + (now - ui.parse_time(text[1:], now, option)) if text.startswith("+") else ui.parse_time(text, now, option)
    )


@maintenance_app.command("list")
def windows(json_: ui.Json = False) -> None:
    """Windows, and how many alerts each hid.

    Example: [bold]luffy maintenance list[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        found = store.mutes.windows(conn)
        counts = {row["id"]: len(store.mutes.hidden(conn, by_kind="maintenance", by_id=row["id"])) for row in found}
    if json_:
        ui.print_json([{**row, "hidden": counts[row["id"]]} for row in found])
        return
    if not found:
        ui.note("no maintenance windows; one is made by [bold]luffy maintenance add[/]")
        return
    table = ui.table(
        "window", "services", "from", "to", "owner", "reason", "hid", right=("window", "hid"), wide=("reason",)
    )
    for row in found:
        names = ", ".join(row["services"]) or "all"
        begins, ends = ui.when(row["starts_at"]), ui.when(row["ends_at"])
        table.add_row(str(row["id"]), names, begins, ends, row["owner"], row["reason"], str(counts[row["id"]]))
    ui.out.print(table)


@maintenance_app.command("end")
def end_window(number: Window, json_: ui.Json = False) -> None:
    """End a window early.

    Example: [bold]luffy maintenance end 3[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        store.mutes.end_window(conn, number, actor=context.actor(), now=context.now())
    ui.print_json({"window": number}) if json_ else ui.out.print(f"[green]✓[/] window {number} is over")
