"""How the first card stands against the best of the others, as rows that are complete by themselves."""

from __future__ import annotations

from collections.abc import Sequence

from zbench.judge.peers import Group
from zbench.judge.roofs import SKINNY_ROWS
from zbench.measure.statistics import INTERVAL_ALPHA
from zbench.report import words
from zbench.workloads import workload

TITLE = "Against the best peer"
HEADER = (
    "cases",
    "rate ratio [interval]",
    "over, and the worst case",
    "% of peak or roof: median [least, most]",
)


def about(groups: Sequence[Group]) -> str:
    """What the ratios are, in one sentence or two."""
    subjects = words.sentence(list(dict.fromkeys(group.subject for group in groups)))
    return (
        f"Rate of {subjects} over that of the fastest other card or fabric in each case, paired in blocks: "
        f"above 1, {subjects} is faster. A group's ratio is the geometric mean over its cases with its "
        f"{100 * (1 - INTERVAL_ALPHA):.0f} % interval over blocks. The peak is what the probe beside each "
        f"burst reached; of GEMMs of at most {SKINNY_ROWS} rows the roof is the read bandwidth of this "
        "run, or that peak where it bounds earlier."
    )


def rows(groups: Sequence[Group]) -> list[tuple[str, str, str, str]]:
    """A row a group, in the order of `HEADER`."""
    return [(named(group), ratio(group), worst(group), share(group)) for group in groups]


def named(group: Group) -> str:
    """`gemm fp32, square, n = 256 to 2048, threads=1: 4 cases`; `bcast byte, 4 MiB, ranks=2 of shm`."""
    (least, *_), (most, *_) = group.sizes
    reach = f"n = {least} to {most}" if group.shape == "square" and least != most else ""
    message = workload(group.workload).suite == "fabric"
    shape = words.size(least) if message else group.shape
    kind = ", ".join(filter(None, (f"{group.workload} {group.dtype}", shape, reach, group.parameters)))
    # of several runs on one page, or of one fabric with several options
    of = f" of {group.subject}" if message or " · " in group.subject else ""
    # each size of a message is a group of its own
    return f"{kind}{of}" if message else f"{kind}{of}: {words.counted(group.cases, 'case')}"


def ratio(group: Group) -> str:
    """`1.12x [1.10, 1.14]`; how many blocks, where they carry no interval."""
    if group.interval is None:
        return f"{group.ratio:.3f}x [no interval of {words.counted(group.launches, 'block')}]"
    low, high = group.interval
    return f"{group.ratio:.3f}x [{low:.3f}, {high:.3f}]"


def worst(group: Group) -> str:
    """`worst 0.973x 256x256x256 (mkl)`: its size tells it from the others of the group; one that is alone is
    the worst and the best, and only its peer is told."""
    meeting = group.worst
    if group.cases == 1:
        return f"over {meeting.peer}"
    return f"worst {meeting.ratio:.3f}x {'x'.join(map(str, meeting.case.size))} ({meeting.peer})"


def share(group: Group) -> str:
    """`88 [81, 92]`."""
    if group.shares is None:
        return "-"
    middle, least, most = (f"{100 * one:.0f}" for one in group.shares)
    return f"{middle} [{least}, {most}]"
