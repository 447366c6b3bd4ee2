"""What a run knows of itself, and what therefore stands between it and a claim."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from zbench.judge.claims import RATED, Claim
from zbench.judge.conditions import Conditions
from zbench.judge.observations import Observation

WORKLOAD_CONDITIONS: dict[str, Conditions] = {
    "pingpong": {"operation": "half the round trip", "in_flight": 1},
    "pairs_latency": {"operation": "half the round trip", "in_flight": 1},
    "step": {"model": "one linear layer"},
}
"""What the workloads themselves fix of a claim's conditions."""
SHEET_ALONE = "a data sheet figure, not measured under the same protocol"
NAME_ONE = "name one: --baseline-card CARD (`zbench list datasheets`), or --baseline RUN, a stored run"
HOST_CONDITIONS: Conditions = {"endpoint": "host memory", "initiator": "host"}
"""What holds for a fabric between the memories of hosts, for `RunFacts.conditions`."""
MEMORY_CONDITIONS: dict[str, Conditions] = {
    "host": HOST_CONDITIONS,
    "device": {"endpoint": "device memory"},
}
"""Memory that all fabrics of a run move between, as their variant has it -> what holds."""


class RunFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a run knows of itself that claims may ask for."""

    hosts: int = 1
    """0: not known."""
    ranks: int = 1
    profile: str = ""
    price_per_card_hour: float | None = None
    subjects: tuple[str, ...] = ()
    """In the order given; claims are about the first of each suite."""
    conditions: Conditions = {}
    """Beside `path` (from hosts) and `WORKLOAD_CONDITIONS`. What is not here is not known to hold."""
    unfit: dict[str, str] = {}
    """Subject -> why it settles no claim (MPI from a package index: nobody's production fabric)."""


def obstacles_to(claim: Claim, found: Sequence[Observation], facts: RunFacts) -> list[str]:
    """Why nothing measured here can settle the claim, scale apart."""
    reasons = []
    if claim.is_ratio and not found and not (claim.to and claim.to.catalogued):
        none = "the claim names none, and no second subject was measured"
        name = f"{claim.to.name!r} was not measured beside it" if claim.to else none
        reasons.append(f"a ratio needs a baseline under the same protocol: {name}")
        if claim.to is None and claim.metric in RATED:
            reasons.append(NAME_ONE)
    if claim.metric == "cost" and not claim.is_ratio and facts.price_per_card_hour is None:
        reasons.append("no price is known; measure with --price-per-card-hour PRICE")
    if claim.metric == "energy_efficiency":
        reasons += dict.fromkeys(o.why for o in found if o.value is None and o.status == "ok")
    world = max((o.ranks for o in found), default=0)
    one_pair = len(found) == 1 and not found[0].all_pairs
    if claim.statistic.endswith("_over_pairs") and one_pair and world > 2:
        reasons.append(f"the claim is about the pairs of {world} ranks, one of them was measured")
    here: Conditions = {"path": "across hosts" if facts.hosts > 1 else "on one host"} if facts.hosts else {}
    here |= WORKLOAD_CONDITIONS.get(claim.case.partition("/")[0], {}) | facts.conditions
    unmet = [
        f"{name.replace('_', ' ')}: {wanted} (here {here.get(name, 'not known')})"
        for name, wanted in claim.conditions.items()
        if here.get(name) != wanted
    ]
    if unmet:
        reasons.append(f"the claim is about {', '.join(unmet)}")
    subjects = dict.fromkeys(name for o in found for name in (o.subject, o.to))
    return reasons + [f"{subject}: {facts.unfit[subject]}" for subject in subjects if subject in facts.unfit]
