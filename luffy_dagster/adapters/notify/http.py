"""One POST to somebody's address: pinned to the addresses that were checked, with a deadline, redirects checked anew.

Built on the standard library's client because it tells apart what matters here: whether the request had gone out whole when
something failed. Proxies of the environment are not used: they would undo the check.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urljoin, urlsplit

from luffy_dagster.adapters.notify.addresses import Allowed, Resolve, checked, system_resolve
from luffy_dagster.adapters.notify.errors import NotifyError

MOST_REDIRECTS = 3
MOST_ANSWER = 65_536
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Poster:
    """Posts bytes. `timeout` bounds each attempt as a whole, in seconds."""

    allowed: Allowed
    timeout: float = 15.0
    resolve: Resolve = system_resolve
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The answer's body when the receiver accepted (2xx). Raises NotifyError, which never shows the address' secrets."""
        deadline = time.monotonic() + self.timeout
        origin = urlsplit(url)
        for _ in range(MOST_REDIRECTS + 1):
            status, answer, location, retry_after = self._once(url, body, headers, deadline)
            if 200 <= status < 300:
                return answer
            if status in (301, 302, 303):
                raise NotifyError(f"{_name(url)} answers {status} (moved): set the new address", permanent=True)
            if status in (307, 308) and location:
                url = urljoin(url, location)
                target = urlsplit(url)
                if origin.scheme == "https" and target.scheme != "https":
                    raise NotifyError(f"{_name(url)}: redirected from https to http: refused", permanent=True)
                if (target.hostname, target.port) != (origin.hostname, origin.port):
                    headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
                continue
            said = " ".join(answer[:200].decode("utf-8", "replace").split())
            raise NotifyError(
                f"{_name(url)} answers {status}{f' ({said})' if said else ''}",
                permanent=status not in _TRY_AGAIN and not status >= 500,
                retry_after=retry_after,
            )
        raise NotifyError(
            f"{_name(url)} redirects more than {MOST_REDIRECTS} times: correct the address", permanent=True
        )

    def _once(
        self, url: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> tuple[int, bytes, str | None, timedelta | None]:
        parts = _parts(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        addresses = checked(host, port, self.allowed, self.resolve)
        connection = _connect(parts, host, port, addresses, deadline)
        # A receiver that lets its answer drip byte by byte is cut off at the deadline all the same.
        watch = threading.Timer(max(0.01, deadline - time.monotonic()), _shut, (connection.sock,))
        watch.daemon = True
        watch.start()
        sent = False
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, {**headers, "Connection": "close"})
            sent = True
            answer = connection.getresponse()
            content = answer.read(MOST_ANSWER)
            retry_after = self._retry_after(answer.getheader("Retry-After"))
            return answer.status, content, answer.getheader("Location"), retry_after
        except (OSError, http.client.HTTPException) as error:
            why = (
                "gave no answer in time"
                if time.monotonic() >= deadline or isinstance(error, TimeoutError)
                else str(error) or type(error).__name__
            )
            if sent:
                raise NotifyError(f"{_name(url)} took the message and {why}: it may have it", uncertain=True) from None
            raise NotifyError(f"{_name(url)} did not take the message: {why}") from None
        finally:
            watch.cancel()
            connection.close()

    def _retry_after(self, text: str | None) -> timedelta | None:
        if not text:
            return None
        if text.strip().isdigit():
            return timedelta(seconds=min(int(text), 86_400))
        try:
            return max(timedelta(0), parsedate_to_datetime(text) - self.clock())
        except (ValueError, TypeError):
            return None


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - a port that is none is refused here
    except ValueError:
        raise NotifyError("the address is no URL: correct it", permanent=True) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotifyError("the address must begin with https:// or http:// and name a host", permanent=True)
    if parts.username or parts.password:
        raise NotifyError("the address must not carry a user or password: leave them out", permanent=True)
    return parts


def _connect(
    parts: SplitResult, host: str, port: int, addresses: list[str], deadline: float
) -> http.client.HTTPConnection:
    """A connection whose socket goes to one of the checked addresses, and to nothing else."""
    last: Exception | None = None
    for address in addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            raw = socket.create_connection((address, port), timeout=left)
        except OSError as error:
            last = error
            continue
        try:
            raw.settimeout(max(0.01, deadline - time.monotonic()))
            if parts.scheme == "https":
                raw = ssl.create_default_context().wrap_socket(raw, server_hostname=host)
        except (OSError, ssl.SSLError) as error:
            raw.close()
            raise NotifyError(
                f"{host}:{port} cannot be spoken to over TLS ({error}); look at its certificate"
            ) from None
        connection = http.client.HTTPConnection(host, port)
        connection.sock = raw  # it is open already: the client connects no more
        return connection
    why = str(last) if last is not None else "no answer in time"
    raise NotifyError(f"{host}:{port} does not answer ({why})")


def _shut(sock: socket.socket | None) -> None:
    try:
        if sock is not None:
            sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _name(url: str) -> str:
    """Host and port alone: the path of a webhook is its secret."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or "the receiver"
