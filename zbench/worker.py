"""`python -m zbench.worker`: one rank of one launch, started and driven by the parent."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import traceback
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from zbench.cards.base import Card
from zbench.case import FINDINGS, Case
from zbench.errors import Unsupported, ZbenchError, remedy
from zbench.fabrics.base import Fabric, Share, World
from zbench.measure.bench import Bench, CardBench, FabricBench, StepBench, slot_seed
from zbench.measure.burst import Policy, TooSlow, agree, alone, burst, first_reason
from zbench.measure.channel import PROTOCOL, Channel, Message, connect
from zbench.measure.clock_exchange import measure_clocks
from zbench.measure.congestion import congested
from zbench.measure.fingerprint import digest, fingerprint
from zbench.measure.pairs import PairsBench
from zbench.measure.settle import LIMIT_BURSTS, settle
from zbench.meters.base import Meter
from zbench.records.schema import Record
from zbench.signals import ignore
from zbench.subject import Subject
from zbench.workloads.pairs import RUNS
from zbench.workloads.slots import SLOTS, slot_count

PR_SET_PDEATHSIG = 1
TUNING_ROUNDS = 30
TUNING_NS = 50_000_000
"""Length of one algorithm's trial when the table is measured."""


def main() -> None:
    _die_with_parent()
    channel = connect()
    order = channel.receive()
    if order is None:
        return
    try:
        _work(channel, order)
        channel.send({"type": "done"})
    except ConnectionError:  # the parent is gone
        sys.exit(1)
    except (ZbenchError, Unsupported, MemoryError) as error:
        _tell_failure(channel, str(error) or type(error).__name__)
    except Exception as error:  # whatever a plug-in raises is told, not lost
        hint = remedy(error.errno) if isinstance(error, OSError) else ""
        why = f"{type(error).__name__}: {error} ({_place(error)})"
        _tell_failure(channel, f"{why}; {hint}" if hint else why)
        sys.exit(1)


def _place(error: Exception) -> str:
    """Where it was raised, in one phrase: the plug-in's author looks there first."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}, in {frame.name}"


def _tell_failure(channel: Channel, why: str) -> None:
    with contextlib.suppress(OSError):  # the parent may have heard enough from another rank
        channel.send({"type": "failed", "why": why})


def _die_with_parent() -> None:
    """A parent that dies takes its workers along, however it dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    ignore()  # the parent's to handle: a batch system tells every process of a job
    if not Path(f"/proc/{os.environ['ZBENCH_PARENT']}").exists():
        sys.exit(1)  # it died before we had asked to be told


def _work(channel: Channel, order: Message) -> None:
    if order["protocol"] != PROTOCOL:
        theirs = order["protocol"]
        raise ZbenchError(f"speaks protocol {PROTOCOL}, the parent {theirs}: update this environment")
    rank, ranks = order["rank"], order["ranks"]
    cores = sorted(os.sched_getaffinity(0))
    together = order.get("together", 1) > 1
    if together:  # of several cards this process has its own
        fields = order["subjects"][rank]
        order |= {"subjects": [fields], "subject": Subject(**fields).label}
    share = channel.share if ranks > 1 or together else alone
    parts: dict[str, Any] = {}
    for fields in order["subjects"]:
        subject = Subject(**fields)
        if subject.kind == "card":
            parts["card"] = subject.load()(subject.option)
        else:
            parts["fabric"] = subject.load()(World(rank, ranks, share, ranks > len(cores)), subject.option)
    described = {kind: part.describe() for kind, part in parts.items()}
    meter = parts["card"].telemetry() if set(parts) == {"card"} else None  # of one card alone, not of a world
    if meter is not None:
        described["telemetry"] = {"method": meter.method, "rate_hz": f"{meter.rate_hz:g}", **meter.absent}
    machine = fingerprint(described)
    channel.send({"type": "hello", "fingerprint": machine})
    if ranks > 1:
        # Also where ranks share cores: a rank that wanders costs every collective its worst case.
        os.sched_setaffinity(0, {cores[rank % len(cores)]})
    cases = [msgspec.convert(each, Case) for each in order["cases"]]
    try:
        if order["type"] == "pilot":
            channel.send({"type": "table", "table": _pilot(channel, parts, cases, order, share)})
        elif order["type"] == "tune":
            channel.send({"type": "table", "table": _tune(parts["fabric"], cases, order, share)})
        elif order["type"] == "conform":
            # a third of all there is to load, and no launch that measures asks
            from zbench.conformance.answer import answer

            answer(channel, parts, order)
        else:
            # a step's ranks would each settle after a time of their own, and wait for each other for ever
            unsettled = "fabric" not in parts and parts["card"].settling
            for number, case in enumerate(cases):
                channel.send({"type": "burst", "key": case.key, "number": number})
                record = _burst(parts, case, order, number, share, meter, unsettled)
                unsettled = unsettled and record["status"] == "skipped"
                record["fingerprint"] = digest(machine)
                channel.send({"type": "record", "record": _readable(record)})
    finally:
        if "fabric" in parts:
            parts["fabric"].close()


def _bench(parts: dict[str, Any], case: Case, order: Message, algorithm: str | None) -> Bench:
    card: Card | None = parts.get("card")
    slots = slot_count(case, card.last_level_cache_bytes if card else 0)
    seeds = [slot_seed(order["seed"], order["launch"], case.key, slot) for slot in range(slots)]
    fabric: Fabric | None = parts.get("fabric")
    if card and fabric:
        return StepBench(card, fabric, case, seeds, algorithm)
    if fabric and case.workload in RUNS:
        return PairsBench(fabric, case, seeds)
    if fabric:
        return FabricBench(fabric, case, seeds, algorithm)
    assert card is not None
    return CardBench(card, case, seeds)


def _burst(
    parts: dict[str, Any],
    case: Case,
    order: Message,
    number: int,
    share: Share,
    meter: Meter | None,
    unsettled: bool,
) -> dict[str, Any]:
    record = {
        "suite": order["suite"],
        "key": case.key,
        "case": msgspec.to_builtins(case),
        "subject": order["subject"],
        "role": order["role"],
        "block": order["block"],
        "launch": order["launch"],
        "order": number,
        "ranks": order["ranks"],
        "started": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
    }
    bench, why = None, ""
    try:
        if case.workload in FINDINGS:
            return record | _found(parts["fabric"], case, order)
        bench = _bench(parts, case, order, order["table"].get(case.key))
    except (Unsupported, MemoryError) as error:
        why = str(error) or "out of memory"
    together = order.get("together", 1) > 1
    try:
        if why := first_reason(share, f"{order['subject']}: {why}" if why and together else why):
            return record | {"status": "skipped", "why": why}
        assert bench is not None
        policy = Policy(order["burst_ns"], order["rounds_max"], order.get("sustained", False))
        seed = slot_seed(order["seed"], order["launch"], case.key, -1)
        if unsettled:
            settle(bench, LIMIT_BURSTS * policy.burst_ns, share=share)
        return record | burst(
            bench, policy, bench.clock_cost_ns(), seed, share, meter=meter, together=together
        )
    except TooSlow as error:
        return record | {"status": "skipped", "why": str(error)}
    finally:
        if bench is not None:
            bench.release()


def _found(fabric: Fabric, case: Case, order: Message) -> dict[str, Any]:
    """What is found about the ranks of a world. Raises Unsupported, MemoryError on all of them."""
    if case.workload == "clocks":
        return measure_clocks(fabric, order["burst_ns"])[1]
    *seeds, draw = (slot_seed(order["seed"], order["launch"], case.key, slot) for slot in (*range(SLOTS), -1))
    return congested(fabric, case, seeds, Policy(order["burst_ns"], order["rounds_max"]), draw)


def _readable(record: dict[str, Any]) -> dict[str, Any]:
    """The record as it will be read. Raises ZbenchError where a plug-in put in what none can hold, such as a
    probe that is no number."""
    try:
        read = msgspec.json.decode(msgspec.json.encode(record), type=Record)
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise ZbenchError(f"the subject told what no record can hold: {error}") from error
    fields: dict[str, Any] = msgspec.to_builtins(read)
    return fields


def _tune(fabric: Fabric, cases: list[Case], order: Message, share: Share) -> dict[str, dict[str, float]]:
    """Case key -> algorithm -> median ns on this fabric, measured before the first launch."""
    table: dict[str, dict[str, float]] = {}
    for case in cases:
        names = fabric.algorithms(case)
        if len(names) < 2:
            continue
        medians = {}
        for name in names:
            median = _trial({"fabric": fabric}, case, order, name, share)
            if median is not None:
                medians[name] = median
        if medians:
            table[case.key] = medians
    return table


def _pilot(
    channel: Channel, parts: dict[str, Any], cases: list[Case], order: Message, share: Share
) -> dict[str, float]:
    """Case key -> median ns on this card, to choose by and not to show; without those that it cannot run."""
    table: dict[str, float] = {}
    for number, case in enumerate(cases):
        channel.send({"type": "burst", "key": case.key, "number": number})
        median = _trial(parts, case, order, None, share)
        if median is not None:
            table[case.key] = median
    return table


def _trial(
    parts: dict[str, Any], case: Case, order: Message, algorithm: str | None, share: Share
) -> float | None:
    """Median ns of one algorithm, the same on all ranks; None where any rank cannot run it."""
    bench, why = None, ""
    try:
        bench = _bench(parts, case, order, algorithm)
    except (Unsupported, MemoryError) as error:
        why = str(error) or "out of memory"
    try:
        if first_reason(share, why) or bench is None:
            return None
        first = agree(share, float(bench.run(1, 1).samples_ns[0]))
        rounds = int(min(TUNING_ROUNDS, max(3, TUNING_NS // max(first, 1))))
        return agree(share, float(np.median(bench.run(rounds, 1).samples_ns)))
    finally:
        if bench is not None:
            bench.release()


if __name__ == "__main__":
    main()
