"""How long a plan will take, before anything of it has run.

Rough on purpose: the figures below are what a virtual machine with two cores took.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from zbench.case import Case
from zbench.measure.plan import Group
from zbench.native import cpu
from zbench.workloads import workload
from zbench.workloads.profiles import Profile
from zbench.workloads.slots import SLOTS, slot_count

START_S = 0.9
"""From one launch's last burst to the next one's first: ending, starting Python, importing numpy."""
BURST_S = 0.1
"""Of a burst beside its rounds: pilot, probes, the pause for verification."""
SETUP_BYTES_PER_S = 120e6
"""Of one slot where a case has two: filled, poisoned, read back and verified."""
TUNING_S = 4.0
"""Of one fabric and world: its table of algorithms, measured before the first launch."""
SEARCH_S = 15.0
"""Of one card and dtype: some forty pilots of what multiplies fastest."""
FLOPS_PER_S, BYTES_PER_S, CALL_S = 50e9, 5e9, 2e-6
"""One execution, where the profile's sample limit ends a burst before its time is up."""


def case_s(case: Case, profile: Profile) -> float:
    """Seconds of one burst of this case, set-up and verification included."""
    work = workload(case.workload)
    execution_s = CALL_S + work.flops(case) / FLOPS_PER_S / case.threads + work.bytes(case) / BYTES_PER_S
    rounds_s = profile.burst_s
    if not profile.sustained:  # whose rounds are made as long as it takes
        rounds_s = min(rounds_s, profile.rounds_max * execution_s)
    setup_bytes = work.memory_bytes(case) * slot_count(case, cpu.last_level_cache_bytes()) / SLOTS
    return BURST_S + rounds_s + case.processes * setup_bytes / SETUP_BYTES_PER_S


def groups_s(groups: Sequence[Group], profile: Profile, cpus: int) -> float:
    """Seconds of one launch of each group; ranks that share a core start one after the other."""
    return sum(
        START_S * math.ceil(group.workers / max(1, cpus)) + sum(case_s(case, profile) for case in group.cases)
        for group in groups
    )


def plan_s(groups: Sequence[Group], profile: Profile, launches: int, cpus: int) -> float:
    """Seconds of the whole plan."""
    worlds = {(s.label, g.ranks) for g in groups for s in g.subjects if s.kind == "fabric" and g.ranks > 1}
    return launches * groups_s(groups, profile, cpus) + TUNING_S * len(worlds)


def search_s(groups: Sequence[Group]) -> float:
    """Seconds of the search for every card's fastest shape, in all dtypes that it multiplies."""
    cards = [group for group in groups if group.suite == "card" and group.role == "measure"]
    return SEARCH_S * sum(len({c.dtype for c in g.cases if c.workload == "gemm"}) for g in cards)


def cards_of(groups: Sequence[Group]) -> int:
    """Cards that the plan keeps busy at once: what is rented."""
    return max((group.workers for group in groups), default=1)
