"""The count that a test keeps while it asks: attempts, failures, and what it found out."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

import numpy as np

from zbench.conformance.compare import Difference
from zbench.conformance.item import Failure, Item, Outcome
from zbench.conformance.status import FAIL, MARGINAL, MISTRUSTED, NOT_SUPPORTED, PASS
from zbench.workloads.base import generator

FAILURES_KEPT = 5
"""A broken kernel fails thousands of times, for one reason."""


class Tally:
    """`attempt` begins a try; `differs`, `fail`, `marginal` and `mistrust` say what is wrong with it."""

    def __init__(self, item: Item, seed: int, thorough: int, only: str = "*") -> None:
        self.item = item
        self.seed = seed
        self.thorough = thorough
        """0 at L0, 1 at L1, 2 from L2 on: how much of a sweep is tried."""
        self.only = only
        self.tried = self.failed = 0
        self.failures: list[Failure] = []
        self.facts: dict[str, str] = {}
        self.doubts: list[tuple[str, str]] = []
        self.lacks: list[str] = []
        self.name = ""
        self.pulse: Callable[[], None] = lambda: None
        """Is called at every attempt: who asks for long is not silent."""

    def attempt(self, name: str) -> bool:
        """Whether to try this: it is what `--attempt` selects. From here on, `rng` is its own."""
        if not fnmatchcase(name, self.only):
            return False
        self.name = name
        self.tried += 1
        self.pulse()
        return True

    def rng(self, *purpose: int) -> np.random.Generator:
        """The same for one seed, test and attempt, in every process, whatever was tried before."""
        words = (self.item.id + "/" + self.name).encode()
        return generator(self.seed, *purpose, *words)

    def fail(self, why: str) -> None:
        self.failed += 1
        if len(self.failures) < FAILURES_KEPT:
            self.failures.append(Failure(self.name, why))

    def differs(self, found: Difference | None) -> bool:
        """Note a difference, if there is one."""
        if found is not None:
            self.fail(str(found))
        return found is not None

    def marginal(self, why: str) -> None:
        self.doubts.append((MARGINAL, f"{self.name}: {why}"))

    def mistrust(self, why: str) -> None:
        self.doubts.append((MISTRUSTED, f"{self.name}: {why}"))

    def lacking(self, what: str) -> None:
        """The subject has said that it does not offer this: what needs it is not tried."""
        if what not in self.lacks:
            self.lacks.append(what)

    def refused(self, what: str) -> None:
        """As `lacking`, of an attempt that has begun: the subject refused it before it computed."""
        self.tried -= 1
        self.lacking(what)

    def verdict(self) -> tuple[str, str]:
        """(status, why). What was not tried at all is NOT_SUPPORTED, never PASS."""
        if self.failed:
            return FAIL, f"{self.failures[0].attempt}: {self.failures[0].why}"
        for status in (MISTRUSTED, MARGINAL):
            for doubt, why in self.doubts:
                if doubt == status:
                    return status, why
        if not self.tried:
            return NOT_SUPPORTED, "; ".join(self.lacks) or "nothing here is of this dtype or world"
        return PASS, "without " + "; ".join(self.lacks) if self.lacks else ""

    def outcome(self, subject: str, kind: str, scope: str, level: str, seconds: float) -> Outcome:
        status, why = self.verdict()
        return Outcome(
            self.item.id,
            subject,
            kind,
            scope,
            status,
            level,
            self.tried,
            self.failed,
            tuple(self.failures),
            why,
            facts=self.facts,
            seconds=seconds,
        )
