"""The process that `apprise.send` starts: reads one order from stdin, sends it, answers with one line of JSON."""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

from luffy_dagster.adapters.notify.addresses import Allowed

# Audit events of what stays on this machine: programs, its own log.
_HERE = {
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty",
    "syslog.openlog", "syslog.syslog",
}  # fmt: skip


class _Guard:
    """Vetoes connections to addresses that are not allowed (audit event `socket.connect`: the address is resolved by then).

    Also every program that would be started: services of Apprise that show a note on this machine's own screen do that.
    """

    def __init__(self, allowed: Allowed) -> None:
        self.allowed, self.refused, self.connected = allowed, "", False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _HERE:
            self.refused = "it would start or write to a program of this machine: nothing is sent that way"
            raise PermissionError(self.refused)
        if event not in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            return
        here, address = arguments[0], arguments[1]
        if address is None:  # of a socket that is connected: that was looked at
            return
        if not isinstance(address, tuple):
            self.refused = "it would speak to a program of this machine: nothing is sent that way"
            raise PermissionError(self.refused)
        if address[1] == 53 and here.type == socket.SOCK_DGRAM:  # the name service of this machine
            return
        why = self.allowed.refusal("", str(address[0]))
        if why is not None:
            self.refused = (
                f"{address[0]} {why}: nothing is sent there; allow it with LUFFY_NOTIFY_ALLOW_PRIVATE={address[0]}"
            )
            raise PermissionError(self.refused)
        self.connected = True


def main() -> None:
    """One order."""
    order = json.load(sys.stdin)
    import apprise

    guard = _Guard(Allowed(order["allow"]))
    sys.addaudithook(guard)
    service = apprise.Apprise.instantiate(order["url"])
    answer = {"ok": False, "permanent": True, "uncertain": False, "why": "Apprise does not know this URL"}
    if service is not None:
        kind = {"critical": "failure", "high": "failure", "medium": "warning"}.get(order["severity"], "info")
        sent = apprise.Apprise()
        sent.add(service)
        ok = bool(
            sent.notify(
                body=order["body"], title=order["title"], notify_type=kind, body_format=apprise.NotifyFormat.TEXT
            )
        )
        why = guard.refused or f"{service.service_name} did not take the message"
        answer = {"ok": ok, "permanent": bool(guard.refused), "uncertain": False, "why": why}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
