"""What is done to which rank, when, and what a world must make of it: the fault matrix as data.

Faults x moments x victims, after gloo's transport_test.cc, which kills and stops real ranks and asserts a
bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zbench.errors import UsageError, suggest
from zbench.subject import Subject, parse

FAULTY = "zbench.conformance.faults.faulty:Faulty"
"""The fabric that carries a plot out, by the public name of a plug-in."""

Ending = Literal["ends", "goes on", "either"]


@dataclass(frozen=True)
class Fault:
    """One way in which a rank goes wrong."""

    does: str
    must: Ending
    """What the world makes of it: `ends` and names the rank, `goes on` with right results, or `either`."""
    deadline_s: float = 0.0
    """When the rank is named at the latest; 0: at once, it is known to be gone."""


STOPPED_S = 1.0
"""How long a rank is stopped that must not be blamed for it; well under half of what a launch grants."""
SILENT_S = 15.0
"""A rank that was stopped for ever is named within this, on a machine that is busy with other things, too."""

FAULTS = {
    "none": Fault("nothing: the next run after a fault", "goes on"),
    "sigkill": Fault("is killed, as by the kernel for want of memory", "ends"),
    "sigsegv": Fault("reads an address that is none", "ends"),
    "sigterm": Fault("is told to stop by somebody other than its parent", "either"),
    "exit-0": Fault("exits with 0 before it has done its work", "ends"),
    "exception": Fault("raises what nobody expects", "ends"),
    "stop-1s": Fault("is stopped for 1 s, and continued", "goes on"),
    "stop": Fault("is stopped for ever", "ends", SILENT_S),
    "no-memory": Fault("meets RLIMIT_AS: not a byte more", "either"),
    "no-space": Fault("meets RLIMIT_FSIZE: no file grows, as when /dev/shm is full", "either"),
    "no-files": Fault("meets RLIMIT_NOFILE: no further descriptor (EMFILE)", "either"),
    "clock-jump": Fault("sees the time of day jump back by a day", "goes on"),
    "slow": Fault("gets 1 ms of each 100 ms, for 1 s", "goes on"),
}
RAISING = frozenset({"exception", "no-memory", "no-space", "no-files"})
"""What ends in an exception of the rank's own, and so between two calls of the fabric, never inside one."""

MOMENTS = {
    "rendezvous": "before it joins the world",
    "before-op": "while the others begin its first operation",
    "mid-op": "in the middle of an operation",
    "between-ops": "after its first operation's release, before the next is prepared",
    "finalise": "before it leaves the world",
    "results": "when half of its first result is sent",
}
VICTIMS = {"root": 0, "neighbour": 1, "last": -1}
"""Who is hit: rank 0, which reports, the one beside it, and the last."""


@dataclass(frozen=True)
class Plot:
    """One cell of the matrix, over the fabric that it is played on."""

    fault: str
    moment: str
    victim: int
    """A rank."""
    place: str
    """A directory: there the victim notes when the fault began, and ranks put their temporary files."""
    fabric: Subject

    @property
    def subject(self) -> Subject:
        """The fabric with the fault in it."""
        told = (self.fault, self.moment, str(self.victim), self.place, self.fabric.name)
        option = ",".join((*told, *([self.fabric.option] if self.fabric.option else [])))
        return Subject("fabric", FAULTY, option, self.fabric.venv)


def plot_of(option: str | None) -> Plot:
    """What `Plot.subject` has written. Raises UsageError."""
    words = (option or "").split(",", 5)
    if len(words) < 5 or not words[2].isdecimal():
        raise UsageError(f"{FAULTY}: write FAULT,MOMENT,RANK,DIRECTORY,FABRIC[,OPTION], not {option!r}")
    fault, moment, victim, place, name = words[:5]
    for word, known in ((fault, FAULTS), (moment, MOMENTS)):
        if word not in known:
            raise UsageError(f"{FAULTY}: no {word!r}{suggest(word, known)}")
    return Plot(fault, moment, int(victim), place, parse("fabric", ":".join((name, *words[5:]))))
