"""Records that cannot be true: edited, damaged, or written twice. Figures made of them would be wrong.

Everything here is a fact that `zbench run` guarantees, so that no honest record is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite

from zbench.dtypes import DTYPES
from zbench.errors import suggest
from zbench.handwritten import one_line
from zbench.records.schema import MOST_SAMPLES, PairTimes, Record, Run, Telemetry
from zbench.workloads import WORKLOADS
from zbench.workloads.profiles import PROFILES

IMPORTED = "imported"
"""The profile of a run whose figures come from another tool."""


def of_run(run: Run) -> Iterator[str]:
    """What of run.json cannot be: `profile: unknown profile 'quik' (did you mean 'quick'?)`."""
    if run.imported is None and run.profile not in PROFILES:
        yield f"profile: unknown profile {run.profile!r}{suggest(run.profile, PROFILES)}"
    for name in ("launches", "ranks"):
        if getattr(run, name) < 1:
            yield f"{name}: expected at least 1, found {getattr(run, name)}"


def of_records(run: Run, records: Sequence[Record]) -> Iterator[tuple[int, str]]:
    """(index of the record, what of it cannot be), in the order of the records."""
    seen: dict[tuple[object, ...], int] = {}
    for index, record in enumerate(records):
        found = list(_of(record))
        if record.fingerprint and record.fingerprint not in run.fingerprints:
            found.append(f"fingerprint: run.json holds no machine {record.fingerprint!r}")
        if run.imported is None and record.case.dtype not in DTYPES:
            known = suggest(record.case.dtype, DTYPES)
            found.append(f"case: unknown dtype {record.case.dtype!r}{known}")
        variant = tuple(sorted(record.variant.items()))
        burst = record.key, record.subject, record.role, record.block, record.launch, variant
        if burst in seen:
            found.append(
                f"launch {record.launch} of {record.subject} told of {record.key} before, in line "
                f"{seen[burst] + 1}: it would count twice"
            )
        seen.setdefault(burst, index)
        yield from ((index, one_line(what)) for what in found)


def _of(record: Record) -> Iterator[str]:
    """What contradicts itself within one record."""
    if wrong := _case(record):
        yield wrong
        return
    if record.key != record.case.key:
        yield f"key: {record.key!r} is not the key of its case, {record.case.key!r}"
    if record.ranks != record.case.ranks:
        yield f"ranks: {record.ranks}, but its case has {record.case.ranks}"
    if record.block < 0 or record.launch < 0 or record.batch < 1:
        yield "block, launch or batch: too small a number"
    samples = sorted(record.samples_ns)
    if record.status == "ok" and samples and samples[0] < 0:
        yield "samples_ns: a round took negative time"
    elif record.status == "ok" and samples and not samples[len(samples) // 2]:
        yield "samples_ns: most rounds took no time"
    yield from _counts(record)
    if record.probe and min(record.probe.before, record.probe.after) < 0:
        yield f"probe: found {record.probe.before} and {record.probe.after}, neither may be below 0"
    if record.telemetry:
        yield from _telemetry(record.telemetry)
    if record.sheet:
        if record.samples_ns:
            yield "sheet: stands beside samples; a figure has samples or comes from a data sheet"
        figures = [record.sheet.time_ns, *record.sheet.others_ns.values()]
        if not all(isfinite(ns) and ns > 0 for ns in figures):
            yield "sheet: expected times above 0"


def _telemetry(told: Telemetry) -> Iterator[str]:
    stamps = [sample.at_ns for sample in told.samples]
    if len(stamps) > min(told.readings, MOST_SAMPLES):
        yield f"telemetry: {len(stamps)} samples of {told.readings} readings, at most {MOST_SAMPLES} are kept"
    if stamps != sorted(stamps) or any(not 0 <= at <= told.window_ns for at in stamps):
        yield f"telemetry: samples out of order, or outside the {told.window_ns} ns that were timed"
    if told.energy_j is not None and not (isfinite(told.energy_j) and told.energy_j >= 0):
        yield f"telemetry: energy_j is {told.energy_j}"
    if (told.energy_j is None) != (told.energy_from == ""):
        yield f"telemetry: energy_j is {told.energy_j}, but energy_from {told.energy_from!r}"
    for reason, count in told.throttle.items():
        if not 1 <= count <= told.readings:
            yield f"telemetry: throttle: {reason!r} in {count} of {told.readings} readings"


def _case(record: Record) -> str:
    """Why no figure can be had of the case, or an empty string."""
    case = record.case
    if case.workload not in WORKLOADS:
        return f"case: unknown workload {case.workload!r}{suggest(case.workload, WORKLOADS)}"
    work = WORKLOADS[case.workload]
    if work.suite != record.suite:
        return f"suite: {record.suite!r}, but {case.workload} is one of {work.suite!r}"
    try:
        sane = min(case.size) >= 0 and case.ranks >= 1 and case.threads >= 1
        if sane and work.operations(case) >= 1:
            work.flops(case)
            work.value(case, 1.0)
            return ""
    except (ValueError, IndexError, TypeError, OverflowError):
        pass
    return f"case: {case.key!r} is no {case.workload}"


def _counts(record: Record) -> Iterator[str]:
    rounds = len(record.samples_ns)
    for name, times in record.parts_ns.items():
        if len(times) != rounds:
            yield f"parts_ns.{name}: {len(times)} times for {rounds} samples"
    if record.slowest_rank:
        if len(record.slowest_rank) != record.ranks:
            yield f"slowest_rank: {len(record.slowest_rank)} counts for {record.ranks} ranks"
        if sum(record.slowest_rank) != rounds or min(record.slowest_rank) < 0:
            yield f"slowest_rank: counts {sum(record.slowest_rank)} rounds of {rounds}"
    if record.pairs is not None:
        yield from _pairs(record.pairs, record.ranks)
    if (check := record.verification) is not None and not 0 <= check.checked <= check.of:
        yield f"verification: checked {check.checked} of {check.of}"


def _pairs(told: PairTimes, ranks: int) -> Iterator[str]:
    for name, times in (("median_ns", told.median_ns), ("p99_ns", told.p99_ns)):
        if len(times) != len(told.pairs):
            yield f"pairs.{name}: {len(times)} times for {len(told.pairs)} pairs"
        if not all(time is None or (isfinite(time) and time > 0) for time in times):
            yield f"pairs.{name}: a time is not above zero, or no number"
    for name, places in (("hosts", told.hosts), ("cores", told.cores)):
        if len(places) != ranks:
            yield f"pairs.{name}: {len(places)} for {ranks} ranks"
    if any(not (0 <= a < ranks and 0 <= b < ranks and a != b) for a, b in told.pairs):
        yield f"pairs: one is no pair of {ranks} ranks"
