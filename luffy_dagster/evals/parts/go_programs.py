"""Servers that are built from Go modules: MinIO and Alertmanager, on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from luffy_dagster.evals.parts.fetching import PartMissingError, free_port, go_program


@contextmanager
def minio() -> Iterator[dict[str, str]]:
    """A real MinIO with the bucket `lake`: the options an object store's client needs. Raises PartMissingError."""
    program = go_program("github.com/minio/minio@latest", "minio")
    folder = Path(tempfile.mkdtemp(prefix="luffy-part-"))
    address = f"127.0.0.1:{free_port()}"
    secret = os.urandom(12).hex()
    env = os.environ | {"MINIO_ROOT_USER": "luffy", "MINIO_ROOT_PASSWORD": secret, "MINIO_CI_CD": "1"}
    command = [str(program), "server", str(folder / "data"), "--address", address, "--console-address", "127.0.0.1:0"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:
        _make_bucket(address, secret, folder / "log", process)
        yield {
            "AWS_ENDPOINT_URL": f"http://{address}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "luffy",
            "AWS_SECRET_ACCESS_KEY": secret,
        }
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _make_bucket(address: str, secret: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    """Waits until the server answers and makes its bucket."""
    from pyarrow.fs import S3FileSystem

    found = S3FileSystem(
        access_key="luffy",
        secret_key=secret,
        endpoint_override=address,
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=True,
        connect_timeout=2,
        request_timeout=5,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            found.create_dir("lake")
            return
        time.sleep(0.5)
    raise PartMissingError("MinIO did not start: " + log.read_text(errors="replace")[-300:])


@contextmanager
def alertmanager(config: str) -> Iterator[str]:
    """A real Alertmanager 0.28.1 with this configuration: its address. Raises PartMissingError."""
    import urllib.request

    program = go_program("github.com/prometheus/alertmanager/cmd/alertmanager@v0.28.1", "alertmanager")
    folder = Path(tempfile.mkdtemp(prefix="luffy-part-"))
    (folder / "alertmanager.yml").write_text(config, encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    command = [
        str(program),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while True:
            with suppress(OSError), urllib.request.urlopen(f"http://{address}/-/ready", timeout=2) as answer:
                if answer.status == 200:
                    break
            if time.monotonic() > deadline or process.poll() is not None:
                said = (folder / "log").read_text(errors="replace")[-300:]
                raise PartMissingError("Alertmanager did not start: " + said)
            time.sleep(0.2)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
