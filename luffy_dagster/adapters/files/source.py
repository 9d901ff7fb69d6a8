"""The file source: globs → frames of rows, resumed by position. Times are null: the flow dates the lines."""

from __future__ import annotations

import glob
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import polars as pl

from luffy_dagster.adapters.errors import SourceError, SourceMisconfigured
from luffy_dagster.adapters.files import lines, tracking
from luffy_dagster.adapters.files.tracking import Tracked
from luffy_dagster.adapters.source_model import RAW_COLUMNS, ConnectionReport, FetchSummary, SourceConfig
from luffy_dagster.core.model import TimeRange
from luffy_dagster.core.schemas import RAW_LOGS

MAX_LINE = 1 << 20
SILENT_AFTER = 60.0  # seconds without a change after which a last line without a line feed is taken as it is
_REMEMBERED = 2000  # files that are gone, the latest of which may come back compressed
_WIDE_MOST = 256 << 20  # bytes of a UTF-16 file that are read


class FileSource:
    """Reads the files of a source's paths, each line once."""

    def __init__(self, config: SourceConfig, *, clock: Callable[[], datetime]) -> None:
        self.source_id = config.id
        self.config = config
        self.clock = clock
        self._paused: tuple[str, int, str, Iterator[tuple[pl.DataFrame, int]]] | None = None

    def paths(self) -> list[Path]:
        """Regular files that the globs match, oldest change first. Raises SourceMisconfigured."""
        if not self.config.paths:
            raise SourceMisconfigured(
                self.source_id, "no path is set", "name at least one file or glob", kind="paths_missing"
            )
        roots = [Path(str(r)).resolve() for r in self.config.options.get("allowed_roots", ())]
        excluded = [str(e) for e in self.config.options.get("exclude", ())]
        found: dict[Path, int] = {}
        for pattern in self.config.paths:
            expanded = str(Path(pattern).expanduser())
            names = glob.glob(expanded, recursive=True)  # noqa: PTH207 - absolute patterns and ** in one
            if Path(expanded).is_dir():
                names = [str(p) for p in Path(expanded).rglob("*")]
            for name in names:
                path = Path(name)
                try:
                    info = path.stat()
                except OSError:
                    continue
                if not stat.S_ISREG(info.st_mode) or any(path.match(e) for e in excluded):
                    continue
                if roots and not any(path.resolve().is_relative_to(r) for r in roots):
                    raise SourceMisconfigured(
                        self.source_id, f"{path} lies outside the allowed folders", "choose a path inside them"
                    )
                found[path.absolute()] = info.st_mtime_ns
        return sorted(found, key=lambda p: (found[p], str(p)))

    def fetch(
        self,
        window: TimeRange,
        *,
        state: Mapping[str, Any] | None = None,
        limit: int | None = None,
        undated: bool = True,
    ) -> FileFetch:
        """Lines behind the state's positions. `window` counts at the first fetch only: older files are left out."""
        del undated  # no line has a time here
        return FileFetch(self, window, state, limit)

    def count_by_hour(self, window: TimeRange) -> dict[datetime, int] | None:
        """Files cannot say."""
        del window
        return None

    def test(self) -> ConnectionReport:
        """Looks at the files: are there any, can they be read, what do their first lines look like."""
        started = time.perf_counter()
        sample: list[str] = []
        try:
            paths = self.paths()
            if not paths:
                raise SourceMisconfigured(
                    self.source_id,
                    f"no file matches {', '.join(self.config.paths)}",
                    "check the path and the rights of its folders",
                    kind="paths_missing",
                )
            for path in reversed(paths):
                try:
                    with lines.opened(path) as file:
                        for frame, _ in lines.read(file, 0, max_line=MAX_LINE, whole=True):
                            sample += frame["body"].head(5 - len(sample)).to_list()
                            break
                except PermissionError:
                    raise SourceMisconfigured(
                        self.source_id,
                        f"{path} may not be read by this user",
                        f"give it the right: chmod o+r {path}",
                        kind="forbidden",
                    ) from None
                if len(sample) >= 5:
                    break
        except SourceError as error:
            return ConnectionReport("failed", error.kind, str(error), _ms(started))
        except (OSError, EOFError) as error:
            return ConnectionReport("failed", "unreadable", f"source {self.source_id}: {error}", _ms(started))
        size = sum(p.stat().st_size for p in paths)
        message = f"{len(paths)} files, {size / 1e6:.1f} MB" if size else f"{len(paths)} files, all empty"
        return ConnectionReport("connected", "ok" if size else "empty", message, _ms(started), tuple(sample))

    def pause(
        self,
        entry: Tracked,
        seen: str,
        rest: tuple[pl.DataFrame, int] | None,
        frames: Iterator[tuple[pl.DataFrame, int]] | None,
    ) -> None:
        """Keeps a file open in which a fetch stopped at its limit, for the next fetch of this source."""
        if rest is not None and frames is not None:
            self._paused = (entry.ident, entry.offset, seen, chain([rest], frames))

    def resume(self, entry: Tracked, seen: str) -> Iterator[tuple[pl.DataFrame, int]] | None:
        """The frames of a file that the last fetch stopped in, when this fetch goes on at the same place."""
        paused, self._paused = self._paused, None
        return paused[3] if paused is not None and paused[:3] == (entry.ident, entry.offset, seen) else None

    def close(self) -> None:
        """Lets go of the file that a fetch stopped in."""
        self._paused = None


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)


class FileFetch:
    """One fetch of a file source."""

    summary: FetchSummary

    def __init__(
        self, source: FileSource, window: TimeRange, state: Mapping[str, Any] | None, limit: int | None
    ) -> None:
        self.source, self.window, self.limit = source, window, limit
        self.first = state is None
        self.known: dict[str, Tracked] = {i: Tracked(**e) for i, e in ((state or {}).get("files") or {}).items()}
        self.documents = self.bytes = 0
        self.capped = False
        self._rest: tuple[pl.DataFrame, int] | None = None
        self.notes: list[str] = []
        options = source.config.options
        self.max_line = int(options.get("max_line_bytes", MAX_LINE))
        self.silent_after = float(options.get("silent_after_s", SILENT_AFTER))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def __iter__(self) -> Iterator[pl.DataFrame]:
        taken: set[str] = set()
        present: set[str] = set()
        for path in self.source.paths():
            present.add(str(path))
            try:
                yield from self._file(path, taken)
            except PermissionError:
                raise SourceMisconfigured(
                    self.source.source_id,
                    f"{path} may not be read by this user",
                    f"give it the right: chmod o+r {path}",
                    kind="forbidden",
                ) from None
            except FileNotFoundError:
                continue  # rotated away while we looked; it is found under its new name the next time
            except (OSError, EOFError) as error:
                self.notes.append(f"{path}: {error}")
            if self.capped:
                break
        gone = [i for i, e in self.known.items() if e.path not in present and i not in taken]
        for ident in gone[:-_REMEMBERED] if not self.capped else []:
            del self.known[ident]
        state = {"files": {i: e.as_json() for i, e in self.known.items()}}
        self.summary = FetchSummary(self.documents, self.bytes, self.capped, self.window, state, tuple(self.notes))

    def _file(self, path: Path, taken: set[str]) -> Iterator[pl.DataFrame]:
        seen = tracking.fingerprint(path)
        by_path = next((e for e in self.known.values() if e.path == str(path) and e.seen == seen), None)
        if by_path is not None:
            taken.add(by_path.ident)
            return
        if path.stat().st_size == 0:
            return
        entry, new = tracking.identify(self.known, path)
        if not new and entry.ident in taken:
            return  # a copy of a file that was read under another name
        taken.add(entry.ident)
        if new and self.first and self._left_out(path):
            self.known[entry.ident] = replace(entry, seen=seen, offset=self._size(path))
            return
        yield from self._lines(path, replace(entry, path=str(path)), seen)

    def _left_out(self, path: Path) -> bool:
        mode = self.source.config.options.get("read_from", "lookback")
        return mode == "end" or (mode == "lookback" and path.stat().st_mtime < self.window.start.timestamp())

    def _size(self, path: Path) -> int:
        return 0 if path.suffix.lower() in lines.COMPRESSED else path.stat().st_size

    def _lines(self, path: Path, entry: Tracked, seen: str) -> Iterator[pl.DataFrame]:
        compressed = path.suffix.lower() in lines.COMPRESSED
        silent = time.time() - path.stat().st_mtime >= self.silent_after
        self.known[entry.ident] = entry
        with lines.opened(path) as file:
            encoding = lines.encoding_of(file.read(4))
        if encoding != "utf-8":
            with lines.opened(path) as file:
                data = file.read(_WIDE_MOST)
            if len(data) == _WIDE_MOST:
                self.notes.append(f"{path}: only the first {_WIDE_MOST >> 20} MiB of a file in {encoding} are read")
            frame, end = lines.read_wide(data, encoding, max_line=self.max_line, whole=compressed or silent)
            frame = frame.filter(pl.col("offset") >= entry.offset)
            yield from self._taken(frame, entry, max(end, entry.offset))
            return
        frames = self.source.resume(entry, seen)
        done = False
        try:
            if frames is None:
                frames = lines.frames(path, entry.offset, max_line=self.max_line, whole=compressed or silent)
            for frame, end in frames:
                yield from self._taken(frame, self.known[entry.ident], end)
                if self.capped:
                    return
            done = True
        finally:
            entry = self.known[entry.ident]
            if entry.offset:
                entry = replace(entry, tail_hash=tracking.tail_before(path, entry.offset))
            self.known[entry.ident] = replace(entry, seen=seen) if done and (silent or compressed) else entry
            if self.capped:  # the next fetch goes on from here without reading the file up to this place again
                self.source.pause(entry, seen, self._rest, frames)

    def _taken(self, frame: pl.DataFrame, entry: Tracked, end: int) -> Iterator[pl.DataFrame]:
        left = None if self.limit is None else self.limit - self.documents
        if left is not None and frame.height > left:
            self.capped = True
            self._rest = (frame.tail(frame.height - left), end)
            end = frame["offset"][left]
            frame = frame.head(left)
        self.documents += frame.height
        self.bytes += end - entry.offset
        self.known[entry.ident] = replace(entry, offset=end, tail_hash="")
        rows = self._rows(frame, entry)
        if rows.height:
            yield rows

    def _rows(self, frame: pl.DataFrame, entry: Tracked) -> pl.DataFrame:
        filled = frame.filter(pl.col("body").str.len_bytes() > 0)
        return filled.select(
            doc_id=pl.format(f"{entry.ident}:{{}}", pl.col("offset")),
            source_id=pl.lit(self.source.source_id),
            stream=pl.lit(entry.stream),
            seq=pl.col("offset") + entry.base,
            event_time=pl.lit(None, dtype=RAW_LOGS["event_time"]),
            body=pl.col("body"),
            fields=pl.lit(None, dtype=pl.Utf8),
            flags=pl.col("flags"),
        ).select(RAW_COLUMNS)
