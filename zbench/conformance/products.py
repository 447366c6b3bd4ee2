"""What a test of products asks of a card, through its contract alone: C = alpha op(A) op(B) + beta C."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.cards.base import Card
from zbench.case import Case
from zbench.conformance.compare import equal, shaped
from zbench.conformance.declaration import Declaration, GemmDeclaration
from zbench.conformance.item import SOAK_S, Item
from zbench.conformance.tally import Tally
from zbench.dtypes import NUMPY_DTYPES, RESULTS
from zbench.errors import Unsupported
from zbench.workloads.gemm import OPERANDS

Array = NDArray[Any]
POISON_BYTE = 0xA5
"""Of what an output holds before a product: no number that one comes to, in any dtype, and no NaN."""
ISA_SIZE = (64, 64, 64)
"""Of the product whose plan tells the instruction set: large enough for the kernels that the others get."""


def number(value: float) -> str:
    """As a case writes alpha and beta: `1`, `-0`, `0.7`, `nan`."""
    return repr(float(value)).removesuffix(".0")


class Products(Tally):
    """One card and one dtype, and the count of one test."""

    def __init__(
        self,
        card: Card,
        dtype: str,
        declaration: Declaration,
        item: Item,
        seed: int,
        thorough: int,
        only: str = "*",
        soak_s: float = SOAK_S,
    ) -> None:
        super().__init__(item, seed, thorough, only)
        self.card = card
        self.soak_s = soak_s
        self.dtype = dtype
        self.declaration = declaration
        self.type_a, self.type_b = OPERANDS.get(dtype, (dtype, dtype))

    @cached_property
    def declared(self) -> GemmDeclaration:
        """What the card says of this dtype: accumulator, rounding, subnormals, NaN, determinism."""
        return self.declaration.gemm(self.dtype, self.isa)

    @cached_property
    def isa(self) -> str:
        """What multiplies this dtype, as the card's plans tell it; "" where they do not."""
        return (self._planned(self.out) or {}).get("isa", "")

    @cached_property
    def outs(self) -> tuple[str, ...]:
        """What C may be, of what the card says that it offers; of others than the dtype's own, what a plan
        can be made for, too."""
        default = RESULTS[self.dtype][0]
        offered = [out for out in RESULTS[self.dtype] if self.offers("out", out)]
        return tuple(out for out in offered if out == default or self._has(out))

    @property
    def widest(self) -> str:
        """The dtype of C that shows most of a sum."""
        return (self.outs or RESULTS[self.dtype])[-1]

    def _has(self, out: str) -> bool:
        """Some libraries tell only when they are asked for a plan."""
        if (planned := self._planned(out)) is None:
            self.lacking(f"out={out}")
        return planned is not None

    def _planned(self, out: str) -> dict[str, str] | None:
        """The variant of a plan of this dtype; None: the card makes none."""
        m, n, k = ISA_SIZE
        kinds = zip(((m, k), (k, n), (m, n)), (self.type_a, self.type_b, out), strict=True)
        slot = {name: self.card.alloc(*each) for name, each in zip("abc", kinds, strict=True)}
        for transb in ("n", "t"):  # square, so that the same buffers do
            case = Case("gemm", self.dtype, ISA_SIZE, {"threads": 1, "transb": transb, "out": out})
            with suppress(Unsupported):
                plan = self.card.prepare(case, [slot])
                try:
                    return self.card.variant(plan)
                finally:
                    self.card.release(plan)
        return None

    @property
    def out(self) -> str:
        """What C is where that makes no difference: the dtype's own, or the first that the card offers."""
        return (self.outs or RESULTS[self.dtype])[0]

    def offers(self, name: str, value: int | str) -> bool:
        """Whether the card says that it has this value of a parameter; where not, it is noted as lacking."""
        case = Case("gemm", self.dtype, (1, 1, 1), {name: value})
        values = self.card.modes(case).get(name, (case.default(name),))
        offered = values is None or value in values
        if not offered:
            self.lacking(f"{name}={value}")
        return offered

    def orders(self, transposed: str) -> list[str]:
        """Which of "n" and "t" it offers for `transa` or `transb`."""
        return [order for order in "nt" if self.offers(transposed, order)]

    def adopts(self) -> bool:
        """Whether the card takes memory of ours as it stands; where not, it is noted as lacking."""
        with suppress(Unsupported):
            self.card.adopt(np.zeros((1, 1), NUMPY_DTYPES[self.type_a]))
            return True
        self.lacking("buffers over memory of the caller's")
        return False

    def case(
        self, size: tuple[int, int, int], *, out: str, alpha: float, beta: float, **parameters: int | str
    ) -> Case:
        """On one thread, unless `parameters` say otherwise; what is the default is not named."""
        said: dict[str, int | str] = {"threads": 1, **parameters}
        if out != RESULTS[self.dtype][0]:
            said["out"] = out
        if number(alpha) != "1":
            said["alpha"] = number(alpha)
        if number(beta) != "0":
            said["beta"] = number(beta)
        return Case("gemm", self.dtype, size, said)

    def multiply(
        self,
        a: Array,
        b: Array,
        c: Array | None = None,
        *,
        out: str | None = None,
        alpha: float = 1.0,
        beta: float = 0.0,
        adopt: bool = False,
        **parameters: int | str,
    ) -> Array:
        """C, a copy on the host. `a` and `b` are as the case stores them (`transa`, `transb`: transposed).

        `c`: what stands in C before; None: poison. `adopt`: the card computes on these very arrays, with
        their strides and their alignment, and `c` itself is returned. Raises Unsupported; Misshapen.
        """
        a, b = np.asarray(a), np.asarray(b)
        out = self.out if out is None else out
        m, k = a.shape[-2:][:: -1 if parameters.get("transa") == "t" else 1]
        n = b.shape[-2 if parameters.get("transb") == "t" else -1]
        case = self.case((m, n, k), out=out, alpha=alpha, beta=beta, **parameters)
        shape = (*a.shape[:-2], m, n)
        if adopt:
            assert c is not None
            slot = {name: self.card.adopt(array) for name, array in (("a", a), ("b", b), ("c", c))}
        else:
            filled = self.poison(shape, out) if c is None else c
            slot = {}
            for name, array, kind in (("a", a, self.type_a), ("b", b, self.type_b), ("c", filled, out)):
                slot[name] = self.card.alloc(array.shape, kind)
                self.card.write(slot[name], array)
        plan = self.card.prepare(case, [slot])
        try:
            self.card.refresh(plan)
            with np.errstate(all="ignore"):  # a card of numpy's would warn of what is asked for here
                self.card.enqueue(plan, 0)
                self.card.synchronize()
            return c if adopt and c is not None else shaped(self.card.read(slot["c"]), shape, out)
        finally:
            self.card.release(plan)

    def expect(self, expected: Array, a: Array, b: Array, optional: str = "", **asked: Any) -> None:
        """`multiply`, and that it gives these numbers. `optional`: what this is, where a card may refuse it
        when a plan is made; raises Unsupported where it may not."""
        try:
            got = self.multiply(a, b, **asked)
        except Unsupported:
            if not optional:
                raise
            self.refused(optional)
            return
        self.differs(equal(expected, got))

    def poison(self, shape: tuple[int, ...], out: str) -> Array:
        """What an output holds before it is written."""
        kind = NUMPY_DTYPES[out]
        count = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
        return np.full(count, POISON_BYTE, np.uint8).view(kind).reshape(shape)
