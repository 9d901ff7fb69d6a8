"""Which keys agree before and after a stretch: found for all of them at once, without comparing any two.

A *frame* of a key is the atoms before a stretch and the atoms after it. The time is that of sorting
keys × atoms × gaps frames; no pair of keys is ever looked at. Belongs here: finding. Does not belong here: judging
what stands in the stretch (`joins`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from luffy_dagster.core.parsing.templates.words import VAR

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LONGEST_KEY = 80  # atoms; longer keys are joined by equality only
FEW = 400  # keys up to which plain dictionaries are as quick as numpy is to import

Key = tuple[str, ...]
Shared = tuple[list[int], list[int], int]


def shared_frames(keys: Sequence[Key], gaps: Sequence[int]) -> list[Shared]:
    """Keys (by index, rising) that share a frame, the length of the stretch in each, and where it starts.

    Left out: frames whose stretches all begin alike, or all end alike (other than with a value), since a smaller
    stretch serves them. In no particular order.
    """
    return list(_frames_by_text(keys, gaps) if len(keys) <= FEW else _frames_by_hash(keys, gaps))


def _frames_by_text(keys: Sequence[Key], gaps: Sequence[int]) -> Iterator[Shared]:
    buckets: dict[tuple[Key, Key], list[tuple[int, int]]] = {}
    for index, key in enumerate(keys):
        if len(key) <= LONGEST_KEY:
            for gap in gaps:
                for start in range(len(key) - gap + 1):
                    buckets.setdefault((key[:start], key[start + gap :]), []).append((index, gap))
    for (before, _), rows in buckets.items():
        if len(rows) < 2:
            continue
        start = len(before)
        firsts = {keys[i][start] if gap else i for i, gap in rows}
        lasts = {keys[i][start + gap - 1] if gap and keys[i][start + gap - 1] != VAR else i for i, gap in rows}
        if len(firsts) > 1 and len(lasts) > 1:
            rows.sort()
            yield [i for i, _ in rows], [gap for _, gap in rows], start


def _frames_by_hash(keys: Sequence[Key], gaps: Sequence[int]) -> Iterator[Shared]:
    """The same with 64-bit hashes of prefix and suffix, computed for all keys of one length at once and sorted.

    Two frames with one hash would join what should not be compared: at ten million frames the chance is 3e-6.
    """
    import numpy as np

    atoms = sorted({a for key in keys for a in key})
    codes = {a: int.from_bytes(blake2b(a.encode(), digest_size=8).digest(), "little") | 1 for a in atoms}
    value = np.uint64(codes.get(VAR, 0))
    by_length: dict[int, list[int]] = {}
    for index, key in enumerate(keys):
        if len(key) <= LONGEST_KEY:
            by_length.setdefault(len(key), []).append(index)
    hashes: list[npt.NDArray[np.uint64]] = []
    owners: list[npt.NDArray[np.int64]] = []
    firsts: list[npt.NDArray[np.uint64]] = []
    lasts: list[npt.NDArray[np.uint64]] = []
    base, mix = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
    for length, indices in by_length.items():
        flat = np.fromiter((codes[a] for i in indices for a in keys[i]), np.uint64, len(indices) * length)
        matrix = np.ascontiguousarray(flat.reshape(len(indices), length).T)
        own = np.array(indices, dtype=np.int64)
        nothing = own.astype(np.uint64)  # an empty stretch begins and ends like no other
        endings = np.where(matrix == value, nothing, matrix)  # so that "name:<port>" meets "<address>"
        prefix = np.zeros((length + 1, len(indices)), dtype=np.uint64)
        suffix = np.zeros((length + 1, len(indices)), dtype=np.uint64)
        with np.errstate(over="ignore"):
            for p in range(length):
                prefix[p + 1] = (prefix[p] + matrix[p]) * base
                q = length - 1 - p
                suffix[q] = (suffix[q + 1] + matrix[q]) * mix
            for gap in gaps:
                for p in range(length - gap + 1):
                    joined = (prefix[p] ^ (suffix[p + gap] << np.uint64(1))) * base + np.uint64(p)
                    hashes.append(joined ^ (joined >> np.uint64(29)))
                    owners.append(own * 4096 + p * 16 + gap)
                    firsts.append(matrix[p] if gap else nothing)
                    lasts.append(endings[p + gap - 1] if gap else nothing)
    if not hashes:
        return
    all_hashes = np.concatenate(hashes)
    order = np.argsort(all_hashes, kind="stable")
    all_hashes = all_hashes[order]
    starts = np.concatenate((np.zeros(1, dtype=np.int64), np.flatnonzero(np.diff(all_hashes)) + 1))
    ends = np.concatenate((starts[1:], np.array([len(all_hashes)])))
    differing = ends - starts > 1
    for ends_of in (firsts, lasts):
        column = np.concatenate(ends_of)[order]
        differing &= np.minimum.reduceat(column, starts) != np.maximum.reduceat(column, starts)
    rows = np.concatenate(owners)[order]
    for start, end in zip(starts[differing].tolist(), ends[differing].tolist(), strict=True):
        own_rows = np.sort(rows[start:end]).tolist()
        yield [r >> 12 for r in own_rows], [r & 15 for r in own_rows], own_rows[0] >> 4 & 255
