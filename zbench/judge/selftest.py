"""The same thing twice, judged as if it were two: how often would we have cried wolf, and are intervals true?

The records are those of an A/A session: in every block each subject was launched twice for all its cases
(roles `measure` and `twin`), and once more for the anchor. Five consecutive blocks are what `zbench run`
judges, so they make one session here, judged by the very same code with the twin as second subject.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from math import sqrt

import msgspec
import numpy as np

from zbench.judge.ratios import Comparison, Ratio, aa_floor, judge_ratios
from zbench.judge.summary import Summary, is_bad, summarise
from zbench.measure.distributions import normal_quantile
from zbench.measure.statistics import INTERVAL_ALPHA, LAUNCHES
from zbench.records.schema import Record

AGAIN = " (again)"
"""What the twin of a subject is called."""
REFERENCE_LAUNCHES = 4 * LAUNCHES
"""The least that stands for the true median: its own error is then half of that of the interval tested."""
FALSE: tuple[Comparison, ...] = ("FASTER", "SLOWER")


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`count` of `of`, with Wilson's interval at 97 %, as if all were independent of each other."""

    count: int
    of: int
    lo: float
    hi: float

    @property
    def value(self) -> float:
        return self.count / self.of if self.of else 0.0


class Coverage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How often intervals of one kind hold what they should."""

    suite: str
    method: str
    nominal: float
    rate: Rate
    width: float
    """Median of hi / lo - 1."""


class Noise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One case against itself, over all sessions."""

    suite: str
    key: str
    subject: str
    pairs: int
    floor: float
    """Median over sessions of the far end of the interval: 0.02 says that 2 % may be nothing."""
    worst: float
    """Largest distance of a ratio from 1."""
    words: dict[str, int]
    """Verdict -> count, as a reader would have seen it."""


class SelfTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    sessions: int
    blocks_left: int
    """Blocks at the end that make no whole session, and are not counted."""
    bursts: int
    bad: int
    """Bursts with a wrong answer or times that cannot be trusted: their cases give no pairs."""
    why: str
    """Of the first of these."""
    pairs: int
    words: dict[str, int]
    alone: Rate
    """False FASTER or SLOWER among pairs, each judged as if it were the only one; nominal: at most alpha."""
    together: Rate
    """The same after Holm over the cases of its session."""
    alarms: Rate
    """Sessions with any false alarm after Holm; nominal: at most alpha."""
    floors: dict[str, tuple[float, float]]
    """suite -> (median, largest) A/A floor of a session."""
    ratios: tuple[Coverage, ...]
    """Intervals of paired ratios, which should hold 1."""
    singles: tuple[Coverage, ...]
    """Intervals of five launches, which should hold the median of all other launches of that case: itself an
    estimate, of hours in which the machine may have changed, so that less than nominal is to be expected."""
    cases: tuple[Noise, ...]

    @property
    def cried_wolf(self) -> bool:
        """Significantly more false alarms than the nominal level allows."""
        return self.alone.lo > INTERVAL_ALPHA or self.alarms.lo > INTERVAL_ALPHA


class Session(msgspec.Struct, frozen=True):
    """Five blocks, judged."""

    summaries: list[Summary]
    floors: dict[str, float]
    together: list[Ratio]
    alone: list[Ratio]


def rate(count: int, of: int) -> Rate:
    """Wilson (1927); (0, 1) where nothing was counted."""
    if not of:
        return Rate(0, 0, 0.0, 1.0)
    z = normal_quantile(1 - INTERVAL_ALPHA / 2)
    middle = (count + z**2 / 2) / (of + z**2)
    half = z / (of + z**2) * sqrt(count * (of - count) / of + z**2 / 4)
    return Rate(count, of, max(0.0, middle - half), min(1.0, middle + half))


def has_twins(records: Iterable[Record]) -> bool:
    return any(record.role == "twin" for record in records)


def self_test(records: Sequence[Record]) -> SelfTest:
    """Everything that the records of an A/A session say of our own verdicts. Pure."""
    bad = [record for record in records if is_bad(record)]
    blocks = sorted({record.block for record in records})
    whole = len(blocks) // LAUNCHES * LAUNCHES
    place = {block: i // LAUNCHES for i, block in enumerate(blocks[:whole])}
    by_session: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        if record.block in place:
            by_session[place[record.block]].append(record)
    sessions = [judged(by_session[i]) for i in sorted(by_session)]
    together = [ratio for session in sessions for ratio in session.together]
    alone = [ratio for session in sessions for ratio in session.alone]
    false = sum(ratio.verdict in FALSE for ratio in together)
    return SelfTest(
        sessions=len(sessions),
        blocks_left=len(blocks) - whole,
        bursts=len(records),
        bad=len(bad),
        why=next((r.why or (r.verification.why if r.verification else "") for r in bad), ""),
        pairs=len(together),
        words=dict(Counter(ratio.verdict for ratio in together)),
        alone=rate(sum(ratio.verdict in FALSE for ratio in alone), len(alone)),
        together=rate(false, len(together)),
        alarms=rate(sum(any(r.verdict in FALSE for r in s.together) for s in sessions), len(sessions)),
        floors=_floors(sessions),
        ratios=_coverage(
            (r.suite, r.method, r.confidence, *r.interval, 1.0) for r in together if r.interval is not None
        ),
        singles=_coverage(_singles(sessions)),
        cases=_noise(together),
    )


def judged(records: Sequence[Record]) -> Session:
    """One session as `ratios.ratios` judges it, the twin of a subject being another subject."""
    replace = msgspec.structs.replace
    told = [replace(r, role="measure", subject=r.subject + AGAIN) if r.role == "twin" else r for r in records]
    summaries = summarise(told)
    subjects = list(chain.from_iterable((s, s + AGAIN) for s in dict.fromkeys(r.subject for r in records)))
    floors = {suite: aa.floor for suite, aa in aa_floor(told).items()}
    by_case: dict[tuple[str, str], list[Summary]] = defaultdict(list)
    for summary in summaries:
        by_case[summary.suite, summary.key].append(summary)
    return Session(
        summaries,
        floors,
        judge_ratios(summaries, subjects, floors),
        [ratio for case in by_case.values() for ratio in judge_ratios(case, subjects, floors)],
    )


def _floors(sessions: Sequence[Session]) -> dict[str, tuple[float, float]]:
    suites = dict.fromkeys(suite for session in sessions for suite in session.floors)
    floors = {suite: [s.floors[suite] for s in sessions if suite in s.floors] for suite in suites}
    return {suite: (float(np.median(each)), max(each)) for suite, each in sorted(floors.items())}


Span = tuple[str, str, float, float, float, float]
"""(suite, method, nominal confidence, lo, hi, what it should hold)."""


def _coverage(spans: Iterable[Span]) -> tuple[Coverage, ...]:
    groups: dict[tuple[str, str, float], list[tuple[bool, float]]] = defaultdict(list)
    for suite, method, nominal, lo, hi, true in spans:
        groups[suite, method, nominal].append((lo <= true <= hi, hi / lo - 1))
    return tuple(
        Coverage(
            suite=suite,
            method=method,
            nominal=nominal,
            rate=rate(sum(held for held, _ in members), len(members)),
            width=float(np.median([width for _, width in members])),
        )
        for (suite, method, nominal), members in sorted(groups.items())
    )


def _singles(sessions: Sequence[Session]) -> Iterable[Span]:
    """Each interval of five launches, with the median of the launches of that case in all other sessions."""
    medians: dict[tuple[str, ...], list[tuple[int, float]]] = defaultdict(list)
    for i, session in enumerate(sessions):
        for summary in session.summaries:
            medians[_thing(summary)] += [(i, ns) for ns in summary.launch_medians_ns]
    for i, session in enumerate(sessions):
        for summary in session.summaries:
            if summary.interval_ns is None or len(summary.launch_medians_ns) < LAUNCHES:
                continue
            others = [ns for where, ns in medians[_thing(summary)] if where != i]
            if len(others) >= REFERENCE_LAUNCHES:
                nominal = summary.confidence or 0.0
                yield summary.suite, summary.method, nominal, *summary.interval_ns, float(np.median(others))


def _thing(summary: Summary) -> tuple[str, ...]:
    """What is the same in a measurement and its twin."""
    variant = (f"{name}={value}" for name, value in sorted(summary.variant.items()))
    return summary.suite, summary.key, summary.subject.removesuffix(AGAIN), *variant


def _noise(ratios: Sequence[Ratio]) -> tuple[Noise, ...]:
    by_case: dict[tuple[str, str, str], list[Ratio]] = defaultdict(list)
    for ratio in ratios:
        by_case[ratio.suite, ratio.key, ratio.of].append(ratio)
    return tuple(
        Noise(
            suite=suite,
            key=key,
            subject=subject,
            pairs=len(members),
            floor=float(
                np.median([max(1 / r.interval[0], r.interval[1]) - 1 for r in members if r.interval] or [0.0])
            ),
            worst=max(max(r.median, 1 / r.median) - 1 for r in members),
            words=dict(Counter(ratio.verdict for ratio in members)),
        )
        for (suite, key, subject), members in sorted(by_case.items())
    )
