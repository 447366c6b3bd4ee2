"""Claims as files: what was said, by whom, and what would settle it. Read strictly."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec

from zbench.errors import UsageError, suggest
from zbench.handwritten import one_line, require_version, table_of, text_of
from zbench.judge.conditions import CONDITIONS, VALUES, Conditions
from zbench.judge.datasheets import named
from zbench.judge.metrics import METRICS, Metric
from zbench.judge.units import parse_as
from zbench.schedules.operation import OPERATIONS

VERSION = 1

MOST_RANKS = 10**9
"""Cards that anybody speaks of."""

RATED = ("rate",)
"""Metrics that a data sheet tells of a card."""

Statistic = Literal["p50", "p99", "median", "mean", "min_over_pairs", "max_over_pairs"]
STATISTICS = ("p50", "p99", "median", "mean", "min_over_pairs", "max_over_pairs")
GUIDELINES = ("at_most", "monotone", "smooth")
"""What makes a claim a guideline, one of them."""
GUIDELINE: dict[str, Any] = {
    "metric": "time",
    "operator": "<=",
    "statistic": "median",
    "of": "",
    "to": None,
    "ranks": 1,
    "conditions": {},
}
"""What is fixed where a claim is a guideline."""
OPERATORS = ("<=", ">=", "<", ">")
CATALOGUE = "catalogue"
"""`to = { card = "h20", source = "catalogue" }`: a data sheet of `zbench/cards/catalogue.toml`."""
EVIDENCE = ("DATA SHEET", "PROJECTED", "MEASURED ON A SLICE", "MEASURED")
"""Weakest first."""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    publisher: str
    date: datetime.date
    url: str = ""


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a ratio is over, exactly one: a card known from elsewhere, a stored run, a subject."""

    card: str = ""
    source: str = ""
    run: str = ""
    subject: str = ""

    @property
    def name(self) -> str:
        return self.subject or self.run or self.card

    @property
    def catalogued(self) -> bool:
        """Whether it is a card of `zbench list datasheets`."""
        return self.source == CATALOGUE


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One claim, as the file has it."""

    id: str
    text: str
    """As quoted or reported."""
    source: Source
    metric: str
    case: str
    """Glob on case keys."""
    statistic: Statistic = "median"
    operator: Literal["<=", ">=", "<", ">"]
    value: str
    """With its unit; a plain number where the claim is a ratio (`of`)."""
    of: str = ""
    """`candidate`: the claim is a ratio, metric(candidate) / metric(baseline)."""
    to: Baseline | None = None
    """None in a ratio: the claimant named no baseline."""
    at_most: tuple[str, ...] = ()
    """A guideline: each case takes no longer than these operations of the same subject together."""
    monotone: bool = False
    """A guideline: each case takes no longer than the next larger size of the same question."""
    smooth: bool = False
    """A guideline: no product is computed at `value` times the rate of one of nearly the same size."""
    ranks: int = 1
    """The scale that is spoken of: cards that work on it together."""
    conditions: Conditions = {}
    """Names of `CONDITIONS`."""
    evidence: Literal["DATA SHEET", "PROJECTED", "MEASURED ON A SLICE", "MEASURED"] = "MEASURED"
    """The least that settles it."""
    assumed: tuple[str, ...] = ()
    """What the claimant left open and this file chose."""
    settles: str
    """What would settle it, in plain words."""

    @property
    def is_ratio(self) -> bool:
        return bool(self.of)

    @property
    def is_guideline(self) -> bool:
        return any(getattr(self, name) for name in GUIDELINES)

    @property
    def suite(self) -> str:
        """Which a guideline is about."""
        return "card" if self.smooth else "fabric"

    @property
    def is_factor(self) -> bool:
        """Whether its value is one time over another, a plain number."""
        return self.is_ratio or self.is_guideline

    @property
    def unit(self) -> str:
        return "1" if self.is_factor else METRICS[self.metric].unit

    @property
    def limit(self) -> float:
        """The claimed value in `unit`."""
        return parse_as(self.value, self.unit)

    @property
    def definition(self) -> Metric:
        return METRICS[self.metric]


def built_in() -> list[str]:
    """Names of the claim files that come with zbench."""
    files = resources.files("zbench.judge") / "claims"
    return sorted(f.name.removesuffix(".toml") for f in files.iterdir() if f.name.endswith(".toml"))


def load_claims(name: str | Path) -> list[Claim]:
    """The claims of a built-in file (`zhenwu-10k`) or of a path.

    Raises UsageError: no such file, not TOML, or the first key that is not right.
    """
    file = f"{name}.toml" if str(name) in built_in() else str(name)
    return parse_claims(claims_text(name), file)


def directory_of(name: str | Path) -> Path:
    """What the paths in a claims file are relative to: its own directory; of a built-in one, the current."""
    return Path() if str(name) in built_in() else Path(name).parent


def claims_text(name: str | Path) -> str:
    """The file as it stands. Raises UsageError."""
    if str(name) in built_in():
        return (resources.files("zbench.judge") / "claims" / f"{name}.toml").read_text("utf-8")
    path = Path(name)
    try:
        return text_of(path, "a claims file")
    except FileNotFoundError:
        raise UsageError(f"no claims file {str(name)!r}{suggest(str(name), built_in())}") from None


def parse_claims(text: str, file: str) -> list[Claim]:
    """The claims of a file's text; `file` is what errors call it. Raises UsageError, of one line."""
    try:
        return _parsed(text, file)
    except UsageError as error:
        raise UsageError(one_line(str(error))) from None
    except ValueError as error:  # an integer of so many digits that it cannot even be quoted
        raise UsageError(f"{file}: {error}") from None


def _parsed(text: str, file: str) -> list[Claim]:
    table = table_of(text, file)
    for key in table:
        if key not in ("version", "claim"):
            raise UsageError(f"{file}: {key}: unknown key{suggest(key, ('version', 'claim'))}")
    require_version(table, VERSION, file)
    entries = table.get("claim")
    if not isinstance(entries, list):  # `claim = []` says that there is none
        raise UsageError(f"{file}: claim: expected at least one [[claim]] table")
    claims: list[Claim] = []
    for index, entry in enumerate(entries):
        claim = _claim(entry, f"{file}: claim[{index}]")
        if claim.id in [other.id for other in claims]:
            raise UsageError(f"{file}: claim[{index}].id: {claim.id!r} is taken by an earlier claim")
        claims.append(claim)
    return claims


_UNKNOWN = re.compile(r"unknown field `(.*?)`")
_MISSING = re.compile(r"missing required field `(.*?)`")
_PATH = re.compile(r" - at `\$\.?(.*)`")
_CHOICES = {"operator": OPERATORS, "statistic": STATISTICS, "evidence": EVIDENCE}


def _claim(entry: Any, where: str) -> Claim:
    if not isinstance(entry, dict):
        raise UsageError(f"{where}: expected a table, found {entry!r}")
    for key, choices in _CHOICES.items():
        given = entry.get(key)
        if isinstance(given, str) and given not in choices:
            near = suggest("" if key == "operator" else given, choices)  # signs have no near miss
            raise UsageError(f"{where}.{key}: unknown {key} {given!r}{near}")
    try:
        claim = msgspec.convert(entry, Claim)
    except msgspec.ValidationError as error:
        raise UsageError(_told(str(error), where)) from None
    _check(claim, where)
    return claim


def _told(message: str, where: str) -> str:
    """msgspec's message, with the key first: `claim[2].operater: unknown key`."""
    path = _PATH.search(message)
    table = f"{where}.{path[1]}" if path and path[1] else where
    fields = {"source": Source, "to": Baseline}.get(path[1] if path else "", Claim).__struct_fields__
    if unknown := _UNKNOWN.search(message):
        return f"{table}.{unknown[1]}: unknown key{suggest(unknown[1], fields)}"
    if missing := _MISSING.search(message):
        return f"{table}.{missing[1]}: missing"
    reason = _PATH.sub("", message)
    return f"{table}: {reason[0].lower()}{reason[1:]}"


def _check_catalogued(claim: Claim, where: str) -> None:
    assert claim.to is not None
    if not claim.to.card:
        raise UsageError(f"{where}.to: source = {CATALOGUE!r} needs a card")
    if claim.metric not in RATED:
        raise UsageError(f"{where}.to: a data sheet tells a {' or a '.join(RATED)}, and no {claim.metric}")
    try:
        named(claim.to.card)
    except UsageError as error:
        raise UsageError(f"{where}.to.card: {error}") from None


def _check_guideline(claim: Claim, where: str) -> None:
    """A guideline speaks of times that one run measured side by side, and of nothing else."""
    key, *more = [name for name in GUIDELINES if getattr(claim, name)]
    if more:
        raise UsageError(f"{where}.{more[0]}: {key} is given already; write one claim for each")
    for operation in claim.at_most:
        if operation not in OPERATIONS:
            raise UsageError(f"{where}.at_most: no operation {operation!r}{suggest(operation, OPERATIONS)}")
    for name, wanted in GUIDELINE.items():
        if (given := getattr(claim, name)) != wanted:
            raise UsageError(f"{where}.{name}: {key} needs {wanted!r}, found {given!r}")


def over_card(claims: Iterable[Claim], card: str) -> list[Claim]:
    """The claims with a card of the catalogue as the baseline of every ratio of rates that names none."""
    to = Baseline(card=card, source=CATALOGUE)
    return [
        msgspec.structs.replace(claim, to=to)
        if card and claim.is_ratio and claim.to is None and claim.metric in RATED
        else claim
        for claim in claims
    ]


def _check(claim: Claim, where: str) -> None:
    """What a schema of types cannot say."""
    for key in ("id", "text", "case", "settles"):
        if not getattr(claim, key).strip():
            raise UsageError(f"{where}.{key}: empty")
    if claim.metric not in METRICS:
        raise UsageError(f"{where}.metric: unknown metric {claim.metric!r}{suggest(claim.metric, METRICS)}")
    if claim.of not in ("", "candidate"):
        raise UsageError(f"{where}.of: expected 'candidate', found {claim.of!r}")
    if claim.to is not None:
        if not claim.of:
            raise UsageError(f"{where}.to: a baseline needs of = 'candidate'")
        if sum(map(bool, (claim.to.card, claim.to.run, claim.to.subject))) != 1:
            raise UsageError(f"{where}.to: expected exactly one of card, run, subject")
        if claim.to.catalogued:
            _check_catalogued(claim, where)
    if claim.is_guideline:
        _check_guideline(claim, where)
    if claim.ranks < 1:
        raise UsageError(f"{where}.ranks: expected at least 1, found {claim.ranks}")
    if claim.ranks > MOST_RANKS:
        raise UsageError(f"{where}.ranks: expected at most {MOST_RANKS:,}")
    for key, value in claim.conditions.items():
        if key not in CONDITIONS:
            near = suggest(key, CONDITIONS)
            raise UsageError(f"{where}.conditions.{key}: unknown condition{near}")
        if key in VALUES and value not in VALUES[key]:
            near = suggest(str(value), VALUES[key])
            raise UsageError(f"{where}.conditions.{key}: unknown value {value!r}{near}")
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{where}.conditions.{key}: {value} is not a finite number")
    for key in claim.assumed:
        if key not in Claim.__struct_fields__:
            raise UsageError(f"{where}.assumed: unknown key {key!r}{suggest(key, Claim.__struct_fields__)}")
    try:
        parse_as(claim.value, claim.unit)
    except UsageError as error:
        raise UsageError(f"{where}.value: {error}") from None
