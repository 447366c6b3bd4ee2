"""One cell of the matrix: a launch as everybody's, with a fault in it, and what is to be said against it."""

from __future__ import annotations

import dataclasses
import re
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from zbench.case import Case
from zbench.conformance.faults.faulty import FIRED
from zbench.conformance.faults.plot import FAULTS, Plot
from zbench.conformance.faults.traces import Traces, also, left_since, told, traces
from zbench.errors import InvalidRun
from zbench.fabrics.base import Fabric
from zbench.measure.launch import crew, serve
from zbench.measure.plan import Group
from zbench.records.schema import Record

BURST_NS = 400_000_000
"""A case that takes four times as long in one execution is skipped: a rank that gets a hundredth for a second
must not be."""
ROUNDS_MOST = 64
PATIENCE_S = 60.0
"""The longest that no rank says anything; a fabric's own deadline is 30 s here."""
GONE_S = 2.0
"""A rank whose process has ended, or that has said what is wrong, is named within this."""
BUSY = 5.0
"""Times as long, on a machine that is busy with other things, is doubtful; beyond that it is wrong."""
AGAIN_MOST = 2
"""Times that a cell is played again which seems to have left files in shared memory."""
ASKED = (("allreduce", "fp32", 1 << 20), ("bcast", "byte", 1 << 16), ("barrier", "byte", 0))
CASES = 2


@dataclass(frozen=True)
class Seen:
    """What a launch with a fault in it came to."""

    why: str
    """What the parent said when it ended the launch; "": it did not."""
    named_s: float
    """From the fault to that; 0 where there was none."""
    fired: bool
    """Whether the victim came as far as its fault."""
    expected: int
    """Records of a launch that comes to its end."""
    records: list[Record] = field(default_factory=list)
    """All that was kept."""
    left: list[str] = field(default_factory=list)


def play(plot: Plot, ranks: int, seed: int) -> Seen:
    """Launch the world, let it happen, and look at what is left. `plot.place` is chosen here.

    Anybody may put files into shared memory meanwhile: ours come again.
    """
    seen, left = _played(plot, ranks, seed)
    for _ in range(AGAIN_MOST):
        if left.shared:
            seen, more = _played(plot, ranks, seed)
            left = also(left, more)
    return dataclasses.replace(seen, left=[*told(left), *seen.left])


def _played(plot: Plot, ranks: int, seed: int) -> tuple[Seen, Traces]:
    before = traces()
    with tempfile.TemporaryDirectory(prefix="zbench-faults-") as place:
        seen = _launch(dataclasses.replace(plot, place=place), ranks, seed)
        files = [f"{name} in TMPDIR" for name in _files(Path(place))]
    return dataclasses.replace(seen, left=files), left_since(before)


def _files(place: Path) -> list[str]:
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.name != FIRED)


def _launch(plot: Plot, ranks: int, seed: int) -> Seen:
    cases = asked(plot.fabric.load(), ranks)
    group = Group("fabric", (plot.subject,), ranks, cases)
    records: list[Record] = []
    why, named_ns = "", 0
    try:
        with crew(group) as members:
            try:
                for message in serve(members, _order(group, seed), PATIENCE_S):
                    if message["type"] == "record":
                        records.append(msgspec.convert(message["record"], Record))
            except InvalidRun:
                named_ns = time.monotonic_ns()  # all ranks are ended after it
                raise
    except InvalidRun as error:
        why, named_ns = (
            str(error).replace(plot.subject.label, plot.fabric.label),
            named_ns or time.monotonic_ns(),
        )
    noted = Path(plot.place, FIRED)
    fired_ns = int(noted.read_text()) if noted.exists() else 0
    named_s = (named_ns - fired_ns) / 1e9 if named_ns and fired_ns else 0.0
    return Seen(why, named_s, bool(fired_ns), len(cases), records)


def asked(fabric: type[Fabric], ranks: int) -> tuple[Case, ...]:
    """What the ranks do: of what the fabric offers, something that moves data first."""
    offered = [
        Case(op, dtype, (size_bytes,), {"ranks": ranks})
        for op, dtype, size_bytes in ASKED
        if dtype in fabric.offers.get(op, ())
    ]
    return tuple(offered[:CASES]) or (Case("barrier", "byte", (0,), {"ranks": ranks}),)


def _order(group: Group, seed: int) -> dict[str, Any]:
    return {
        "type": "measure",
        "suite": group.suite,
        "subject": group.subject,
        "subjects": [dataclasses.asdict(subject) for subject in group.subjects],
        "ranks": group.ranks,
        "role": group.role,
        "block": 0,
        "launch": 0,
        "seed": seed,
        "burst_ns": BURST_NS,
        "rounds_max": ROUNDS_MOST,
        "table": {},
        "cases": [msgspec.to_builtins(case) for case in group.cases],
    }


def complaints(plot: Plot, seen: Seen) -> list[str]:
    """What is wrong with it; pure."""
    fault = FAULTS[plot.fault]
    found = [f"left behind: {', '.join(seen.left)}"] if seen.left else []
    wrong = [each for each in seen.records if each.status == "wrong"]
    found += [f"a wrong result was kept: {each.why}" for each in wrong]
    if seen.why:
        if fault.must == "goes on":
            return [*found, f"false alarm: {seen.why}"]
        if not names(seen.why, plot.victim):
            found.append(f"rank {plot.victim} is not named: {seen.why}")
        if seen.named_s > BUSY * (limit_s := fault.deadline_s or GONE_S):
            found.append(f"named after {seen.named_s:.1f} s, which must be within {limit_s:g} s: {seen.why}")
        return found
    if fault.must == "ends":
        return [*found, f"rank {plot.victim} {fault.does}, and the run counts as good"]
    if len(seen.records) < seen.expected:
        found.append(f"{len(seen.records)} of {seen.expected} results, and no word of the others")
    if fault.must == "goes on":
        found += [f"{each.key} is {each.status}: {each.why}" for each in seen.records if each.status != "ok"]
    return found


def doubts(plot: Plot, seen: Seen) -> list[str]:
    """What a busy machine may be the reason of; pure."""
    limit_s = FAULTS[plot.fault].deadline_s or GONE_S
    return [f"named after {seen.named_s:.1f} s"] if limit_s < seen.named_s <= BUSY * limit_s else []


def names(why: str, rank: int) -> bool:
    return re.search(rf"\brank {rank}\b", why) is not None
