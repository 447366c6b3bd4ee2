"""Which cases answer a request: what was asked for, what fits in memory, what fits in the time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from msgspec.structs import replace as replaced

from zbench.between_ranks import check_algorithm, check_option, compared
from zbench.case import Case
from zbench.errors import UsageError, ZbenchError, suggest
from zbench.inquiry import inquire
from zbench.judge.claims import Claim, load_claims
from zbench.measure.estimate import case_s, groups_s
from zbench.measure.memory import PROCESS_BYTES, gigabytes, needed_bytes
from zbench.measure.plan import Group, unit
from zbench.native import cpu
from zbench.request import Request
from zbench.subject import Subject
from zbench.workloads import workload
from zbench.workloads.card_cases import Place, card_cases, few
from zbench.workloads.models import model
from zbench.workloads.named import named, named_product
from zbench.workloads.profiles import Profile, fabric_cases, guideline_cases, scaling_cases, thread_counts

OUT_OF_TIME = "left out: the time limit has no room for it"

Refused = dict[str, str]
"""`subject key` -> why it is not run."""


def select(request: Request) -> list[Group]:
    """The groups that answer the request. Raises UsageError where no case is left."""
    profile = request.profile
    groups: list[Group] = []
    if "card" in request.suites:
        shapes = model(request.model) if request.model else None
        if request.each:
            groups += each_and_all(request)
        for card in request.cards if not request.each else ():
            cases = card_cases(profile.name, place_of(card), shapes)
            groups.append(Group("card", (card,), 1, tuple(cases)))
    if "fabric" in request.suites:
        claims = load_claims(request.claims) if request.claims else []
        asked = fabric_cases(profile, request.ranks) + guideline_cases(compared(claims), request.ranks)
        cases = list({case.key: case for case in asked}.values())
        groups += [Group("fabric", (fabric,), request.ranks, tuple(cases)) for fabric in request.fabrics]
    if "scaling" in request.suites:
        for card in request.cards:
            for fabric in request.fabrics:
                steps = scaling_cases(profile, request.ranks)
                for ranks in sorted({case.ranks for case in steps}):
                    chosen = tuple(case for case in steps if case.ranks == ranks)
                    groups.append(Group("scaling", (card, fabric), ranks, chosen))
    if request.minutes is not None and not request.cases:
        return [replace(group, cases=(largest(group.cases),)) for group in groups]
    if request.cases:
        groups = asked_for(groups, request)
    if request.algorithm:
        check_algorithm(request, groups)
    for fabric in request.fabrics:
        if answering := [group for group in groups if fabric in group.subjects and not fabric.venv]:
            check_option(fabric, answering)
    return groups


def asked_for(groups: Sequence[Group], request: Request) -> list[Group]:
    """The cases that `--case` selects, and those that it names in full: between ranks, and products. Raises
    UsageError."""
    known = {case.workload for group in groups for case in group.cases}
    chosen = [_matching(group, request.cases) for group in groups]
    for glob in request.cases:
        if any(case.matches(glob) for group in groups for case in group.cases):
            continue
        added = [_named(glob, group, request) for group in groups]
        if not any(added):
            op = glob.partition("/")[0]
            near = "" if op in known else suggest(op, known)
            raise UsageError(f"--case {glob}: no case of this run matches{near}")
        chosen = [
            replace(group, cases=(*group.cases, case))
            if case and case.key not in {each.key for each in group.cases}
            else group
            for group, case in zip(chosen, added, strict=True)
        ]
    return [group for group in chosen if group.cases]


def _named(text: str, group: Group, request: Request) -> Case | None:
    """The case of that very name that a group may be asked beside those of the profile. Raises UsageError."""
    if group.suite == "fabric":
        return named(text, request.ranks)
    if group.suite == "card" and not request.each:
        (card,) = group.subjects
        return named_product(text, place_of(card).whole)
    return None


def each_and_all(request: Request) -> list[Group]:
    """A group for each card of the host, and one that runs all of them at once. All are asked the first one's
    cases: only equal keys tell which card is slow."""
    cases = few(card_cases(request.profile.name, place_of(request.cards[0])))
    groups = [Group("card", (card,), 1, tuple(cases)) for card in request.cards]
    if (count := len(request.cards)) > 1:
        at_once = (replaced(case, parameters=case.parameters | {"together": count}) for case in cases)
        groups.append(Group("card", tuple(request.cards), 1, tuple(at_once)))
    return groups


def largest(cases: Sequence[Case]) -> Case:
    """The case of a sustained run where none is asked for: the GEMM with the most work on the most threads,
    the first dtype of those. Raises UsageError where there is none."""
    gemms = [case for case in cases if case.workload == "gemm" and case.get("batch") == 1]
    if not gemms:
        raise UsageError("--minutes: this profile has no GEMM; name what shall run with --case")
    return max(gemms, key=lambda case: (workload("gemm").flops(case), case.threads))


def _matching(group: Group, globs: Sequence[str]) -> Group:
    return replace(group, cases=tuple(c for c in group.cases if any(c.matches(g) for g in globs)))


def used(request: Request) -> list[Subject]:
    """The subjects that the suites of a request need."""
    cards = request.cards if {"card", "scaling"} & set(request.suites) else ()
    fabrics = request.fabrics if {"fabric", "scaling"} & set(request.suites) else ()
    return [*cards, *fabrics]


def validate(subjects: Sequence[Subject], ranks: int = 1) -> None:
    """Complain about a name, an option or a world of so many ranks before anything is measured.

    Raises UsageError.
    """
    here = [subject for subject in subjects if not subject.venv]  # of another environment the worker tells
    devices = [subject for subject in here if _on_device(subject)]
    with ThreadPoolExecutor() as pool:  # each imports its framework, which takes seconds
        list(pool.map(inquire, devices))
    for subject in here:
        kind = subject.load()
        with _told_of(subject):
            if subject.kind == "fabric":
                with kind.seats(ranks, subject.option):
                    pass
            elif subject not in devices:
                kind(subject.option)


def _on_device(subject: Subject) -> bool:
    """Whether it is a card on a device of its own, which is opened in no process but workers and `inquire`'s.
    Raises UsageError."""
    kind = subject.load()
    with _told_of(subject):
        return subject.kind == "card" and not kind.threaded(subject.option)


@contextmanager
def _told_of(subject: Subject) -> Iterator[None]:
    """Raises UsageError for whatever a plug-in raises: not such a class, one with a method missing, ..."""
    try:
        yield
    except ZbenchError:
        raise
    except Exception as error:
        raise UsageError(f"{subject.kind} {subject.label}: {type(error).__name__}: {error}") from error


def place_of(card: Subject) -> Place:
    """What of a card decides its cases. One that another environment has and this one does not counts as the
    host's. Raises UsageError."""
    caches = cpu.caches()
    host = Place(tuple(thread_counts(cpu.usable_cpus())), caches.get("l3", 0), caches=caches)
    try:
        if not _on_device(card):
            return host
    except UsageError:
        if card.venv:
            return host
        raise
    if card.venv:
        return Place()
    device = inquire(card)
    return Place((), device.last_level_cache_bytes, device.peers)


Operations = Mapping[str, Sequence[str]]
"""Workload -> dtypes."""


def operations(cards: Iterable[Subject]) -> dict[str, Operations]:
    """Label -> what the card offers; of those only that live in this environment. Raises UsageError."""
    found: dict[str, Operations] = {}
    for card in cards:
        if card.kind == "fabric" or card.venv:
            continue
        if _on_device(card):
            found[card.label] = inquire(card).operations
        else:
            with _told_of(card):
                found[card.label] = card.load()(card.option).operations()
    return found


def offering(groups: Sequence[Group], offered: Mapping[str, Operations]) -> tuple[list[Group], Refused]:
    """The cases of workloads and dtypes that a card has, and one reason for all that it has not. Pure.

    `offered`: as `operations` tells it. Raises UsageError where no case is left.
    """
    refused: Refused = {}
    kept: list[Group] = []
    for group in groups:
        has = offered.get(group.answering[0]) if group.suite == "card" else None
        cases = []
        for case in group.cases:
            dtypes = None if has is None else has.get(case.workload, ())
            if dtypes is None or case.dtype in dtypes:
                cases.append(case)
            elif dtypes:
                why = f"no {case.dtype} {case.workload} (has: {', '.join(dtypes)})"
                refused[f"{group.subject} {case.workload}/{case.dtype}/*"] = why
            else:
                why = f"no {case.workload} (offers: {', '.join(has or ()) or 'nothing'})"
                refused[f"{group.subject} {case.workload}/*"] = why
        if cases:
            kept.append(replace(group, cases=tuple(cases)))
    if not kept:
        told = "; ".join(f"{name.partition(' ')[0]}: {why}" for name, why in refused.items())
        raise UsageError(f"no card here has any of these cases: {told}")
    return kept, refused


def fitting(groups: Sequence[Group], available: int) -> tuple[list[Group], Refused]:
    """The cases that fit in memory, and why each other one was refused. Pure.

    Raises UsageError where not even the processes fit.
    """
    refused: Refused = {}
    kept: list[Group] = []
    for group in groups:
        if group.workers * PROCESS_BYTES > available:
            raise UsageError(
                f"--ranks {group.ranks}: the processes alone need {gigabytes(group.ranks * PROCESS_BYTES)}, "
                f"{gigabytes(available)} are available; ask for at most {available // PROCESS_BYTES} ranks"
            )
        cases = []
        for case in group.cases:
            needed = needed_bytes(case)
            if needed <= available:
                cases.append(case)
            else:
                remedy = ": fewer ranks would fit" if group.ranks > 1 else ""
                refused[f"{group.subject} {case.key}"] = (
                    f"needs {gigabytes(needed)}, {gigabytes(available)} are available{remedy}"
                )
        if cases:
            kept.append(replace(group, cases=tuple(cases)))
    if not kept:
        raise UsageError("no case fits in memory: " + "; ".join(f"{k}: {why}" for k, why in refused.items()))
    return kept, refused


def in_time(
    groups: Sequence[Group],
    profile: Profile,
    launches: int,
    budget_s: float,
    cpus: int,
    claims: Iterable[Claim] = (),
) -> tuple[list[Group], Refused]:
    """The cases whose estimated time fits the budget, and that each other one was left out. Pure.

    Cases that a claim speaks of come first, taken from the suites in turn. What belongs together (a case on
    all its subjects; all steps of a scaling series) stays or goes together. Raises UsageError if none fits.
    """
    kept: set[str] = set()
    left_s, started = budget_s / launches, set[int]()
    for name in _by_importance(groups, [claim.case for claim in claims]):
        members = {
            i: [case for case in group.cases if unit(group.suite, case) == name]
            for i, group in enumerate(groups)
            if any(unit(group.suite, case) == name for case in group.cases)
        }
        cost_s = sum(case_s(case, profile) for cases in members.values() for case in cases)
        cost_s += groups_s([replace(groups[i], cases=()) for i in members if i not in started], profile, cpus)
        if cost_s <= left_s:
            left_s -= cost_s
            kept.add(name)
            started |= set(members)
    if not kept:
        raise UsageError(
            f"the time limit has no room for a single case in {launches} launches; "
            "give more time, or fewer --launches, or select with --case"
        )
    refused = {
        f"{group.subject} {case.key}": OUT_OF_TIME
        for group in groups
        for case in group.cases
        if unit(group.suite, case) not in kept
    }
    chosen = [
        replace(group, cases=tuple(case for case in group.cases if unit(group.suite, case) in kept))
        for group in groups
    ]
    return [group for group in chosen if group.cases], refused


def _by_importance(groups: Sequence[Group], globs: Sequence[str]) -> list[str]:
    """Units, those that a glob selects first; in either part the first of each suite, the second, ..."""
    ranked: dict[str, tuple[bool, int]] = {}
    for suite in dict.fromkeys(group.suite for group in groups):
        units: dict[str, list[Case]] = defaultdict(list)
        for group in groups:
            for case in group.cases if group.suite == suite else ():
                units[unit(suite, case)].append(case)
        spoken = {name: any(c.matches(g) for c in cases for g in globs) for name, cases in units.items()}
        for said in (True, False):
            part = [name for name in units if spoken[name] is said]
            ranked |= {name: (not said, place) for place, name in enumerate(part)}
    return sorted(ranked, key=lambda name: ranked[name])
