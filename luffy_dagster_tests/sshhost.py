"""A real OpenSSH server of tests on loopback: own host key, one allowed key, only `git-upload-pack`; it runs as whoever runs the tests.

The server's program is the machine's, or is taken out of Debian's package without installing it (an installed one would stay on).
"""

import getpass
import os
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
    """Path of the server's program, or a skip that says why there is none."""
    found = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")
    if found:
        return found
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "luffy-tests" / "openssh"
    program = cache / "usr/sbin/sshd"
    if not program.exists():
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            pytest.skip("no sshd on this machine, and no Debian to take one from")
        cache.mkdir(parents=True, exist_ok=True)
        got = subprocess.run(["apt-get", "download", "-qq", "openssh-server"], cwd=cache, capture_output=True, text=True, check=False)
        packages = sorted(cache.glob("openssh-server_*.deb"))
        if not packages:
            pytest.skip(f"no sshd on this machine, and its package cannot be fetched: {' '.join(got.stderr.split())[-120:]}")
        subprocess.run(["dpkg-deb", "-x", packages[0].name, "."], cwd=cache, check=True)
    return str(program)


def key_pair(path, kind="ed25519"):
    """A new key pair at `path` (and `.pub`); the private half."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test", "-f", str(path)], check=True)
    return Path(path).read_text()


@contextmanager
def serving_ssh(folder):
    """(`user@host:port`, the allowed private key, the line of known_hosts, path of the server's log)."""
    program = sshd()
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
        Path("/run/sshd").mkdir(exist_ok=True)  # where the server separates its rights
    log = folder / "log"
    server = subprocess.Popen([program, "-D", "-e", "-f", str(folder / "config")], stderr=log.open("wb"))
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
