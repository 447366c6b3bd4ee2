"""What will be launched, in which order: blocks of one launch of every subject."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from zbench.case import Case
from zbench.subject import Subject


@dataclass(frozen=True)
class Group:
    """Cases that one launch of one subject answers: same suite, same world."""

    suite: str
    subjects: tuple[Subject, ...]
    """A card, a fabric, or both for scaling."""
    ranks: int
    cases: tuple[Case, ...]
    role: str = "measure"

    @property
    def subject(self) -> str:
        return "+".join(subject.label for subject in self.subjects)


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
    cases = sorted(group.cases, key=lambda case: (case.workload, case.size))
    return replace(group, cases=(cases[len(cases) // 2],), role="anchor")


def with_anchors(groups: Sequence[Group]) -> list[Group]:
    """Each suite's first group is launched twice per block."""
    first: dict[str, Group] = {}
    for group in groups:
        first.setdefault(group.suite, group)
    return [*groups, *(anchor(group) for group in first.values())]


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
