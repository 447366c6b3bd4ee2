"""Worlds whose ranks a command starts, as mpiexec would; they meet over the control channel, without MPI."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.fabrics.base import Fabric, Seat, Slot

STARTER = Path(__file__).with_name("starter.py")


class ByCommand(Fabric):
    """`option`: what the command does that starts its ranks."""

    offers = {"barrier": ("byte",)}

    @classmethod
    @contextmanager
    def seats(cls, ranks: int, option: str | None = None) -> Iterator[list[Seat]]:
        scratch = tempfile.mkdtemp(prefix="launched-")
        prefix = (sys.executable, str(STARTER), option or "well", str(ranks))
        yield [
            Seat(
                prefix=prefix,
                environment={"TEST_SCRATCH": scratch},
                launches=ranks,
                rank_variable="STARTED_AS",
                scratch=scratch,
            )
        ]

    def operations(self) -> dict[str, tuple[str, ...]]:
        return self.offers

    def alloc(self, shape: tuple[int, ...], dtype: str) -> Any:
        raise NotImplementedError

    def write(self, buffer: Any, data: NDArray[Any]) -> None:
        raise NotImplementedError

    def read(self, buffer: Any) -> NDArray[Any]:
        raise NotImplementedError

    def prepare(self, case: Case, slots: Sequence[Slot], algorithm: str | None = None) -> Case:
        return case

    def execute(self, plan: Case, slot: int) -> None:
        self.world.share(b"")

    def run_rounds(self, plan: Case, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        stamps = np.empty((rounds, 2), np.int64)
        for i in range(rounds):
            stamps[i, 0] = perf_counter_ns()
            for _ in range(batch):
                self.execute(plan, 0)
            stamps[i, 1] = perf_counter_ns()
        return stamps

    def probe(self, case: Case) -> tuple[str, float] | None:
        return None
