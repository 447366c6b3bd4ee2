"""Guidelines: what an operation should never take longer than, by the same subject's own other answers.

They need no baseline: who has a reduce and a bcast can always do an allreduce by them (Traeff, Gropp and
Thakur, "Self-consistent MPI performance guidelines", IEEE TPDS 21, 2010; PGMPI checks them); and who is fast
at a product of one size is fast at one of nearly that size, unless the one is known from benchmarks. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise, permutations
from typing import Literal

import msgspec
import numpy as np

from zbench.case import Case
from zbench.judge.claims import Claim
from zbench.judge.ratios import MARGIN, SAME_LIMIT
from zbench.judge.summary import Pair, Summary
from zbench.measure.statistics import INTERVAL_ALPHA, LAUNCHES, Floats, holm, interval, p_value
from zbench.schedules.operation import OPERATIONS
from zbench.workloads import workload

Word = Literal["MET", "NOT MET", "UNDECIDED", "NOT RUN"]

NEAR = 1.05
"""Each of m, n and k of two products of nearly the same size is at most this factor apart: what tiles and
waves that are not full cost honest kernels stays well below a factor of 2 then."""
LEAST_SIDE = 256
"""Of products that are held against their neighbours: of smaller ones, one row more can cost a whole tile."""


class Relation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One case of one subject under one guideline: time(key) over the times of `against` together."""

    guideline: str
    """The claim's id."""
    subject: str
    key: str
    against: tuple[str, ...]
    ratio: float | None = None
    interval: Pair | None = None
    launches: int = 0
    """Blocks in which all of them answered."""
    limit: float
    """What the guideline allows, and on top of it the margin."""
    p: float = 1.0
    """That it is violated by chance; Holm-adjusted over all relations of the run."""
    verdict: Word = "UNDECIDED"
    """NOT RUN: the subject skipped one of them."""
    why: str = ""


def relations(
    claims: Sequence[Claim], summaries: Sequence[Summary], floors: Mapping[str, float]
) -> list[Relation]:
    """Every case of every subject under every guideline among the claims, where all sides were asked.

    NOT MET only where the whole interval of the ratio, paired in blocks, lies beyond the limit and beyond
    max(A/A floor, 1 %), and also among so many relations (Holm). `floors`: suite -> A/A floor.
    """
    found: list[tuple[Relation, float, tuple[Summary, ...]]] = []
    for claim in claims:
        if not claim.is_guideline:
            continue
        margin = max(floors.get(claim.suite, 0.0), MARGIN)
        for one, others in _sides(claim, _fastest(summaries, claim.suite)):
            allowed = claim.limit * (_work(one) / _work(others[0]) if claim.smooth else 1.0)
            relation = Relation(
                guideline=claim.id,
                subject=one.subject,
                key=one.key,
                against=tuple(other.key for other in others),
                limit=allowed * (1 + margin),
            )
            found.append((_measured(relation, _paired(one, others)), allowed, (one, *others)))
    adjusted = holm([relation.p for relation, _, _ in found])
    return [
        _decided(msgspec.structs.replace(relation, p=p), allowed, sides)
        for (relation, allowed, sides), p in zip(found, adjusted, strict=True)
    ]


def counterpart(case: Case, operation: str) -> Case:
    """The same question to another operation: size, ranks and whether in place; a dtype, a root and what is
    combined by where both have them."""
    other = OPERATIONS[operation]
    wanted = {"ranks": True, "inplace": True, "root": other.rooted, "redop": other.sums}
    kept = {name: value for name, value in case.parameters.items() if wanted.get(name)}
    return Case(operation, case.dtype if other.sums else "byte", case.size, kept)


Answers = dict[tuple[str, str], Summary]
"""(subject, key) -> what the subject answered."""


def _fastest(summaries: Sequence[Summary], suite: str) -> Answers:
    """Of several variants of one subject its fastest."""
    found: Answers = {}
    for s in summaries:
        if s.suite == suite:
            other = found.setdefault((s.subject, s.key), s)
            if (s.median_ns or np.inf) < (other.median_ns or np.inf):
                found[s.subject, s.key] = s
    return found


def _sides(claim: Claim, answers: Answers) -> Iterator[tuple[Summary, tuple[Summary, ...]]]:
    """What must not take longer, and what than."""
    chosen = [s for s in answers.values() if fnmatchcase(s.key, claim.case)]
    if claim.smooth:
        yield from ((one, (other,)) for one, other in permutations(chosen, 2) if _neighbours(one, other))
        return
    if claim.monotone:
        series: dict[tuple[str, str], list[Summary]] = {}
        for s in chosen:
            any_size = Case(s.case.workload, s.case.dtype, (), s.case.parameters).key
            series.setdefault((s.subject, any_size), []).append(s)
        for each in series.values():
            for less, more in pairwise(sorted(each, key=lambda s: s.case.size)):
                yield less, (more,)
        return
    for s in chosen:
        others = [answers.get((s.subject, counterpart(s.case, op).key)) for op in claim.at_most]
        if all(others):
            yield s, tuple(other for other in others if other)


def _neighbours(one: Summary, other: Summary) -> bool:
    """Whether they are products of nearly the same size, and else the same question to the same subject."""
    mine, others = one.case, other.case
    if one.subject != other.subject or min(mine.size + others.size) < LEAST_SIDE:
        return False
    same = (mine.workload, mine.dtype, mine.parameters) == (others.workload, others.dtype, others.parameters)
    return same and all(max(pair) <= NEAR * min(pair) for pair in zip(mine.size, others.size, strict=True))


def _work(one: Summary) -> float:
    return float(workload(one.case.workload).flops(one.case))


def _paired(one: Summary, others: Sequence[Summary]) -> Floats:
    """Ratios of the launches of the same blocks; none where a side has no figures."""
    sides = [dict(zip(s.launch_blocks, s.launch_medians_ns, strict=True)) for s in (one, *others)]
    blocks = [block for block in sides[0] if all(block in side for side in sides[1:])]
    return np.array([sides[0][block] / sum(side[block] for side in sides[1:]) for block in blocks])


def _measured(relation: Relation, ratios: Floats) -> Relation:
    if not len(ratios):
        return relation
    span = interval(list(ratios))
    beyond = float(np.mean(np.log(ratios))) > np.log(relation.limit)
    return msgspec.structs.replace(
        relation,
        ratio=span.median if span else float(ratios[0]),
        interval=(span.lo, span.hi) if span and span.confidence >= 1 - INTERVAL_ALPHA else None,
        launches=len(ratios),
        p=p_value(list(ratios / relation.limit), 0.0) if beyond else 1.0,
    )


def _decided(relation: Relation, allowed: float, sides: Sequence[Summary]) -> Relation:
    """`allowed`: the limit without the margin."""
    replace, limit = msgspec.structs.replace, relation.limit
    if lacking := [s for s in sides if not s.launch_medians_ns]:
        why = "; ".join(f"{s.key}: {s.status}: {s.why}" for s in lacking)
        skipped = lacking[0].status == "skipped"
        return replace(relation, verdict="NOT RUN" if skipped else "UNDECIDED", why=why)
    if relation.launches < LAUNCHES:
        return replace(relation, why=f"{relation.launches} launches carry no verdict, {LAUNCHES} do")
    if relation.interval is None:
        return replace(relation, why=f"{relation.launches} launches fall into modes and bound no median")
    low, high = relation.interval
    told = f"the noise floor of {limit / allowed - 1:.1%}".replace("%", " %")
    if high <= limit and (limit <= allowed * (1 + SAME_LIMIT) or high <= allowed):
        return replace(relation, verdict="MET", why=f"holds within {told}" if high > allowed else "")
    if high <= limit:
        return replace(relation, why=f"holds only within {told}")
    if low <= limit:
        reaches = f"the interval reaches into {told}"
        return replace(relation, why=reaches if low > allowed else "the interval contains the limit")
    if relation.p > INTERVAL_ALPHA:
        return replace(relation, why="among so many relations one like this may be chance")
    return replace(relation, verdict="NOT MET")


def add_up(claim: Claim, found: Sequence[Relation]) -> tuple[Word, Relation | None, str]:
    """(verdict, the relation that is worst, why) of a guideline over the relations of one subject."""
    told = [relation for relation in found if relation.ratio is not None]
    if not told:
        why = found[0].why if found else ""
        return ("UNDECIDED" if any(r.verdict == "UNDECIDED" for r in found) else "NOT RUN"), None, why
    words = [relation.verdict for relation in found]
    verdict: Word = "UNDECIDED"
    if "NOT MET" in words:
        verdict = "NOT MET"
    elif set(words) == {"MET"}:
        verdict = "MET"
    of_that_kind = [relation for relation in told if relation.verdict == verdict] or told
    worst = max(of_that_kind, key=lambda relation: relation.ratio or 0.0)
    counts = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    parts = [f"worst {worst.key} over {' + '.join(worst.against)}", worst.why]
    parts.append(f"{worst.subject}: {counts} of {len(found)} relations")
    return verdict, worst, "; ".join(filter(None, parts))
