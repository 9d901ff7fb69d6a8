"""All other services through Apprise (Telegram, Teams, PagerDuty, …), in a process of its own.

The child vetoes every connection to an address that is not allowed, at the moment of connecting, whatever library makes it and
however often it is redirected; and it can be stopped when it takes too long. Its URL, which holds secrets, goes over stdin.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from luffy_dagster.adapters.notify.errors import NotifyError

_CHILD = "luffy_dagster.adapters.notify.apprise_child"


def check(url: str) -> None:
    """Raises NotifyError when Apprise does not know this kind of URL."""
    import apprise

    if apprise.Apprise.instantiate(url) is None:
        raise NotifyError("Apprise does not know this URL: look at the list of its services", permanent=True)


def send(url: str, title: str, body: str, *, severity: str, allow_private: str, timeout: float = 30.0) -> None:
    """Sends one message by an Apprise URL. Raises NotifyError."""
    order = {"url": url, "title": title, "body": body, "severity": severity, "allow": allow_private}
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    try:
        done = subprocess.run(
            [sys.executable, "-m", _CHILD],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise NotifyError(
            f"Apprise was not done within {timeout:.0f} s: the receiver may have it", uncertain=True
        ) from None
    try:
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise NotifyError(f"Apprise ended with code {done.returncode} before it sent anything") from None
    if not answer["ok"]:
        raise NotifyError(answer["why"], permanent=answer["permanent"], uncertain=answer["uncertain"])
