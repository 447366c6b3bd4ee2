"""What makers publish of their cards: `zbench/cards/catalogue.toml`, read strictly, and which card is which.

A wrong denominator is worse than none, so nothing falls back: an unknown figure stays unknown, and a device
that the file does not name has no data sheet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal

import msgspec

from zbench.errors import UsageError, suggest
from zbench.handwritten import one_line, require_version, table_of
from zbench.judge.summary import Summary
from zbench.judge.units import parse_as
from zbench.records.schema import Record, Run
from zbench.workloads.stream import in_memory

VERSION = 1
FILE = "catalogue.toml"
UNKNOWN, NONE = "unknown", "none"
"""Not published; the card has no such arithmetic."""
RATES = {
    "fp64": "FLOP/s",
    "fp64_vector": "FLOP/s",
    "fp32": "FLOP/s",
    "tf32": "FLOP/s",
    "bf16": "FLOP/s",
    "fp16": "FLOP/s",
    "fp8": "FLOP/s",
    "int8": "OP/s",
}
"""Precision of a data sheet -> unit of its rate."""
PRECISIONS = {"fp8e4m3": "fp8", "fp8e5m2": "fp8", "u8s8": "int8"}
"""dtype of a case -> the precision under which a data sheet has it, where the names differ."""
Confidence = Literal["high", "medium", "low"]


class Figure(msgspec.Struct, frozen=True):
    """One published figure, in a base unit, and how far to trust it."""

    value: float
    unit: str
    confidence: Confidence
    sources: tuple[str, ...]
    """Names of the file's `[sources]`."""
    note: str = ""


class DataSheet(msgspec.Struct, frozen=True, kw_only=True):
    """What is published of one card; a figure that is not here is unknown."""

    name: str
    title: str
    per: str
    """What the figures are of: a card, or a package of several dies."""
    matches: tuple[str, ...]
    """Names of the device that this is the data sheet of."""
    confidence: Confidence
    sources: tuple[str, ...]
    note: str
    memory_kind: str
    peak: Mapping[str, Figure]
    """Precision -> dense rate that the maker prints."""
    achieved: Mapping[str, Figure]
    """Precision -> rate of a GEMM that somebody measured."""
    absent: frozenset[str]
    """Precisions that the card does not have."""
    memory: Figure | None = None
    bandwidth: Figure | None = None
    link: Figure | None = None
    """To other cards, both directions together."""
    power: Figure | None = None

    def rate(self, dtype: str) -> Figure | None:
        """The dense peak for a case's dtype, or None."""
        return self.peak.get(PRECISIONS.get(dtype, dtype))


class _Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure with a source or a confidence of its own."""

    value: str
    confidence: Confidence | None = None
    sources: tuple[str, ...] = ()
    note: str = ""


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A card, as the file has it."""

    name: str
    title: str
    confidence: Confidence
    sources: tuple[str, ...]
    matches: tuple[str, ...] = ()
    per: str = "card"
    note: str = ""
    memory: str | _Told = UNKNOWN
    memory_kind: str = ""
    bandwidth: str | _Told = UNKNOWN
    link: str | _Told = UNKNOWN
    power: str | _Told = UNKNOWN
    peak: dict[str, str | _Told] = {}
    achieved: dict[str, str | _Told] = {}


@cache
def datasheets() -> Mapping[str, DataSheet]:
    """Name -> data sheet, of the catalogue that comes with zbench, in the order of the file."""
    text = (resources.files("zbench.cards") / FILE).read_text("utf-8")
    return parse(text, FILE)


def named(name: str) -> DataSheet:
    """Raises UsageError for a card that the catalogue does not have."""
    known = datasheets()
    if name not in known:
        raise UsageError(
            f"no card {name!r} in the catalogue{suggest(name, known)}; `zbench list datasheets` tells all, "
            "--baseline RUN compares with a stored run"
        )
    return known[name]


def of_device(device: str) -> DataSheet | None:
    """The data sheet of the device that its driver calls so, letter by letter; else None."""
    return next((sheet for sheet in datasheets().values() if device in sheet.matches), None)


def of_subjects(run: Run, records: Iterable[Record]) -> dict[str, DataSheet]:
    """Subject -> data sheet, of the cards that the catalogue names.

    A card says in `describe()` what its device is called. One that launches say different things of has
    none.
    """
    found: dict[str, set[str]] = {}
    for subject, fingerprint in {(r.subject, r.fingerprint) for r in records if r.suite == "card"}:
        described = run.fingerprints.get(fingerprint, {}).get("subjects", {}).get("card", {})
        sheets = {sheet.name for value in described.values() if (sheet := of_device(str(value)))}
        found.setdefault(subject, set()).update(sheets or {""})
    known = datasheets()
    return {subject: known[name] for subject, (name, *more) in found.items() if name and not more}


def bound(sheet: DataSheet, summary: Summary) -> Figure | None:
    """What the data sheet says that this case cannot exceed, if it tells that."""
    if summary.suite != "card":
        return None
    if in_memory(summary.case):
        return sheet.bandwidth
    return sheet.rate(summary.case.dtype) if summary.unit == "FLOP/s" else None


def share(sheets: Mapping[str, DataSheet], summary: Summary) -> float | None:
    """Measured over published: the MFU of a data sheet, where the subject has one."""
    sheet = sheets.get(summary.subject)
    figure = bound(sheet, summary) if sheet else None
    return summary.value / figure.value if figure and summary.value and summary.status == "ok" else None


def parse(text: str, file: str) -> dict[str, DataSheet]:
    """The cards of a file's text. Raises UsageError that names file, card, key and value."""
    try:
        return _parsed(table_of(text, file), file)
    except UsageError as error:
        raise UsageError(one_line(str(error))) from None


def _parsed(table: dict[str, Any], file: str) -> dict[str, DataSheet]:
    known = ("version", "sources", "card")
    for key in table:
        if key not in known:
            raise UsageError(f"{file}: {key}: unknown key{suggest(key, known)}")
    require_version(table, VERSION, file)
    sources, rows = table.get("sources", {}), table.get("card", [])
    if not isinstance(sources, dict) or not isinstance(rows, list):
        raise UsageError(f"{file}: expected a table [sources] and tables [[card]]")
    sheets: dict[str, DataSheet] = {}
    taken: dict[str, str] = {}
    for index, row in enumerate(rows):
        name = row.get("name", index) if isinstance(row, dict) else index
        sheet = _sheet(row, sources, f"{file}: card {name}")
        if sheet.name in sheets:
            raise UsageError(f"{file}: card {name}: name: taken by an earlier card")
        for device in sheet.matches:
            if device in taken:
                raise UsageError(f"{file}: card {name}: matches: {device!r} is {taken[device]}'s already")
            taken[device] = sheet.name
        sheets[sheet.name] = sheet
    return sheets


_PATH = re.compile(r" - at `\$\.?(.*)`")


def _sheet(entry: Any, sources: Mapping[str, Any], where: str) -> DataSheet:
    try:
        row = msgspec.convert(entry, _Row)
    except msgspec.ValidationError as error:
        path = _PATH.search(str(error))
        key = f"{path[1]}: " if path and path[1] else ""
        raise UsageError(f"{where}: {key}{_PATH.sub('', str(error))}") from None

    def figure(key: str, told: str | _Told, unit: str) -> Figure | None:
        if isinstance(told, str):
            told = _Told(told)
        if told.value in (UNKNOWN, NONE):
            return None
        try:
            value = parse_as(told.value, unit)
        except UsageError as error:
            raise UsageError(f"{where}: {key}: {error}") from None
        if value <= 0:
            raise UsageError(f"{where}: {key}: {told.value!r}: not a figure; write {UNKNOWN!r}")
        cited = told.sources or row.sources
        for source in cited:
            if source not in sources:
                raise UsageError(f"{where}: {key}: no source {source!r}{suggest(source, sources)}")
        if not cited:
            raise UsageError(f"{where}: {key}: {told.value!r} has no source")
        return Figure(value, unit, told.confidence or row.confidence, cited, told.note)

    def rates(group: str, told: Mapping[str, str | _Told]) -> dict[str, Figure]:
        for key in told:
            if key not in RATES:
                raise UsageError(f"{where}: {group}.{key}: unknown precision{suggest(key, RATES)}")
        found = {key: figure(f"{group}.{key}", value, RATES[key]) for key, value in told.items()}
        return {key: one for key, one in found.items() if one}

    return DataSheet(
        name=row.name,
        title=row.title,
        per=row.per,
        matches=row.matches,
        confidence=row.confidence,
        sources=row.sources,
        note=row.note,
        memory_kind=row.memory_kind,
        peak=rates("peak", row.peak),
        achieved=rates("achieved", row.achieved),
        absent=frozenset(key for key, told in row.peak.items() if told == NONE),
        memory=figure("memory", row.memory, "B"),
        bandwidth=figure("bandwidth", row.bandwidth, "B/s"),
        link=figure("link", row.link, "B/s"),
        power=figure("power", row.power, "W"),
    )


def sources() -> dict[str, str]:
    """Name -> where the figures of the catalogue come from."""
    text = (resources.files("zbench.cards") / FILE).read_text("utf-8")
    told: dict[str, str] = table_of(text, FILE)["sources"]
    return told
