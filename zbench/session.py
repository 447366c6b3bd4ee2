"""One session, for both doors (the command line and pytest): what was asked -> a run on the disk.

cases -> groups -> blocks of launches -> records. Judging and reporting read the records later.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from zbench import __version__
from zbench.between_ranks import collective
from zbench.case import Case
from zbench.errors import InvalidRun, TimeIsUp, UsageError
from zbench.judge.claims import claims_text, load_claims
from zbench.measure.estimate import groups_s, plan_s, search_s
from zbench.measure.fingerprint import digest, fingerprint, hardware
from zbench.measure.launch import PATIENCE_S, crew, serve
from zbench.measure.memory import room_bytes
from zbench.measure.neighbours import measuring, neighbours, told
from zbench.measure.plan import (
    Answer,
    Group,
    Launch,
    answers,
    block_order,
    burst_order,
    missing,
    with_anchors,
)
from zbench.native import cpu
from zbench.records import store
from zbench.records.schema import Choices, Record, Run, Sitting
from zbench.request import SEEDS, Request, started_alone
from zbench.selection import (
    Refused,
    fitting,
    in_time,
    offering,
    operations,
    select,
    used,
    validate,
)
from zbench.subject import Subject

Report = Callable[[int, int, str], None]
"""(bursts done, bursts planned, what runs now); called between bursts only."""


Warn = Callable[[str], None]


@dataclass
class Session:
    """A run while it grows."""

    request: Request
    directory: Path
    run: Run
    groups: list[Group]
    tables: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    """(fabric, ranks) -> case key -> algorithm."""
    skipped: set[tuple[str, int, str]] = field(default_factory=set)
    """(subject, ranks, key): what a subject cannot do it will not learn by the next block."""
    records: list[Record] = field(default_factory=list)
    done: int = 0
    planned: int = 0
    launched: int = 0
    deadline: float | None = None
    """On the monotonic clock."""
    warn: Warn = lambda why: None
    seen: set[int] = field(default_factory=set)
    """Process ids of other runs that measured here meanwhile."""


@dataclass(frozen=True)
class Plan:
    """What a request comes to on this machine, before anything is measured."""

    groups: list[Group]
    """Anchors included."""
    refused: Refused
    seconds: float
    """A rough estimate, of the launches asked for."""


def plan(request: Request) -> Plan:
    """Cases, launches, and an estimate of their time. Raises UsageError."""
    started_alone(os.environ)
    validate(used(request), request.ranks)
    offered, lacking = offering(select(request), operations(used(request)))
    groups, refused = fitting(offered, room_bytes())
    refused = lacking | refused
    cpus, searching = cpu.usable_cpus(), search_s(groups) if request.search else 0.0
    if request.time_limit_s is not None:
        whole = plan_s(_with_anchors(groups, request), request.profile, request.launches, cpus)
        whole += searching
        if whole > request.time_limit_s:
            overhead = whole - request.launches * groups_s(groups, request.profile, cpus)
            groups, left_out = in_time(
                groups,
                request.profile,
                request.launches,
                request.time_limit_s - overhead,
                cpus,
                load_claims(request.claims),
            )
            refused |= left_out
    groups = _with_anchors(groups, request)
    seconds = plan_s(groups, request.profile, request.launches, cpus) + searching
    return Plan(groups, refused, seconds)


def _with_anchors(groups: list[Group], request: Request) -> list[Group]:
    """A sustained run is held against itself, its last minute against its first: it has no anchors."""
    return groups if request.profile.sustained else with_anchors(groups, request.twins)


@contextmanager
def session(request: Request, warn: Warn = lambda why: None) -> Iterator[Session]:
    """Open a run, new or stored; on leaving, its state is final whatever happened.

    What disturbs the measurement is told to `warn` at once. Raises UsageError.
    """
    planned = plan(request)
    with _opened(request, planned) as current, measuring():
        current.warn = warn
        run = current.run
        sitting = Sitting(
            why=request.sitting,
            started=_now(),
            zbench=__version__,
            command=list(request.command),
            launches=request.launches,
        )
        run.sittings.append(sitting)
        run.state, run.why, run.ended = "running", "", ""
        store.write_run(current.directory, run)
        try:
            yield current
            run.state = "complete"
        except InvalidRun as error:
            run.state, run.why = "invalid", str(error)
            raise
        except KeyboardInterrupt:
            run.state, run.why = "partial", "interrupted"
            way_on = f"`zbench run --resume {current.directory}` measures the rest"
            raise KeyboardInterrupt(f" in {current.directory}; {way_on}") from None
        except BaseException as error:
            run.state, run.why = "partial", str(error) or type(error).__name__
            raise
        finally:
            sitting.ended = run.ended = _now()
            store.write_run(current.directory, run)


@contextmanager
def _opened(request: Request, planned: Plan) -> Iterator[Session]:
    """The run of a request, locked against a second writer while it is measured."""
    deadline = time.monotonic() + request.time_limit_s if request.time_limit_s is not None else None
    if request.into is None:
        directory = store.create(request.out)
        text = claims_text(request.claims)
        store.keep_claims(directory, text)
        run = _new_run(request, planned, text)
        current = Session(request, directory, run, planned.groups, deadline=deadline)
    else:
        directory = request.into
    with store.locked(directory):
        if request.into is not None:
            run, records = store.load(directory)
            _same_machine(directory, run)
            store.mend(directory)
            run.launches, run.not_run = request.launches, planned.refused
            current = Session(request, directory, run, planned.groups, deadline=deadline)
            _remember(current, records)
        yield current


def _same_machine(directory: Path, run: Run) -> None:
    """Raises UsageError where the run was begun on other hardware, or by another zbench."""
    here = hardware(fingerprint({}))
    for there in map(hardware, run.fingerprints.values()):
        for name, value in there.items():
            if value != here[name]:
                raise UsageError(
                    f"{directory} was measured on another machine: {name} {value!r}, here {here[name]!r}"
                )
    if run.zbench != __version__:
        raise UsageError(f"{directory} was measured by zbench {run.zbench}, this is {__version__}")


def _new_run(request: Request, planned: Plan, claims: str) -> Run:
    return Run(
        zbench=__version__,
        created=_now(),
        command=list(request.command),
        profile=request.profile.name,
        seed=secrets.randbelow(SEEDS) if request.seed is None else request.seed,
        suites=list(request.suites),
        cards=[card.label for card in request.cards],
        fabrics=[fabric.label for fabric in request.fabrics],
        ranks=request.ranks,
        launches=request.launches,
        cases=list(request.cases),
        model=request.model,
        search=request.search,
        time_limit_s=request.time_limit_s,
        minutes=request.minutes,
        price_per_card_hour=request.price_per_card_hour,
        baseline=str(request.baseline or ""),
        baseline_card=request.baseline_card,
        each=request.each,
        plan_sha256=request.plan_sha256,
        claims=request.claims,
        claims_sha256=hashlib.sha256(claims.encode()).hexdigest(),
        not_run=planned.refused,
    )


def _remember(current: Session, records: Sequence[Record]) -> None:
    """What earlier sittings left: their records, their tables, and what their subjects could not do."""
    current.records = list(records)
    current.launched = 1 + max((record.launch for record in records), default=-1)
    for name, table in current.run.tables.items():
        fabric, _, ranks = name.rpartition(" ranks=")
        current.tables[fabric, int(ranks)] = table.chosen
    for record in records:
        if record.status == "skipped":
            _skip(current, record)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def measure(current: Session, report: Report, launches: int, only: Sequence[str] | None = None) -> None:
    """Bring all cases, or only some keys, to `launches` whole blocks. Raises InvalidRun, TimeIsUp."""
    chosen = [
        replace(group, cases=tuple(c for c in group.cases if only is None or c.key in only))
        for group in current.groups
    ]
    groups = [group for group in map(partial(_offered, current), chosen) if group.cases]
    blocks = missing(groups, _answered(current.records), launches)
    current.planned += sum(len(answers(group)) for block in blocks for group in block)
    _measure_tables(current, report, groups)
    first_block = 1 + max((record.block for record in current.records), default=-1)
    for number, block in enumerate(blocks, first_block):
        for launch in block_order(block, number, current.run.seed, current.launched):
            group = _offered(current, launch.group)
            current.planned -= len(answers(launch.group)) - len(answers(group))
            if group.cases:
                _in_time(current, group)
                _look_around(current, number)
                _launch(current, replace(launch, group=group), report)
            current.launched += 1


def _look_around(current: Session, block: int) -> None:
    """Say once of each other run that it disturbs this one."""
    new = [pid for pid in neighbours() if pid not in current.seen]
    if new:
        current.seen.update(new)
        current.warn(told(new))
        current.run.disturbed.append(f"block {block + 1}: {told(new)}")
        store.write_run(current.directory, current.run)


def _offered(current: Session, group: Group) -> Group:
    """The group without what a subject of it was found not to offer."""
    known = {
        key for subject, ranks, key in current.skipped if subject in group.answering and ranks == group.ranks
    }
    return replace(group, cases=tuple(case for case in group.cases if case.key not in known))


def _answered(records: Sequence[Record]) -> dict[int, set[Answer]]:
    found: dict[int, set[Answer]] = defaultdict(set)
    for r in records:
        found[r.block].add((r.suite, r.subject, r.ranks, r.role, r.key))
    return found


def _in_time(current: Session, group: Group) -> None:
    """Raises TimeIsUp where the next launch would not end in time."""
    if current.deadline is None:
        return
    needed = groups_s([group], current.request.profile, cpu.usable_cpus())
    if time.monotonic() + needed > current.deadline:
        raise TimeIsUp(
            f"the time limit of {current.request.time_limit_s:g} s is reached; "
            f"`zbench run --resume {current.directory}` measures the rest"
        )


def _measure_tables(current: Session, report: Report, groups: Sequence[Group]) -> None:
    """Which algorithm runs for which case: measured here, frozen and hashed before its first launch."""
    worlds: dict[tuple[str, int], tuple[Subject, dict[str, Case]]] = {}
    for group in groups:
        for subject in group.subjects:
            if subject.kind == "fabric" and group.ranks > 1:
                table = current.run.tables.get(f"{subject.label} ranks={group.ranks}")
                asked = table.cases if table else []
                _, cases = worlds.setdefault((subject.label, group.ranks), (subject, {}))
                cases.update(
                    {case.key: case for case in map(collective, group.cases) if case.key not in asked}
                )
    for (label, ranks), (subject, cases) in worlds.items():
        if not cases:
            continue
        if current.request.algorithm:  # forced: there is nothing to measure
            _freeze(current, label, ranks, sorted(cases), {})
            continue
        report(current.done, current.planned, f"choosing algorithms of {label}, {ranks} ranks")
        group = Group("fabric", (subject,), ranks, tuple(cases.values()))
        order = order_of(current, Launch(group, 0, -1, 0)) | {"type": "tune"}
        with crew(group) as workers:
            for message in serve(workers, order):
                if message["type"] == "table":
                    _freeze(current, label, ranks, sorted(cases), message["table"])


def _freeze(
    current: Session, label: str, ranks: int, cases: list[str], medians: dict[str, dict[str, float]]
) -> None:
    """Add what was measured to the world's table; a case that is in it stays as it is."""
    name = f"{label} ranks={ranks}"
    table = current.run.tables.get(name, Choices(chosen={}, median_ns={}, hash=""))
    chosen = {key: min(times, key=lambda algorithm: times[algorithm]) for key, times in medians.items()}
    if forced := current.request.algorithm:
        chosen = dict.fromkeys(cases, forced)
    chosen |= table.chosen
    medians = medians | table.median_ns
    current.tables[label, ranks] = chosen
    frozen = json.dumps([chosen, medians], sort_keys=True)
    current.run.tables[name] = Choices(
        cases=sorted({*table.cases, *cases}),
        chosen=chosen,
        median_ns=medians,
        forced=forced or table.forced,
        hash=hashlib.sha256(frozen.encode()).hexdigest()[:16],
    )
    store.write_run(current.directory, current.run)


def order_of(current: Session, launch: Launch) -> dict[str, Any]:
    """What a worker is told."""
    group, profile = launch.group, current.request.profile
    fabric = next((s.label for s in group.subjects if s.kind == "fabric"), "")
    table = current.tables.get((fabric, group.ranks), {})
    cases = burst_order(launch)
    return {
        "type": "measure",
        "suite": group.suite,
        "subject": group.subject,
        "subjects": [
            {"kind": s.kind, "name": s.name, "option": s.option, "venv": s.venv} for s in group.subjects
        ],
        "ranks": group.ranks,
        "together": group.together,
        "role": group.role,
        "block": launch.block,
        "launch": launch.number,
        "seed": current.run.seed,
        "burst_ns": int(profile.burst_s * 1e9),
        "rounds_max": profile.rounds_max,
        "sustained": profile.sustained,
        "table": {case.key: table[key] for case in cases if (key := collective(case).key) in table},
        "cases": [msgspec.to_builtins(case) for case in cases],
    }


def _launch(current: Session, launch: Launch, report: Report) -> None:
    group = launch.group
    with crew(group) as workers:
        patience_s = PATIENCE_S + current.request.profile.burst_s
        for message in serve(workers, order_of(current, launch), patience_s):
            if message["type"] == "burst":
                text = f"block {launch.block + 1}: {group.subject} {message['key']}"
                report(current.done, current.planned, text)
            elif message["type"] == "record":
                _keep(current, msgspec.convert(message["record"], Record))
            elif message["type"] == "hello":
                _keep_fingerprint(current, message["fingerprint"])


def _keep_fingerprint(current: Session, machine: dict[str, Any]) -> None:
    if (key := digest(machine)) not in current.run.fingerprints:
        current.run.fingerprints[key] = machine
        store.write_run(current.directory, current.run)


def _keep(current: Session, record: Record) -> None:
    current.done += 1
    store.append(current.directory, record)
    current.records.append(record)
    if record.status == "skipped":
        _skip(current, record)


def _skip(current: Session, record: Record) -> None:
    current.skipped.add((record.subject, record.ranks, record.key))
    current.run.not_run[f"{record.subject} {record.key}"] = record.why
