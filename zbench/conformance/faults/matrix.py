"""FA-<fault>-<moment>: the fault matrix as tests of the catalogue, each with a cell for each victim.

They are played in the parent, on any fabric: what is tested is what a launch makes of a rank that goes wrong.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from zbench.conformance.faults.cell import complaints, doubts, play
from zbench.conformance.faults.plot import FAULTS, MOMENTS, VICTIMS, Plot
from zbench.conformance.item import Item, Outcome
from zbench.conformance.tally import Tally
from zbench.subject import Subject

RANKS = (3,)
"""A root, a neighbour and a last one, all different; more only share the cores of a small machine."""
NEXT_RUN = "next run"
"""The attempt behind the faults: whatever they have left would be in its way."""


class Cells(Tally):
    """The cells of one fault and moment in worlds of one size."""

    def __init__(self, item: Item, subject: Subject, ranks: int, seed: int, only: str = "*") -> None:
        super().__init__(item, seed, 2, only)
        self.subject = subject
        self.ranks = ranks

    def play(self, fault: str, moment: str, victim: int) -> None:
        """Play a cell, and keep what there is to be said of it."""
        plot = Plot(fault, moment, victim % self.ranks, "", self.subject)
        seen = play(plot, self.ranks, self.seed)
        said = complaints(plot, seen)
        for why in said:
            self.fail(why)
        self._add("passed", int(not said))
        for why in doubts(plot, seen):
            self.marginal(why)
        if not seen.fired and not seen.why and fault != "none":
            self.mistrust("the fault did not happen")
        self._add("left", len(seen.left))
        if FAULTS[fault].must == "goes on":
            self._add("false_alarms", int(bool(seen.why)))
        elif FAULTS[fault].must == "ends" and not FAULTS[fault].deadline_s and seen.named_s:
            self.facts["named_ms"] = f"{self.facts.get('named_ms', '')} {seen.named_s * 1e3:.0f}".strip()
        self.facts[self.name] = f"{seen.named_s:.1f} s: {seen.why}" if seen.why else "goes on"

    def _add(self, fact: str, count: int) -> None:
        self.facts[fact] = str(int(self.facts.get(fact, 0)) + count)


@dataclass(frozen=True)
class Cell:
    """What an item runs."""

    fault: str
    moment: str

    def __call__(self, ask: Cells) -> None:
        for name, victim in VICTIMS.items():
            if ask.attempt(name):
                ask.play(self.fault, self.moment, victim)
        if ask.attempt(NEXT_RUN):
            ask.play("none", self.moment, 0)


def outcome(item: Item, subject: Subject, ranks: int, seed: int, level: str, only: str) -> Outcome:
    """Play an item's cells. Raises UsageError where the fabric refuses so many ranks."""
    ask = Cells(item, subject, ranks, seed, only)
    began = time.perf_counter()
    item.run(ask)
    return ask.outcome(subject.label, "fabric", f"P={ranks}", level, time.perf_counter() - began)


ITEMS = tuple(
    Item(
        f"FA-{fault}-{moment}",
        f"a rank {told.does}, {MOMENTS[moment]}",
        "gloo transport_test.cc",
        "L4",
        Cell(fault, moment),
        families=("partial", "stale segment"),
        least_ranks=2,
    )
    for fault, told in FAULTS.items()
    for moment in MOMENTS
    if fault != "none"
)
