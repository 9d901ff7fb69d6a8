"""Git over a real SSH server: the given key alone opens it, an unknown host is refused, and the key is found nowhere afterwards."""

import shutil

import pytest

from luffy_dagster.adapters.git import Credentials, GitError, GitHostKeyUnknown, GitRepositoryMissing, GitUnauthorised, open_mirror
from luffy_dagster_tests.gitmaker import Made
from luffy_dagster_tests.sshhost import key_pair, serving_ssh

pytestmark = pytest.mark.skipif(not shutil.which("ssh"), reason="no ssh client on this machine")


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ssh")
    with serving_ssh(folder / "server") as (where, key, known, log):
        made = Made(folder / "made")
        made.commit("One", {"app.py": "def one():\n    return 1\n"})
        yield where, key, known, log, made, folder


def test_a_mirror_comes_over_ssh_and_the_key_stays_nowhere(host, tmp_path):
    where, key, known, log, made, _ = host
    url = f"ssh://{where}{made.path}"
    given = Credentials(ssh_key=key, known_hosts=known)
    with open_mirror(url, tmp_path / "mirrors", credentials=given) as repo:
        assert [c.subject for c in repo.log(repo.head("main"))] == ["One"]
    newer = made.commit("Two", {"app.py": "def one():\n    return 2\n"})
    with open_mirror(url, tmp_path / "mirrors", credentials=given) as repo:
        assert repo.head("main") == newer
    assert "Accepted publickey" in log.read_text()
    secret = key.splitlines()[2].encode()
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and secret in p.read_bytes()]
    assert secret.decode() not in repr(given)


def test_a_wrong_key_an_unknown_host_and_no_repository_are_told_apart(host, tmp_path):
    where, key, known, _, made, folder = host
    url = f"ssh://{where}{made.path}"
    other = key_pair(folder / "other")
    for number, (address, given, kind) in enumerate(
        (
            (url, Credentials(ssh_key=other, known_hosts=known), GitUnauthorised),
            (url, Credentials(known_hosts=known), GitUnauthorised),
            (url, Credentials(ssh_key=key, known_hosts=known.replace("AAAAC3", "AAAAC4")), GitHostKeyUnknown),
            (url, Credentials(ssh_key=key), GitHostKeyUnknown),
            (f"ssh://{where}/nowhere/app.git", Credentials(ssh_key=key, known_hosts=known), GitRepositoryMissing),
        )
    ):
        with pytest.raises(GitError) as caught:
            open_mirror(address, tmp_path / str(number), credentials=given)
        assert type(caught.value) is kind, (number, str(caught.value))
        assert "PRIVATE KEY" not in str(caught.value)
