"""How a fact is shown in few words, the same at every door."""

from __future__ import annotations

from datetime import date
from urllib.parse import quote


def short_frame(culprit: str, subpath: str | None = None) -> str:
    """`file:function` with the file as the repository has it (from `subpath` on), else with its last three parts."""
    path, colon, function = culprit.rpartition(":")
    if subpath and f"/{subpath}/" in path:
        path = f"{subpath}/{path.rpartition(f'/{subpath}/')[2]}"
    elif path.count("/") > 3:
        path = "…/" + "/".join(path.split("/")[-3:])
    return f"{path}{colon}{function}"


def partition_path(asset: str, service: str, day: date) -> str:
    """Path of an asset's partition on Dagster's page."""
    return f"/assets/{quote(asset)}?view=partitions&partition={quote(f'{day.isoformat()}|{service}', safe='')}"
