"""Many runs of one machine: a series for each case and subject, and how much sessions differ.

A point is one run's median of launch medians. Launches of one session share its hour, its neighbours and
its boot, so that how much sessions differ can only be learnt from several of them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np

from zbench.case import Case
from zbench.judge.metrics import Better
from zbench.judge.steps import Step, residual_sd, steps
from zbench.judge.summary import Pair, Summary, known_workload, summarise
from zbench.measure.fingerprint import digest
from zbench.measure.fingerprint import hardware as hardware_of
from zbench.records.schema import Record, Run

SPREAD_RUNS = 3
"""The least that tells how much sessions differ: of two runs the factor of t is 21, of three it is 5.6."""
GIB = 1 << 30


@dataclass(frozen=True)
class Kept:
    """A run as it was read from its directory."""

    name: str
    """Of the directory."""
    run: Run
    records: Sequence[Record]

    @property
    def identity(self) -> tuple[str, int]:
        """Equal for copies of one run."""
        return self.run.created, self.run.seed

    @cached_property
    def summaries(self) -> list[Summary]:
        return summarise(self.records)


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One run in a series."""

    run: str
    """Name of its directory."""
    created: str
    """UTC, ISO 8601."""
    zbench: str
    subject: str
    """With its environment."""
    launches: int
    median_ns: float
    interval_ns: Pair | None
    value: float
    """In the unit of the series."""
    probe_unit: str
    """Empty: no probe of one kind beside every launch."""
    beside_probe: float | None
    """Median over launches of time x speed of the probe beside it: what the probe could have done meanwhile
    (FLOP, bytes, floors). It rises where the case slows down and the machine does not."""


class Series(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One case, as one subject answered it in one way on one kind of machine, run by run."""

    hardware: str
    suite: str
    key: str
    case: Case
    subject: str
    """Without its environment."""
    variant: dict[str, str]
    """As far as it parts series, see `ANSWERED_BY`."""
    unit: str
    better: Better
    points: tuple[Point, ...]
    """In the order of time."""

    @property
    def normalised(self) -> bool:
        """Whether every point stands beside a probe of the same kind."""
        return beside_common_probe(self.points)

    @property
    def levels(self) -> list[float]:
        """What runs are compared by: times beside their probes where all have them, else plain times."""
        return [level(point, self.normalised) for point in self.points]


class History(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    machines: dict[str, str]
    """Hardware -> in words."""
    series: tuple[Series, ...]
    left_out: dict[str, str]
    """Run -> why it, or some of it, is in no series."""


class Spread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much the same thing differs from session to session."""

    sd: float
    """Of the logarithm of a time: 0.02 is 2 %."""
    degrees: int
    runs: int


def spread(levels: Sequence[float], bounds: Sequence[int] = ()) -> Spread | None:
    """From the levels of at least `SPREAD_RUNS` runs; None below.

    `bounds`: where true steps stand, whose size is no spread.
    """
    if len(levels) < SPREAD_RUNS:
        return None
    sd, degrees = residual_sd(levels, bounds)
    return Spread(sd, degrees, len(levels)) if degrees else None


class Course(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a series says: how it went."""

    series: Series
    steps: tuple[Step, ...]
    spread: Spread | None
    """Around the levels that its findings part; None: too few runs."""

    @property
    def findings(self) -> list[Step]:
        return [step for step in self.steps if step.verdict != "UNDECIDED"]


def courses(series: Sequence[Series]) -> list[Course]:
    """Steps and spread of each series, judged together: one false finding in all is the error that counts."""
    found = steps([each.levels for each in series])
    return [
        Course(
            series=each,
            steps=tuple(of),
            spread=spread(each.levels, [step.index for step in of if step.verdict != "UNDECIDED"]),
        )
        for each, of in zip(series, found, strict=True)
    ]


def beside_common_probe(points: Sequence[Point]) -> bool:
    """Whether all of these have a probe beside them, of one kind."""
    return len({point.probe_unit for point in points}) == 1 and all(point.beside_probe for point in points)


def level(point: Point, normalised: bool) -> float:
    """What a run is compared by."""
    return point.beside_probe or point.median_ns if normalised else point.median_ns


def bare(subject: str) -> str:
    """The subject without its environments: `cpu@/venv+shm` -> `cpu+shm`."""
    return re.sub(r"@[^+]*", "", subject)


def machine(run: Run) -> dict[str, Any]:
    """The facts that say what machine a run was measured on; of several hosts, each kind once.

    Not the host's name, so that equal nodes share a history; nor kernel, libraries and environment: what
    these change, a history is there to show.
    """
    kinds: dict[str, dict[str, Any]] = {}
    for facts in run.fingerprints.values():
        kind = hardware_of(facts)
        memory_bytes = kind.pop("memory_bytes")
        # Kernels keep a little for themselves, each a little differently.
        kind["memory_gib"] = round(memory_bytes / GIB) if memory_bytes else None
        kinds[digest(kind)] = kind
    return dict(sorted(kinds.items()))


def hardware(run: Run) -> str:
    """One digest of `machine`: equal where runs may be compared; empty where nothing is known."""
    kinds = machine(run)
    return digest(kinds)[:8] if kinds else ""


def describe(run: Run) -> str:
    """`AMD EPYC, x86_64, 2 CPUs, L3 32768K, 24 GiB, virtual`."""
    texts = []
    for kind in machine(run).values():
        caches: Mapping[str, str] = kind["caches"] or {}
        parts = [
            str(kind["cpu"] or "unknown CPU"),
            str(kind["architecture"] or "unknown architecture"),
            f"{kind['cpus_usable'] or '?'} CPUs",
            *([f"{kind['threads_per_core']} threads a core"] if (kind["threads_per_core"] or 1) > 1 else []),
            *(f"{level} {size}" for level, size in sorted(caches.items())[-1:]),
            *([f"{kind['memory_gib']} GiB"] if kind["memory_gib"] else []),
            *(["virtual"] if kind["virtual_machine"] else []),
        ]
        texts.append(", ".join(parts))
    return " and ".join(texts) or "unknown hardware"


ANSWERED_BY = ("algorithm", "buffers", "isa", "memory")
"""What of a variant parts series. The rest (blocking, tile, plan, a library's version) is a matter of the
build, and what a new build changes a history is there to show."""


def variant_of(summary: Summary) -> dict[str, str]:
    return {name: value for name, value in sorted(summary.variant.items()) if name in ANSWERED_BY}


Name = tuple[str, str, tuple[tuple[str, str], ...]]
"""(key, bare subject, variant)"""


def points_of(kept: Kept) -> dict[Name, tuple[Summary, Point]]:
    """The usable answers of one run. Where several environments of one subject were measured, the first
    that was named speaks for the run, as it does for claims."""
    order = {label: i for i, label in enumerate([*kept.run.cards, *kept.run.fabrics])}
    found: dict[Name, tuple[Summary, Point]] = {}
    for summary in sorted(kept.summaries, key=lambda s: order.get(s.subject, 0)):
        if summary.trusted and summary.launch_medians_ns:
            name = summary.key, bare(summary.subject), tuple(variant_of(summary).items())
            found.setdefault(name, (summary, _point(kept, summary)))
    return found


def _point(kept: Kept, summary: Summary) -> Point:
    beside = None
    if summary.launch_speeds:
        beside = float(np.median(np.multiply(summary.launch_medians_ns, summary.launch_speeds)))
    # Not summary.median_ns: that may be scaled to the median probe of its own launches.
    median_ns = float(np.median(summary.launch_medians_ns))
    return Point(
        run=kept.name,
        created=kept.run.created,
        zbench=kept.run.zbench,
        subject=summary.subject,
        launches=len(summary.launch_medians_ns),
        median_ns=median_ns,
        interval_ns=summary.interval_ns,
        value=known_workload(summary.case.workload).value(summary.case, median_ns),
        probe_unit=summary.probe_unit if beside else "",
        beside_probe=beside,
    )


def collect(runs: Iterable[Kept]) -> History:
    """Series from runs, which may come in any order. Pure."""
    machines: dict[str, str] = {}
    found: dict[tuple[str, Name], list[tuple[Summary, Point]]] = defaultdict(list)
    left_out: dict[str, str] = {}
    seen: dict[tuple[str, int], str] = {}
    for kept in sorted(runs, key=lambda each: (each.run.created, each.name)):
        if kept.run.imported is not None:
            left_out[kept.name] = f"imported from {kept.run.imported.tool}, not measured by zbench"
        elif kept.run.minutes is not None:
            left_out[kept.name] = f"a sustained run of {kept.run.minutes:g} min a burst: hotter than others"
        elif kept.run.state == "invalid":
            left_out[kept.name] = f"invalid: {kept.run.why or 'its measurement cannot be trusted'}"
        elif kept.identity in seen:
            left_out[kept.name] = f"a copy of {seen[kept.identity]}"
        else:
            seen[kept.identity] = kept.name
            if why := _unusable(kept):
                left_out[kept.name] = why
            for name, answer in points_of(kept).items():
                machines.setdefault(hardware(kept.run), describe(kept.run))
                found[hardware(kept.run), name].append(answer)
    series = tuple(_series(key, answers) for key, answers in found.items())
    return History(machines=machines, series=series, left_out=left_out)


def _unusable(kept: Kept) -> str:
    """`2 wrong, 1 invalid: no figures to be had`, or an empty string."""
    bad = Counter(s.status for s in kept.summaries if not s.trusted and s.status != "skipped")
    counts = [f"{n} {'unverified' if status == 'ok' else status}" for status, n in sorted(bad.items())]
    if counts:
        return f"{', '.join(counts)}: no figures to be had"
    return "" if kept.records else "no records"


def _series(key: tuple[str, Name], answers: Sequence[tuple[Summary, Point]]) -> Series:
    first = answers[-1][0]
    return Series(
        hardware=key[0],
        suite=first.suite,
        key=first.key,
        case=first.case,
        subject=bare(first.subject),
        variant=variant_of(first),
        unit=first.unit,
        better=first.better,
        points=tuple(point for _, point in answers),
    )
