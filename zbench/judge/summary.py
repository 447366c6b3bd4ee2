"""What the records of one case and subject say together. Nothing is measured here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from zbench.case import Case
from zbench.errors import UsageError, suggest
from zbench.judge.metrics import Better
from zbench.judge.telemetry import Watched, watched
from zbench.measure.statistics import (
    Floats,
    interval,
    noisy,
    percentile_lower_bound,
    percentile_upper_bound,
)
from zbench.records.schema import Probe, Record, Sheet
from zbench.workloads import WORKLOADS, workload
from zbench.workloads.base import Workload

PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
ROUND_TRIP = 2
"""Operations of a ping-pong. Where one execution counts more (a window of messages), the time of a
single operation was not observed, and no percentile of it is known."""

BEYOND_PEAK = 10.0
"""A card this many times faster than the best peak measured beside any of its bursts did not compute: the
answer it showed was an old one. Less is no proof: on two busy cores a probe of a few ms read a quarter."""

Pair = tuple[float, float]


class Summary(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One case answered by one subject in one variant, over all its launches.

    Times are per operation (a round's time over batch times operations). Where any answer was wrong or
    any timing invalid there is no figure at all: None, and `why`.
    """

    suite: str
    key: str
    case: Case
    subject: str
    variant: dict[str, str] = {}
    status: str = "ok"
    """ok; invalid, wrong (no figures); skipped (never a pass)."""
    why: str = ""
    ranks: int
    batch: int
    launches: int
    """Launches that answered."""
    metric: str
    unit: str
    better: Better
    median_ns: float | None = None
    interval_ns: Pair | None = None
    value: float | None = None
    value_interval: Pair | None = None
    """(least, most), whichever is better."""
    method: str = ""
    """How the interval was made, see `statistics.Interval`."""
    confidence: float | None = None
    modes: tuple[int, ...] = ()
    fraction_of_peak: float | None = None
    """Of the adjacent probe: rate over roof, or floor over time. None also where operations overlap (a
    window of messages), since a floor of one at a time does not bound them."""
    probe: float | None = None
    probe_unit: str = ""
    noisy: bool = False
    """The probe varied by more than 10 % around a burst; a flag that drops nothing."""
    verified: bool | None = None
    """None: not every launch was checked."""
    smallest_error: float | None = None
    """The smallest error that the least sensitive of the checks could see."""
    launch_medians_ns: tuple[float, ...] = ()
    launch_means_ns: tuple[float, ...] = ()
    pair_extremes_ns: tuple[Pair, ...] = ()
    """Where all pairs of ranks were measured: of each launch the median of the fastest and of the slowest."""
    launch_blocks: tuple[int, ...] = ()
    launch_speeds: tuple[float, ...] | None = None
    """What the probe beside each launch said of the machine, higher for faster."""
    percentiles: dict[str, float] = {}
    """Upper bounds in ns by order statistics, each launch at 99 % confidence, of the worst launch: rounds
    of one launch are not independent of each other, so they are not pooled. What n cannot support is left
    out."""
    percentile_floors: dict[str, float] = {}
    """Lower bounds, likewise of the best launch."""
    samples: int = 0
    parts_ns: dict[str, float] = {}
    watched: Watched | None = None
    """What the meters told; None unless each launch has telemetry."""
    sheet: Sheet | None = None
    """The figure of a data sheet: `median_ns` and `value` are its own statistic, and there is no interval,
    no launch and no sample behind them."""

    @property
    def bad(self) -> bool:
        """Whether an answer was wrong or a timing cannot be trusted: no figures, and exit code 4."""
        return self.status in ("wrong", "invalid")

    @property
    def trusted(self) -> bool:
        """Whether it has figures at all: the timing is believed and every launch's answers were right."""
        return self.status == "ok" and self.verified is True


def known_workload(name: str) -> Workload:
    """Raises UsageError for a record of a workload that this version does not know."""
    if name not in WORKLOADS:
        raise UsageError(f"a record speaks of the unknown workload {name!r}{suggest(name, WORKLOADS)}")
    return workload(name)


def is_wrong(record: Record) -> bool:
    return record.status == "wrong" or (record.verification is not None and not record.verification.passed)


def is_bad(record: Record) -> bool:
    """The answer was wrong, or the timing cannot be trusted."""
    return is_wrong(record) or record.status == "invalid"


def summarise(records: Iterable[Record]) -> list[Summary]:
    """One Summary for each (key, subject, variant), in the order in which they first appear.

    Anchor launches give no figures, but a bad one spoils the case like any other launch. Nor does a case
    that is no result (`data=zeros`, see power.py): its rate stands nowhere among rates. Raises UsageError for
    an unknown workload.
    """
    groups: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for record in records:
        if (record.role == "measure" and record.case.is_result) or is_bad(record):
            variant = tuple(f"{k}={v}" for k, v in sorted(record.variant.items()))
            groups[(record.key, record.subject, *variant)].append(record)
    return [_summarise(group) for group in groups.values()]


def _summarise(records: list[Record]) -> Summary:
    first = records[0]
    work = known_workload(first.case.workload)
    answered = [record for record in records if record.status != "skipped"]
    summary = Summary(
        suite=first.suite,
        key=first.key,
        case=first.case,
        subject=first.subject,
        variant=first.variant,
        ranks=first.ranks,
        batch=first.batch,
        launches=len({(record.block, record.launch) for record in answered}),
        metric=work.metric,
        unit=work.unit,
        better="higher" if work.better == "higher" else "lower",
        why="; ".join(dict.fromkeys(record.why for record in records if record.why)),
        verified=_verified(answered),
        noisy=any(noisy([r.probe.before, r.probe.after]) for r in answered if r.probe),
    )
    wrong = [record for record in answered if is_wrong(record)]
    invalid = [r for r in answered if r.status == "invalid" or not (r.samples_ns or r.sheet)]
    impossible = _beyond_peak(work, [record for record in answered if record.samples_ns])
    if wrong:
        found = [r.verification.why for r in wrong if r.verification and r.verification.why]
        why = "; ".join(dict.fromkeys(found)) or summary.why or "the answer was wrong"
        return msgspec.structs.replace(summary, status="wrong", why=why)
    if invalid:
        why = summary.why or "no samples were taken"
        return msgspec.structs.replace(summary, status="invalid", why=why)
    if impossible:
        return msgspec.structs.replace(summary, status="invalid", why=impossible)
    if not answered:
        return msgspec.structs.replace(summary, status="skipped", why=summary.why or "not run")
    if sheets := [record.sheet for record in answered if record.sheet]:
        return _of_a_sheet(summary, work, sheets[0])
    return _with_figures(summary, work, answered)


def _of_a_sheet(summary: Summary, work: Workload, sheet: Sheet) -> Summary:
    """What another tool told, as it told it."""
    ns = sheet.time_ns / work.operations(summary.case)
    return msgspec.structs.replace(
        summary,
        launches=0,
        median_ns=ns,
        value=work.value(summary.case, ns),
        method=f"data sheet: {sheet.statistic}",
        sheet=sheet,
    )


def _verified(records: list[Record]) -> bool | None:
    if any(is_wrong(record) for record in records):
        return False
    return True if records and all(record.verification for record in records) else None


def _beyond_peak(work: Workload, records: Sequence[Record]) -> str:
    """Why a burst is too fast to be true, or an empty string."""
    probes = [record.probe for record in records if record.probe and record.probe.unit == "FLOP/s"]
    if not probes:
        return ""
    peak = max(max(probe.before, probe.after) for probe in probes)
    fastest = min(_ns([record], work.operations(record.case), np.median) for record in records)
    times = work.flops(records[0].case) / fastest * 1e9 / peak
    return f"{times:,.0f} times the peak measured beside it: it cannot have computed" * (times > BEYOND_PEAK)


def _with_figures(summary: Summary, work: Workload, records: list[Record]) -> Summary:
    case = summary.case
    operations = work.operations(case)
    launches: dict[tuple[int, int], list[Record]] = defaultdict(list)
    for record in records:
        launches[record.block, record.launch].append(record)
    times = {launch: _ns(bursts, operations, np.median) for launch, bursts in launches.items()}
    probes = [_probe(bursts) for bursts in launches.values()]
    units = {probe.unit for probe in probes if probe}
    unit = units.pop() if len(units) == 1 and all(probes) else ""
    levels = [probe.value for probe in probes if probe] if unit else []
    speeds = tuple(1 / level if unit == "ns" else level for level in levels) if all(levels) else ()
    medians = tuple(times.values())
    span = interval(list(medians), list(speeds) or None)
    median = span.median if span else medians[0]
    values = sorted(work.value(case, ns) for ns in (span.lo, span.hi)) if span else []
    # of pairs a sample is the middle one's: its percentiles are no pair's
    single = all(record.batch == 1 and not record.pairs for record in records) and operations <= ROUND_TRIP
    samples = [_rounds(bursts) / operations for bursts in launches.values()]
    return msgspec.structs.replace(
        summary,
        median_ns=median,
        interval_ns=(span.lo, span.hi) if span else None,
        value=work.value(case, median),
        value_interval=(values[0], values[1]) if span else None,
        method=span.method if span else "one launch",
        confidence=span.confidence if span else None,
        modes=span.modes if span else (),
        fraction_of_peak=_fraction(work, case, medians, levels, unit),
        probe=float(np.median(levels)) if levels else None,
        probe_unit=unit,
        smallest_error=max((r.verification.smallest_error for r in records if r.verification), default=None),
        launch_medians_ns=medians,
        launch_means_ns=tuple(_ns(bursts, operations, np.mean) for bursts in launches.values()),
        pair_extremes_ns=_extremes(launches.values(), operations),
        launch_blocks=tuple(block for block, _ in times),
        launch_speeds=speeds or None,
        percentiles=_bounds(samples, percentile_upper_bound, max) if single else {},
        percentile_floors=_bounds(samples, percentile_lower_bound, min) if single else {},
        samples=sum(map(len, samples)),
        parts_ns=_parts(launches.values()),
        watched=watched(work, records),
    )


def _ns(records: Sequence[Record], operations: int, centre: Callable[[Floats], Any]) -> float:
    """Median or mean time of one operation in one launch."""
    return float(centre(_rounds(records))) / operations


def _extremes(launches: Iterable[Sequence[Record]], operations: int) -> tuple[Pair, ...]:
    """Of one operation; nothing where a launch has no pairs."""
    told = [
        [ns / r.batch / operations for r in each if r.pairs for ns in r.pairs.median_ns] for each in launches
    ]
    return tuple((min(times), max(times)) for times in told) if all(told) else ()


def _rounds(records: Sequence[Record]) -> Floats:
    """Times of single executions in one launch; of a batch, its mean."""
    return np.concatenate([np.asarray(r.samples_ns, np.float64) / r.batch for r in records])


def _probe(records: Sequence[Record]) -> Probe | None:
    return next((record.probe for record in records if record.probe), None)


def rate_in(work: Workload, case: Case, ns: float, unit: str) -> float | None:
    """What `ns` per operation is in the probe's unit, if the work model has such a rate."""
    if unit == work.unit:
        return work.value(case, ns)
    amount = {"FLOP/s": work.flops, "B/s": work.bytes}.get(unit)
    return (amount(case) / ns * 1e9 or None) if amount else None


def _fraction(
    work: Workload, case: Case, medians: Sequence[float], levels: Sequence[float], unit: str
) -> float | None:
    """Median over launches of each one's share of its own adjacent probe."""
    if unit == "ns":
        if work.operations(case) > ROUND_TRIP:
            return None
        return float(np.median(np.asarray(levels) / np.asarray(medians)))
    rates = [rate_in(work, case, ns, unit) for ns in medians]
    shares = [rate / level for rate, level in zip(rates, levels, strict=False) if rate is not None and level]
    return float(np.median(shares)) if shares else None


def _bounds(
    launches: Sequence[Floats],
    bound: Callable[[Floats, float], float | None],
    outermost: Callable[[list[float]], float],
) -> dict[str, float]:
    """Each percentile's outermost bound over the launches; left out where one cannot support it."""
    found = {}
    for name, p in PERCENTILES.items():
        bounds = [value for samples in launches if (value := bound(samples, p)) is not None]
        if len(bounds) == len(launches):
            found[name] = outermost(bounds)
    return found


def _parts(launches: Iterable[Sequence[Record]]) -> dict[str, float]:
    """Median over launches of the median time that each part of an execution took."""
    medians: dict[str, list[float]] = defaultdict(list)
    for records in launches:
        for name in records[0].parts_ns:
            rounds = [
                np.asarray(r.parts_ns[name], np.float64) / r.batch for r in records if name in r.parts_ns
            ]
            medians[name].append(float(np.median(np.concatenate(rounds))))
    return {name: float(np.median(values)) for name, values in medians.items()}
