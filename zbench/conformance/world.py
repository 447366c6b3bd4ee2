"""What a test of collectives asks of a fabric: every rank runs the same test, and none tells another the
right answer through the fabric. All ranks make all ranks' operands from the seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
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
from zbench.errors import Unsupported
from zbench.fabrics.base import Fabric, Share, Slot
from zbench.workloads.messages import buffers, performed

Array = NDArray[Any]

Lay = Callable[[str, int], Array]
"""(`in` or `out`, bytes) -> as much memory of the caller's, uint8, for the fabric to work on as it stands."""
KEPT_BYTES = 1 << 16
"""Buffers up to here are used again for the next case of the same shape: to take them costs a fabric several
times what a short operation does, and large ones would add up."""

ASKED, ENDED = b"?", b"."
"""What ranks tell each other begins so: within a test, and when it has ended."""


@dataclass(frozen=True)
class Left:
    """What an execution leaves on a rank: copies of both buffers, whole."""

    given: Array
    out: Array


class LeftAlone(Exception):
    """Another rank has ended the test before this one; it tells why when the counts are merged."""


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
        self._kept: dict[tuple[int, int, str], Slot] = {}
        self.used_up = False
        """Whether the test has left the world unfit for any other, as it should: no fault of the fabric's."""

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

    def adopts(self) -> bool:
        """Whether the fabric takes memory of ours as it stands; where not, it is noted as lacking."""
        with suppress(Unsupported):
            self.fabric.adopt(np.zeros(1, np.uint8))
            return True
        self.lacking("buffers over memory of the caller's")
        return False

    def perform(
        self, case: Case, given: Array, algorithm: str | None = None, lay: Lay | None = None
    ) -> Array:
        """This rank's `out` after one execution on `given`, this rank's operand, which stands in `out` where
        the case is in place; poison stands where nothing was written. Raises Unsupported; Misshapen."""
        return self._run(performed(case), [given], algorithm, lay=lay)[0].out

    def executions(
        self,
        case: Case,
        givens: Sequence[Array],
        algorithm: str | None = None,
        *,
        spare: int = 0,
        lay: Lay | None = None,
        members: tuple[int, ...] | None = None,
    ) -> list[Left]:
        """What one plan leaves after each of several executions, of an operand of `givens` each.

        Poison stands in `out` before the first of them, and what that left before the next. `spare`: elements
        that both buffers have more than the case needs. `lay`: where the buffers lie. None at all where the
        fabric refuses the case: noted as lacking, and no attempt.
        """
        try:
            return self._run(performed(case), givens, algorithm, spare, lay, members)
        except Unsupported as error:
            self.tried -= 1
            self.lacking(str(error).replace(f"{case.key}: ", ""))
            return []

    def _run(
        self,
        case: Case,
        givens: Sequence[Array],
        algorithm: str | None,
        spare: int = 0,
        lay: Lay | None = None,
        members: tuple[int, ...] | None = None,
    ) -> list[Left]:
        counts = [each.shape[0] + spare for each in buffers(case).values()]
        slot = self._slot(counts, case.dtype, lay)
        self.fabric.write(slot["out"], poison((counts[1],), case.dtype))
        grouped = {} if members is None else {"members": members}
        plan = self.fabric.prepare(case, [slot], algorithm, **grouped)
        left = []
        try:
            for given in givens:
                self.fabric.write(slot["in"], np.resize(given, counts[0]))
                with np.errstate(all="ignore"):  # a fabric of numpy's would warn of what is asked for here
                    if case.in_place:  # only run_rounds promises to put the operand where it is looked for
                        self.fabric.run_rounds(plan, 1)
                    else:
                        self.fabric.execute(plan, 0)
                read = (
                    shaped(self.fabric.read(slot[n]), (c,), case.dtype)
                    for n, c in zip(slot, counts, strict=True)
                )
                left.append(Left(*read))
        finally:
            self.fabric.release(plan)
        return left

    def _slot(self, counts: Sequence[int], dtype: str, lay: Lay | None) -> Slot:
        """`in` and `out` of so many elements."""
        item_bytes = NUMPY_DTYPES[dtype].itemsize
        sizes = dict(zip(("in", "out"), counts, strict=True))
        if lay is not None:
            places = {name: lay(name, count * item_bytes) for name, count in sizes.items()}
            return {
                name: self.fabric.adopt(place.view(NUMPY_DTYPES[dtype])) for name, place in places.items()
            }
        key = counts[0], counts[1], dtype
        if key in self._kept:
            return self._kept[key]
        slot = {name: self.fabric.alloc((count,), dtype) for name, count in sizes.items()}
        if sum(counts) * item_bytes <= KEPT_BYTES:
            self._kept[key] = slot
        return slot

    def everyone(self, mine: bytes) -> Sequence[bytes]:
        """Every rank's bytes, out of band. Raises LeftAlone where a rank has ended the test already."""
        told = self._share(ASKED + mine)
        if any(each.startswith(ENDED) for each in told):
            raise LeftAlone
        return [each[1:] for each in told]

    def _share(self, mine: bytes) -> Sequence[bytes]:
        return self.share(mine) if self.size > 1 else [mine]

    def merge(self) -> None:
        """Give every rank's count to all of them; the failures name their rank. A rank that has ended early,
        by an error, says so for as long as others ask it something else."""
        own = {
            "tried": self.tried,
            "failed": self.failed,
            "failures": [(f.attempt, f"rank {self.rank}: {f.why}") for f in self.failures],
            "doubts": self.doubts,
            "lacks": self.lacks,
            "facts": self.facts,
        }
        answers: Sequence[bytes] = ()
        while not answers or any(not each.startswith(ENDED) for each in answers):
            answers = self._share(ENDED + msgspec.json.encode(own))
        told = [msgspec.json.decode(each[1:]) for each in answers]
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
