"""HTTP to one cluster: connection, credentials, retries, and faults turned into typed errors with a remedy."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import urllib3
from urllib3.exceptions import (
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    SSLError,
)
from urllib3.exceptions import (
    TimeoutError as Urllib3Timeout,
)

from luffy_dagster.adapters.errors import (
    SourceCertificateInvalid,
    SourceError,
    SourceForbidden,
    SourceIncomplete,
    SourceIndexMissing,
    SourceMisconfigured,
    SourceUnauthorised,
    SourceUnavailable,
)
from luffy_dagster.adapters.source_model import SourceConfig, TlsSettings

_BUSY = (429, 502, 503, 504)


def _context(tls: TlsSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_file, cadata=tls.ca_pem)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.client_cert:
        context.load_cert_chain(tls.client_cert, tls.client_key)
    return context


class Client:
    """Requests to one cluster; safe for several threads."""

    def __init__(
        self, config: SourceConfig, sleep: Callable[[float], None] = time.sleep, *, retry_for: float | None = None
    ) -> None:
        self.name = config.id
        self._sleep = sleep
        host = config.host.removeprefix("https://").removeprefix("http://").rstrip("/")
        if "@" in host or "/" in host:
            raise SourceMisconfigured(
                self.name, "the host is more than a name", "give host, port, user and password in fields of their own"
            )
        tls = config.tls or (TlsSettings() if config.host.startswith("https://") else None)
        self._secure = tls is not None
        if host.count(":") > 1:  # an IPv6 address
            host, port = f"[{host.strip('[]')}]", ""
        else:
            host, _, port = host.partition(":")
        self._where = f"{host}:{port or config.port}"
        self._base = f"{'https' if tls else 'http'}://{self._where}"
        self._retry_for = float(config.options.get("retry_for_s", 30)) if retry_for is None else retry_for
        headers: dict[str, str] = {"Accept": "application/json"}
        if config.options.get("gzip"):
            headers["Accept-Encoding"] = "gzip"
        if config.api_key:
            headers["Authorization"] = f"ApiKey {config.api_key}"
        elif config.username:
            headers |= urllib3.make_headers(basic_auth=f"{config.username}:{config.password or ''}")
        extra: dict[str, Any] = {}
        if tls is not None:
            try:
                extra["ssl_context"] = _context(tls)
            except (ssl.SSLError, OSError) as error:
                raise SourceCertificateInvalid(
                    self.name, f"the certificate settings cannot be used ({error})", "check CA, certificate and key"
                ) from None
            if not tls.verify:
                extra["assert_hostname"] = False
        self._pool = urllib3.PoolManager(
            num_pools=2, maxsize=8, headers=headers, retries=False,
            timeout=urllib3.Timeout(connect=10, read=float(config.options.get("timeout_s", 60))), **extra,
        )  # fmt: skip

    def close(self) -> None:
        """Closes the connections."""
        self._pool.clear()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded JSON answer; raises SourceError."""
        return json.loads(self.raw(method, path, body))

    def raw(self, method: str, path: str, body: Any = None) -> bytes:
        """The answer's bytes. What may pass (429, 503, a lost connection) is tried again with growing pauses, bounded."""
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._pool.headers, "Content-Type": "application/json"} if data else None
        deadline = time.monotonic() + self._retry_for
        pause = 0.25
        while True:
            wait, fault = pause, None
            try:
                answer = self._pool.request(method, self._base + path, body=data, headers=headers)
            except HTTPError as error:
                fault = self._fault(error)
                if not (isinstance(fault, SourceUnavailable) and fault.kind in ("timeout", "unavailable")):
                    raise fault from None
            else:
                if answer.status < 300:
                    return bytes(answer.data)
                fault = self._refusal(answer.status, answer.data, path)
                if answer.status not in _BUSY or fault.kind == "too_large":
                    raise fault
                after = answer.headers.get("Retry-After", "")
                wait = max(pause, float(after)) if after.isdigit() else pause
            if time.monotonic() + wait > deadline:
                raise fault
            self._sleep(wait)
            pause = min(pause * 2, 5.0)

    def _fault(self, error: HTTPError) -> SourceError:
        cause: BaseException = error.reason if isinstance(error, MaxRetryError) and error.reason else error
        text = str(cause)
        if isinstance(cause, NameResolutionError) or isinstance(cause.__cause__, socket.gaierror):
            return SourceUnavailable(
                self.name,
                f"host {self._where.rpartition(':')[0]} is not known",
                "check the host's name and this machine's DNS",
                kind="host_unknown",
            )
        if isinstance(cause, SSLError) or "SSL" in type(cause).__name__:
            if "WRONG_VERSION" in text or "wrong version" in text or "record layer" in text:
                return SourceCertificateInvalid(
                    self.name,
                    f"{self._where} does not speak TLS",
                    "switch TLS off for this source, or use the TLS port",
                    kind="tls_mismatch",
                )
            reason = (
                "does not fit the host's name" if "ostname" in text or "doesn't match" in text else "is not trusted"
            )
            return SourceCertificateInvalid(
                self.name,
                f"the certificate of {self._where} {reason}",
                "give the CA that signed it (ca_cert), or the right host name",
            )
        if isinstance(cause, NewConnectionError):
            if "timed out" in text:
                return SourceUnavailable(
                    self.name, f"{self._where} does not answer", "check the network path and firewalls", kind="timeout"
                )
            return SourceUnavailable(
                self.name,
                f"{self._where} refuses connections",
                "check the port, and that the server runs",
                kind="port_refused",
            )
        if isinstance(cause, Urllib3Timeout):
            return SourceUnavailable(
                self.name,
                f"{self._where} did not answer in time",
                "the server is overloaded, or timeout_s is too small",
                kind="timeout",
            )
        if isinstance(cause, ProtocolError) and not self._secure:
            return SourceUnavailable(
                self.name,
                f"{self._where} closed the connection",
                "if it speaks TLS, switch TLS on for this source; else see the server's log",
                kind="unavailable",
            )
        return SourceUnavailable(
            self.name,
            f"the connection to {self._where} broke ({type(cause).__name__})",
            "see the server's log",
            kind="unavailable",
        )

    def _refusal(self, status: int, data: bytes, path: str) -> SourceError:
        try:
            error = json.loads(data).get("error", {})
        except (ValueError, AttributeError):
            error = {}
        if isinstance(error, str):
            error = {"reason": error}
        root = (error.get("root_cause") or [error])[0] if isinstance(error, dict) else {}
        kind = str(root.get("type") or error.get("type") or "")
        reason = (
            str(root.get("reason") or error.get("reason") or data[:200].decode("utf-8", "replace")).splitlines()[0]
            if data
            else ""
        )
        reason = reason[:300]
        if status == 401:
            return SourceUnauthorised(
                self.name, f"{self._where} refuses the user or password (401)", "correct the credentials"
            )
        if status == 403:
            return SourceForbidden(
                self.name,
                f"the user lacks a right (403: {reason})",
                "give it read and view_index_metadata on the index pattern",
            )
        if status == 404 and ("index_not_found" in kind or "index_closed" in kind):
            return SourceIndexMissing(self.name, f"no index: {reason}", "check the index pattern")
        if status == 404 and "search_context" in data.decode("utf-8", "replace"):
            return SourceIncomplete(self.name, "the point in time expired", "it is opened again", kind="expired")
        if "circuit_breaking" in kind or status == 413:
            return SourceIncomplete(
                self.name,
                f"{self._where} has no memory for the answer ({status}: {reason})",
                "give it more heap, or set a smaller page_size",
                kind="too_large",
            )
        if status in _BUSY:
            return SourceUnavailable(
                self.name,
                f"{self._where} is busy ({status}: {reason})",
                "try later, or give it more resources",
                kind="busy",
            )
        if status == 400:
            return SourceMisconfigured(
                self.name, f"the query is refused ({reason})", "check query filter, field mapping and index pattern"
            )
        return SourceUnavailable(
            self.name,
            f"{self._where} answers {status} to {path.split('?', maxsplit=1)[0]}: {reason}",
            "see the server's log",
        )
