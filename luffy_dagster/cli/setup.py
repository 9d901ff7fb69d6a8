"""`luffy init`, `up`, `down`, `horizon`: the home of an installation, and whether it runs."""

from __future__ import annotations

import os
import shlex
import subprocess
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luffy_dagster.cli import context, ui

if TYPE_CHECKING:
    from luffy_dagster.settings import Settings


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.command("init", rich_help_panel="Start and stop")(init)
    app.command("up", rich_help_panel="Start and stop")(up)
    app.command("down", rich_help_panel="Start and stop")(down)
    app.command("horizon", rich_help_panel="Upkeep")(horizon)


def make_home(chosen: Settings, folder: Path) -> list[tuple[str, str]]:
    """Make everything a home needs (idempotent): folders, `.env`, the store's schema, the first day. What was done, in words."""
    from luffy_dagster import store
    from luffy_dagster.adapters.dagster_api import prepare_dagster_home

    done = []
    try:
        chosen.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        ui.fail(f"cannot make the home {chosen.home}: {error.strerror}; set LUFFY_HOME to a folder that you may write")
    engine = store.engine(chosen)
    revision = store.migrate(engine)
    kind = "your own" if chosen.database_url else "embedded"
    done.append(("PostgreSQL", f"{kind}, schema at {revision}"))
    with store.begin(engine) as conn:
        first = store.kv.horizon(conn, context.now(), days=chosen.horizon_days)
    # what `defs.partitions` reads, so that loading the definitions opens no database
    (chosen.home / "horizon").write_text(f"{first}\n", encoding="ascii")
    done.append(("First day", f"{first} (luffy horizon moves it)"))
    dagster_home = prepare_dagster_home(chosen.home / "dagster")
    done.append(("Dagster", str(dagster_home)))
    wanted = {"LUFFY_HOME": str(chosen.home), "DAGSTER_HOME": str(dagster_home)}
    if all(os.environ.get(name) == value for name, value in wanted.items()):
        done.append(("Settings", "from the environment"))  # in a container: no file is needed, and none may be written
        return done
    env_file = folder / ".env"
    written = write_env(env_file, wanted)
    keep_out_of_git(env_file)
    done.append(("Settings", f"{env_file} ({'written' if written else 'as it was'})"))
    return done


def write_env(path: Path, wanted: dict[str, str]) -> bool:
    """Set variables in an env file and leave its other lines alone; True when something changed."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = [line for line in before.splitlines() if line.partition("=")[0].strip() not in wanted]
    # quoted where a shell would need it: the file is also read by `. ./.env`
    after = "\n".join([*kept, *(f"{name}={shlex.quote(value)}" for name, value in wanted.items())]) + "\n"
    if after == before:
        return False
    try:
        path.touch(mode=0o600, exist_ok=True)
        path.write_text(after, encoding="utf-8")
    except OSError as error:
        ui.fail(f"cannot write {path}: {error.strerror}; run luffy init in a folder that you may write")
    return True


def keep_out_of_git(path: Path) -> None:
    """Where the folder is a Git checkout that does not ignore the file, ignore it for this checkout only."""
    try:
        ignored = subprocess.run(
            ["git", "-C", str(path.parent), "check-ignore", "-q", path.name], check=False, capture_output=True
        )
        if ignored.returncode != 1:  # 0: ignored already; 128: no repository
            return
        found = subprocess.run(
            ["git", "-C", str(path.parent), "rev-parse", "--path-format=absolute", "--git-path", "info/exclude"],
            check=True,
            capture_output=True,
            text=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return
    exclude = Path(found.stdout.strip())
    exclude.parent.mkdir(parents=True, exist_ok=True)
    with exclude.open("a", encoding="utf-8") as file:
        file.write(f"{path.name}\n")


def init(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing when all went well.")] = False,
    json_: ui.Json = False,
) -> None:
    """Make the home: PostgreSQL, its schema, Dagster's folder, and .env here. Running it again changes nothing.

    Example: [bold]LUFFY_HOME=/var/lib/luffy luffy init[/]
    """
    chosen = context.settings()
    with ui.doing("making the home …", quiet=quiet or json_):
        done = make_home(chosen, Path.cwd())
    if json_:
        ui.print_json({"home": chosen.home, **{name.lower().replace(" ", "_"): text for name, text in done}})
    elif not quiet:
        ui.out.print(f"[green]✓[/] Luffy's home is [bold]{chosen.home}[/]")
        ui.out.print(ui.pairs(done))
        ui.out.print("Next: [bold]luffy demo[/], or [bold]luffy watch PATH --service NAME[/], then [bold]luffy up[/]")


def up(
    port: Annotated[int, typer.Option("--port", "-p", min=1, max=65535, help="Port of Dagster's page.")] = 3000,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on. Dagster's page asks nobody who they are.")
    ] = "127.0.0.1",
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when the page answers; luffy down stops it.")
    ] = False,
    json_: ui.Json = False,
) -> None:
    """Start Dagster's page and daemon together; schedules and sensors work from then on. Ctrl-C stops both.

    Example: [bold]luffy up --port 3100 --detach[/]
    """
    import signal

    from luffy_dagster.cli.page import page_file, running_page, start_page, stop_page, wait_for_page

    chosen = context.require_setup()
    page = running_page(chosen)
    if page is not None:
        _say_up(page.url, json_=json_, extra="was already running; luffy down stops it")
        return
    log = chosen.home / "dagster" / "page.log" if detach or json_ else None
    page, process = start_page(chosen, host=host, port=port, log=log)

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    try:
        with ui.doing("Dagster is starting …", quiet=log is None or json_):
            wait_for_page(page, process)
        _say_up(page.url, json_=json_, extra="luffy down stops it" if detach else "Ctrl-C stops it")
        if detach:
            return
        code = process.wait()
    except BaseException as error:
        ui.note("stopping Dagster …")
        stop_page(chosen, page)
        if isinstance(error, KeyboardInterrupt):
            return  # the person's way to end it is no failure
        raise
    page_file(chosen).unlink(missing_ok=True)
    if code != 0:
        ui.fail(f"Dagster ended by itself with exit code {code}: its last lines above say why")


def _say_up(url: str, *, json_: bool, extra: str) -> None:
    if json_:
        ui.print_json({"url": url})
    else:
        ui.note(f"[green]✓[/] Dagster's page: [link={url}][bold]{url}[/][/link]  ({extra})")


def down(json_: ui.Json = False) -> None:
    """Stop what runs in the background: the page that was started with --detach, and the embedded PostgreSQL.

    Example: [bold]luffy down[/]
    """
    from luffy_dagster import store
    from luffy_dagster.cli.page import running_page, stop_page
    from luffy_dagster.demo import live

    chosen = context.settings()
    page = running_page(chosen)
    if page is not None:
        with ui.doing("stopping Dagster …", quiet=json_):
            stop_page(chosen, page)
    stopped = False
    shop = live.close(chosen.home / "demo")
    if chosen.database_url is None and (chosen.home / "postgres").exists():
        stopped = store.embedded.stop(chosen)
    if json_:
        ui.print_json({"page_stopped": page is not None, "postgres_stopped": stopped})
        return
    parts = (
        ("Dagster's page", page is not None),
        ("the demo's shop", shop),
        ("the embedded PostgreSQL", stopped),
    )
    words = [name for name, was in parts if was]
    ui.out.print(f"[green]✓[/] stopped: {', '.join(words)}" if words else "nothing was running")


def horizon(
    first_day: Annotated[str | None, typer.Argument(metavar="[DATE]", help="New first day, e.g. 2026-08-01.")] = None,
    json_: ui.Json = False,
) -> None:
    """Show or move the first day that has partitions.

    Example: [bold]luffy horizon 2026-08-01[/]
    """
    from luffy_dagster import store

    moment = context.now()
    with context.connection() as conn:
        if first_day is not None:
            try:
                wanted = date.fromisoformat(first_day)
            except ValueError:
                ui.usage(f"no date: {first_day!r}; write it as 2026-08-01")
            if wanted > moment.date():
                ui.usage(f"the first day cannot lie in the future: {wanted}")
            store.kv.set_horizon(conn, wanted, actor=context.actor(), now=moment)
        first = store.kv.horizon(conn, moment)
        services = len(store.services.partition_keys(conn))
    days = (moment.date() - first).days + 1
    keys = days * services
    if json_:
        ui.print_json({"first_day": first, "days": days, "services": services, "partition_keys": keys})
        return
    ui.out.print(
        f"first day {first}: {ui.number(days)} days × {services} services = {ui.number(keys)} partition keys",
        highlight=False,
    )
    if keys > 80_000:
        ui.note(
            "[yellow]note:[/] more than 80,000 keys make Dagster's pages slow: move the first day forward, or archive services"
        )
    if first_day is not None:
        ui.note("running pages read it when their code location is loaded again (luffy down, luffy up)")
