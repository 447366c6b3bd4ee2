"""What is asked of a session, checked before anything is measured."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from zbench.errors import UsageError, ZbenchError, suggest
from zbench.judge.datasheets import named
from zbench.measure.statistics import EXTENDED
from zbench.measure.sustained import ROUNDS_MOST
from zbench.native import cpu
from zbench.records import store
from zbench.subject import Subject, parse
from zbench.workloads import models
from zbench.workloads.profiles import PROFILES, SUITES, Profile

DEFAULT_CLAIMS = "zhenwu-10k"
DEFAULT_CARD, DEFAULT_FABRIC = "cpu", "shm"
"""The embedded default: needs nothing but the package."""
RANKS_MAX = 4096
"""Of one host; beyond it lies a typing error, not a world."""
LAUNCHES_MAX = 1000
"""Likewise."""
SEEDS = 1 << 32
MINUTES_MAX = 24 * 60
"""Of a sustained burst; more than a day is a typing error."""
SUSTAINED_LAUNCHES = 1
"""Unless more are asked for: minutes are to be spent on one long look."""
RANKS_OF_A_LAUNCH = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS", "WORLD_SIZE")
"""What mpiexec (Open MPI; MPICH, Intel), srun and torchrun set in each of the processes that they start."""


@dataclass(frozen=True)
class Request:
    """What is asked of a session."""

    profile: Profile
    suites: Sequence[str]
    cards: Sequence[Subject]
    fabrics: Sequence[Subject]
    ranks: int
    launches: int
    """What the run shall have in the end, those of earlier sittings included."""
    cases: Sequence[str] = ()
    """Globs; none selects all."""
    model: str = ""
    """Of the catalogue: its shapes are the card suite's cases."""
    search: bool = False
    """Look for each card's fastest shape of a GEMM first."""
    claims: str = ""
    """A built-in name or a path."""
    algorithm: str = ""
    """Of every collective, instead of the one that is measured to be the fastest."""
    baseline: Path | None = None
    baseline_card: str = ""
    """A card of the catalogue, for ratio claims that name no baseline."""
    compare: bool = False
    """Every ratio is the question and worth an extension, also between peers."""
    twins: bool = False
    """Every case is launched twice in each block: an A/A session."""
    out: Path | None = None
    command: Sequence[str] = ()
    time_limit_s: float | None = None
    minutes: float | None = None
    """Of each burst: a sustained run, of which `profile` is made that long."""
    each: bool = False
    """`cards` are all of one kind on this host: measured one by one and all at once."""
    price_per_card_hour: float | None = None
    seed: int | None = None
    """Of all data; None: drawn when the run begins."""
    plan_sha256: str = ""
    sitting: Literal["run", "resume", "append"] = "run"
    into: Path | None = None
    """The run that `resume` and `append` go on with."""


def ask(
    *,
    profile: str = "quick",
    suites: Sequence[str] = (),
    cards: Sequence[str] = (),
    fabrics: Sequence[str] = (),
    ranks: int | None = None,
    launches: int | None = None,
    cases: Sequence[str] = (),
    model: str = "",
    search: bool = False,
    claims: str = "",
    algorithm: str = "",
    baseline: str = "",
    baseline_card: str = "",
    out: str | None = None,
    command: Sequence[str] = (),
    time_limit: str = "",
    minutes: float | None = None,
    each: bool = False,
    price_per_card_hour: float | None = None,
    seed: int | None = None,
    plan_sha256: str = "",
) -> Request:
    """A request from words, with the embedded default for what is left out. Raises UsageError."""
    if profile not in PROFILES:
        raise UsageError(f"no profile {profile!r}{suggest(profile, PROFILES)}")
    for suite in suites:
        if suite not in SUITES:
            raise UsageError(f"no suite {suite!r}{suggest(suite, SUITES)}")
    if model:
        models.model(model)
        if suites and "card" not in suites:
            raise UsageError(f"--model {model}: its shapes are cases of the card suite, which is not asked")
    if search and suites and "card" not in suites:
        raise UsageError("--search looks for the fastest shape of cards; the card suite is not asked")
    if ranks is not None and not 1 <= ranks <= RANKS_MAX:
        raise UsageError(f"--ranks {ranks}: a world has 1 to {RANKS_MAX} ranks")
    if launches is not None and not 1 <= launches <= LAUNCHES_MAX:
        raise UsageError(f"--launches {launches}: 1 to {LAUNCHES_MAX}")
    if baseline_card:
        named(baseline_card)
    if price_per_card_hour is not None and not 0 <= price_per_card_hour < math.inf:
        raise UsageError(f"--price-per-card-hour {price_per_card_hour}: not a price")
    if seed is not None and not 0 <= seed < SEEDS:
        raise UsageError(f"--seed {seed}: a whole number from 0 to {SEEDS - 1}")
    if minutes is not None and not 0 < minutes <= MINUTES_MAX:
        raise UsageError(f"--minutes {minutes:g}: more than 0, at most {MINUTES_MAX} (a day)")
    if minutes is not None and (others := [suite for suite in suites if suite != "card"]):
        raise UsageError(f"--minutes is of cards: leave out {', '.join(others)}")
    if each:
        _few(suites, cards, model=bool(model), search=search, minutes=minutes is not None)
    once = PROFILES[profile].launches if minutes is None else SUSTAINED_LAUNCHES
    return Request(
        profile=_lasting(PROFILES[profile], minutes),
        suites=tuple(suites) or (("card",) if each or minutes is not None else SUITES),
        cards=siblings(_subjects("card", cards, DEFAULT_CARD)[0])
        if each
        else _subjects("card", cards, DEFAULT_CARD),
        fabrics=_subjects("fabric", fabrics, DEFAULT_FABRIC),
        # As many ranks as usable CPUs, but a fabric has two ends.
        ranks=ranks if ranks is not None else max(2, cpu.usable_cpus()),
        launches=launches if launches is not None else once,
        cases=tuple(cases),
        model=model,
        search=search,
        claims=claims or DEFAULT_CLAIMS,
        algorithm=algorithm,
        baseline=Path(baseline) if baseline else None,
        baseline_card=baseline_card,
        out=Path(out) if out else None,
        command=tuple(command),
        time_limit_s=parse_duration(time_limit) if time_limit else None,
        minutes=minutes,
        each=each,
        price_per_card_hour=price_per_card_hour,
        seed=seed,
        plan_sha256=plan_sha256,
    )


def go_on(
    sitting: Literal["resume", "append"],
    directory: Path,
    *,
    launches: int = 0,
    command: Sequence[str] = (),
    time_limit: str = "",
) -> Request:
    """The request that finishes a stored run, or that adds `launches` to it. Raises UsageError."""
    run, records = store.load(directory)
    if run.imported is not None:
        raise UsageError(f"{directory}: imported from {run.imported.tool}; nothing can be measured for it")
    if run.profile not in PROFILES:
        raise UsageError(f"{directory}: no profile {run.profile!r} here{suggest(run.profile, PROFILES)}")
    if sitting == "resume" and run.state == "complete":
        raise UsageError(
            f"--resume {directory}: this run is complete; `zbench report` shows it, --append adds launches"
        )
    if sitting == "append" and not 1 <= launches <= EXTENDED - run.launches:
        raise UsageError(
            f"--append {directory}: it has {run.launches} launches; up to {EXTENDED} in all may be appended, "
            "further looks would make its verdicts unsure: start a new run"
        )
    return Request(
        profile=_lasting(PROFILES[run.profile], run.minutes),
        suites=tuple(run.suites),
        cards=tuple(parse("card", card) for card in run.cards),
        fabrics=tuple(parse("fabric", fabric) for fabric in run.fabrics),
        ranks=run.ranks,
        launches=run.launches + launches,
        cases=tuple(run.cases),
        model=run.model,
        search=run.search,
        claims=run.claims,
        baseline=Path(run.baseline) if run.baseline else None,
        baseline_card=run.baseline_card,
        command=tuple(command),
        time_limit_s=parse_duration(time_limit) if time_limit else None,
        minutes=run.minutes,
        each=run.each,
        price_per_card_hour=run.price_per_card_hour,
        plan_sha256=run.plan_sha256,
        twins=any(record.role == "twin" for record in records),
        sitting=sitting,
        into=directory,
        compare=run.command[1:2] == ["compare"],
    )


def _few(suites: Sequence[str], cards: Sequence[str], **others: bool) -> None:
    """Raises UsageError for what does not go with `--each`, which has few cases of its own."""
    if without := [suite for suite in suites if suite != "card"]:
        raise UsageError(f"--each is of cards: leave out {', '.join(without)}")
    if without := [name for name, asked in others.items() if asked]:
        raise UsageError(f"--each asks few cases of its own: leave out --{', --'.join(without)}")
    if len(cards) > 1:
        raise UsageError(f"--each is of one kind of card: name one of {', '.join(cards)}")


def siblings(card: Subject) -> tuple[Subject, ...]:
    """Every card of its kind on this host, as its class tells. Raises UsageError."""
    if card.venv:
        raise UsageError(
            f"--each --card {card.label}: only cards of this environment can be asked for their siblings; "
            "run the zbench of that environment"
        )
    kind = card.load()
    try:
        options = list(kind.siblings(card.option))
        found = tuple(replace(card, option=option) for option in options)
        labels = [each.label for each in found]
    except ZbenchError:
        raise
    except Exception as error:  # whatever a plug-in raises
        raise UsageError(f"card {card.label}: siblings: {type(error).__name__}: {error}") from error
    if not found or len(set(labels)) < len(labels) or not all(isinstance(o, str | None) for o in options):
        raise UsageError(f"card {card.label}: siblings: expected options, each once, found {options!r}")
    return found


def _lasting(profile: Profile, minutes: float | None) -> Profile:
    """The profile with sustained bursts of so many minutes."""
    if minutes is None:
        return profile
    return replace(profile, burst_s=60 * minutes, rounds_max=ROUNDS_MOST, sustained=True)


def started_alone(environment: Mapping[str, str]) -> None:
    """Raises UsageError where a launcher has started this command several times over.

    Each copy would measure all of it, and they would disturb each other.
    """
    for name in RANKS_OF_A_LAUNCH:
        ranks = environment.get(name, "1")
        if ranks.isdigit() and int(ranks) > 1:
            raise UsageError(
                f"started {ranks} times over ({name}={ranks}): start zbench once, it starts its ranks itself "
                "(--ranks); no fabric here joins a launch from inside"
            )


def _subjects(kind: str, specs: Sequence[str], default: str) -> tuple[Subject, ...]:
    subjects = tuple(parse(kind, default if spec == "auto" else spec) for spec in specs or ["auto"])
    labels = [subject.label for subject in subjects]
    for label in labels:
        if labels.count(label) > 1:
            raise UsageError(
                f"--{kind} {label} is named twice (`zbench selftest --aa` compares it with itself)"
            )
    return subjects


_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(s|min|m|h)", re.ASCII)
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Seconds of "90 s", "10 min", "1.5 h". Raises UsageError, also for a number without a unit."""
    match = _DURATION.fullmatch(text.strip())
    if not match or not 0 < float(match[1]) * _SECONDS[match[2]] < math.inf:
        raise UsageError(f"--time-limit {text!r}: write a number with s, min or h, for example 10min")
    return float(match[1]) * _SECONDS[match[2]]
