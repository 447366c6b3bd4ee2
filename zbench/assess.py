"""A stored run judged and written up. Nothing is measured here; every verb that shows a run calls it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zbench.judge.claims import Claim
from zbench.judge.facts import HOST_CONDITIONS, RunFacts
from zbench.judge.outcome import exit_code
from zbench.judge.ratios import aa_floor, compare_runs, ratios
from zbench.judge.scaling import scaling
from zbench.judge.summary import Summary, summarise
from zbench.judge.verdicts import judge
from zbench.records.schema import Record, Run
from zbench.report.draw import draw, write_charts
from zbench.report.findings import Findings
from zbench.report.page import write_page
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
