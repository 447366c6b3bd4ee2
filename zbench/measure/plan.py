"""What will be launched, in which order: blocks of one launch of every subject."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from zbench.case import Case
from zbench.subject import Subject


@dataclass(frozen=True)
class Group:
    """Cases that one launch of one subject answers: same suite, same world."""

    suite: str
    subjects: tuple[Subject, ...]
    """A card, a fabric, or both for scaling; several cards: each computes for itself, all at once."""
    ranks: int
    cases: tuple[Case, ...]
    role: str = "measure"

    @property
    def together(self) -> int:
        """Cards that are measured at the same time."""
        return max(1, sum(subject.kind == "card" for subject in self.subjects))

    @property
    def workers(self) -> int:
        """Processes of a launch."""
        return max(self.ranks, self.together)

    @property
    def subject(self) -> str:
        """What is launched, in one word."""
        if self.together > 1:
            return f"{self.subjects[0].label} and {self.together - 1} more at once"
        return "+".join(subject.label for subject in self.subjects)

    @property
    def answering(self) -> tuple[str, ...]:
        """The subjects that its records are of."""
        return tuple(s.label for s in self.subjects) if self.together > 1 else (self.subject,)


@dataclass(frozen=True)
class Launch:
    """A fresh set of processes and buffers for one subject."""

    group: Group
    block: int
    number: int
    seed: int
    """Decides the order of its bursts; the same on all ranks."""


def anchor(group: Group) -> Group:
    """The A/A twin of a group: its middle case once more, in processes of its own.

    The middle case stands for its suite: neither the launch overhead of the smallest nor the
    memory of the largest decides the noise floor.
    """
    results = [case for case in group.cases if case.is_result] or group.cases
    cases = sorted(results, key=lambda case: (case.workload, case.size))
    return replace(group, cases=(cases[len(cases) // 2],), role="anchor")


def with_anchors(groups: Sequence[Group], twins: bool = False) -> list[Group]:
    """Each suite's first group is launched twice per block, for one case.

    With `twins` every group has a twin with all its cases besides: what a second subject would be, if
    it were the first once more.
    """
    first: dict[str, Group] = {}
    for group in groups:
        first.setdefault(group.suite, group)
    again = [replace(group, role="twin") for group in groups if twins]
    return [*groups, *again, *(anchor(group) for group in first.values())]


def unit(suite: str, case: Case) -> str:
    """What must be answered in one block to be of use there: a case by all its subjects, alone and all at
    once, since ratios pair within blocks; all steps of a scaling series, since two make an efficiency."""
    return suite if suite == "scaling" else f"{suite} {case.alone.key}"


Answer = tuple[str, str, int, str, str]
"""(suite, subject, ranks, role, key)."""


def answers(group: Group) -> set[Answer]:
    return {
        (group.suite, subject, group.ranks, group.role, case.key)
        for subject in group.answering
        for case in group.cases
    }


def missing(groups: Sequence[Group], answered: Mapping[int, set[Answer]], launches: int) -> list[list[Group]]:
    """The further blocks that bring every unit to `launches` whole blocks. Pure.

    `answered` tells for each block what has been answered in it. A unit that a block holds only in part does
    not count: its pairs would be of two sessions.
    """
    wanted: dict[str, set[Answer]] = defaultdict(set)
    for group in groups:
        for case in group.cases:
            wanted[unit(group.suite, case)] |= answers(replace(group, cases=(case,)))
    open_blocks = {
        name: launches - sum(needed <= found for found in answered.values())
        for name, needed in wanted.items()
    }
    blocks = []
    for i in range(max(open_blocks.values(), default=0)):
        chosen = [
            replace(g, cases=tuple(c for c in g.cases if open_blocks[unit(g.suite, c)] > i)) for g in groups
        ]
        blocks.append([group for group in chosen if group.cases])
    return blocks


def block_order(groups: Sequence[Group], block: int, seed: int, first_number: int) -> list[Launch]:
    """One block: every group once, in random order, numbered from `first_number`. Pure."""
    rng = random.Random(f"{seed}/{block}")
    return [
        Launch(group, block, first_number + i, rng.getrandbits(31))
        for i, group in enumerate(rng.sample(list(groups), len(groups)))
    ]


def burst_order(launch: Launch) -> list[Case]:
    """The launch's cases in their seeded order, the same on all ranks."""
    return random.Random(launch.seed).sample(list(launch.group.cases), len(launch.group.cases))
