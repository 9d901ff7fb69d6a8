"""`luffy api`: the REST API on this machine, until the web face with its users is there. Thin: starts what `web.app` makes."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from luffy_dagster.cli import context, ui


def register(app: typer.Typer) -> None:
    """Hang the command into the root."""
    app.command("api", rich_help_panel="Start and stop")(api)


def api(
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="On 127.0.0.1; 0: any.")] = 3100,
    json_: ui.Json = False,
) -> None:
    """Answer /api/v1/anomalies and /api/v1/stats/summary on this machine; read-only. Ctrl-C ends it.

    Example: [bold]luffy api --port 3100[/]
    """
    import uvicorn

    from luffy_dagster.web.app import create

    app = create(context.flows())
    wire = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        wire.bind(("127.0.0.1", port))
    except OSError as error:
        wire.close()
        ui.fail(f"cannot listen on 127.0.0.1:{port}: {error.strerror}; choose another port with --port")
    url = f"http://127.0.0.1:{wire.getsockname()[1]}"
    ui.done(
        {"url": url},
        json_,
        f"listening on [bold]{url}[/]; try [bold]{url}/api/v1/stats/summary[/]",
    )
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[wire])
