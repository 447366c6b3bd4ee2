"""What a test of collectives asks of a fabric: every rank runs the same test, and none tells another the
right answer through the fabric. All ranks make all ranks' operands from the seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.conformance.compare import shaped
from zbench.conformance.declaration import CollectiveDeclaration, Declaration
from zbench.conformance.item import Failure, Item
from zbench.conformance.products import POISON_BYTE
from zbench.conformance.tally import FAILURES_KEPT, Tally
from zbench.dtypes import NUMPY_DTYPES
from zbench.fabrics.base import Fabric, Share
from zbench.workloads.messages import buffers, performed

Array = NDArray[Any]


class Ranks(Tally):
    """One rank of a world, and the count of one test."""

    def __init__(
        self,
        fabric: Fabric,
        declaration: Declaration,
        item: Item,
        seed: int,
        thorough: int,
        only: str = "*",
    ) -> None:
        super().__init__(item, seed, thorough, only)
        self.fabric = fabric
        self.rank, self.size = fabric.world.rank, fabric.world.size
        self.share: Share = fabric.world.share
        """Out of band: never through the fabric under test."""
        self.declared: CollectiveDeclaration = declaration.collective()

    def offers(self, op: str, dtype: str) -> bool:
        """Whether the fabric says that it has this; where not, it is noted as lacking."""
        offered = dtype in self.fabric.operations().get(op, ())
        if not offered:
            self.lacking(f"{op} of {dtype}")
        return offered

    def case(self, op: str, dtype: str, count: int, **parameters: int | str) -> Case:
        """`count` elements in the whole vector; parameters as in a key: root, redop, inplace, skew."""
        size_bytes = count * NUMPY_DTYPES[dtype].itemsize
        return Case(op, dtype, (size_bytes,), {"ranks": self.size, **parameters})

    def algorithms(self, case: Case) -> tuple[str | None, ...]:
        """Every one that can be forced; of a library that cannot be told, its own choice."""
        return self.fabric.algorithms(case) or (None,)

    def perform(self, case: Case, given: Array, algorithm: str | None = None) -> Array:
        """This rank's `out` after one execution on `given`, this rank's operand, which stands in `out` where
        the case is in place; poison stands where nothing was written. Raises Unsupported; Misshapen."""
        case = performed(case)
        shapes = buffers(case)
        slot = {name: self.fabric.alloc(each.shape, each.dtype) for name, each in shapes.items()}
        self.fabric.write(slot["in"], np.resize(given, shapes["in"].shape) if given.size else given)
        self.fabric.write(slot["out"], poison(shapes["out"].shape, case.dtype))
        plan = self.fabric.prepare(case, [slot], algorithm)
        try:
            if case.in_place:  # only run_rounds promises to put the operand where it is looked for
                self.fabric.run_rounds(plan, 1)
            else:
                self.fabric.execute(plan, 0)
            return shaped(self.fabric.read(slot["out"]), shapes["out"].shape, case.dtype)
        finally:
            self.fabric.release(plan)

    def everyone(self, mine: bytes) -> Sequence[bytes]:
        """Every rank's bytes, out of band."""
        return self.share(mine) if self.size > 1 else [mine]

    def merge(self) -> None:
        """Give every rank's count to all of them; the failures name their rank."""
        own = {
            "tried": self.tried,
            "failed": self.failed,
            "failures": [(f.attempt, f"rank {self.rank}: {f.why}") for f in self.failures],
            "doubts": self.doubts,
            "lacks": self.lacks,
            "facts": self.facts,
        }
        told = [msgspec.json.decode(each) for each in self.everyone(msgspec.json.encode(own))]
        self.tried = max(each["tried"] for each in told)
        self.failed = sum(each["failed"] for each in told)
        found = [Failure(*each) for rank in told for each in rank["failures"]]
        self.failures = sorted(found, key=lambda each: each.attempt != found[0].attempt)[:FAILURES_KEPT]
        self.doubts = [(status, why) for each in told for status, why in each["doubts"]]
        self.lacks = list(dict.fromkeys(lack for each in told for lack in each["lacks"]))
        self.facts = {name: text for each in reversed(told) for name, text in each["facts"].items()}


def poison(shape: tuple[int, ...], dtype: str) -> Array:
    kind = NUMPY_DTYPES[dtype]
    count = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    return np.full(count, POISON_BYTE, np.uint8).view(kind).reshape(shape)
