"""The parent's side: which tests are asked of whom, in processes that may end at any moment."""

from __future__ import annotations

import dataclasses
import glob
import os
import shlex
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

import msgspec

from zbench.conformance.catalogue import COLLECTIVES, FAULTS, PRODUCTS, SCHEDULES
from zbench.conformance.declaration import Declaration, declaration_of
from zbench.conformance.faults import matrix
from zbench.conformance.item import LEVELS, SOAK_S, Item, Outcome
from zbench.conformance.schedules import operations, prove
from zbench.conformance.status import BAD, CRASH, HARNESS_ERROR, NOT_SUPPORTED, TIMEOUT, worst
from zbench.conformance.tally import FAILURES_KEPT
from zbench.errors import InvalidRun, Silent, UsageError
from zbench.inquiry import inquire
from zbench.measure.channel import Message
from zbench.measure.launch import crew, serve
from zbench.measure.plan import Group
from zbench.subject import Subject

WORLDS = {"L0": (2, 3), "L1": (1, 2, 3, 5), "L2": (1, 2, 3, 4, 5, 7, 8)}
"""Ranks of the worlds that a fabric is asked in: one, two, odd, powers of two and between them, as many as
two cores bear."""
SOAK_HOURS = 24.0
"""The least that L5 is about; a shorter one is a part of it."""
LAUNCHES_LOST = 3
"""Launches in a row that end before their first test: the subject does not start, the rest is not asked."""

Job = tuple[str, str]
"""(id of a test, dtype or "")."""
World = tuple[int, list[tuple[Item, str]]]
"""(ranks, what is asked of so many: tests with their dtypes or "")."""
Note = Callable[[Message], None]
"""Is told rank 0's `hello`, with its fingerprint, and its `libraries`."""


@dataclass(frozen=True)
class Ask:
    """What is asked of one subject."""

    subject: Subject
    level: str
    seed: int
    tests: tuple[str, ...] = ()
    """Only ids that match one of these; none: all of the level."""
    dtypes: tuple[str, ...] = ()
    """Only these; none: all that the card has."""
    ranks: tuple[int, ...] = ()
    """Worlds of so many; none: those of the level."""
    attempt: str = "*"
    """Only attempts whose names match."""
    declaration: str | None = None
    """A file's path; None: the subject's own, or ours."""
    hours: float = 0.0
    """Of all soaking tests of this subject together; 0: a few seconds each."""

    def chosen(self, items: Sequence[Item]) -> list[Item]:
        if self.tests:
            return [item for item in items if any(fnmatchcase(item.id, glob) for glob in self.tests)]
        return [item for item in items if item.runs_at(self.level)]


def conform(ask: Ask, note: Note = lambda message: None) -> Iterator[Outcome]:
    """Each test's outcome as it comes; `note` is told of each launch, and of the libraries that it used.
    Raises UsageError; InvalidRun only where nothing can be asked."""
    if ask.subject.kind == "schedules":
        thorough = min(2, LEVELS.index(ask.level))
        for _, jobs in planned(ask):
            found = prove(jobs, ask.subject.label, ask.level, thorough, ask.seed, ask.attempt)
            yield from (_with_repro(ask, outcome, 1) for outcome in found)
        return
    declared, _ = declaration_for(ask)
    for ranks, jobs in planned(ask):
        yield from _in_worlds(ask, declared, ranks, [job for job in jobs if job[0] not in FAULTS], note)
        yield from _at_fault(ask, declared, ranks, [item for item, _ in jobs if item in FAULTS])


@cache
def planned(ask: Ask) -> list[World]:
    """All that is to be asked, before any of it is. Raises UsageError."""
    if ask.subject.kind == "schedules":
        return [(1, [(item, op) for item in ask.chosen(SCHEDULES) for op in operations(item, ask.attempt)])]
    if ask.subject.kind == "card":
        offered = inquire(ask.subject).operations.get("gemm", ())
        for dtype in ask.dtypes:
            if dtype not in offered:
                raise UsageError(
                    f"--dtype {dtype}: card {ask.subject.label} has products of {', '.join(offered)}"
                )
        dtypes = [dtype for dtype in offered if not ask.dtypes or dtype in ask.dtypes]
        return [(1, _of_dtypes(ask.chosen(PRODUCTS), dtypes))]
    return _of_worlds(ask.chosen(COLLECTIVES), ask.chosen(FAULTS), ask.level, ask.ranks)


def whole(kind: str, level: str, dtypes: Collection[str]) -> set[Job]:
    """(id, scope) of all tests of a level: of a card, for the dtypes that it has."""
    if kind == "schedules":
        return {(item.id, op) for item in SCHEDULES if item.runs_at(level) for op in operations(item, "*")}
    if kind == "card":
        items = [item for item in PRODUCTS if item.runs_at(level)]
        return {(item.id, dtype) for item, dtype in _of_dtypes(items, dtypes)}
    collectives, faults = ([item for item in items if item.runs_at(level)] for items in (COLLECTIVES, FAULTS))
    worlds = _of_worlds(collectives, faults, level)
    return {(item.id, f"P={ranks}") for ranks, jobs in worlds for item, _ in jobs}


def _of_dtypes(items: Sequence[Item], dtypes: Collection[str]) -> list[tuple[Item, str]]:
    return [(item, dtype) for item in items for dtype in dtypes if not item.dtypes or dtype in item.dtypes]


def _of_worlds(
    collectives: Sequence[Item], faults: Sequence[Item], level: str, ranks: Sequence[int] = ()
) -> list[World]:
    return [
        (size, [(item, "") for item in items if item.least_ranks <= size <= item.most_ranks])
        for items, worlds in ((collectives, WORLDS[min(level, "L2")]), (faults, matrix.RANKS))
        for size in ranks or worlds
    ]


def declaration_for(ask: Ask) -> tuple[Declaration, str]:
    """(what the subject declares, where that stands). Raises UsageError."""
    if ask.subject.kind == "schedules":
        return Declaration(1, ask.subject.label), "none: schedules compute nothing"
    return declaration_of(ask.subject.label, ask.subject.load().declaration, ask.declaration)


def _at_fault(ask: Ask, declared: Declaration, ranks: int, items: Sequence[Item]) -> Iterator[Outcome]:
    """The fault matrix: each of its cells is a launch of its own, watched from here."""
    for item in items:
        if why := _reason(declared, item.id):
            yield _outcome(ask, item, "", ranks, NOT_SUPPORTED, why)
        else:
            found = matrix.outcome(item, ask.subject, ranks, ask.seed, ask.level, ask.attempt)
            yield _with_repro(ask, found, ranks)


def _in_worlds(
    ask: Ask, declared: Declaration, ranks: int, jobs: list[tuple[Item, str]], note: Note
) -> Iterator[Outcome]:
    """All jobs, in as many launches as it takes: a process that ends takes one test with it, not the rest."""
    for item, dtype in jobs:
        if why := _reason(declared, item.id):
            yield _outcome(ask, item, dtype, ranks, NOT_SUPPORTED, why)
    asked = [(item, dtype) for item, dtype in jobs if not _reason(declared, item.id)]
    soaking = sum(item.soaks for item, _ in asked)
    soak_s = ask.hours * 3600 / soaking if ask.hours and soaking else SOAK_S

    def allowed(item: Item) -> float:
        return item.limit_s + (soak_s if item.soaks else 0.0)

    for limit_s in sorted({allowed(item) for item, _ in asked}):
        left = [job for job in asked if allowed(job[0]) == limit_s]
        lost, why = 0, ""
        for item, dtype in [job for job in left if job[0].apart]:
            left.remove((item, dtype))
            yield _apart(ask, declared, ranks, item, dtype, note)
        while left and lost < LAUNCHES_LOST:
            try:
                for outcome in _launch(ask, declared, ranks, list(left), limit_s, soak_s, note):
                    lost = 0
                    left.pop(0)
                    yield outcome
            except InvalidRun as error:
                lost, why = lost + 1, str(error)
        for item, dtype in left:
            yield _outcome(ask, item, dtype, ranks, HARNESS_ERROR, f"not begun: {why}")


def _apart(ask: Ask, declared: Declaration, ranks: int, item: Item, dtype: str, note: Note) -> Outcome:
    """The outcome of a test whose attempts each use up their world. One that hangs is the last: it has cost
    the whole limit, and the others would, too."""
    found: list[Outcome] = []
    for name in item.apart:
        if fnmatchcase(name, ask.attempt) and not (found and found[-1].status in (TIMEOUT, CRASH)):
            alone = dataclasses.replace(item, apart=())
            by_name = dataclasses.replace(ask, attempt=name)
            found += _in_worlds(by_name, declared, ranks, [(alone, dtype)], note)
    if not found:
        return _outcome(ask, item, dtype, ranks, NOT_SUPPORTED, f"no attempt is called {ask.attempt!r}")
    return joined(found)


def joined(found: Sequence[Outcome]) -> Outcome:
    """One outcome of several of the same test: the worst of what was tried, and what was not."""
    lacks = [each.why for each in found if each.status == NOT_SUPPORTED]
    tried = [each for each in found if each.status != NOT_SUPPORTED]
    if not tried:
        return msgspec.structs.replace(found[0], why="; ".join(dict.fromkeys(lacks)))
    status = worst(each.status for each in tried)
    first = next(each for each in tried if each.status == status)
    without = "without " + "; ".join(dict.fromkeys(lacks)) if lacks else ""
    return msgspec.structs.replace(
        first,
        tried=sum(each.tried for each in found),
        failed=sum(each.failed for each in found),
        failures=tuple(failure for each in found for failure in each.failures)[:FAILURES_KEPT],
        why=first.why or without,
        facts={name: text for each in reversed(found) for name, text in each.facts.items()},
        seconds=sum(each.seconds for each in found),
    )


def _launch(
    ask: Ask,
    declared: Declaration,
    ranks: int,
    jobs: Sequence[tuple[Item, str]],
    limit_s: float,
    soak_s: float,
    note: Note,
) -> Iterator[Outcome]:
    """The outcomes of the first jobs, up to one that ends the launch. Raises InvalidRun for an end between
    two of them."""
    group = Group("conformance", (ask.subject,), ranks, ())
    order = {
        "type": "conform",
        "suite": "conformance",
        "subject": ask.subject.label,
        "subjects": [dataclasses.asdict(ask.subject)],
        "ranks": ranks,
        "cases": [],
        "items": [(item.id, dtype) for item, dtype in jobs],
        "declaration": msgspec.to_builtins(declared),
        "level": ask.level,
        "seed": ask.seed,
        "attempt": ask.attempt,
        "soak_s": soak_s,
    }
    at, begun, began = 0, False, time.perf_counter()
    try:
        with crew(group) as members:
            for message in serve(members, order, limit_s):
                if message["type"] == "burst":
                    began = began if begun else time.perf_counter()
                    begun = True
                elif message["type"] == "outcome":
                    found = msgspec.convert(message["outcome"], Outcome)
                    begun = False
                    at += 1
                    yield _with_repro(ask, found, ranks)
                else:
                    note(message)
    except InvalidRun as error:
        if not begun:
            if at == len(jobs):
                return  # all are answered; how the launch ended says nothing of them
            raise
        item, dtype = jobs[at]
        status = TIMEOUT if isinstance(error, Silent) else CRASH
        why = str(error) + (_crowd(ranks) if status == TIMEOUT else "")
        lost = _outcome(ask, item, dtype, ranks, status, why)
        yield _with_repro(ask, msgspec.structs.replace(lost, seconds=time.perf_counter() - began), ranks)


def _crowd(ranks: int) -> str:
    """What may be the matter where ranks take turns: with MPICH 5.0, a call of 3 on 2 CPUs takes 60 ms."""
    usable = len(os.sched_getaffinity(0))
    if ranks <= usable:
        return ""
    share = f"{ranks} ranks share the {usable} usable CPUs of this host"
    return f"; where {share}, try fewer: not every library yields"


def _reason(declared: Declaration, id: str) -> str:
    """Why the declaration says that this test cannot be asked; "": it can."""
    return next((each.partition(":")[2].strip() for each in declared.lacks if each.startswith(f"{id}:")), "")


def _outcome(ask: Ask, item: Item, dtype: str, ranks: int, status: str, why: str) -> Outcome:
    kind = ask.subject.kind
    return Outcome(item.id, ask.subject.label, kind, scope(ask, dtype, ranks), status, ask.level, why=why)


def scope(ask: Ask, dtype: str, ranks: int) -> str:
    """What one outcome is about: a dtype, a world, or an operation."""
    return f"P={ranks}" if ask.subject.kind == "fabric" else dtype


def _with_repro(ask: Ask, outcome: Outcome, ranks: int) -> Outcome:
    """With the command that shows its first failure again, where it has one."""
    if outcome.status not in BAD:
        return outcome
    subject = ask.subject
    words = ["zbench", "conform", f"--{subject.kind}"]
    words += [subject.label] if subject.kind != "schedules" else []
    words += ["--level", ask.level, "--test", outcome.id, "--seed", str(ask.seed)]
    words += {"card": ["--dtype", outcome.scope], "fabric": ["--ranks", str(ranks)]}.get(subject.kind, [])
    if outcome.failures or ask.attempt != "*":
        words += ["--attempt", glob.escape(outcome.failures[0].attempt) if outcome.failures else ask.attempt]
    return msgspec.structs.replace(outcome, repro=shlex.join(words))
