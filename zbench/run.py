"""One run from the request to the written report; both doors, `zbench run` and pytest, call this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zbench.errors import InvalidRun
from zbench.judge.claims import Claim, load_claims
from zbench.judge.facts import HOST_CONDITIONS, RunFacts
from zbench.judge.outcome import exit_code, undecided_keys
from zbench.judge.ratios import aa_floor, compare_runs, ratios
from zbench.judge.scaling import scaling
from zbench.judge.summary import Summary, summarise
from zbench.judge.verdicts import judge
from zbench.measure.statistics import EXTENDED, LAUNCHES
from zbench.records import store
from zbench.records.schema import Record, Run
from zbench.report.draw import draw, write_charts
from zbench.report.findings import Findings
from zbench.report.page import write_page
from zbench.session import Report, Request, measure, session
from zbench.workloads import WORKLOADS
from zbench.workloads.profiles import PROFILES, SUITES


@dataclass(frozen=True)
class Result:
    """What came of a run."""

    findings: Findings
    page: Path

    def exit_code(self, strict: bool = False) -> int:
        found = self.findings
        bad = any(summary.status in ("wrong", "invalid") for summary in found.summaries)
        return exit_code(found.verdicts, found.ratios, bad or found.run.state == "invalid", strict)


def run(request: Request, report: Report, complain: Callable[[str], None]) -> Result:
    """Measure, judge, extend once where that can decide something, and write charts and page.

    A measurement that breaks off is told to `complain` at once; its finished records are judged and
    reported, in state `invalid`. Raises UsageError before anything is measured.
    """
    claims = load_claims(request.claims)
    baseline = store.load(request.baseline) if request.baseline else None
    if baseline is not None:
        summarise(baseline[1])  # what cannot be read is told before anything is measured
    current = None
    try:
        with session(request) as current:
            measure(current, report, request.launches)
            found = assess(current.directory, current.run, current.records, claims)
            undecided = undecided_keys(found.verdicts, found.ratios)
            if undecided and request.launches == LAUNCHES:
                current.run.extended = sorted(undecided)
                measure(current, report, EXTENDED - LAUNCHES, only=sorted(undecided))
    except InvalidRun as error:
        if current is None:
            raise
        complain(str(error))
    found = assess(current.directory, current.run, current.records, claims, baseline, request.baseline)
    return Result(found, publish(found))


def publish(found: Findings) -> Path:
    """Charts and page beside the record; returns the page's path. Raises OSError."""
    charts = draw(found)
    write_charts(charts, found.directory / "charts")
    page = found.directory / "report.html"
    write_page(found, charts, page)
    return page


def assess(
    directory: Path,
    run: Run,
    records: Sequence[Record],
    claims: Sequence[Claim],
    baseline: tuple[Run, Sequence[Record]] | None = None,
    baseline_path: Path | None = None,
) -> Findings:
    """Everything that the records say: pure, so that a stored run can be judged again."""
    summaries = sorted(summarise(records), key=reading_order)
    cards, fabrics = tuple(run.cards), tuple(run.fabrics)
    subjects = (*cards, *fabrics, *(f"{card}+{fabric}" for card in cards for fabric in fabrics))
    compared = ratios(records, subjects)
    if baseline is not None:
        compared += compare_runs(summaries, summarise(baseline[1]), str(baseline_path))
    steps = scaling(summaries)
    facts = RunFacts(
        hosts=_hosts(run),
        ranks=max((summary.ranks for summary in summaries), default=1),
        profile=run.profile,
        subjects=subjects,
        conditions=HOST_CONDITIONS if _in_host_memory(summaries) else {},
    )
    verdicts = judge(claims, summaries, compared, steps, facts) if PROFILES[run.profile].verdicts else []
    return Findings(
        directory=directory,
        run=run,
        records=records,
        summaries=summaries,
        ratios=compared,
        claims=claims,
        verdicts=verdicts,
        floors=aa_floor(records),
        scaling=steps,
    )


def reading_order(summary: Summary) -> tuple[object, ...]:
    """Suite, workload, dtype, size: the order in which a reader looks for a case."""
    case = summary.case
    where = SUITES.index(summary.suite), list(WORKLOADS).index(case.workload)
    return (*where, case.dtype, case.size, sorted(case.parameters.items()))


def _hosts(run: Run) -> int:
    """Hosts that took part, from the fingerprints of the launches."""
    return max(1, len({machine.get("host") for machine in run.fingerprints.values()}))


def _in_host_memory(summaries: Sequence[Summary]) -> bool:
    """Every fabric so far moves between memories of hosts; one that does not says so in its variant."""
    return all(summary.variant.get("memory", "host") == "host" for summary in summaries)
