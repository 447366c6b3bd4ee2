"""How tests go through operations, dtypes, algorithms and sizes, and what they look at after an execution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.conformance.collective.oracle import (
    BITWISE,
    MOVES,
    REDUCTIONS,
    ROOTED,
    operand_count,
    part_of,
    result,
)
from zbench.conformance.compare import Difference, equal, identical
from zbench.conformance.world import Left, Ranks, poison
from zbench.dtypes import FLOATS, NUMPY_DTYPES

Array = NDArray[Any]
Choice = Mapping[str, int | str]
"""`count`, elements of the whole vector, and parameters as in a key."""
Make = Callable[[int, int], Array]
"""(rank, elements) -> what it brings."""

SMOKE_DTYPES = ("fp32", "bf16", "int32", "byte")
"""One of each way to add: vectors of floats, pairs of narrow ones, integers."""
PER_DTYPE = 8
"""As many choices as there are reductions, all of which every dtype is asked for, by some algorithm."""
ALL_MOVES = (*MOVES, "alltoallv")
CUT = ("reduce_scatter", "allgather", "gather", "scatter", "alltoall")
"""Of a part for each rank; some libraries take equal parts only."""


class Try(NamedTuple):
    """One case by one algorithm; None: the library's own choice."""

    case: Case
    algorithm: str | None

    def __str__(self) -> str:
        return f"{self.case.key} {self.algorithm or 'default'}"


def sweep(
    ask: Ranks, ops: Sequence[str], choices: Sequence[Choice], dtypes: Sequence[str] = (), each: bool = False
) -> Iterator[Try]:
    """Every algorithm of every operation with every dtype that it is offered for (or of `dtypes`), each with
    all of `choices` or, of a reduction, with some (`_turns`).

    What only moves has one dtype, and all choices from L1 on. Choices that are one case, as all roots are of
    what has none, come once.
    """
    yielded: set[str] = set()
    for op in ops:
        known = [dtype for dtype in ask.fabric.operations().get(op, ()) if not dtypes or dtype in dtypes]
        known = [dtype for dtype in known if ask.thorough or dtype in SMOKE_DTYPES]
        if not known:
            ask.lacking(op)
        every = each or (ask.thorough > 0 and op not in REDUCTIONS)
        for i, dtype in enumerate(known):
            fitting = [choice for choice in choices if _fits(op, dtype, choice)]
            if not fitting:
                continue
            names = ask.algorithms(ask.case(op, dtype, ask.size))
            turns = product(names, fitting) if every else _turns(names, fitting, i, ask.thorough)
            for algorithm, choice in turns:
                one = Try(made(ask, op, dtype, choice), algorithm)
                if str(one) not in yielded:
                    yielded.add(str(one))
                    yield one


def _turns(
    names: Sequence[str | None], choices: Sequence[Choice], i: int, thorough: int
) -> Iterator[tuple[str | None, Choice]]:
    """Algorithms for the i-th dtype, and choices for them. From L2 on up to PER_DTYPE for each, others for
    the next. Before, both go round as in a Latin square, in which a dtype begins one further than that before
    it: every algorithm and, of up to PER_DTYPE, every choice comes with every dtype."""
    if thorough > 1:
        apart = -(-len(choices) // PER_DTYPE)
        for j, name in enumerate(names):
            yield from ((name, choice) for choice in choices[(i + j) % apart :: apart])
        return
    for j in range(max(len(names), min(PER_DTYPE, len(choices)))):
        yield names[j % len(names)], choices[(i + j) % len(choices)]


def made(ask: Ranks, op: str, dtype: str, choice: Choice) -> Case:
    """A choice as a case: a root where the operation has one; of an alltoall as many elements for each."""
    count, parameters = int(choice["count"]), {k: v for k, v in choice.items() if k != "count"}
    if op not in ROOTED:
        parameters.pop("root", None)
    if op == "alltoall":
        count = -(-count // ask.size) * ask.size
    return ask.case(op, dtype, count, **parameters)


def _fits(op: str, dtype: str, choice: Choice) -> bool:
    """Whether there is such a case: bits of integers only; no alltoallv in place, whose parts would land on
    others that are yet to be sent; `skew` is an alltoallv's alone, and a reduction's `redop`."""
    if op == "alltoallv" and choice.get("inplace") == "yes":
        return False
    if "skew" in choice and op != "alltoallv":
        return False
    if op not in REDUCTIONS:
        return choice.get("redop", "sum") == "sum"
    return choice.get("redop") not in BITWISE or dtype not in FLOATS


def operands(case: Case, make: Make) -> list[Array]:
    """What every rank brings."""
    count = case.size[0] // NUMPY_DTYPES[case.dtype].itemsize
    return [make(rank, operand_count(case.workload, count, case.ranks, rank)) for rank in range(case.ranks)]


def random_bits(rng: np.random.Generator, dtype: str, count: int) -> Array:
    """Any integers of a dtype; of floats finite ones with full significands, of either sign."""
    kind = NUMPY_DTYPES[dtype]
    if dtype in FLOATS:
        return np.asarray(rng.standard_normal(count).astype(kind))
    return np.frombuffer(rng.bytes(count * kind.itemsize), kind)


def place(case: Case, rank: int, elements: int) -> slice:
    """Where in `out` a rank's result of so many elements stands: in place at its place in the vector."""
    begin = 0
    if case.in_place and case.workload in ("reduce_scatter", "scatter"):
        begin = part_of(case.size[0] // NUMPY_DTYPES[case.dtype].itemsize, case.ranks, rank).start
    return slice(begin, begin + elements)


def wrong(
    case: Case,
    given: Sequence[Array],
    rank: int,
    left: Left,
    compare: Callable[[Array, Array], Difference | None] = equal,
) -> Difference | None:
    """Where a rank's result is not what all ranks' operands make."""
    expected = result(case, given, rank)
    return None if expected is None else compare(expected, left.out[place(case, rank, expected.size)])


def strayed(case: Case, given: Sequence[Array], rank: int, left: Left) -> Difference | None:
    """What was written into the poison of an `out` that is not the result's: all of it where there is none.
    Not to be asked of a case in place, whose whole vector may be worked on."""
    expected = result(case, given, rank)
    beside = left.out[0 if expected is None else expected.size :]
    return identical(poison(beside.shape, case.dtype), beside)


def changed(given: Array, left: Left) -> Difference | None:
    """Where an operand is not what it was."""
    return identical(np.resize(given, left.given.size), left.given)
