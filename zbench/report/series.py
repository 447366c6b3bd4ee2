"""From summaries to lines: which points belong together, what they are called, what each launch gave."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from statistics import median
from typing import TypeVar

from zbench.judge.summary import Summary
from zbench.records.schema import Record
from zbench.report import words
from zbench.workloads import workload

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

Namer = Callable[[Summary], str]


def of_workload(summaries: Iterable[Summary], *names: str) -> list[Summary]:
    """What can be drawn of these workloads: a wrong or invalid result has no rate and is left out."""
    return [s for s in summaries if s.case.workload in names and s.status == "ok" and s.value is not None]


def left_out(summaries: Iterable[Summary], *names: str) -> str:
    """One sentence on results of these workloads that are not drawn, empty if there are none."""
    texts = sorted(
        f"{s.key} of {s.subject} ({s.status})"
        for s in summaries
        if s.case.workload in names and s.status != "ok"
    )
    return f" Not drawn: {', '.join(texts)}." if texts else ""


def group(items: Iterable[T], by: Callable[[T], K]) -> dict[K, list[T]]:
    """Items by a key, in the order of first appearance."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(by(item), []).append(item)
    return groups


def subjects(summaries: Iterable[Summary], suite: str) -> list[str]:
    """The subjects of a suite in the order of first appearance; a subject's place is its colour."""
    return list(dict.fromkeys(s.subject for s in summaries if s.suite == suite))


def namer(summaries: Sequence[Summary]) -> Namer:
    """What to call a summary's line: its subject, and its variant only where one key has several.

    A tuned collective changes its algorithm with the size and is still one line. Names are shortened as
    long as they stay apart. A data sheet's line says so.
    """
    twice = {
        subject
        for (_, subject), members in group(summaries, lambda s: (s.key, s.subject)).items()
        if len({tuple(sorted(s.variant.items())) for s in members}) > 1
    }
    subjects = dict.fromkeys(s.subject for s in summaries)
    shortened = [words.short(subject) for subject in subjects]
    apart = len(set(shortened)) == len(shortened)

    def name(summary: Summary) -> str:
        parts = [words.short(summary.subject) if apart else summary.subject]
        if summary.subject in twice:
            parts += [value for _, value in sorted(summary.variant.items())]
        return " ".join(parts) + " (data sheet)" * (summary.sheet is not None)

    return name


Bursts = dict[tuple[str, str, tuple[tuple[str, str], ...]], list[Record]]
"""(key, subject, variant) -> the bursts that a summary was made of."""


def bursts(records: Iterable[Record]) -> Bursts:
    """The records that figures may be drawn from, ready to be looked up."""
    usable = (r for r in records if r.role == "measure" and r.status == "ok" and r.samples_ns)
    return group(usable, lambda r: (r.key, r.subject, tuple(sorted(r.variant.items()))))


def bursts_of(bursts: Bursts, summary: Summary) -> list[Record]:
    return bursts.get((summary.key, summary.subject, tuple(sorted(summary.variant.items()))), [])


def ns_per_operation(record: Record) -> list[float]:
    """Each round's time over the operations it counted; a mean where the batch is above 1."""
    operations = workload(record.case.workload).operations(record.case) * record.batch
    return [sample / operations for sample in record.samples_ns]


def launch_values(summary: Summary) -> list[float]:
    """The metric of each launch, from its median time."""
    model = workload(summary.case.workload)
    return [model.value(summary.case, ns) for ns in summary.launch_medians_ns]


def launch_fractions(bursts: Bursts, summary: Summary) -> list[float]:
    """Each launch's rate over the mean of the probes beside that very burst."""
    model = workload(summary.case.workload)
    return [
        model.value(summary.case, median(ns_per_operation(record))) / record.probe.value
        for record in bursts_of(bursts, summary)
        if record.probe is not None and record.probe.unit == summary.unit and record.probe.value
    ]


def launches_text(summaries: Sequence[Summary]) -> str:
    """`5 launches a point`, or the range where points differ."""
    launches = [s.launches for s in summaries if s.sheet is None]
    return f"{words.reach(launches, 'launch')} a point" if launches else "no launch: figures of a data sheet"


def with_interval(summary: Summary, unit: float) -> tuple[str, str]:
    """Value and interval in multiples of `unit`, as two cells of a table."""
    value = None if summary.value is None else summary.value / unit
    bounds = summary.value_interval
    interval = (
        "-" if bounds is None else f"{words.figure(bounds[0] / unit)} to {words.figure(bounds[1] / unit)}"
    )
    return words.figure(value), interval


def caption(points: Sequence[Summary]) -> str:
    """What every chart of summaries says of its marks."""
    text = (
        f"Markers: median of launches ({launches_text(points)}) with its interval; "
        "small dots: single launches."
    )
    told = sorted({f"{s.subject} ({s.sheet.statistic})" for s in points if s.sheet})
    if told:
        text += f" Hollow and dashed: not measured, told by a data sheet: {words.sentence(told)}."
    return text
