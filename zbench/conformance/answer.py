"""A worker's side: it runs the tests that it is ordered to, and tells what became of each."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from zbench.cards.base import Card
from zbench.conformance.catalogue import BY_ID
from zbench.conformance.compare import Misshapen
from zbench.conformance.declaration import Declaration
from zbench.conformance.item import LEVELS, Item
from zbench.conformance.products import Products
from zbench.conformance.status import HARNESS_ERROR
from zbench.conformance.surroundings import loaded
from zbench.conformance.tally import Tally
from zbench.conformance.world import LeftAlone, Ranks
from zbench.errors import InvalidRun, Unsupported
from zbench.fabrics.base import Fabric
from zbench.measure.channel import Channel, Message

PULSE_S = 1.0
"""Far below any patience, and far above what a message costs."""
HERE = str(Path(__file__).parent) + os.sep
"""Where tests stand: an error that is raised here is theirs."""


def answer(channel: Channel, parts: dict[str, Any], order: Message) -> None:
    """Run the order's tests, each as (id, dtype), on the card or the fabric of this process.

    A fabric that fails in one test is of no further use: the worker ends, and the parent starts a new world
    for the tests that are left.
    """
    declaration = msgspec.convert(order["declaration"], Declaration)
    thorough = min(2, LEVELS.index(order["level"]))
    for id, dtype in order["items"]:
        item = BY_ID[id]
        pulse = _pulse(channel, f"{id} {dtype}".strip())
        began = time.perf_counter()
        tally: Tally
        if "fabric" in parts:
            fabric: Fabric = parts["fabric"]
            tally = Ranks(fabric, declaration, item, order["seed"], thorough, order["attempt"])
            scope, kind = f"P={fabric.world.size}", "fabric"
        else:
            card: Card = parts["card"]
            told = (order["seed"], thorough, order["attempt"], order["soak_s"])
            tally = Products(card, dtype, declaration, item, *told)
            scope, kind = dtype, "card"
        tally.pulse = pulse
        broken, harness = _try(item, tally)
        if isinstance(tally, Ranks):
            tally.merge()
            mine = b"broken" + harness.encode() if broken or tally.used_up else b""
            ended = [each.removeprefix(b"broken").decode() for each in tally.everyone(mine) if each]
            broken, harness = bool(ended), next(filter(None, ended), "")
        outcome = tally.outcome(order["subject"], kind, scope, order["level"], time.perf_counter() - began)
        if harness:
            outcome = msgspec.structs.replace(outcome, status=HARNESS_ERROR, why=harness)
        channel.send({"type": "outcome", "outcome": msgspec.to_builtins(outcome), "broken": broken})
        if broken:
            break
    channel.send({"type": "libraries", "paths": loaded(parts.get("fabric") or parts["card"])})


def _pulse(channel: Channel, doing: str) -> Callable[[], None]:
    """Tells the parent what is being done, now and whenever it is called, at most once in PULSE_S."""
    told_s = -PULSE_S

    def pulse() -> None:
        nonlocal told_s
        if time.monotonic() - told_s >= PULSE_S:
            told_s = time.monotonic()
            channel.send({"type": "burst", "key": doing, "number": 0})

    pulse()
    return pulse


def _try(item: Item, tally: Tally) -> tuple[bool, str]:
    """(whether the world is of no further use, what went wrong with the test itself)."""
    try:
        item.run(tally)
    except InvalidRun as error:
        tally.fail(str(error))
        return True, ""
    except Unsupported as error:
        tally.fail(f"is offered, and then refused: {error}")
    except Misshapen as error:
        tally.fail(str(error))
        return isinstance(tally, Ranks), ""  # its peers have gone on
    except LeftAlone:
        return True, ""
    except MemoryError as error:  # of this machine: no answer, and what is left is not tried
        return isinstance(tally, Ranks), f"{tally.name}: out of memory: {error}"
    except Exception as error:  # the subject's or the test's own: its place tells
        frames = traceback.extract_tb(error.__traceback__)
        last, ours = frames[-1], [each for each in frames if each.filename.startswith(HERE)]
        why = f"{type(error).__name__}: {error} ({last.filename}:{last.lineno}, in {last.name})"
        if ours and ours[-1] is last:
            return True, f"{tally.name}: {why}"
        tally.fail(why)
        return isinstance(tally, Ranks), ""
    return False, ""
