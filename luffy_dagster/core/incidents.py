"""Incidents: signals of several services in one span of time that have one cause, with its root and the reasons.

Pure: anomalies and clusters come in as `Signal`s, the declared service graph and the clock are passed in. Storing incidents,
telling people and acknowledging belong to flows and store.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b

from luffy_dagster.core.anomalies.model import Anomaly
from luffy_dagster.core.model import Severity

CORRELATOR = "incidents-2026-11"


@dataclass(frozen=True, slots=True)
class Signal:
    """Something abnormal in one service: an anomaly, or a cluster that is new or escalating."""

    id: str  # "anomaly:<id>" or "cluster:<service>/<id>"
    service: str
    environment: str
    started_at: datetime
    fired_at: datetime
    ended_at: datetime | None  # None: still open
    severity: Severity
    kind: str = ""
    title: str = ""
    score: float = 1.0
    mentions: tuple[tuple[str, int], ...] = ()  # other services named in its evidence, with how often
    trace_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A signal inside an incident; `suppressed` ones are told only as children of the root."""

    signal_id: str
    service: str
    role: str  # "root" or "child"
    suppressed: bool
    reason: str  # why it belongs here


@dataclass(frozen=True, slots=True)
class Incident:
    """Signals with one cause. `root_service` None: not yet declared (see `declare_at`), or nothing says which."""

    incident_id: str  # of its earliest signal; stays while further ones join
    environment: str
    started_at: datetime
    fired_at: datetime
    ended_at: datetime | None
    root_service: str | None
    confidence: float  # of the root, 0 to 1
    declare_at: datetime  # the root is decided then, with what is known by then
    severity: Severity
    members: tuple[Member, ...] = ()
    reasons: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CorrelationSettings:
    """How near in time signals must be, and when the root is declared."""

    together: timedelta = timedelta(minutes=10)  # between the first signs of two signals
    declare_after: timedelta = timedelta(minutes=5)  # after the first alert of the incident
    least_shared_traces: int = 2
    least_share_of_traces: float = 0.2  # of the smaller of the two samples
    least_mentions: int = 2


DEFAULT = CorrelationSettings()


@dataclass(frozen=True, slots=True)
class ServiceGraph:
    """Declared dependencies: service → services it calls."""

    depends_on: Mapping[str, Collection[str]] = field(default_factory=dict)

    def calls(self, service: str) -> frozenset[str]:
        """What the service calls directly."""
        return frozenset(self.depends_on.get(service, ()))


def signal_of(anomaly: Anomaly) -> Signal:
    """The anomaly as a signal."""
    return Signal(
        id=f"anomaly:{anomaly.anomaly_id}",
        service=anomaly.service,
        environment=anomaly.environment,
        started_at=anomaly.started_at,
        fired_at=anomaly.fired_at,
        ended_at=anomaly.ended_at,
        severity=anomaly.severity,
        kind=str(anomaly.kind),
        title=anomaly.description,
        score=anomaly.score,
        mentions=anomaly.mentions,
        trace_ids=anomaly.trace_ids,
    )


def correlate(
    signals: Sequence[Signal],
    graph: ServiceGraph,
    now: datetime,
    settings: CorrelationSettings = DEFAULT,
    *,
    homes: Mapping[str, str] | None = None,
) -> list[Incident]:
    """The incidents of these signals, oldest first; every signal fired by `now` is in exactly one.

    Signals of different services belong together when they are near in time and something links them: shared trace ids,
    one names the other in its lines, or the declared graph. A single signal is an incident of its own. The order of
    `signals` does not matter. `homes`: signal id → incident that it is part of already; what was together stays together.
    """
    fired = sorted((s for s in signals if s.fired_at <= now), key=lambda s: (s.fired_at, s.id))
    groups = _Groups(len(fired))
    links: dict[tuple[int, int], str] = {}
    for a, b in _candidates(fired, graph):
        why = _link(fired[a], fired[b], graph, settings)
        if why is not None:
            links[a, b] = why
            groups.join(a, b)
    links |= _again(fired, groups, graph, settings)
    of_home: dict[str, int] = {}
    for index, signal in enumerate(fired):
        home = (homes or {}).get(signal.id)
        if home is not None:
            groups.join(of_home.setdefault(home, index), index)
    together: dict[int, list[int]] = {}
    for index in range(len(fired)):
        together.setdefault(groups.of(index), []).append(index)
    partners: dict[int, list[tuple[int, str]]] = {}
    for (a, b), why in links.items():
        partners.setdefault(a, []).append((a, why))
        partners.setdefault(b, []).append((a, why))
    return [
        _incident([fired[i] for i in group], _whys(group, partners), graph, now, settings)
        for group in together.values()
    ]


def incident_id(signal_id: str) -> str:
    """16 hex characters, of the incident's earliest signal."""
    return blake2b(f"incident\0{signal_id}".encode(), digest_size=8).hexdigest()


class _Groups:
    """Which signals belong together so far (union-find): each is known by the earliest of its group."""

    def __init__(self, number: int) -> None:
        self.first = list(range(number))

    def of(self, index: int) -> int:
        """The earliest of its group."""
        while self.first[index] != index:
            self.first[index] = self.first[self.first[index]]
            index = self.first[index]
        return index

    def join(self, a: int, b: int) -> None:
        """From now on they are of one group."""
        low, high = sorted((self.of(a), self.of(b)))
        self.first[high] = low


def _candidates(fired: Sequence[Signal], graph: ServiceGraph) -> list[tuple[int, int]]:
    """Pairs of signals of different services that something may link: a trace id, a name in the lines, the declared graph.

    Not all pairs: an alert storm of thousands of services that have nothing to do with each other must not be squared.
    """
    of_service: dict[str, list[int]] = {}
    of_trace: dict[str, list[int]] = {}
    for index, signal in enumerate(fired):
        of_service.setdefault(signal.service, []).append(index)
        for trace in set(signal.trace_ids):
            of_trace.setdefault(trace, []).append(index)
    pairs: set[tuple[int, int]] = set()
    for index, signal in enumerate(fired):
        for named in {*dict(signal.mentions), *graph.calls(signal.service)} - {signal.service}:
            pairs.update((min(index, other), max(index, other)) for other in of_service.get(named, ()))
        for trace in set(signal.trace_ids):
            pairs.update((other, index) for other in of_trace[trace] if other < index)
    return sorted((a, b) for a, b in pairs if fired[a].service != fired[b].service)


def _again(
    fired: Sequence[Signal], groups: _Groups, graph: ServiceGraph, settings: CorrelationSettings
) -> dict[tuple[int, int], str]:
    """Links of signals of one service, joined in `groups`: of each signal one to every run of signals before it, the latest."""
    links: dict[tuple[int, int], str] = {}
    of_service: dict[str, list[int]] = {}
    for index, signal in enumerate(fired):
        of_service.setdefault(signal.service, []).append(index)
    for same in of_service.values():
        runs: list[list[int]] = []
        for b in same:
            apart, joined = [], [b]
            for run in runs:
                for a in reversed(run):
                    why = _link(fired[a], fired[b], graph, settings)
                    if why is not None:
                        links[a, b] = why
                        groups.join(a, b)
                        run.append(b)
                        joined = run if len(joined) == 1 else sorted({*joined, *run})
                        break
                else:
                    apart.append(run)
            runs = [*apart, joined]
    return links


def _whys(group: Sequence[int], partners: Mapping[int, Sequence[tuple[int, str]]]) -> dict[int, str]:
    """Per place in the group: why it joined (the link to its earliest partner)."""
    whys: dict[int, str] = {}
    for place, index in enumerate(group):
        linked = partners.get(index)
        whys[place] = min(linked)[1] if linked else "on its own" if len(group) == 1 else "was part of it before"
    return whys


def _link(a: Signal, b: Signal, graph: ServiceGraph, settings: CorrelationSettings) -> str | None:
    """Why two signals belong together, or None."""
    if a.environment != b.environment:
        return None
    apart = abs(a.started_at - b.started_at)
    overlap = (a.ended_at is None or a.ended_at >= b.started_at) and (b.ended_at is None or b.ended_at >= a.started_at)
    if a.service == b.service:
        near = overlap or min(abs(b.fired_at - (a.ended_at or b.fired_at)), apart) <= settings.together
        return f"{a.service} again" if near else None
    if apart > settings.together and not (overlap and apart <= 3 * settings.together):
        return None
    shared = len(set(a.trace_ids) & set(b.trace_ids))
    smaller = min(len(set(a.trace_ids)), len(set(b.trace_ids)))
    if shared >= settings.least_shared_traces and shared >= settings.least_share_of_traces * smaller:
        return f"{shared} trace ids shared by {a.service} and {b.service}"
    for one, other in ((a, b), (b, a)):
        named = dict(one.mentions).get(other.service, 0)
        if named >= settings.least_mentions:
            return f"{one.service} names {other.service} {named} times"
    if apart <= settings.together:
        for one, other in ((a, b), (b, a)):
            if other.service in graph.calls(one.service):
                return f"{one.service} depends on {other.service}"
    return None


def _incident(
    group: Sequence[Signal], whys: Mapping[int, str], graph: ServiceGraph, now: datetime, settings: CorrelationSettings
) -> Incident:
    earliest = group[0]
    declare_at = earliest.fired_at + settings.declare_after
    root, confidence, reasons = _root(group, graph, settings) if now >= declare_at else (None, 0.0, ())
    ends = [s.ended_at for s in group]
    members = tuple(
        Member(
            signal_id=s.id,
            service=s.service,
            role="root" if s.service == root else "child",
            suppressed=s is not earliest,  # one message: what joins later is its update
            reason=whys[place],
        )
        for place, s in enumerate(group)
    )
    return Incident(
        incident_id=incident_id(earliest.id),
        environment=earliest.environment,
        started_at=min(s.started_at for s in group),
        fired_at=earliest.fired_at,
        ended_at=None if any(end is None for end in ends) else max(end for end in ends if end is not None),
        root_service=root,
        confidence=confidence,
        declare_at=declare_at,
        severity=max((s.severity for s in group), key=lambda severity: severity.rank),
        members=members,
        reasons=reasons,
        services=tuple(sorted({s.service for s in group})),
    )


def _root(
    group: Sequence[Signal], graph: ServiceGraph, settings: CorrelationSettings
) -> tuple[str | None, float, tuple[str, ...]]:
    """Root, confidence and reasons: the end of the chain of blame; without blame the graph's end; else the first in time."""
    services = sorted({s.service for s in group})
    blame: dict[str, dict[str, int]] = {}
    for signal in group:
        for named, count in signal.mentions:
            if named != signal.service:
                per = blame.setdefault(signal.service, {})
                per[named] = per.get(named, 0) + count
    starts = {name: min(s.started_at for s in group if s.service == name) for name in services}
    pointed = {
        one: max(sorted(per), key=lambda name: (name in starts, per[name]))
        for one, per in blame.items()
        if max(per.values()) >= settings.least_mentions
    }
    if pointed:
        ends: dict[str, int] = {}
        for one, named in pointed.items():
            path = [one]
            while named not in path:
                path.append(named)
                if named not in pointed:
                    break
                named = pointed[named]
            end = path[-1] if path[-1] not in pointed else min(path, key=lambda n: (starts.get(n, starts[one]), n))
            ends[end] = ends.get(end, 0) + sum(blame[one].values())
        root = max(sorted(ends), key=lambda name: (name in starts, ends[name]))
        reasons = tuple(
            f"{one} names {named} in {blame[one][named]} of its lines" for one, named in sorted(pointed.items())
        )
        inside = root in starts
        return root, 0.9 if inside and len(ends) == 1 else 0.7 if inside else 0.5, reasons
    if len(services) == 1:
        return services[0], 0.6, ("no other service is concerned",)
    called = {name: sum(name in _reach(graph, other) for other in services if other != name) for name in services}
    most = max(called.values())
    if most:
        ends_of_graph = [n for n in services if called[n] == most and not (_reach(graph, n) & set(services) - {n})]
        candidates = ends_of_graph or [n for n in services if called[n] == most]
        root = min(candidates, key=lambda name: (starts[name], name))
        callers = ", ".join(n for n in services if n != root and root in _reach(graph, n))
        return root, 0.6, (f"{callers} depend on {root}, which depends on none of them",)
    root = min(services, key=lambda name: (starts[name], name))
    return root, 0.4, (f"{root} showed the first sign, at {starts[root]:%H:%M:%S} UTC",)


def _reach(graph: ServiceGraph, service: str) -> frozenset[str]:
    """Everything the service depends on, directly or not."""
    seen: set[str] = set()
    open_ = [service]
    while open_:
        for called in graph.calls(open_.pop()):
            if called not in seen:
                seen.add(called)
                open_.append(called)
    return frozenset(seen - {service})
