"""How Git is run: with an environment of our own, no configuration but ours, no hooks, no prompts, no lazy fetches.

Whatever a hostile repository configures (file monitors, pagers, text converters, remote helpers) stays without effect; secrets
go by the environment of the one process that needs them, never by its arguments.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from luffy_dagster.adapters.git.errors import GitMissing, GitTimeout, from_stderr

_INHERITED = (
    "PATH",
    "HOME",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "CURL_CA_BUNDLE",
    "https_proxy",
    "http_proxy",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "no_proxy",
    "NO_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "SSH_AUTH_SOCK",
    "SYSTEMROOT",
)
_CONFIG = {
    "safe.directory": "*",  # files are read by id; ownership says nothing about what may be run, and nothing is
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "core.askPass": "",
    "core.pager": "cat",
    "core.quotePath": "false",
    "credential.helper": "",
    "diff.external": "",
    "diff.orderFile": os.devnull,
    "diff.renames": "false",
    "diff.noprefix": "false",
    "diff.mnemonicPrefix": "false",
    "diff.ignoreSubmodules": "all",
    "blame.ignoreRevsFile": "",
    "log.showSignature": "false",
    "log.showRoot": "true",
    "log.diffMerges": "off",
    "log.follow": "false",
    "i18n.logOutputEncoding": "UTF-8",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.fsckObjects": "false",
    "submodule.recurse": "false",
    "advice.detachedHead": "false",
    "color.ui": "false",
}


def environment(
    config: Mapping[str, str] | None = None, *, protocols: Sequence[str] = (), **more: str
) -> dict[str, str]:
    """The whole environment of a Git process; `config` wins over the repository's own. Without `protocols` nothing is fetched."""
    env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    env |= {
        "LC_ALL": "C.UTF-8",
        "LANGUAGE": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "SSH_ASKPASS": "true",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_ALLOW_PROTOCOL": ":".join(protocols) or "none",
        "GIT_PAGER": "cat",
        "GIT_LFS_SKIP_SMUDGE": "1",
    }
    pairs = {**_CONFIG, **(config or {})}
    env["GIT_CONFIG_COUNT"] = str(len(pairs))
    for index, (key, value) in enumerate(pairs.items()):
        env[f"GIT_CONFIG_KEY_{index}"], env[f"GIT_CONFIG_VALUE_{index}"] = key, value
    return env | more


def run(
    args: Sequence[str],
    *,
    place: str,
    git_dir: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 300,
    stdin: bytes | None = None,
    ok: Sequence[int] = (0,),
) -> bytes:
    """What `git ARGS` prints.

    Raises GitError of the kind that its words mean, GitTimeout after `timeout` seconds, GitMissing without Git.
    """
    command = ["git", *([f"--git-dir={git_dir}"] if git_dir else []), *args]
    try:
        done = subprocess.run(
            command,
            env=dict(env if env is not None else environment()),
            input=b"" if stdin is None else stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise GitMissing(place, "git is not installed", "install git on this host") from None
    except subprocess.TimeoutExpired:
        raise GitTimeout(
            place, f"git {args[0]} took more than {timeout:.0f} s and was ended", "raise LUFFY_GIT_TIMEOUT_SECONDS"
        ) from None
    if done.returncode not in ok:
        raise from_stderr(place, done.stderr.decode("utf-8", "replace"))
    return done.stdout
