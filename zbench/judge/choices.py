"""Which algorithm ran for which case, why, and what the cost model says of each that might have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from zbench.case import Case
from zbench.judge.costfit import fitted
from zbench.judge.costmodel import Model, burst_points, execution_ns, trial_points, work_of
from zbench.judge.loggp import LogGP, loggp
from zbench.judge.summary import Summary
from zbench.records.schema import Choices, Run
from zbench.schedules.table import ALGORITHMS

FORCED = "forced by --algorithm"
FORCED_BY_OPTION = "forced by the fabric's option"
ONLY = "the only one"
LIBRARY = "the library's own choice"
DEFAULT = "the default: no trial of this case ended"


class Candidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One algorithm for one case. Times are of one execution."""

    algorithm: str
    chosen: bool
    trial_ns: float | None = None
    """Median of the trial before the first launch."""
    burst_ns: float | None = None
    """Median over launches, of what was chosen; executions of a batch may overlap."""
    model_ns: float | None = None

    @property
    def ratio(self) -> float | None:
        """Measured over model; of the trial, where one execution ran at a time."""
        measured = self.trial_ns or self.burst_ns
        return measured / self.model_ns if measured and self.model_ns else None


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What could run for a case, in the order of the list of algorithms."""

    case: Case
    candidates: tuple[Candidate, ...]
    why: str


class World(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A fabric with so many ranks: its models and its choices."""

    subject: str
    ranks: int
    model: Model
    loggp: LogGP | None
    choices: tuple[Choice, ...]


def worlds(run: Run, summaries: Sequence[Summary], margin: float = 0.0) -> list[World]:
    """Fabrics as they were named, by number of ranks. `margin`: the A/A floor; a lead below it is none."""
    of_fabrics = [s for s in summaries if s.suite == "fabric" and s.sheet is None]  # nobody ran a data sheet
    pairs = sorted(
        {(s.subject, s.ranks) for s in of_fabrics if s.ranks > 1},
        key=lambda pair: (run.fabrics.index(pair[0]) if pair[0] in run.fabrics else len(run.fabrics), pair),
    )
    return [
        _world(
            subject,
            ranks,
            [s for s in of_fabrics if (s.subject, s.ranks) == (subject, ranks)],
            run.tables.get(f"{subject} ranks={ranks}"),
            margin,
        )
        for subject, ranks in pairs
    ]


def _world(
    subject: str, ranks: int, summaries: Sequence[Summary], table: Choices | None, margin: float
) -> World:
    cases = {s.key: s.case for s in summaries}
    bad = {s.key for s in summaries if s.bad}  # a trial of what then was wrong says nothing
    trials = {key: times for key, times in (table.median_ns if table else {}).items() if key not in bad}
    model = fitted(burst_points(summaries), trial_points(cases, trials))
    choices = [_choice(subject, model, s, table, margin) for s in summaries if "algorithm" in s.variant]
    return World(subject=subject, ranks=ranks, model=model, loggp=loggp(summaries), choices=tuple(choices))


def _choice(subject: str, model: Model, s: Summary, table: Choices | None, margin: float) -> Choice:
    ran = s.variant["algorithm"]
    trials = (table.median_ns if table else {}).get(s.key, {})
    known = list(ALGORITHMS.get(s.case.workload, ()))
    names = sorted(
        {ran, *trials}, key=lambda name: (known.index(name) if name in known else len(known), name)
    )
    candidates = tuple(
        Candidate(
            algorithm=name,
            chosen=name == ran,
            trial_ns=trials.get(name),
            burst_ns=execution_ns(s)[0] if name == ran and s.median_ns else None,
            model_ns=model.ns(work_of(s.case, name), s.case.dtype),
        )
        for name in names
    )
    return Choice(case=s.case, candidates=candidates, why=_why(subject, s.case, ran, trials, table, margin))


def _why(
    subject: str,
    case: Case,
    ran: str,
    trials: Mapping[str, float],
    table: Choices | None,
    margin: float,
) -> str:
    if table and table.forced and not trials:
        return FORCED
    if ran in subject.partition(":")[2].split("+"):
        return FORCED_BY_OPTION
    known = ALGORITHMS.get(case.workload, {})
    if ran not in trials:
        return LIBRARY if ran not in known else ONLY if len(known) == 1 else DEFAULT
    others = {name: ns for name, ns in trials.items() if name != ran}
    if not others:
        return "the only one whose trial ended"
    second = min(others, key=lambda name: others[name])
    lead = others[second] / trials[ran] - 1
    if lead <= margin:
        return f"as fast in trials as {second}: {100 * lead:.1f} % ahead of it is within the noise"
    return f"fastest of {len(trials)} in trials, {100 * lead:.0f} % ahead of {second}"
