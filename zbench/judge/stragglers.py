"""Which rank the others of a collective waited for: who was last how often, and whether that is chance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from zbench.case import Case
from zbench.fabrics.planned import POINT_TO_POINT
from zbench.measure.distributions import binomial_upto
from zbench.measure.statistics import holm
from zbench.records.schema import Record

SYMMETRIC = ("barrier", "allreduce", "reduce_scatter", "allgather", "alltoall", "sendrecv")
"""In which all ranks have the same to do. In the others a schedule has a first and a last one: the root of a
gather is last by design."""
BETWEEN_TWO = (*POINT_TO_POINT, "pipelined")
"""Who begins there always takes longest."""
ALPHA = 0.01
"""Of naming any rank in a run in which all are alike."""
EXCESS_MIN = 0.25
"""Of the rounds that would be another rank's by chance: of two ranks 63 % of the rounds, of four 44 %. Any
least preference shows in thousands of rounds, and is nobody's reason to look for a cause."""
LAUNCHES_MIN = 3
"""In which the same rank must be last most often. Rounds of one launch share its placement, so that their
count alone says little; of P equal ranks the same one leads three launches by chance once in P^2."""


class Votes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One collective of one subject: the ranks that were last."""

    key: str
    case: Case
    subject: str
    counts: tuple[int, ...]
    """Rounds in which each rank was last, of all launches."""
    launches: int
    leads: int
    """Launches in which `rank` was last most often."""
    p: float | None = None
    """Exact: that any one of so many equal ranks is last so often; by Holm over the cases of the run. None:
    not asked, see `why`."""
    straggler: bool = False
    """`rank` is last more often than chance, by `EXCESS_MIN`, in every launch."""
    why: str = ""

    @property
    def rank(self) -> int:
        """Who was last most often."""
        return int(np.argmax(self.counts))

    @property
    def rounds(self) -> int:
        return sum(self.counts)

    @property
    def share(self) -> float:
        """Of the rounds, in which `rank` was last."""
        return max(self.counts) / self.rounds

    @property
    def chance(self) -> float:
        """Of the rounds, if all are alike."""
        return 1 / len(self.counts)


def votes(records: Iterable[Record]) -> tuple[Votes, ...]:
    """One for each collective and subject, all variants together, in the order in which they first appear."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        usable = record.role == "measure" and record.status == "ok" and any(record.slowest_rank)
        if usable and record.suite == "fabric" and record.case.workload not in BETWEEN_TWO:
            groups[record.key, record.subject].append(record)
    counted = [_count(group) for group in groups.values()]
    asked = [i for i, found in enumerate(counted) if not found.why]
    raw = [uniform_p(counted[i].counts) for i in asked]
    adjusted = dict(zip(asked, holm(raw), strict=True)) if raw else {}
    return tuple(_judged(found, adjusted.get(i)) for i, found in enumerate(counted))


def _count(records: Sequence[Record]) -> Votes:
    first = records[0]
    each = np.array([record.slowest_rank for record in records])
    counts = each.sum(axis=0)
    lead = int(counts.argmax())
    name = first.case.workload
    return Votes(
        key=first.key,
        case=first.case,
        subject=first.subject,
        counts=tuple(int(count) for count in counts),
        launches=len(records),
        leads=int((each.argmax(axis=1) == lead).sum()),
        why="" if name in SYMMETRIC else f"not asked: the ranks of {name} have unlike things to do",
    )


def uniform_p(counts: Sequence[int]) -> float:
    """An upper bound of the probability that the largest of these counts is so large, if every rank is as
    often last: P times the exact binomial tail of one (Bonferroni over ranks; of two ranks it is exact)."""
    rounds, ranks = sum(counts), len(counts)
    tail = 1 - binomial_upto(max(counts) - 1, rounds, 1 / ranks)
    return min(1.0, ranks * max(0.0, tail))


def _judged(found: Votes, p: float | None) -> Votes:
    if p is None:
        return found
    beyond = found.share >= found.chance + EXCESS_MIN * (1 - found.chance)
    if found.launches < LAUNCHES_MIN:
        why = f"{found.launches} launches tell no straggler, {LAUNCHES_MIN} do"
        return msgspec.structs.replace(found, p=p, why=why)
    always = found.leads == found.launches
    return msgspec.structs.replace(found, p=p, straggler=bool(p < ALPHA and beyond and always))
