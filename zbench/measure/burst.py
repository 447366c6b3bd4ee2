"""One burst: pilot, probe, warm-up, poison, timed rounds, probe, verification; a record."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from time import perf_counter_ns, process_time_ns
from typing import Any

import msgspec
import numpy as np

from zbench.fabrics.base import Share
from zbench.measure import sustained
from zbench.measure.bench import Bench, Ints, Span, Timing, joined
from zbench.measure.pairs import middle
from zbench.measure.starts import starts
from zbench.measure.telemetry import Watch, telemetry, watching
from zbench.meters.base import Meter
from zbench.workloads.base import Finding
from zbench.workloads.slots import SLOTS

CLOCK_SHARE = 0.05
"""A round is long enough when reading the clock is at most this share of it; shorter executions are
batched."""
PILOT_NS = 5_000_000
"""Length of the pilot that fixes batch, warm-up and rounds; it is not recorded."""
PILOT_EXECUTIONS = 1000
WARMUP_SHARE = 0.2
"""Of a burst's time: caches, page tables and clocks settle within tens of ms on a CPU."""
ROUNDS_MIN = 3
"""The least a median can be taken of; an execution longer than the burst runs this often."""
SLOW_EXECUTION_BURSTS = 4
"""A case whose single execution takes longer than this many bursts is skipped, and says so."""
SPANS = 3
"""Parts of a burst that are held against the clock each: a good one is rarely disturbed in all three."""
SPAN_ROUNDS = 8
"""The least rounds of a part; fewer rounds are long ones, in which being put aside once is no 2 %."""
ROTATE_BYTES = 16 << 20
"""Of a slot: rewriting more takes longer than the rounds between."""
BATCH_SHARE = 0.05
"""A batch takes no more of a burst than this by our own clock, whatever short times a card tells."""
VERIFY_BYTES = 8 << 20
"""Buffers whose outputs are verified after a burst, at least one slot: so that checking takes no more than
about 2 % of the time of measuring (docs/conformance.md)."""
VERIFY_SLOTS = 16
"""Likewise of many small ones: a card that is wrong in a tenth of them escapes these once in five bursts."""


@dataclass(frozen=True)
class Policy:
    """How long a burst looks, and how many samples it keeps."""

    burst_ns: int
    rounds_max: int
    sustained: bool = False
    """For minutes: the rounds are timed for all of `burst_ns`, in spans without anything between them."""


class TooSlow(Exception):
    """One execution takes longer than the profile allows."""


@dataclass(frozen=True)
class Lengths:
    batch: int
    warmup_rounds: int
    rounds: int
    """Of a sustained burst: of one span."""


def alone(data: bytes) -> list[bytes]:
    """`share` in a world of one rank."""
    return [data]


def agree(share: Share, value: float) -> float:
    """The largest value of all ranks, so that every rank decides alike."""
    return max(float(each) for each in share(repr(value).encode()))


@dataclass(frozen=True)
class Pilot:
    """What an execution takes, the same on all ranks."""

    told_ns: float
    """By the card or fabric."""
    elapsed_ns: float
    """By our own clock, a round's untimed preparation included: it bounds how long a burst can take."""
    own_ns: float
    """What it took this rank by our own clock."""


def lengths(pilot: Pilot, clock_cost_ns: float, policy: Policy, max_batch: int | None) -> Lengths:
    """Batch, warm-up and rounds from the pilot. Pure."""
    batch = max(1, math.ceil(clock_cost_ns / CLOCK_SHARE / max(pilot.told_ns, 1.0)))
    batch = min(batch, max_batch or batch, max(1, int(policy.burst_ns * BATCH_SHARE / pilot.elapsed_ns)))
    round_ns = max(batch * pilot.told_ns, pilot.elapsed_ns)
    warmup = max(1, round(WARMUP_SHARE * policy.burst_ns / round_ns))
    if round_ns > policy.burst_ns:
        warmup = 0  # the pilot's one execution has warmed what there is to warm
    rounds = int((1 - WARMUP_SHARE) * policy.burst_ns / round_ns)
    return Lengths(batch, warmup, min(max(rounds, ROUNDS_MIN), policy.rounds_max))


def pilot(bench: Bench, share: Share, policy: Policy, clock: Callable[[], int]) -> Pilot:
    """Raises TooSlow."""
    limit_ns = SLOW_EXECUTION_BURSTS * policy.burst_ns
    first = _trial(bench, share, clock, 1).elapsed_ns
    if first > limit_ns:  # once more: a process that was put aside is not a slow one
        first = min(first, _trial(bench, share, clock, 1).elapsed_ns)
    if first > limit_ns:
        raise TooSlow(
            f"one execution takes {first / 1e9:.1f} s, more than the {limit_ns / 1e9:.1f} s "
            "that this profile allows"
        )
    if first > policy.burst_ns:
        return Pilot(first, first, first)
    return _trial(bench, share, clock, int(min(PILOT_EXECUTIONS, max(1, PILOT_NS // max(first, 1)))))


def _trial(bench: Bench, share: Share, clock: Callable[[], int], executions: int) -> Pilot:
    began = clock()
    samples = bench.run(executions, 1).samples_ns
    elapsed = (clock() - began) / executions
    own = float(np.median(samples))
    told = agree(share, own)
    return Pilot(told, agree(share, max(told, elapsed)), max(own, elapsed))


def merge(timings: list[Timing]) -> tuple[Ints, dict[str, Ints], list[int]]:
    """The rounds of all ranks as one: (samples, parts, rounds in which each rank was slowest).

    A sample is the maximum over ranks of a rank's own duration, so that no common clock is needed.
    Of a step, compute is the mean over ranks, wait what the slowest adds, communication the rest.
    """
    durations = np.stack([timing.samples_ns for timing in timings])
    samples = durations.max(axis=0)
    slowest = np.bincount(durations.argmax(axis=0), minlength=len(timings)).tolist()
    if not timings[0].parts_ns:
        return samples, {}, slowest
    compute = np.stack([timing.parts_ns["compute"] for timing in timings])
    mean = compute.mean(axis=0).astype(np.int64)
    longest = compute.max(axis=0)
    parts = {"compute": mean, "wait": longest - mean, "communication": samples - longest}
    # the rank that the others wait for is the one that computes longest
    slowest = np.bincount(compute.argmax(axis=0), minlength=len(timings)).tolist()
    return samples, parts, slowest


def left_early(timings: list[Timing]) -> str:
    """Of a barrier on one host's clock: no rank may leave before all have entered."""
    stamps = np.stack([timing.stamps_ns for timing in timings if timing.stamps_ns is not None])
    early = np.flatnonzero(stamps[:, :, 0].max(axis=0) > stamps[:, :, 1].min(axis=0))
    return f"round {early[0]}: a rank left before all had entered" if early.size else ""


def burst(
    bench: Bench,
    policy: Policy,
    clock_cost_ns: float,
    verify_seed: int,
    share: Share = alone,
    clock: Callable[[], int] = perf_counter_ns,
    meter: Meter | None = None,
    together: bool = False,
) -> dict[str, Any]:
    """Run one burst on all ranks; returns the record's fields that only a burst knows.

    Every rank returns the same; ranks that are cards which only run `together` return each its own. `meter`
    is read around the timed spans, and during them at its own rate; only a world of one rank has one. Raises
    TooSlow.
    """
    piloted = pilot(bench, share, policy, clock)
    clock_cost_ns = agree(share, clock_cost_ns)  # whatever decides lengths must be the same on all ranks
    plan = lengths(piloted, clock_cost_ns, policy, bench.max_batch)
    if policy.sustained:
        slots = max(1, len(bench.slots))
        plan = Lengths(*sustained.lengths(piloted.told_ns, policy.burst_ns, bench.max_batch, slots))
    if together:
        plan = as_long(plan, piloted.own_ns, policy, share)
    before = bench.probe()
    if plan.warmup_rounds:
        bench.run(plan.warmup_rounds, plan.batch)
    with watching(meter, clock) as watch:
        spans = timed(bench, plan, policy, share, clock, watch)
    after = bench.probe()
    share = alone if together else share
    timing = joined(spans)
    pairs = bench.pairs(timing, share)
    timings = gather(share, Timing(timing.samples_ns) if pairs else timing)
    samples, parts, slowest = (middle(timings), {}, []) if pairs else merge(timings)
    invalid = first_reason(share, bench.validate(spans))
    executions = bench.executions(len(samples), plan.batch)
    checking = clock()
    verification = verify(bench, executions, timings, verify_seed, share)
    verification["elapsed_ns"] = clock() - checking
    windows = [(span.began_ns, span.ended_ns) for span in spans]
    told = telemetry(meter, watch.readings, windows, watch.why) if meter else None
    status = "invalid" if invalid else "ok" if verification["passed"] else "wrong"
    return {
        "variant": bench.variant(),
        "batch": plan.batch,
        "slots": max(1, len(bench.slots)),
        "warmup_rounds": plan.warmup_rounds,
        "samples_ns": samples.tolist(),
        "parts_ns": {name: part.tolist() for name, part in parts.items()},
        "slowest_rank": slowest if len(timings) > 1 else [],
        "pairs": pairs,
        "starts": starts(timings),
        "probe": before and after and {"unit": before[0], "before": before[1], "after": after[1]},
        "clock_cost_ns": clock_cost_ns,
        "telemetry": msgspec.to_builtins(told),
        "verification": verification,
        "status": status,
        "why": invalid or verification["why"],
    }


def as_long(plan: Lengths, own_ns: float, policy: Policy, share: Share) -> Lengths:
    """Rounds of this card's own speed, for the same time as those of its siblings: a fast card that ended
    early would leave the slow ones undisturbed. `own_ns`: of one execution."""
    round_ns = plan.batch * own_ns
    longest = agree(share, plan.rounds * round_ns)
    time_ns = -agree(share, -min(longest, policy.rounds_max * round_ns))
    return replace(plan, rounds=max(ROUNDS_MIN, int(time_ns / round_ns)))


def span_count(plan: Lengths, slots: int) -> int:
    """Parts of a burst, each long enough for the clock and for all slots. Pure.

    Each part starts at the first slot again: where the one before had not come round, that slot's buffers
    might still be in a cache that `cache=cold` means to avoid, and later slots would keep their poison.
    """
    rounds = plan.rounds // SPANS
    return SPANS if rounds >= SPAN_ROUNDS and rounds * plan.batch >= slots else 1


def timed(
    bench: Bench, plan: Lengths, policy: Policy, share: Share, clock: Callable[[], int], watch: Watch
) -> list[Span]:
    """The rounds of a burst, in spans between readings of our own clock.

    Before the first span, and where that is cheap before each, inputs change places and outputs are
    poisoned: an answer from before would be wrong now. A card that recomputes whenever it is written to
    and remembers in between is not caught; its first rounds of each span show it. A sustained burst is not
    paused for that.
    """
    spans: list[Span] = []
    slots_bytes = bench.workload.memory_bytes(bench.case) * len(bench.slots)
    cheap = not policy.sustained and slots_bytes <= SLOTS * ROTATE_BYTES
    # the same on all ranks: each span begins with all of them
    count = -int(agree(share, -span_count(plan, len(bench.slots))))
    parts: Iterable[int] = (plan.rounds // count + (i < plan.rounds % count) for i in range(count))
    if policy.sustained:
        parts = sustained.rounds_until(spans, plan.rounds, policy.burst_ns, policy.rounds_max)
    collecting = gc.isenabled()
    gc.disable()
    try:
        for i, rounds in enumerate(parts):
            if i == 0 or cheap:
                bench.rotate()
                bench.poison()
                share(b"ready")
                watch.look()
            wall, cpu = perf_counter_ns(), process_time_ns()
            began = clock()
            timing = bench.run(rounds, plan.batch)
            ended = clock()
            cpus = (process_time_ns() - cpu) / max(1, perf_counter_ns() - wall)
            spans.append(Span(timing, began, ended, cpus))
            watch.look()
    finally:
        if collecting:
            gc.enable()
    return spans


def verify(bench: Bench, executions: int, timings: list[Timing], seed: int, share: Share) -> dict[str, Any]:
    """Check executions drawn after the burst: of each slot, the last one's output is still there."""
    rng = np.random.default_rng(seed)  # the same draw on all ranks, unknown before the burst
    slots = rng.permutation(min(len(bench.slots), executions))
    slot_bytes = max(1, bench.workload.memory_bytes(bench.case))
    slots = slots[: min(VERIFY_SLOTS, max(1, VERIFY_BYTES // slot_bytes))]
    findings, checked = bench.verify([int(slot) for slot in slots], rng)
    if bench.case.workload == "barrier":
        why = left_early(timings)
        findings, checked = [Finding(not why, 0.0, why)], len(timings[0].samples_ns)  # rounds have stamps
    return {
        "method": bench.workload.method,
        "checked": checked,
        "of": executions,
        "smallest_error": agree(share, max((f.smallest_error for f in findings), default=0.0)),
        "why": (why := first_reason(share, "; ".join(f.why for f in findings if not f.passed))),
        "passed": not why,
    }


def first_reason(share: Share, why: str) -> str:
    """The first rank's complaint, known to all."""
    return next((each.decode() for each in share(why.encode()) if each), "")


class _Wire(msgspec.Struct):
    samples: bytes
    parts: dict[str, bytes]
    stamps: bytes


def gather(share: Share, timing: Timing) -> list[Timing]:
    """Every rank's timing, in rank order."""
    stamps = b"" if timing.stamps_ns is None else timing.stamps_ns.tobytes()
    parts = {name: part.tobytes() for name, part in timing.parts_ns.items()}
    everyone = share(msgspec.msgpack.encode(_Wire(timing.samples_ns.tobytes(), parts, stamps)))
    return [_unpack(msgspec.msgpack.decode(each, type=_Wire)) for each in everyone]


def _unpack(wire: _Wire) -> Timing:
    return Timing(
        np.frombuffer(wire.samples, np.int64),
        {name: np.frombuffer(part, np.int64) for name, part in wire.parts.items()},
        np.frombuffer(wire.stamps, np.int64).reshape(-1, 2) if wire.stamps else None,
    )
