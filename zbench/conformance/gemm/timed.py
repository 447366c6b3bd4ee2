"""Whether what is timed is computed: whole numbers in the timed loop, and inputs that change under it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from statistics import median
from time import perf_counter
from typing import Any

from numpy.typing import NDArray

from zbench.case import Case
from zbench.conformance.compare import equal, shaped
from zbench.conformance.declaration import PRECISIONS
from zbench.conformance.gemm import modular
from zbench.conformance.gemm.exact import integers, limit, product
from zbench.conformance.item import Item
from zbench.conformance.products import Products
from zbench.dtypes import FLOATS

Array = NDArray[Any]
SLOTS = 3
BATCHES = 4
"""Timed intervals over all slots, each of which is poisoned before and verified after."""
SIZE = 96
CHANGES = 2
"""Elements of each operand that are changed, one at a time."""
CACHED = 1.10
"""How much slower fresh inputs may be (MLPerf inference, TEST04)."""
PAIRS = 15
CLEARLY = 13
"""Of so many pairs, measured one after the other, in so many the fresh ones must be slower: a busy machine
disturbs either side alike, and comes to 13 of 15 once in 270 times,"""
LOOKS = 3
"""and three times on end once in 20 million."""


def whole_numbers(ask: Products, m: int, n: int, k: int, purpose: int) -> tuple[Array, Array]:
    """A and B whose product C holds exactly."""
    stored = PRECISIONS.get(ask.widest, modular.MATRIX_BITS)
    bits = min(ask.declared.accumulator_bits, modular.MATRIX_BITS, stored)
    most = limit(ask.dtype, k, bits) if ask.dtype in FLOATS else 0
    rng = ask.rng(purpose)
    return integers(rng, ask.type_a, (m, k), most), integers(rng, ask.type_b, (k, n), most)


class Timed:
    """A plan over slots, as the harness times it."""

    def __init__(self, ask: Products, m: int, n: int, k: int, slots: int) -> None:
        self.card, self.ask, self.out = ask.card, ask, ask.widest
        self.shape = (m, n)
        case = Case("gemm", ask.dtype, (m, n, k), {"threads": 1, "out": self.out})
        kinds = {"a": ((m, k), ask.type_a), "b": ((k, n), ask.type_b), "c": ((m, n), self.out)}
        self.slots = [{name: self.card.alloc(*each) for name, each in kinds.items()} for _ in range(slots)]
        self.plan = self.card.prepare(case, self.slots)

    def write(self, slot: int, a: Array, b: Array) -> None:
        """Fresh inputs, and poison where the answer comes."""
        self.card.write(self.slots[slot]["a"], a)
        self.card.write(self.slots[slot]["b"], b)
        self.card.write(self.slots[slot]["c"], self.ask.poison(self.shape, self.out))

    def run(self, rounds: int, batch: int = 1) -> Array:
        """ns of each, over `batch` executions."""
        self.card.refresh(self.plan)
        return self.card.run_rounds(self.plan, rounds, batch)

    def close(self) -> None:
        self.card.release(self.plan)

    def read(self, slot: int) -> Array:
        return shaped(self.card.read(self.slots[slot]["c"]), self.shape, self.out)


def verified_loop(ask: Products) -> None:
    """GE-39: every answer of timed rounds, over slots that take turns, modulo 2^61 - 1 and by the seed: one
    execution a round, and all of them in one."""
    if not ask.attempt(f"{SIZE}x{SIZE + 1}x{SIZE - 1} slots={SLOTS}"):
        return
    m, n, k = SIZE, SIZE + 1, SIZE - 1
    computed_s = checked_s = 0.0
    with closing(Timed(ask, m, n, k, SLOTS)) as timed:
        for batch in range(BATCHES):
            inputs = [whole_numbers(ask, m, n, k, 1 + batch * SLOTS + slot) for slot in range(SLOTS)]
            for slot, (a, b) in enumerate(inputs):
                timed.write(slot, a, b)
            rounds = 1 if batch % 2 else SLOTS
            computed_s += float(timed.run(rounds, SLOTS // rounds).sum()) / 1e9
            began = perf_counter()
            for slot, (a, b) in enumerate(inputs):
                wrong = modular.wrong_rows(a, b, timed.read(slot), ask.rng(0, batch, slot))
                if wrong.size:
                    ask.fail(
                        f"timed execution {batch * SLOTS + slot}: {wrong.size} of {m} rows are wrong, the "
                        f"first is row {wrong[0]}"
                    )
            checked_s += perf_counter() - began
    ask.facts["verified"] = f"{BATCHES * SLOTS} of {BATCHES * SLOTS} rounds"
    ask.facts["cost"] = f"{checked_s:.3g} s beside {computed_s:.3g} s of {m} x {n} x {k}"


def nearly(ask: Products, a: Array, b: Array) -> Iterator[tuple[Array, Array]]:
    """The same inputs but for one element of A, or of B: who knows them again by some of their elements, or
    by one of the two, does not see that they are others."""
    for number, which in enumerate("ab" * CHANGES):
        inputs = {"a": a.copy(), "b": b.copy()}
        changed = inputs[which].reshape(-1)
        place = int(ask.rng(0, number).integers(changed.size))
        changed[place] = 1 if changed[place] == 0 else 0
        yield inputs["a"], inputs["b"]


def cached(ask: Products) -> None:
    """GE-40: each answer is that of the inputs that stand there now, also where only one element is another
    than in the round before; and inputs that were seen before are not answered faster. All are written anew
    before each round, so that caches hold as much of either."""
    n = 160
    if not ask.attempt(f"{n}x{n}x{n} repeated and fresh"):
        return
    same = whole_numbers(ask, n, n, n, 0)
    with closing(Timed(ask, n, n, n, 1)) as timed:
        right = product(*same, timed.out)

        def answered(inputs: tuple[Array, Array], expected: Array) -> int | None:
            """ns; None: not right."""
            timed.write(0, *inputs)
            ns = int(timed.run(1)[0])
            return None if ask.differs(equal(expected, timed.read(0))) else max(1, ns)

        for inputs in nearly(ask, *same):
            if answered(same, right) is None or answered(inputs, product(*inputs, timed.out)) is None:
                return
        for look in range(LOOKS):
            ratios = []
            for pair in range(PAIRS):
                fresh = whole_numbers(ask, n, n, n, 1 + look * PAIRS + pair)
                kinds = {"repeated": (same, right), "fresh": (fresh, product(*fresh, timed.out))}
                turns = sorted(kinds, reverse=bool(pair % 2))  # neither always comes first
                ns = {kind: answered(*kinds[kind]) for kind in turns}
                if ns["repeated"] is None or ns["fresh"] is None:
                    return
                ratios.append(ns["fresh"] / ns["repeated"])
            slower = sum(ratio > CACHED for ratio in ratios)
            if slower < CLEARLY:
                break
    ask.facts["fresh / repeated"] = f"{median(ratios):.3f}"
    if slower >= CLEARLY:
        ask.marginal(f"inputs that were seen before are answered {median(ratios):.2f} times as fast")


ITEMS = (
    Item(
        "GE-39",
        "every timed round is right",
        "Freivalds 1977; MLPerf inference TEST01",
        "L1",
        verified_loop,
        families=("cheat", "sporadic"),
    ),
    Item(
        "GE-40",
        "no answer is kept for inputs that were seen before",
        "MLPerf inference TEST04",
        "L1",
        cached,
        families=("cheat",),
    ),
)
