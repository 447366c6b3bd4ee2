"""How long a profile looks at each case, and which it asks of fabrics; those of cards: card_cases.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.fabrics.planned import NOT_IN_PLACE
from zbench.schedules.operation import OPERATIONS
from zbench.workloads.pairs import RANKS_MIN
from zbench.workloads.ranks import CONGESTORS

KIB, MIB = 1 << 10, 1 << 20

CONGESTION_RANKS = 4
"""Two victims and two congestors."""
VICTIMS = (
    ("pingpong", "byte", 8),
    ("unidirectional", "byte", 128 * KIB),
    ("allreduce", "fp32", 8),
)
"""GPCNeT's three: latency, bandwidth, and a collective of many; each beside alltoall, and the latency, which
suffers first, beside the others of `CONGESTORS`, too."""

MESSAGE_BYTES = 8
"""Of messages that tell the time: what every fabric sends fastest."""

SUITES = ("card", "fabric", "scaling")


@dataclass(frozen=True)
class Profile:
    """How much a run measures."""

    name: str
    launches: int
    burst_s: float
    """Time of one burst, warm-up included."""
    rounds_max: int
    """Samples kept of one burst; every one is written to the record."""
    latency_sizes: tuple[int, ...]
    bandwidth_sizes: tuple[int, ...]
    bcast_sizes: tuple[int, ...]
    allreduce_sizes: tuple[int, ...]
    others: tuple[str, ...]
    """The other collectives that are asked, each of `other_sizes`."""
    other_sizes: tuple[int, ...]
    step: tuple[int, int, int]
    """(m, n, k) of the training step on one rank."""
    pipelined_sizes: tuple[int, ...] = ()
    """Of what is never called a latency: the time that a message adds to others under way."""
    in_place_sizes: tuple[int, ...] = ()
    """Of collectives that find their operand where they leave their result."""
    pair_sizes: tuple[int, int] | None = None
    """Bytes of a message by which latency and bandwidth of all pairs of ranks are measured; None: they are
    not. Of P ranks these are P - 1 matchings, and twice as many."""
    findings: bool = False
    """Whether a world is asked about its ranks, too: their clocks."""
    verdicts: bool = True
    """Two launches carry no verdict: an interval of one degree of freedom decides nothing."""
    sustained: bool = False
    """Bursts of minutes (`--minutes`), see measure/sustained.py."""


OTHERS = (
    "reduce",
    "reduce_scatter",
    "allgather",
    "gather",
    "scatter",
    "alltoall",
    "alltoallv",
    "scan",
    "exscan",
    "sendrecv",
)
MOST_USED = ("reduce_scatter", "allgather", "alltoall")
"""What training needs besides allreduce: sharded optimizers, and experts."""

_POWERS = tuple(8 << (3 * i) for i in range(8))  # 8 B, 64 B, ... 16 MiB

PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            name="smoke",
            launches=2,
            burst_s=0.1,
            rounds_max=300,
            latency_sizes=(8, 64 * KIB),
            bandwidth_sizes=(1 * MIB,),
            bcast_sizes=(64 * KIB,),
            allreduce_sizes=(8, 64 * KIB, 4 * MIB),
            others=OTHERS,
            other_sizes=(64 * KIB,),
            step=(256, 512, 512),
            verdicts=False,
        ),
        Profile(
            name="quick",
            launches=5,
            burst_s=0.5,
            rounds_max=1000,  # five launches together support p99.9, which needs 4603
            latency_sizes=(8, 512, 8 * KIB, 64 * KIB, 1 * MIB, 64 * MIB),
            bandwidth_sizes=(64 * KIB, 4 * MIB),
            bcast_sizes=(8, 64 * KIB, 4 * MIB),
            allreduce_sizes=(8, 64 * KIB, 4 * MIB, 64 * MIB),
            others=MOST_USED,
            other_sizes=(4 * MIB,),
            step=(512, 1024, 1024),
            pipelined_sizes=(8,),
        ),
        Profile(
            name="full",
            launches=5,
            burst_s=1.0,
            rounds_max=10000,
            latency_sizes=(*_POWERS, 64 * MIB),
            bandwidth_sizes=(*_POWERS, 64 * MIB),
            bcast_sizes=(*_POWERS, 64 * MIB),
            allreduce_sizes=(*_POWERS, 64 * MIB),
            others=OTHERS,
            other_sizes=(*_POWERS, 64 * MIB),
            step=(1024, 2048, 2048),
            pipelined_sizes=_POWERS[:5],
            in_place_sizes=(8, 64 * KIB, 4 * MIB),
            pair_sizes=(8, 1 * MIB),
            findings=True,
        ),
    )
}
PROFILES["limits"] = replace(
    PROFILES["quick"],
    name="limits",
    latency_sizes=(8, 64 * MIB),
    bcast_sizes=(8, 64 * KIB, 4 * MIB),
    others=OTHERS,
    other_sizes=(8, 64 * KIB, 4 * MIB),
)
"""The target tables of cards and of fabrics (docs/performance.md), measured as quick measures."""


def thread_counts(cpus: int) -> list[int]:
    """One core, and all of them."""
    return sorted({1, cpus})


def fabric_cases(profile: Profile, ranks: int) -> list[Case]:
    world: dict[str, int | str] = {"ranks": ranks}

    def messages(workload: str, sizes: tuple[int, ...], dtype: str = "byte") -> list[Case]:
        return [Case(workload, dtype, (size,), world) for size in sizes]

    def collective(workload: str, wanted: tuple[int, ...] = profile.other_sizes) -> list[Case]:
        dtype = "fp32" if OPERATIONS[workload].sums else "byte"
        least = ranks * NUMPY_DTYPES[dtype].itemsize  # parts of equal size, of an element or more
        sizes = sorted({-(-size // least) * least for size in wanted})
        return messages(workload, tuple(sizes), dtype)

    pairs = []
    if profile.pair_sizes and ranks >= RANKS_MIN:
        short, long = profile.pair_sizes
        pairs = [*messages("pairs_latency", (short,)), *messages("pairs_bandwidth", (long,))]
    return [
        *messages("pingpong", profile.latency_sizes),
        *messages("pipelined", profile.pipelined_sizes),
        *messages("unidirectional", profile.bandwidth_sizes),
        *messages("bidirectional", profile.bandwidth_sizes),
        *messages("message_rate", (8,)),
        *pairs,
        *messages("barrier", (0,)),
        *messages("bcast", profile.bcast_sizes),
        *messages("allreduce", profile.allreduce_sizes, "fp32"),
        *(case for workload in profile.others for case in collective(workload)),
        *(
            Case("alltoallv", case.dtype, case.size, {**world, "skew": "zipf"})
            for case in collective("alltoallv")
            if "alltoallv" in profile.others
        ),
        *(
            Case(workload, case.dtype, case.size, {**world, "inplace": "yes"})
            for workload in ("bcast", "allreduce", *profile.others)
            if workload not in NOT_IN_PLACE
            for case in collective(workload, profile.in_place_sizes)
        ),
        *(rank_cases(ranks) if profile.findings else ()),
    ]


def rank_cases(ranks: int) -> list[Case]:
    """A clock needs another one to be held against, and victims need congestors."""
    clocks = [Case("clocks", "byte", (MESSAGE_BYTES,), {"ranks": ranks})] if ranks > 1 else []
    if ranks < CONGESTION_RANKS:
        return clocks
    return clocks + [
        Case("congestion", dtype, (size,), {"ranks": ranks, "victim": victim, "congestor": congestor})
        for victim, dtype, size in VICTIMS
        for congestor in CONGESTORS
        if congestor == "alltoall" or victim == "pingpong"
    ]


GUIDELINE_SIZES = (8, 64 * KIB, 4 * MIB)
"""Where guidelines are held against each other: bound by latency, in between, and by bandwidth."""


def guideline_cases(operations: Iterable[str], ranks: int) -> list[Case]:
    """Operations between ranks in sizes that all of them can have, cut in equal parts."""
    cut = ranks * NUMPY_DTYPES["fp32"].itemsize
    return [
        Case(name, "fp32" if OPERATIONS[name].sums else "byte", (-(-size // cut) * cut,), {"ranks": ranks})
        for name in operations
        for size in GUIDELINE_SIZES
    ]


def rank_ladder(ranks: int) -> list[int]:
    """1, 2, 4, ... and the world itself: four points are the least that a fit may use."""
    ladder = [1]
    while ladder[-1] * 2 < ranks:
        ladder.append(ladder[-1] * 2)
    return ladder + ([ranks] if ranks > 1 else [])


def scaling_cases(profile: Profile, ranks: int) -> list[Case]:
    """Weak scaling keeps m on every rank, strong scaling shares it out."""
    m, n, k = profile.step
    weak = [Case("step", "fp32", (m, n, k), {"ranks": p}) for p in rank_ladder(ranks)]
    strong = [Case("step", "fp32", (m // p, n, k), {"ranks": p}) for p in rank_ladder(ranks) if m // p]
    return list({case.key: case for case in weak + strong}.values())
