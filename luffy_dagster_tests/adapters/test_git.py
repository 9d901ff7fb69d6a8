"""Reading Git: real repositories made here, hostile ones too; a real HTTP server that wants a token."""

import base64
import os
import subprocess

import pytest

from luffy_dagster.adapters.git import (
    AddressPolicy,
    Credentials,
    GitBranchMissing,
    GitError,
    GitRefused,
    GitRepositoryMissing,
    GitUnauthorised,
    GitUnreachable,
    open_mirror,
    open_path,
    parse_address,
)
from luffy_dagster_tests.githost import serving_git
from luffy_dagster_tests.gitmaker import START, Made

TOKEN = "glpat-" + "not-a-real-token-77"


@pytest.fixture
def made(tmp_path):
    repo = Made(tmp_path / "made")
    repo.commit("One", {"app.py": "def one():\n    return 1\n\n\ndef two():\n    return 2\n"})
    repo.commit("Two", {"app.py": "def one():\n    return 1\n\n\ndef two():\n    return 3\n"})
    return repo


@pytest.fixture
def repo(made, tmp_path):
    with open_path(made.path, cache=tmp_path / "cache") as found:
        yield found


def test_log_tree_file_blame_and_diff(made, repo):
    head = repo.head("main")
    log = repo.log(head, counts=True)
    assert [c.subject for c in log] == ["Two", "One"]
    assert [(x.path, x.status, x.added, x.removed) for x in log[0].changes] == [("app.py", "M", 1, 1)]
    assert [f.path for f in repo.files(log[1].sha)] == ["app.py"]
    assert "return 2" in repo.read(log[1].sha, "app.py") and "return 3" in repo.read(head, "app.py")
    assert [line.sha for line in repo.blame(head, "app.py", 5, 6)] == [log[1].sha, log[0].sha]
    assert "+    return 3" in repo.diff(head) and repo.read(head, "gone.py") is None
    assert repo.commit_before("main", START.replace(hour=10)) == log[1].sha
    assert repo.commit(head).changes[0].added == 1


def test_a_merge_that_resolved_a_conflict_has_what_it_wrote_and_a_clean_one_nothing(made, tmp_path):
    made.git("checkout", "-q", "-b", "side", "HEAD~1")
    made.commit("Side", {"app.py": "def one():\n    return 1\n\n\ndef two():\n    return 4\n", "side.py": "SIDE = 1\n"})
    made.git("checkout", "-q", "main")
    with pytest.raises(subprocess.CalledProcessError):
        made.git("merge", "-q", "side")
    (made.path / "app.py").write_text("def one():\n    return 1\n\n\ndef two():\n    return 5\n")
    made.git("commit", "-q", "-a", "-m", "Merge side")
    resolved = made.git("rev-parse", "HEAD")
    made.git("checkout", "-q", "-b", "other", "HEAD~1")
    made.commit("Other", {"other.py": "OTHER = 1\n"})
    made.git("checkout", "-q", "main")
    made.git("merge", "-q", "--no-ff", "-m", "Merge other", "other")
    clean = made.git("rev-parse", "HEAD")
    with open_path(made.path, cache=tmp_path / "cache-of-merges") as repo:
        assert [line.sha for line in repo.blame(clean, "app.py", 6, 6)] == [resolved]
        found = repo.commits([resolved, clean])
        assert [change.path for change in found[resolved].changes] == ["app.py"] and not found[clean].changes
        assert "+    return 5" in repo.diff(resolved) and "side.py" not in repo.diff(resolved)
        assert repo.diff(clean) == ""
        assert "SIDE" in repo.diff(resolved, "side.py")


def test_lines_are_searched_in_the_files_of_one_commit(tmp_path):
    made = Made(tmp_path / "searched")
    first = made.commit("One", {"a b/ä:1.py": "def one():\n    return 'def two'\n", "c.txt": "def one\n", "d.pyx": "def one\n"})
    head = made.commit("Two", {"a b/ä:1.py": "def two():\n    pass\n", "[e].py": "def one():\n    pass\n"})
    with open_path(made.path, cache=tmp_path / "cache") as repo:
        assert repo.grep(first, r"\b(def|class)[[:space:]]+(one|two)\b", (".py",)) == (
            ("a b/ä:1.py", 1, "def one():"), ("a b/ä:1.py", 2, "    return 'def two'"),
        )  # fmt: skip
        assert [hit[0] for hit in repo.grep(head, "def one", (".py",))] == ["[e].py"]
        assert repo.grep(head, "nowhere", (".py",)) == () and repo.grep("0" * 40, "def", (".py",)) == ()


def test_a_whole_files_blame_answers_for_its_lines(made, repo):
    head = repo.head("main")
    path = next(file.path for file in repo.files(head) if (repo.text(file) or "").count("\n") > 2)
    with open_path(made.path) as other:
        asked = other.blame(head, path, 2, 3)
    whole = repo.blame(head, path)
    assert asked == repo.blame(head, path, 2, 3) == whole[1:3] and repo.blame(head, path, 5_000, 5_001) == ()


def test_blame_ignores_white_space_and_the_listed_commits(made, tmp_path):
    first = made.git("rev-parse", "HEAD")
    made.commit("Indented", {"app.py": "def one():\n      return 1\n\n\ndef two():\n    return 3\n"})
    renamed = made.commit("Format", {"app.py": "def one():\n      return 1\n\n\ndef two( ):\n    return 3 \n"})
    big = made.commit("Reformatted", {"app.py": "def one():\n      return  1\n\n\ndef two( ):\n    return  3  # x\n"})
    head = made.commit("Ignore", {".git-blame-ignore-revs": f"# formatting\n{big}\n--output=x\nnonsense\n"})
    with open_path(made.path, cache=tmp_path / "c") as repo:
        assert repo.blame(head, "app.py", 6, 6)[0].sha == first
        assert {renamed, big}.isdisjoint(line.sha for line in repo.blame(head, "app.py", 1, 2))


def test_paths_and_names_that_are_traps(tmp_path):
    made = Made(tmp_path / "made")
    odd = {"a\nb.py": "x = 1\n", "--output=owned": "y\n", ":(glob)**": "z\n", "späß.py": "ü = 1\n", "-L1,2": "w\n"}
    made.commit("evil\0".replace("\0", "") + "\x1e\x1f :100644 M", odd)
    with open(os.fsencode(made.path / "x") + b"\xff.py", "w") as file:
        file.write("latin\n")
    head = made.commit("--exec=touch /tmp/owned")
    with open_path(made.path, cache=tmp_path / "c") as repo:
        assert {f.path for f in repo.files(head)} == set(odd)  # the name that is no UTF-8 is left out
        for path, text in odd.items():
            assert repo.read(head, path) == text
            assert len(repo.blame(head, path)) == 1
            assert [c.subject for c in repo.log(head, paths=[path])] == ["evil\x1e\x1f :100644 M"]
        for ref in ("--output=x", "main..x", "HEAD^{/x}", "a b", "@{-1}", "main~1", "x\n", ""):
            assert repo.resolve(ref) is None
        with pytest.raises(GitBranchMissing):
            repo.head("--upload-pack=touch /tmp/owned")
    assert not (made.path / "owned").exists()


def test_configuration_and_hooks_of_a_repository_run_nothing(made, tmp_path):
    trap = tmp_path / "sprung"
    script = tmp_path / "trap.sh"
    script.write_text(f"#!/bin/sh\ntouch {trap}\ncat 2>/dev/null\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "core.pager", "diff.x.textconv", "core.sshCommand", "gpg.program", "core.editor",
                "filter.x.smudge", "filter.x.clean", "uploadpack.packObjectsHook", "core.askPass", "core.alternateRefsCommand"):
        made.git("config", key, str(script))
    made.git("config", "log.showSignature", "true")
    made.git("config", "blame.ignoreRevsFile", "/nowhere")
    made.git("config", "core.hooksPath", str(tmp_path))
    made.git("config", "extensions.partialClone", "evil")
    made.git("config", "remote.evil.url", f"ext::{script}")
    made.git("config", "remote.evil.promisor", "true")
    (made.path / ".git" / "info").mkdir(exist_ok=True)
    (made.path / ".git" / "info" / "attributes").write_text("* diff=x filter=x\n")
    for cache in (None, tmp_path / "c"):
        with open_path(made.path, cache=cache) as repo:
            head = repo.head("main")
            assert repo.log(head, counts=True, renames=True) and repo.blame(head, "app.py") and repo.diff(head)
            assert repo.files(head) and repo.read(head, "app.py") and repo.blob("1" * 40) is None
    assert not trap.exists()


def test_lfs_binary_large_and_missing_are_told_apart(tmp_path):
    made = Made(tmp_path / "made")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
    head = made.commit("Kinds", {"big.txt": "x" * 2_100_000, "lfs.bin": pointer, "bin.py": b"\0\1", "ok.py": "x = 1\n"})
    os.symlink("/etc/passwd", made.path / "link.py")
    head = made.commit("Link")
    with open_path(made.path, cache=tmp_path / "c") as repo:
        for path, said in (("big.txt", "is not read"), ("lfs.bin", "Git LFS"), ("bin.py", "binary"), ("link.py", "not in commit"), ("no.py", "not in commit")):
            assert repo.read(head, path) is None and said in repo.problem(head, path) and "\n" not in repo.problem(head, path)
        assert repo.problem(head, "ok.py") is None


def test_a_submodule_is_named_and_not_followed(made, tmp_path):
    made.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/lib")
    made.write({".gitmodules": '[submodule "lib"]\n\tpath = vendor/lib\n\turl = ext::sh -c "touch /tmp/owned"\n'})
    made.git("add", ".gitmodules")
    made.git("commit", "-q", "-m", "Submodule")
    with open_mirror(f"file://{made.path}", tmp_path / "git") as repo:
        head = repo.head("main")
        assert [f.path for f in repo.files(head)] == [".gitmodules", "app.py"]
        assert "submodules are not followed" in repo.problem(head, "vendor/lib")
        assert repo.blame(head, "vendor/lib") == () and repo.diff(head)
        assert [c.path for c in repo.commit(head).changes] == [".gitmodules"]


def test_a_fetch_that_fails_leaves_the_history_of_the_last_one(made, tmp_path):
    url, folder = f"file://{made.path}", tmp_path / "git"
    with open_mirror(url, folder) as repo:
        head = repo.head("main")
    made.path.rename(tmp_path / "moved")
    with open_mirror(url, folder, offline=True) as repo:
        assert repo.head("main") == head
        assert any("not fetched, as it was at the last fetch" in note and "check the address" in note for note in repo.notes)
    with pytest.raises(GitRepositoryMissing):
        open_mirror(url, folder)


def test_a_mirror_follows_force_pushes_and_deleted_branches(made, tmp_path):
    url, folder = f"file://{made.path}", tmp_path / "git"
    made.git("branch", "old")
    with open_mirror(url, folder) as repo:
        gone = repo.head("main")
        assert repo.head("old")
    made.git("reset", "-q", "--hard", "HEAD~1")
    made.git("branch", "-D", "old")
    now = made.commit("Other", {"b.py": "b = 1\n"})
    with open_mirror(url, folder) as repo:
        assert repo.head("main") == now and not repo.is_ancestor(gone, now)
        with pytest.raises(GitBranchMissing, match="has no branch 'old'"):
            repo.head("old")


def test_shallow_clones_say_so(made, tmp_path):
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{made.path}", str(tmp_path / "shallow")], check=True)
    with open_path(tmp_path / "shallow", cache=tmp_path / "c") as repo:
        assert any("cut short" in note for note in repo.notes)
        assert len(repo.log(repo.head("main"))) == 1 and repo.blame(repo.head("main"), "app.py")


@pytest.mark.parametrize(
    "url",
    ["ext::sh -c touch% /tmp/x", "--upload-pack=touch /tmp/x", "fd::17", "git://example.test/x", "https://", "-oProxyCommand=x:y",
     "ssh://-oProxyCommand=touch/x", "https://exa\nmple.test/x", "", "https://example.test:99999999/x"],
)  # fmt: skip
def test_addresses_that_are_refused(url, tmp_path):
    with pytest.raises(GitRefused) as caught:
        open_mirror(url, tmp_path / "git")
    assert "\n" not in str(caught.value)


def test_private_hosts_by_policy_and_cloud_metadata_never(tmp_path):
    strict = AddressPolicy(private=False)
    for url in ("http://127.0.0.1:1/x.git", "http://[::1]/x.git", "http://10.0.0.1/x.git"):
        with pytest.raises(GitRefused, match="private network"):
            open_mirror(url, tmp_path / "git", policy=strict)
    with pytest.raises(GitRefused, match="169.254.169.254"):
        open_mirror("http://169.254.169.254/latest.git", tmp_path / "git")
    with pytest.raises(GitRefused, match="not allowed"):
        open_mirror("file:///tmp/x", tmp_path / "git", policy=AddressPolicy(protocols=("https",)))


def test_forms_of_addresses():
    assert parse_address("git@host.test:group/shop.git").url == "ssh://git@host.test/group/shop.git"
    found = parse_address(f"https://oauth2:{TOKEN}@host.test/a/b.git")
    assert (found.url, found.secret) == ("https://host.test/a/b.git", TOKEN) and TOKEN not in repr(found)
    assert parse_address("https://host.test/a/b.git").key == parse_address("https://host.test/a/b").key


def test_nobody_answers_and_nothing_is_there(made, tmp_path):
    with pytest.raises(GitUnreachable, match="does not answer"):
        open_mirror("http://127.0.0.1:9/x.git", tmp_path / "git")
    with pytest.raises(GitRepositoryMissing):
        open_mirror(f"file://{tmp_path}/nothing.git", tmp_path / "git")
    with pytest.raises(GitRepositoryMissing, match="no Git repository"):
        open_path(tmp_path)


@pytest.fixture
def guarded(made, tmp_path):
    with serving_git(made.path, tmp_path / "served", TOKEN) as found:
        yield found


def test_a_token_is_found_nowhere(guarded, tmp_path, caplog, capfd, monkeypatch):
    place, seen = guarded
    folder = tmp_path / "git"
    monkeypatch.setenv("GIT_TRACE_CURL", "1")
    monkeypatch.setenv("GIT_TRACE", "2")
    said = []
    for url, credentials in ((f"http://{place}", Credentials(token=TOKEN)), (f"http://oauth2:{TOKEN}@{place}", None)):
        with open_mirror(url, folder, credentials=credentials) as repo:
            assert repo.read(repo.head("main"), "app.py")
            said += [repr(repo.__dict__), repr(credentials), *repo.notes]
    for url, credentials in ((f"http://x:{TOKEN}x@{place}", None), (f"http://{place}", Credentials(token=f"{TOKEN}x")), (f"http://{TOKEN}x@{place}", None),
                             (f"http://u:{TOKEN}@127.0.0.1:9/x.git", None), (f"ftp://u:{TOKEN}@h/x", None), (f"http://u:{TOKEN}@[bad/x", None),
                             (f"http://u:{TOKEN}@{place}/../nothing.git", None)):
        with pytest.raises(GitError) as caught:
            open_mirror(url, folder, credentials=credentials)
        said += [str(caught.value), repr(caught.value)]
    with pytest.raises(GitUnauthorised, match="luffy code credential"):
        open_mirror(f"http://{place}", folder)
    encoded = base64.b64encode(f"oauth2:{TOKEN}".encode()).decode()
    files = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    out = capfd.readouterr()
    everything = "\n".join([*said, out.out, out.err, caplog.text, files.decode("latin-1")])
    lines = b"\n".join(b"\n".join(each) for each in seen)
    assert seen and b"remote-http" in lines
    for secret in (TOKEN, encoded):
        assert secret not in everything and secret.encode() not in lines
