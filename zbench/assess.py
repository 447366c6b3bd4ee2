"""A stored run judged and written up. Nothing is measured here; every verb that shows a run calls it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from zbench.errors import NotKept, explain
from zbench.judge.baselines import Side, Stored, over_baseline
from zbench.judge.choices import worlds
from zbench.judge.claims import Claim, over_card
from zbench.judge.clocks import agreements, common_times
from zbench.judge.compare import compare_runs
from zbench.judge.conditions import Conditions
from zbench.judge.congestion import impacts
from zbench.judge.datasheets import of_subjects
from zbench.judge.facts import MEMORY_CONDITIONS, RunFacts
from zbench.judge.guidelines import relations
from zbench.judge.history import Kept, Series
from zbench.judge.hostcards import HostCards, host_cards
from zbench.judge.outcome import exit_code
from zbench.judge.pairs import pair_maps
from zbench.judge.peers import against_best
from zbench.judge.power import gains
from zbench.judge.ratios import aa_floor, ratios
from zbench.judge.scaling import scaling
from zbench.judge.stragglers import votes
from zbench.judge.summary import Summary, summarise
from zbench.judge.sustained import sustained
from zbench.judge.verdicts import judge
from zbench.records.schema import Record, Run
from zbench.report.draw import draw, write_charts
from zbench.report.findings import Findings
from zbench.report.page import write_page
from zbench.workloads import WORKLOADS
from zbench.workloads.profiles import PROFILES, SUITES

NONE: Mapping[str, Stored] = MappingProxyType({})


@dataclass(frozen=True)
class Result:
    """What came of a run."""

    findings: Findings
    page: Path

    def exit_code(self, strict: bool = False) -> int:
        found = self.findings
        bad = any(summary.bad for summary in found.summaries)
        return exit_code(found.verdicts, found.ratios, bad or found.run.state == "invalid", strict)


def publish(found: Findings, into: Path | None = None) -> Path:
    """Charts and page beside the record, or elsewhere; returns the page's path. Raises NotKept."""
    folder = into or found.directory
    page = folder / "report.html"
    try:
        charts = draw(found)
        write_charts(charts, folder / "charts")
        write_page(found, charts, page)
    except OSError as error:
        raise NotKept(
            f"{folder}: charts and page cannot be written: {explain(error)}; the records are whole, "
            f"`zbench report {found.directory} --out ELSEWHERE` draws them"
        ) from error
    except KeyboardInterrupt:
        again = f"`zbench report {found.directory}` draws its charts and page"
        raise KeyboardInterrupt(f" in {found.directory}: {again}") from None
    return page


def assess(
    directory: Path,
    run: Run,
    records: Sequence[Record],
    claims: Sequence[Claim],
    baselines: Mapping[str, Stored] = NONE,
    history: Sequence[Kept] = (),
    baseline_card: str = "",
) -> Findings:
    """Everything that the records say: pure, so that a stored run can be judged again.

    `baselines`: name -> run, as `load_baselines` has them. `history`: runs that tell how much sessions
    differ, without which a baseline decides nothing. `baseline_card`: of the catalogue, instead of the
    run's own. Raises UsageError for one that it does not have.
    """
    claims = over_card(claims, baseline_card or run.baseline_card)
    summaries = sorted(summarise(records), key=reading_order)
    subjects = _subjects(run)
    # Cards of one kind are no peers: `hostcards` says which is slow, and no claim is about their ratio.
    compared, floors = [] if run.each else ratios(records, subjects), aa_floor(records)
    margins = {suite: aa.floor for suite, aa in floors.items()}
    for name, (their_run, their_records) in baselines.items():
        now, then = Kept(directory.name, run, records), Kept(name, their_run, their_records)
        compared += compare_runs(now, then, history, margins)
        there = Side(summarise(their_records), _subjects(their_run), their_run.imported)
        compared += over_baseline(Side(summaries, subjects, run.imported), there, name)
    steps = scaling(summaries)
    facts = RunFacts(
        hosts=_hosts(run),
        ranks=max((summary.ranks for summary in summaries), default=1),
        profile=run.profile,
        price_per_card_hour=run.price_per_card_hour,
        subjects=subjects,
        conditions=_conditions(summaries),
    )
    alone = [summary for summary in summaries if summary.case.together == 1]  # what claims are about
    found = relations(claims, alone, margins)
    verdicts = judge(claims, alone, compared, steps, facts, found) if carries_verdicts(run) else []
    clocks = agreements(records)
    return Findings(
        directory=directory,
        run=run,
        records=records,
        summaries=summaries,
        ratios=compared,
        claims=claims,
        verdicts=verdicts,
        floors=floors,
        scaling=steps,
        guidelines=found,
        peers=() if run.each else against_best(summaries, subjects),
        worlds=worlds(run, summaries, margins.get("fabric", 0.0)),
        datasheets=of_subjects(run, records),
        gains=gains(records),
        sustained=sustained(records) if run.minutes is not None else (),
        pairs=pair_maps(records),
        votes=votes(records),
        hostcards=host_cards(summaries, run.cards, margins.get("card", 0.0)) if run.each else HostCards(),
        clocks=clocks,
        starts=common_times(records, clocks),
        impacts=impacts(records, margins.get("fabric", 0.0)),
    )


def reading_order(summary: Summary | Series) -> tuple[object, ...]:
    """Suite, workload, dtype, size: the order in which a reader looks for a case."""
    case = summary.case
    where = SUITES.index(summary.suite), list(WORKLOADS).index(case.workload)
    return (*where, case.dtype, case.size, sorted(case.parameters.items()))


def carries_verdicts(run: Run) -> bool:
    """What was imported is judged as what it is; a smoke run is no measurement."""
    return run.imported is not None or PROFILES[run.profile].verdicts


def _subjects(run: Run) -> tuple[str, ...]:
    """In the order that they were named."""
    cards, fabrics = tuple(run.cards), tuple(run.fabrics)
    return (*cards, *fabrics, *(f"{card}+{fabric}" for card in cards for fabric in fabrics))


def _hosts(run: Run) -> int:
    """Hosts that took part, from the fingerprints of the launches; 0: another tool did not tell."""
    if run.imported and not run.fingerprints:
        return 0
    return max(1, len({machine.get("host") for machine in run.fingerprints.values()}))


def _conditions(summaries: Sequence[Summary]) -> Conditions:
    """Fabrics move between memories of hosts; one that does not says so in its variant."""
    memories = {s.variant.get("memory", "host") for s in summaries if s.suite != "card"}
    return MEMORY_CONDITIONS.get(memories.pop(), {}) if len(memories) == 1 else {}
