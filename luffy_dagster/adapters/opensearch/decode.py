"""A page of hits, as bytes, → a frame of raw rows. Typed structs where documents are flat and known, else one by one.

No requests here. Times are read as ISO 8601, epoch seconds, milli-, micro- or nanoseconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import polars as pl

from luffy_dagster.adapters.opensearch.mapping import Mapped, lookup
from luffy_dagster.core.schemas import FIELD_NAMES, UTC_US, RowFlag

_TEXTS = ("body", "stream", *FIELD_NAMES)
_YEAR_2000_US = 946_684_800_000_000


class Shards(msgspec.Struct, gc=False):
    """How many shards answered."""

    total: int
    failed: int
    failures: list[Any] = []


class _GenericHit(msgspec.Struct, gc=False):
    id: str = msgspec.field(name="_id")
    source: dict[str, Any] = msgspec.field(name="_source", default_factory=dict)
    sort: list[Any] = []


class _GenericHits(msgspec.Struct):
    hits: list[_GenericHit]


class GenericPage(msgspec.Struct):
    """Any answer of a search."""

    shards: Shards = msgspec.field(name="_shards")
    hits: _GenericHits
    timed_out: bool = False


_generic = msgspec.json.Decoder(GenericPage)


class Decoder:
    """Turns pages of one fetch into frames; learns from the first page what documents look like."""

    def __init__(self, source_id: str, mapped: Mapped, *, identity: str = "id", now_us: int) -> None:
        self.source_id, self.mapped, self.identity, self.now_us = source_id, mapped, identity, now_us
        self._flat: tuple[msgspec.json.Decoder[Any], dict[str, list[str]], dict[str, str]] | None = None
        self._tried = False

    def page(self, data: bytes) -> tuple[pl.DataFrame, Shards]:
        """Rows of a page and how many shards answered. Raises msgspec.DecodeError when the bytes are no such page."""
        if not self._tried:
            self._learn(data)
        if self._flat is not None:
            try:
                return self._typed(data)
            except msgspec.ValidationError:
                pass  # a document that is not like the others: this page one by one
        page = _generic.decode(data)
        return self._one_by_one(page), page.shards

    # ---- flat documents, known names: typed structs

    def _learn(self, data: bytes) -> None:
        page = _generic.decode(data)
        if not page.hits.hits:
            return
        self._tried = True
        names: dict[str, None] = {}
        for hit in page.hits.hits:
            for key, value in hit.source.items():
                if isinstance(value, (dict, list)):
                    return
                names[key] = None
        wanted = {path: name for name, paths in self.mapped.fields.items() for path in paths}
        if not names or any(key not in wanted for key in names) or self.identity != "id":
            return
        attributes = {key: f"f{i}" for i, key in enumerate(names)}
        times = set(self.mapped.time) | set(self.mapped.fields["seq"])
        fields = [
            (attribute, Any if key in times else str | None, msgspec.field(name=key, default=None))
            for key, attribute in attributes.items()
        ]
        document = msgspec.defstruct("Document", fields, gc=False, forbid_unknown_fields=True)
        typed = msgspec.defstruct(
            "Hit",
            [("id", str, msgspec.field(name="_id")), ("source", document, msgspec.field(name="_source"))],
            gc=False,
        )
        hits = msgspec.defstruct("Hits", [("hits", list[typed])])  # type: ignore[valid-type]
        answer = msgspec.defstruct("Page", [("shards", Shards, msgspec.field(name="_shards")), ("hits", hits)])
        present = {
            name: [attributes[p] for p in paths if p in attributes] for name, paths in self.mapped.fields.items()
        }
        self._flat = (msgspec.json.Decoder(answer), present, attributes)

    def _typed(self, data: bytes) -> tuple[pl.DataFrame, Shards]:
        assert self._flat is not None
        decoder, present, _ = self._flat
        answer = decoder.decode(data)
        hits = answer.hits.hits
        documents = [hit.source for hit in hits]
        columns: dict[str, Any] = {"doc_id": pl.Series([hit.id for hit in hits], dtype=pl.Utf8)}
        made: dict[str, pl.Series] = {}

        def column(attribute: str, *, text: bool) -> pl.Series:
            if attribute not in made:
                values = [getattr(d, attribute) for d in documents]
                made[attribute] = pl.Series(values, dtype=pl.Utf8) if text else pl.Series(values, strict=False)
            return made[attribute]

        for name in _TEXTS:
            found = [column(a, text=True) for a in present[name]]
            columns[name] = (
                pl.select(pl.coalesce(found)).to_series() if len(found) > 1 else (found[0] if found else None)
            )
        times = [column(a, text=False) for a in present["time"]]
        columns["time"] = times[0] if times else None
        seq = [column(a, text=False) for a in present["seq"]]
        columns["seq"] = seq[0] if seq else None
        return self._frame(len(hits), columns, None), answer.shards

    # ---- anything else

    def _one_by_one(self, page: GenericPage) -> pl.DataFrame:
        hits = page.hits.hits
        lists: dict[str, list[Any]] = {name: [] for name in (*_TEXTS, "time", "seq")}
        extras: list[str | None] = []
        tops = set(self.mapped.tops)
        for hit in hits:
            source = hit.source
            for name, values in lists.items():
                value = None
                for path in self.mapped.fields[name]:
                    value = lookup(source, path)
                    if value is not None and not (
                        name in ("host", "process", "service", "level") and isinstance(value, Mapping)
                    ):
                        break
                values.append(value if name in ("time", "seq") else _text(value, name))
            if lists["body"][-1] is None:  # no message field: the document itself is the text
                lists["body"][-1] = msgspec.json.encode(source).decode()
                extras.append(None)
            else:
                rest = {k: v for k, v in source.items() if k not in tops}
                extras.append(msgspec.json.encode(rest).decode() if rest else None)
        ids = [self._content_id(hit) for hit in hits] if self.identity == "content" else [hit.id for hit in hits]
        columns: dict[str, Any] = {n: pl.Series(v, dtype=pl.Utf8) for n, v in lists.items() if n not in ("time", "seq")}
        columns["doc_id"] = pl.Series(ids, dtype=pl.Utf8)
        columns["time"] = pl.Series([str(v) if v is not None else None for v in lists["time"]], dtype=pl.Utf8)
        columns["seq"] = pl.Series(
            [v if isinstance(v, int) and not isinstance(v, bool) else None for v in lists["seq"]], dtype=pl.Int64
        )
        return self._frame(len(hits), columns, pl.Series(extras, dtype=pl.Utf8))

    def _content_id(self, hit: _GenericHit) -> str:
        return hashlib.blake2b(msgspec.json.encode(hit.source, order="deterministic"), digest_size=16).hexdigest()

    # ---- columns to rows

    def _frame(self, height: int, columns: Mapping[str, Any], extras: pl.Series | None) -> pl.DataFrame:
        empty = pl.Series([None], dtype=pl.Utf8).new_from_index(0, height)
        texts = {name: columns[name] if columns.get(name) is not None else empty for name in _TEXTS}
        frame = pl.DataFrame({"doc_id": columns["doc_id"], **texts, "_time": times_of(columns.get("time"), height)})
        present = [
            name for name in FIELD_NAMES if columns.get(name) is not None and columns[name].null_count() < height
        ]
        if extras is not None and extras.null_count() < height:
            frame = frame.with_columns(extra=extras)
            present.append("extra")
        fields: pl.Expr = pl.lit(None, dtype=pl.Utf8)
        if present:
            some = pl.any_horizontal(pl.col(name).is_not_null() for name in present)
            fields = pl.when(some).then(pl.struct(present).struct.json_encode())
        missing = pl.col("_time").is_null()
        us = pl.col("_time").dt.timestamp("us")
        impossible = (us < _YEAR_2000_US) | (us > self.now_us + 86_400_000_000)
        flags = (
            pl.when(missing)
            .then(int(RowFlag.TIME_FROM_RECEIPT))
            .when(impossible)
            .then(int(RowFlag.TIME_OUT_OF_RANGE))
            .otherwise(0)
            .cast(pl.Int32)
        )
        seq = columns.get("seq")
        return frame.select(
            "doc_id",
            source_id=pl.lit(self.source_id, dtype=pl.Utf8),
            stream=pl.col("stream").fill_null(""),
            seq=pl.lit(None, dtype=pl.Int64) if seq is None else seq.cast(pl.Int64, strict=False),
            event_time=pl.col("_time"),
            body=pl.col("body").fill_null(""),
            fields=fields,
            flags=flags,
        )


def _text(value: Any, name: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        if name in ("body", "stack_trace", "error_message"):
            return msgspec.json.encode(value).decode()
        return None
    return str(value)


def times_of(values: pl.Series | None, height: int) -> pl.Series:
    """Times (UTC, microseconds; null where unreadable) of texts in ISO 8601 or of epochs in any unit."""
    if values is None:
        return pl.Series([None], dtype=UTC_US).new_from_index(0, height)
    if values.dtype == pl.Null:
        return values.cast(UTC_US)
    if values.dtype.is_numeric():
        return pl.select(_epoch(values.cast(pl.Float64))).to_series()
    text = values.cast(pl.Utf8)
    iso = text.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    if iso.null_count() > text.null_count():
        spaced = text.str.replace(" ", "T", literal=True)
        naive = spaced.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False).dt.replace_time_zone("UTC")
        short = spaced.str.replace(r"([+-]\d{2})(\d{2})$", "${1}:${2}").str.to_datetime(
            "%+", time_unit="us", time_zone="UTC", strict=False
        )
        number = text.cast(pl.Float64, strict=False)
        iso = pl.select(pl.coalesce(iso, short, naive, _epoch(number))).to_series()
    return iso


def _epoch(number: pl.Series) -> pl.Expr:
    n = pl.lit(number)
    micro = (
        pl.when(n.abs() < 1e11)
        .then(n * 1e6)
        .when(n.abs() < 1e14)
        .then(n * 1e3)
        .when(n.abs() < 1e17)
        .then(n)
        .otherwise(n / 1e3)
    )
    return micro.round().cast(pl.Int64, strict=False).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
