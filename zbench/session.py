"""One session, for both doors (the command line and pytest): what was asked -> a run on the disk.

cases -> groups -> blocks of launches -> records. Judging and reporting read the records later.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec

from zbench import __version__
from zbench.case import Case
from zbench.errors import InvalidRun, UsageError, suggest
from zbench.judge.claims import claims_text
from zbench.measure.fingerprint import digest
from zbench.measure.launch import crew, serve
from zbench.measure.memory import PROCESS_BYTES, gigabytes, needed_bytes, room_bytes
from zbench.measure.plan import Group, Launch, block_order, burst_order, with_anchors
from zbench.native import cpu
from zbench.records import store
from zbench.records.schema import Record, Run
from zbench.subject import Subject, parse
from zbench.worker import SLOTS
from zbench.workloads import step
from zbench.workloads.profiles import PROFILES, SUITES, Profile, card_cases, fabric_cases, scaling_cases

DEFAULT_CLAIMS = "zhenwu-10k"
DEFAULT_CARD, DEFAULT_FABRIC = "cpu", "shm"
"""The embedded default: needs nothing but the package."""
RANKS_MAX = 4096
"""Of one host; beyond it lies a typing error, not a world."""
LAUNCHES_MAX = 1000
"""Likewise."""

Report = Callable[[int, int, str], None]
"""(bursts done, bursts planned, what runs now); called between bursts only."""


@dataclass(frozen=True)
class Request:
    """What is asked of a session."""

    profile: Profile
    suites: Sequence[str]
    cards: Sequence[Subject]
    fabrics: Sequence[Subject]
    ranks: int
    launches: int
    cases: Sequence[str] = ()
    """Globs; none selects all."""
    claims: str = ""
    """A built-in name or a path."""
    baseline: Path | None = None
    out: Path | None = None
    command: Sequence[str] = ()


@dataclass
class Session:
    """A run while it grows."""

    request: Request
    directory: Path
    run: Run
    groups: list[Group]
    tables: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    """(fabric, ranks) -> case key -> algorithm."""
    records: list[Record] = field(default_factory=list)
    done: int = 0
    planned: int = 0
    launched: int = 0


def ask(
    *,
    profile: str = "quick",
    suites: Sequence[str] = SUITES,
    cards: Sequence[str] = (),
    fabrics: Sequence[str] = (),
    ranks: int | None = None,
    launches: int | None = None,
    cases: Sequence[str] = (),
    claims: str = "",
    baseline: str = "",
    out: str | None = None,
    command: Sequence[str] = (),
) -> Request:
    """A request from words, with the embedded default for what is left out. Raises UsageError."""
    if profile not in PROFILES:
        raise UsageError(f"no profile {profile!r}{suggest(profile, PROFILES)}")
    for suite in suites:
        if suite not in SUITES:
            raise UsageError(f"no suite {suite!r}{suggest(suite, SUITES)}")
    if ranks is not None and not 1 <= ranks <= RANKS_MAX:
        raise UsageError(f"--ranks {ranks}: a world has 1 to {RANKS_MAX} ranks")
    if launches is not None and not 1 <= launches <= LAUNCHES_MAX:
        raise UsageError(f"--launches {launches}: 1 to {LAUNCHES_MAX}")
    return Request(
        profile=PROFILES[profile],
        suites=tuple(suites) or SUITES,
        cards=_subjects("card", cards, DEFAULT_CARD),
        fabrics=_subjects("fabric", fabrics, DEFAULT_FABRIC),
        # As many ranks as usable CPUs, but a fabric has two ends.
        ranks=ranks if ranks is not None else max(2, cpu.usable_cpus()),
        launches=launches if launches is not None else PROFILES[profile].launches,
        cases=tuple(cases),
        claims=claims or DEFAULT_CLAIMS,
        baseline=Path(baseline) if baseline else None,
        out=Path(out) if out else None,
        command=tuple(command),
    )


def _subjects(kind: str, specs: Sequence[str], default: str) -> tuple[Subject, ...]:
    subjects = tuple(parse(kind, default if spec == "auto" else spec) for spec in specs or ["auto"])
    labels = [subject.label for subject in subjects]
    for label in labels:
        if labels.count(label) > 1:
            raise UsageError(f"--{kind} {label} is named twice (the A/A floor compares it with itself)")
    return subjects


def select(request: Request) -> list[Group]:
    """The groups that answer the request. Raises UsageError where no case is left."""
    profile, threads = request.profile, cpu.usable_cpus()
    groups: list[Group] = []
    if "card" in request.suites:
        cases = card_cases(profile, threads, cpu.caches().get("l3", 0))
        groups += [Group("card", (card,), 1, tuple(cases)) for card in request.cards]
    if "fabric" in request.suites:
        cases = fabric_cases(profile, request.ranks)
        groups += [Group("fabric", (fabric,), request.ranks, tuple(cases)) for fabric in request.fabrics]
    if "scaling" in request.suites:
        for card in request.cards:
            for fabric in request.fabrics:
                steps = scaling_cases(profile, request.ranks)
                for ranks in sorted({case.ranks for case in steps}):
                    chosen = tuple(case for case in steps if case.ranks == ranks)
                    groups.append(Group("scaling", (card, fabric), ranks, chosen))
    known = {case.key for group in groups for case in group.cases}
    if request.cases:
        groups = [_matching(group, request.cases) for group in groups]
        groups = [group for group in groups if group.cases]
        for glob in request.cases:
            if not any(case.matches(glob) for group in groups for case in group.cases):
                near = suggest(glob.partition("/")[0], {key.partition("/")[0] for key in known})
                raise UsageError(f"--case {glob}: no case of this run matches{near}")
    return groups


def _matching(group: Group, globs: Sequence[str]) -> Group:
    return replace(group, cases=tuple(c for c in group.cases if any(c.matches(g) for g in globs)))


def fitting(groups: Sequence[Group], available: int) -> tuple[list[Group], dict[str, str]]:
    """The cases that fit in memory, and why each other one was refused. Pure.

    Raises UsageError where not even the processes fit.
    """
    refused: dict[str, str] = {}
    kept: list[Group] = []
    for group in groups:
        if group.ranks * PROCESS_BYTES > available:
            raise UsageError(
                f"--ranks {group.ranks}: the processes alone need {gigabytes(group.ranks * PROCESS_BYTES)}, "
                f"{gigabytes(available)} are available; ask for at most {available // PROCESS_BYTES} ranks"
            )
        cases = []
        for case in group.cases:
            needed = needed_bytes(case, SLOTS)
            if needed <= available:
                cases.append(case)
            else:
                refused[f"{group.subject} {case.key}"] = (
                    f"needs {gigabytes(needed)}, {gigabytes(available)} are available: fewer ranks would fit"
                )
        if cases:
            kept.append(replace(group, cases=tuple(cases)))
    if not kept:
        raise UsageError("no case fits in memory: " + "; ".join(f"{k}: {why}" for k, why in refused.items()))
    return kept, refused


def validate(subjects: Sequence[Subject]) -> None:
    """Complain about a name or an option before anything is measured. Raises UsageError."""
    for subject in subjects:
        if subject.venv:
            continue  # its class lives in another environment; the worker tells
        kind = subject.load()
        try:
            if subject.kind == "card":
                kind(subject.option)
            else:
                with kind.seats(1, subject.option):
                    pass
        except (TypeError, AttributeError) as error:  # not such a class, or one with a method missing
            raise UsageError(f"{subject.kind} {subject.label}: {error}") from error


@contextmanager
def session(request: Request) -> Iterator[Session]:
    """Open a run; on leaving, its state is final whatever happened. Raises UsageError."""
    validate([*request.cards, *request.fabrics])
    groups, refused = fitting(select(request), room_bytes())
    directory = store.create(request.out)
    run = Run(
        zbench=__version__,
        created=_now(),
        command=list(request.command),
        profile=request.profile.name,
        seed=secrets.randbits(32),
        suites=list(request.suites),
        cards=[card.label for card in request.cards],
        fabrics=[fabric.label for fabric in request.fabrics],
        ranks=request.ranks,
        launches=request.launches,
        claims=request.claims,
        claims_sha256=hashlib.sha256(claims_text(request.claims).encode()).hexdigest(),
        not_run=refused,
    )
    store.write_run(directory, run)
    current = Session(request, directory, run, with_anchors(groups))
    try:
        yield current
        run.state = "complete"
    except InvalidRun as error:
        run.state, run.why = "invalid", str(error)
        raise
    except KeyboardInterrupt:
        run.state, run.why = "partial", "interrupted"
        raise KeyboardInterrupt(f" in {directory}") from None
    except BaseException as error:
        run.state, run.why = "partial", str(error) or type(error).__name__
        raise
    finally:
        run.ended = _now()
        store.write_run(directory, run)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def measure(current: Session, report: Report, launches: int, only: Sequence[str] | None = None) -> None:
    """Run `launches` more blocks, of all cases or only of some keys. Raises InvalidRun."""
    if only is not None:
        current.groups = [
            replace(group, cases=tuple(case for case in group.cases if case.key in only))
            for group in current.groups
        ]
        current.groups = [group for group in current.groups if group.cases]
    current.planned += launches * sum(len(group.cases) for group in current.groups)
    if not current.launched:
        _measure_tables(current, report)
    first_block = 1 + max((record.block for record in current.records), default=-1)
    for block in range(first_block, first_block + launches):
        order = block_order(current.groups, block, current.run.seed, current.launched)
        for launch in order:
            _launch(current, launch, report)
            current.launched += 1


def _measure_tables(current: Session, report: Report) -> None:
    """Which algorithm runs for which case: measured here, frozen and hashed before the first launch."""
    worlds: dict[tuple[str, int], tuple[Subject, dict[str, Case]]] = {}
    for group in current.groups:
        for subject in group.subjects:
            if subject.kind == "fabric" and group.ranks > 1:
                _, cases = worlds.setdefault((subject.label, group.ranks), (subject, {}))
                for case in map(_collective, group.cases):
                    cases[case.key] = case
    for (label, ranks), (subject, cases) in worlds.items():
        report(current.done, current.planned, f"choosing algorithms of {label}, {ranks} ranks")
        group = Group("fabric", (subject,), ranks, tuple(cases.values()))
        order = _order(current, Launch(group, 0, -1, 0)) | {"type": "tune"}
        with crew(group) as workers:
            for message in serve(workers, order):
                if message["type"] == "table":
                    _freeze(current, label, ranks, message["table"])


def _collective(case: Case) -> Case:
    return step.allreduce(case) if case.workload == "step" else case


def _freeze(current: Session, label: str, ranks: int, medians: dict[str, dict[str, float]]) -> None:
    chosen = {key: min(times, key=lambda name: times[name]) for key, times in medians.items()}
    digest = hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:16]
    current.tables[label, ranks] = chosen
    current.run.tables[f"{label} ranks={ranks}"] = {"chosen": chosen, "median_ns": medians, "hash": digest}
    store.write_run(current.directory, current.run)


def _order(current: Session, launch: Launch) -> dict[str, Any]:
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
        "role": group.role,
        "block": launch.block,
        "launch": launch.number,
        "seed": current.run.seed,
        "burst_ns": int(profile.burst_s * 1e9),
        "rounds_max": profile.rounds_max,
        "table": {case.key: table[key] for case in cases if (key := _collective(case).key) in table},
        "cases": [msgspec.to_builtins(case) for case in cases],
    }


def _launch(current: Session, launch: Launch, report: Report) -> None:
    group = launch.group
    if not group.cases:
        return
    with crew(group) as workers:
        for message in serve(workers, _order(current, launch)):
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
        # What this subject cannot do it will not learn by the next block.
        current.run.not_run[f"{record.subject} {record.key}"] = record.why
        current.groups = [_without(group, record) for group in current.groups]


def _without(group: Group, record: Record) -> Group:
    if group.subject != record.subject or group.ranks != record.ranks:
        return group
    return replace(group, cases=tuple(case for case in group.cases if case.key != record.key))
