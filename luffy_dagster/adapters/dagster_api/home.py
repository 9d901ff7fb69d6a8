"""The folder that Dagster's processes call their home."""

from __future__ import annotations

import shutil
from pathlib import Path

from luffy_dagster.adapters.dagster_api.states import DagsterApiError


def prepare_dagster_home(dagster_home: Path, template: Path | None = None) -> Path:
    """Makes Dagster's home folder with our `dagster.yaml` in it, and returns its absolute path.

    From a checkout the file is a link to the checkout's, so that there is one truth; from an installed package a copy. A
    file that somebody put there is left as it is.
    """
    home = dagster_home.expanduser().absolute()
    home.mkdir(parents=True, exist_ok=True)
    package = Path(__file__).resolve().parents[2]
    checkout, packaged = package.parent / "dagster.yaml", package / "dagster.yaml"
    source = template or (checkout if checkout.exists() else packaged)
    target = home / "dagster.yaml"
    if target.is_symlink() and not target.exists():
        target.unlink()  # the checkout it pointed to has moved
    if target.exists():
        return home
    if not source.exists():
        raise DagsterApiError(
            f"cannot prepare {home}: {source.name} is neither in the checkout nor in the package; reinstall luffy"
        )
    if source == packaged:
        shutil.copyfile(source, target)
    else:
        target.symlink_to(source.resolve())
    return home
