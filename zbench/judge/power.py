"""What the data do to the rate: zeros against random numbers, in the same launches. A finding, no result.

Multiplying zeros switches few transistors, so a card that is held back by its power runs faster on them (an
A100 by 15 %: H. He 2024, "Strangely, Matrix Multiplications on GPUs Run Faster When Given 'Predictable'
Data!"); a rate measured on zeros is therefore never shown as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from zbench.judge.ratios import Pairs
from zbench.judge.summary import Pair, Summary, summarise
from zbench.measure.statistics import paired, ratio_interval
from zbench.records.schema import Record


class Gain(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """time(random) / time(zeros) of one case and subject: above 1, zeros run faster."""

    key: str
    """Of the case with random data."""
    subject: str
    median: float
    interval: Pair | None
    """None: a single block."""
    blocks: int


def gains(records: Iterable[Record]) -> list[Gain]:
    """Of each case that was measured with both, paired in blocks; none where either has no figures."""
    records = list(records)
    random = {(s.key, s.subject, _variant(s)): s for s in summarise(records)}
    found = []
    for zeros in summarise(_as_results(records)):
        other = random.get((zeros.key, zeros.subject, _variant(zeros)))
        if other is None or not (other.trusted and zeros.trusted):
            continue
        pairs = Pairs(zeros, other)
        if not pairs.blocks:
            continue
        ratio = ratio_interval(*pairs.arguments())
        found.append(
            Gain(
                key=other.key,
                subject=other.subject,
                median=ratio.median if ratio else float(paired(pairs.of, pairs.to)[0]),
                interval=(ratio.lo, ratio.hi) if ratio else None,
                blocks=len(pairs.blocks),
            )
        )
    return found


def _as_results(records: Sequence[Record]) -> list[Record]:
    """The records of zeros under the name of the case that they are held against."""
    renamed = []
    for record in records:
        if record.role == "measure" and not record.case.is_result:
            said = {name: value for name, value in record.case.parameters.items() if name != "data"}
            case = msgspec.structs.replace(record.case, parameters=said)
            renamed.append(msgspec.structs.replace(record, case=case, key=case.key))
    return renamed


def _variant(summary: Summary) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(summary.variant.items()))
