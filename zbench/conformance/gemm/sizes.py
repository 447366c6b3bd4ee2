"""What is tried together: orthogonal and covering arrays, so that few products meet every pair or triple."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations, product
from typing import Any

SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 33, 47, 63, 64, 65, 127, 129, 257, 509)
"""Of m, n and k: what xBLAT3 has and lacks, each power of two and its neighbours; 23 of them, a prime."""
FEW = (1, 2, 3, 5, 8, 9, 16, 17, 31, 33, 65)
"""11 of them, likewise."""


def orthogonal(levels: int, strength: int, factors: int) -> Iterator[tuple[int, ...]]:
    """levels**strength rows in which any `strength` of the factors meet in every combination, once.

    The values of all polynomials of a lower degree than `strength` at `factors` points of the field of
    integers modulo `levels`, a prime not below `factors` (Bush 1952, "Orthogonal arrays of index unity").
    """
    for coefficients in product(range(levels), repeat=strength):
        yield tuple(
            sum(c * x**power for power, c in enumerate(coefficients)) % levels for x in range(factors)
        )


@cache
def covering(levels: Sequence[int], strength: int) -> tuple[tuple[int, ...], ...]:
    """Rows of one value of each factor, factor i having levels[i] of them, in which any `strength` factors
    meet in every combination. `levels`: a tuple.

    Greedy: each row begins with a combination that is missing, and takes factor by factor what completes
    most of those (Cohen, Dalal, Fredman & Patton 1997, "The AETG system", without its random candidates);
    where several do, the one that has been taken least.
    """
    factors, meeting = range(len(levels)), min(strength, len(levels))
    missing = {
        tuple(zip(chosen, values, strict=True)): None
        for chosen in combinations(factors, meeting)
        for values in product(*(range(levels[factor]) for factor in chosen))
    }
    taken = [[0] * count for count in levels]
    rows = []
    while missing:
        row = dict(next(iter(missing)))
        for factor in sorted(factors, key=lambda each: -levels[each]):
            if factor in row:
                continue
            others = list(combinations(row.items(), meeting - 1))

            def completed(value: int, factor: int = factor, others: Any = others) -> tuple[int, int]:
                new = sum(tuple(sorted((*each, (factor, value)))) in missing for each in others)
                return -new, taken[factor][value]

            row[factor] = min(range(levels[factor]), key=completed)
        for factor, value in row.items():
            taken[factor][value] += 1
        for each in combinations(sorted(row.items()), meeting):
            missing.pop(each, None)
        rows.append(tuple(row[factor] for factor in factors))
    return tuple(rows)
