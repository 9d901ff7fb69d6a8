"""A page of hits, as bytes, → a frame of raw rows. Typed structs where documents are flat and known, else one by one.

No requests here. Times are read as ISO 8601, epoch seconds, milli-, micro- or nanoseconds.
"""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
import polars as pl

from luffy_dagster.adapters.errors import SourceIncomplete
from luffy_dagster.adapters.opensearch.mapping import Mapped
from luffy_dagster.core.schemas import FIELD_NAMES, UTC_US, RowFlag

MAX_BODY = 1 << 20  # bytes of a message that are kept
_TEXTS = ("body", "stream", *FIELD_NAMES)
_LONG = ("body", "error_message", "stack_trace")  # may be objects or lists: taken as JSON
_PLANS = 5000  # kinds of documents that are remembered
_YEAR_2000_US = 946_684_800_000_000


class NoSourceError(Exception):
    """An index keeps no `_source`: there is nothing to read."""


class Shards(msgspec.Struct, gc=False):
    """How many shards answered."""

    total: int
    failed: int
    failures: list[Any] = []


def check(source: str, answer: Mapping[str, Any]) -> None:
    """`check_shards` of a decoded answer."""
    check_shards(source, msgspec.convert({k: answer["_shards"].get(k, 0) for k in ("total", "failed")}, Shards))


def check_shards(source: str, shards: Shards) -> None:
    """Raises SourceIncomplete when a shard failed: a part of the answer is missing."""
    if shards.failed:
        raise SourceIncomplete(
            source, f"{shards.failed} of {shards.total} shards failed", "see the cluster's health; it is tried again"
        )


class _GenericHit(msgspec.Struct, gc=False):
    id: str = msgspec.field(name="_id")
    source: dict[str, Any] | None = msgspec.field(name="_source", default=None)


class _GenericHits(msgspec.Struct):
    hits: list[_GenericHit]


class GenericPage(msgspec.Struct):
    """Any answer of a search."""

    shards: Shards = msgspec.field(name="_shards")
    hits: _GenericHits


_generic = msgspec.json.Decoder(GenericPage)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which value of a flattened document means what; one for all documents with the same names."""

    texts: tuple[int | None, ...]  # of _TEXTS
    time: int | None
    seq: int | None
    fields: tuple[tuple[str, int], ...]  # canonical names that go into `fields`
    extra: tuple[tuple[str, int], ...]  # everything that no canonical name took


class Decoder:
    """Turns pages of one fetch into frames; learns from the first page what documents look like."""

    def __init__(
        self, source_id: str, mapped: Mapped, *, identity: str = "id", now_us: int, max_body: int = MAX_BODY
    ) -> None:
        self.source_id, self.mapped, self.identity, self.now_us = source_id, mapped, identity, now_us
        self.max_body = max_body
        self.ids: pl.Series = pl.Series(dtype=pl.Utf8)  # `_id` of the rows of the last page
        self._flat: tuple[msgspec.json.Decoder[Any], dict[str, str]] | None = None
        self._tried = False
        self._opened = mapped.opened
        self._plans: dict[tuple[Any, ...], _Plan] = {}

    def page(self, data: bytes) -> tuple[pl.DataFrame, Shards]:
        """Rows of a page and how many shards answered.

        Raises msgspec.DecodeError when the bytes are no such page, NoSourceError when an index keeps no `_source`.
        """
        collects = gc.isenabled()
        gc.disable()  # thousands of dictionaries that hold no cycle: looking through them costs a third of the time
        try:
            return self._page(data)
        finally:
            if collects:
                gc.enable()

    def _page(self, data: bytes) -> tuple[pl.DataFrame, Shards]:
        try:
            if not self._tried:
                self._learn(data)
            if self._flat is not None:
                try:
                    return self._typed(data)
                except msgspec.ValidationError:
                    pass  # a document that is not like the others: this page one by one
            page = _generic.decode(data)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            page = _generic.decode(_without_lone_surrogates(data))
            frame = self._one_by_one(page)
            replaced = pl.any_horizontal(pl.col("body", "fields").str.contains("\ufffd", literal=True).fill_null(False))
            flag = pl.when(replaced).then(int(RowFlag.INVALID_UTF8)).otherwise(0).cast(pl.Int32)
            return frame.with_columns(flags=pl.col("flags") | flag), page.shards
        return self._one_by_one(page), page.shards

    # ---- flat documents, known names: typed structs

    def _learn(self, data: bytes) -> None:
        page = _generic.decode(data)
        if not page.hits.hits:
            return
        self._tried = True
        names: dict[str, None] = {}
        for hit in page.hits.hits:
            for key, value in (hit.source or {}).items():
                if isinstance(value, (dict, list)):
                    return
                names[key] = None
        chosen = {name: next((p for p in paths if p in names), None) for name, paths in self.mapped.fields.items()}
        if not names or set(names) - set(chosen.values()) or chosen["body"] is None or self.identity != "id":
            return  # a name that no canonical one takes must be kept: one by one
        attributes = {key: f"f{i}" for i, key in enumerate(names)}
        loose = {chosen["time"], chosen["seq"]}
        fields = [
            (attribute, Any if key in loose else str | None, msgspec.field(name=key, default=None))
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
        present = {name: attributes[key] for name, key in chosen.items() if key is not None}
        self._flat = (msgspec.json.Decoder(answer), present)

    def _typed(self, data: bytes) -> tuple[pl.DataFrame, Shards]:
        assert self._flat is not None
        decoder, present = self._flat
        answer = decoder.decode(data)
        hits = answer.hits.hits
        documents = list(map(attrgetter("source"), hits))
        self.ids = pl.Series(list(map(attrgetter("id"), hits)), dtype=pl.Utf8)
        columns: dict[str, Any] = {"doc_id": self.ids}
        made: dict[str, pl.Series] = {}
        for name, attribute in present.items():
            if attribute not in made:
                values = list(map(attrgetter(attribute), documents))
                loose = name in ("time", "seq")
                made[attribute] = pl.Series(values, strict=False) if loose else pl.Series(values, dtype=pl.Utf8)
            columns[name] = made[attribute]
        if "time" in columns:
            columns["time"] = times_of(columns["time"], len(hits))
        whole = all(columns[n].null_count() == 0 for n in ("body", "stream", "time") if n in columns)
        if not whole or columns.get("seq", self.ids).dtype not in (pl.Int64, pl.Utf8, pl.Null):
            raise msgspec.ValidationError("documents without a field that the others have")
        some = {name: columns[name] for name in FIELD_NAMES if name in present}
        text = None
        if some:
            there = pl.any_horizontal(pl.col(name).is_not_null() for name in some)
            text = (
                pl.DataFrame(some).select(pl.when(there).then(pl.struct(list(some)).struct.json_encode())).to_series()
            )
            for name in reversed(list(some)):  # a quote inside a value is escaped: what is replaced is a name
                if some[name].null_count():
                    text = text.str.replace_all(f',"{name}":null', "", literal=True)
                    text = text.str.replace(f'{{"{name}":null,', "{", literal=True)
        return self._frame(len(hits), columns, text), answer.shards

    # ---- anything else

    def _one_by_one(self, page: GenericPage) -> pl.DataFrame:
        hits = page.hits.hits
        values, plans = [], []
        for hit in hits:
            if hit.source is None:
                raise NoSourceError
            shape: list[Any] = []
            flat: list[Any] = []
            self._flatten(hit.source, "", shape, flat)
            key = tuple(shape)
            plan = self._plans.get(key)
            if plan is None:
                if len(self._plans) > _PLANS:
                    self._plans.clear()
                plan = self._plans[key] = self._plan(shape)
            plans.append(plan)
            values.append(flat)
        raw = [None if p.time is None else str(v[p.time]) for p, v in zip(plans, values, strict=True)]
        times = times_of(pl.Series(raw, dtype=pl.Utf8), len(hits))
        columns: dict[str, Any] = {}
        for i, name in enumerate(_TEXTS[:2]):  # body, stream
            at = [None if (n := plan.texts[i]) is None else v[n] for plan, v in zip(plans, values, strict=True)]
            columns[name] = pl.Series([t if t is None or type(t) is str else _text(t) for t in at], dtype=pl.Utf8)
        unread = set(times.is_null().arg_true().to_list())
        encode = msgspec.json.encode
        fields = []
        for row, (plan, flat) in enumerate(zip(plans, values, strict=True)):
            made: dict[str, Any] = {n: t if type(t := flat[i]) is str else _text(t) for n, i in plan.fields}
            extra = {n: flat[i] for n, i in plan.extra}
            if row in unread and plan.time is not None:
                extra["unreadable_time"] = flat[plan.time]
            if extra and plan.texts[0] is not None:  # without a message the document itself is the text
                made["extra"] = extra
            fields.append(encode(made).decode() if made else None)
        if columns["body"].null_count():
            whole = [
                None if p.texts[0] is not None else encode(h.source).decode() for p, h in zip(plans, hits, strict=True)
            ]
            columns["body"] = columns["body"].fill_null(pl.Series(whole, dtype=pl.Utf8))
        self.ids = pl.Series([hit.id for hit in hits], dtype=pl.Utf8)
        content = self.identity == "content"
        columns["doc_id"] = pl.Series([self._content_id(h) for h in hits], dtype=pl.Utf8) if content else self.ids
        columns["time"] = times
        columns["seq"] = pl.Series(
            [None if p.seq is None else _whole(v[p.seq]) for p, v in zip(plans, values, strict=True)], dtype=pl.Int64
        )
        return self._frame(len(hits), columns, pl.Series(fields, dtype=pl.Utf8))

    def _flatten(self, source: Mapping[str, Any], prefix: str, shape: list[Any], flat: list[Any]) -> None:
        """Names and values; objects in which a mapped field may lie are opened, others stay whole."""
        for name, value in source.items():
            if value is None:
                continue
            key = prefix + name if prefix else name
            kind = type(value)
            if kind is dict and key in self._opened:
                self._flatten(value, key + ".", shape, flat)
                continue
            shape.append((key,) if kind is dict or kind is list else key)
            flat.append(value)

    def _plan(self, shape: list[Any]) -> _Plan:
        simple: dict[str, int] = {}
        nested: dict[str, int] = {}
        for i, key in enumerate(shape):
            (simple if isinstance(key, str) else nested).setdefault(key if isinstance(key, str) else key[0], i)

        def pick(name: str) -> int | None:
            for path in self.mapped.fields[name]:
                if path in simple:
                    return simple[path]
                if path in nested and name in _LONG:
                    return nested[path]
            return None

        texts = tuple(pick(name) for name in _TEXTS)
        time, seq = pick("time"), pick("seq")
        taken = {*texts, time, seq}
        fields = tuple((n, i) for n, i in zip(_TEXTS, texts, strict=True) if n in FIELD_NAMES and i is not None)
        extra: dict[str, int] = {}
        for i, key in enumerate(shape):
            if i not in taken:
                name, again = key if isinstance(key, str) else key[0], 2
                while name in extra:  # the document has it nested and with dots
                    name, again = f"{key if isinstance(key, str) else key[0]}#{again}", again + 1
                extra[name] = i
        return _Plan(texts, time, seq, fields, tuple(sorted(extra.items())))

    def _content_id(self, hit: _GenericHit) -> str:
        return hashlib.blake2b(msgspec.json.encode(hit.source, order="deterministic"), digest_size=16).hexdigest()

    # ---- columns to rows

    def _frame(self, height: int, columns: Mapping[str, Any], fields: pl.Series | None) -> pl.DataFrame:
        none = pl.Series([None], dtype=pl.Utf8).new_from_index(0, height)
        times = columns.get("time")
        frame = pl.DataFrame(
            {
                "doc_id": columns["doc_id"],
                "stream": columns.get("stream", none),
                "body": columns.get("body", none),
                "fields": none if fields is None else fields,
                "event_time": times if times is not None and times.dtype == UTC_US else times_of(times, height),
            }
        )
        flags = time_flags(self.now_us)
        if height and bool((frame["body"].str.len_bytes() > self.max_body).any()):
            long = pl.col("body").str.len_bytes() > self.max_body
            note = pl.format(
                "{} … [cut: {} bytes]", pl.col("body").str.head(self.max_body), pl.col("body").str.len_bytes()
            )
            flags |= pl.when(long).then(int(RowFlag.TRUNCATED)).otherwise(0).cast(pl.Int32)
            frame = frame.with_columns(body=pl.when(long).then(note).otherwise(pl.col("body")), flags=flags)
        else:
            frame = frame.with_columns(flags=flags)
        seq = columns.get("seq")
        return frame.select(
            "doc_id",
            source_id=pl.lit(self.source_id, dtype=pl.Utf8),
            stream=pl.col("stream").fill_null(""),
            seq=pl.lit(None, dtype=pl.Int64) if seq is None else seq.cast(pl.Int64, strict=False),
            event_time="event_time",
            body=pl.col("body").fill_null(""),
            fields="fields",
            flags="flags",
        )


def time_flags(now_us: int) -> pl.Expr:
    """Flags of `event_time`: no readable time, or one that cannot be (before 2000, more than a day after `now_us`)."""
    us = pl.col("event_time").dt.timestamp("us")
    return (
        pl.when(us.is_null())
        .then(int(RowFlag.TIME_FROM_RECEIPT))
        .when((us < _YEAR_2000_US) | (us > now_us + 86_400_000_000))
        .then(int(RowFlag.TIME_OUT_OF_RANGE))
        .otherwise(0)
        .cast(pl.Int32)
    )


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode() if isinstance(value, (dict, list, bool)) else str(value)


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and value.isdigit() and len(value) < 19:
        return int(value)
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def _without_lone_surrogates(data: bytes) -> bytes:
    """The same JSON with halves of surrogate pairs, which no text can hold, replaced. Raises msgspec.DecodeError."""
    try:
        text = json.dumps(json.loads(data), ensure_ascii=False)
    except ValueError as error:
        raise msgspec.DecodeError(str(error)) from None
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


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
