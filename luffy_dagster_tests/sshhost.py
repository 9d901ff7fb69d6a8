"""A real OpenSSH server of tests on loopback: own host key, one allowed key, only `git-upload-pack`; it runs as whoever runs the tests.

The server's program is the machine's, or is taken out of Debian's package without installing it (an installed one would stay on).
"""

import getpass
import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/allowed
PidFile {folder}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding no
LogLevel VERBOSE
"""


def sshd():
    """(path of the server's program, where libraries lie that it needs and the machine lacks), or a skip that says why there is none."""
    found = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")
    if found:
        return found, ""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        pytest.skip("no sshd on this machine, and no Debian to take one from")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "luffy-tests" / "openssh"
    package = _unpacked(cache, "openssh-server")
    needs = subprocess.run(["dpkg-deb", "-f", str(package), "Depends"], capture_output=True, text=True, check=True).stdout
    for name in re.findall(r"(?<![\w.+-])lib[\w.+-]+", needs):
        if subprocess.run(["dpkg", "-s", name], capture_output=True, check=False).returncode:
            _unpacked(cache, name)
    return str(cache / "usr/sbin/sshd"), ":".join(str(one) for one in cache.glob("**/lib/*-linux-gnu*"))


def _unpacked(cache, name):
    """The package's file, fetched and unpacked into the folder once."""
    cache.mkdir(parents=True, exist_ok=True)
    done = cache / f"{name}.unpacked"
    if not done.exists():
        got = subprocess.run(["apt-get", "download", "-qq", name], cwd=cache, capture_output=True, text=True, check=False)
        if not (files := sorted(cache.glob(f"{name}_*.deb"))):
            pytest.skip(f"no sshd on this machine, and {name} cannot be fetched: {' '.join(got.stderr.split())[-120:]}")
        subprocess.run(["dpkg-deb", "-x", files[-1].name, "."], cwd=cache, check=True)
        done.touch()
    return sorted(cache.glob(f"{name}_*.deb"))[-1]


def key_pair(path, kind="ed25519"):
    """A new key pair at `path` (and `.pub`); the private half."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test", "-f", str(path)], check=True)
    return Path(path).read_text()


@contextmanager
def serving_ssh(folder):
    """(`user@host:port`, the allowed private key, the line of known_hosts, path of the server's log)."""
    program, libraries = sshd()
    folder.mkdir(parents=True, exist_ok=True)
    key_pair(folder / "host")
    allowed = key_pair(folder / "client")
    public = (folder / "client.pub").read_text().strip()
    (folder / "allowed").write_text(f'restrict,command="git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"" {public}\n')
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "config").write_text(_CONFIG.format(port=port, folder=folder))
    if os.geteuid() == 0:
        # where, and as whom, the server separates its rights: both are made by the package when it is installed
        Path("/run/sshd").mkdir(exist_ok=True)
        if subprocess.run(["id", "sshd"], capture_output=True, check=False).returncode:
            subprocess.run(["useradd", "--system", "--no-create-home", "--home-dir", "/run/sshd", "--shell", "/usr/sbin/nologin", "sshd"], check=True)
    log = folder / "log"
    server = subprocess.Popen([program, "-D", "-e", "-f", str(folder / "config")], stderr=log.open("wb"), env=os.environ | ({"LD_LIBRARY_PATH": libraries} if libraries else {}))
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
        host_key = " ".join((folder / "host.pub").read_text().split()[:2])
        yield f"{getpass.getuser()}@127.0.0.1:{port}", allowed, f"[127.0.0.1]:{port} {host_key}", log
    finally:
        server.terminate()
        server.wait(10)
