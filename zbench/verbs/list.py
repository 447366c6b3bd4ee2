"""`zbench list`: what there is to measure with, to measure, to claim and to judge by."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from zbench.errors import UsageError
from zbench.verbs.output import add_format, in_unicode, screen_width

if TYPE_CHECKING:
    from zbench.catalogue import Operations

HELP = "cards, fabrics, cases, models, claims, data sheets, algorithms, metrics or tests"
DESCRIPTION = (
    "List what is installed here and what can be asked: cards and fabrics (also those that do not load, and "
    "why), the cases of a profile with their work model, language models whose shapes `zbench run --model` "
    "asks, claims files, published figures of cards that others are compared with, collective algorithms, "
    "metrics, tests of conformance."
)
Rows = list[dict[str, Any]]


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("what", choices=WHAT, metavar="|".join(WHAT))
    parser.add_argument("file", nargs="?", metavar="FILE", help="claims: a claims file, or a built-in name")
    parser.add_argument("--profile", help="cases: smoke, quick (default), full or limits")
    parser.add_argument("--ranks", type=int, metavar="N", help="cases: ranks (default: usable CPUs, >= 2)")
    parser.add_argument(
        "--case", action="append", default=[], metavar="GLOB", help="cases: only keys that match"
    )
    add_format(parser)


def main(options: argparse.Namespace, command: list[str]) -> int:
    from zbench.report.plain import fit, folded, table, written

    _refuse_others(options)
    found, layout, after = WHAT[options.what](options)
    if options.format == "json":
        json.dump({"version": 1, options.what: found}, sys.stdout, indent=2, allow_nan=False)
        print()
        return 0
    width = fit(screen_width())
    lines = table(list(layout), [[_cell(row, show) for show in layout.values()] for row in found], width)
    for text in after:
        lines += ["", *folded(text, width)]
    print(written(lines, in_unicode()), end="")
    return 0


def _refuse_others(options: argparse.Namespace) -> None:
    """An option that this list does not know would be ignored without a word. Raises UsageError."""
    if options.file is not None and options.what != "claims":
        raise UsageError(
            f"zbench list {options.what} takes no FILE ({options.file}); zbench list claims does"
        )
    for name in ("profile", "ranks", "case"):
        if getattr(options, name) not in (None, []) and options.what != "cases":
            raise UsageError(f"zbench list {options.what} takes no --{name}; zbench list cases does")


Layout = dict[str, "str | Callable[[dict[str, Any]], str]"]
"""Heading -> the field to show, or how to make the cell from a row."""
Listed = tuple[Rows, Layout, Sequence[str]]
"""What a document gets, how a table shows it, and what is said below the table."""


def _cell(row: dict[str, Any], show: str | Callable[[dict[str, Any]], str]) -> str:
    return str(row[show]) if isinstance(show, str) else show(row)


def cards(options: argparse.Namespace) -> Listed:
    return _offers("card")


def fabrics(options: argparse.Namespace) -> Listed:
    return _offers("fabric")


def _offers(kind: str) -> Listed:
    """A row for each name and each option of it."""
    import msgspec

    from zbench.catalogue import catalogue

    rows: Rows = []
    for offer in catalogue(kind):
        shared: dict[str, Any] = {"package": offer.package, "version": offer.version, "target": offer.target}
        shared |= {"loads": offer.loads, "why": offer.why, "memory": list(offer.memory)}
        for option in ("", *offer.options):
            name = f"{offer.name}:{option}" if option else offer.name
            about = offer.options.get(option, "")
            has = msgspec.to_builtins(offer.operations.get(option, {}))
            rows.append({"name": name, "about": about, **shared, "operations": has})
    layout: Layout = {
        kind: "name",
        "from": lambda row: f"{row['package']} {row['version']}",
        "what it has": lambda row: _has(row) if row["loads"] else f"does not load: {row['why']}",
    }
    other = f"Another one: --{kind} package.module:Class, or an entry point of the group zbench.{kind}s."
    return rows, layout, [other]


def _has(row: dict[str, Any]) -> str:
    told = [row["about"], operations(row["operations"])]
    return "; ".join(filter(None, told)) or "says what it has only when it runs"


def operations(has: Operations) -> str:
    """`gemm (fp32, fp64), copy and triad (fp64)`: workloads of the same dtypes together."""
    by_dtypes: dict[tuple[str, ...], list[str]] = {}
    for workload, dtypes in has.items():
        by_dtypes.setdefault(tuple(dtypes), []).append(workload)
    return ", ".join(f"{' '.join(names)} ({', '.join(dtypes)})" for dtypes, names in by_dtypes.items())


def cases(options: argparse.Namespace) -> Listed:
    from zbench.judge.units import format_value
    from zbench.measure.memory import needed_bytes
    from zbench.request import ask
    from zbench.selection import select
    from zbench.workloads import workload

    profile = options.profile or "quick"
    groups = select(ask(profile=profile, ranks=options.ranks, cases=options.case))
    suites = {case.key: (group.suite, case) for group in groups for case in group.cases}
    rows: Rows = []
    for key, (suite, case) in suites.items():
        work = workload(case.workload)
        rows.append(
            {
                "key": key,
                "suite": suite,
                "metric": work.metric,
                "flops": work.flops(case),
                "bytes": work.bytes(case),
                "memory_bytes": needed_bytes(case),
            }
        )
    layout: Layout = {
        "case": "key",
        "metric": "metric",
        "work": lambda row: format_value(row["flops"], "FLOP") if row["flops"] else "-",
        "moves": lambda row: format_value(row["bytes"], "B") if row["bytes"] else "-",
        "memory": lambda row: format_value(row["memory_bytes"], "B"),
    }
    what = (
        f"{len(rows)} cases of profile {profile}. Work and bytes are those of one operation (of one "
        "rank, where there are several); memory is what all processes of the case need."
    )
    return rows, layout, [what]


def models(options: argparse.Namespace) -> Listed:
    import msgspec

    from zbench.workloads.models import built_in

    rows: Rows = [{"name": name} | msgspec.to_builtins(model) for name, model in built_in().items()]
    layout: Layout = {
        "model": "name",
        "layers": "layers",
        "hidden": "hidden",
        "heads": lambda row: f"{row['heads']} of {row['head_dim']}, {row['kv_heads']} of keys",
        "feed-forward": _inner,
        "vocabulary": "vocab",
    }
    return rows, layout, ["Shapes as published with each model; --format json names where."]


def _inner(row: dict[str, Any]) -> str:
    """`18432, or 8 of 256 experts of 2048`."""
    dense = [str(row["ffn"])] if row["ffn"] else []
    experts = f"{row['top_k']} of {row['experts']} experts of {row['expert_ffn']}"
    return ", or ".join(dense + [experts] * bool(row["experts"]))


def claims(options: argparse.Namespace) -> Listed:
    return claims_of(options.file) if options.file else claim_files()


def claim_files() -> Listed:
    from zbench.judge.claims import built_in, load_claims

    rows: Rows = [{"file": name, "claims": [claim.id for claim in load_claims(name)]} for name in built_in()]
    layout: Layout = {
        "file": "file",
        "claims": lambda row: (
            f"{len(row['claims'])}: {', '.join(row['claims'])}" if row["claims"] else "none"
        ),
    }
    return rows, layout, ["`zbench list claims FILE` tells what each says and what settles it."]


def claims_of(file: str) -> Listed:
    import msgspec

    from zbench.judge.claims import load_claims

    rows: Rows = [msgspec.to_builtins(claim) for claim in load_claims(file)]
    layout: Layout = {
        "claim": "id",
        "says": "text",
        "source": lambda row: f"{row['source']['publisher']}, {row['source']['date']}",
        "limit": _limit,
        "of": "case",
        "only if": lambda row: _pairs(row["conditions"]),
        "chosen here, not said": lambda row: ", ".join(row["assumed"]),
        "settled by": "settles",
    }
    return rows, layout, []


def _limit(row: dict[str, Any]) -> str:
    """`latency p50 <= 4 us`, `rate median >= 9.5 times that of another subject`."""
    text = f"{row['metric']} {row['statistic']} {row['operator']} {row['value']}"
    if row["of"]:
        to = row["to"] or {}
        text += f" times that of {to.get('subject') or to.get('run') or to.get('card') or 'a second subject'}"
    return (
        text + (f", at {row['ranks']:,} ranks" if row["ranks"] > 1 else "") + f"; evidence {row['evidence']}"
    )


def _pairs(conditions: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in conditions.items())


def datasheets(options: argparse.Namespace) -> Listed:
    import msgspec

    from zbench.judge import datasheets as catalogue

    rows: Rows = [
        {name: value for name, value in msgspec.to_builtins(sheet).items() if name != "absent"}
        | {
            "absent": sorted(sheet.absent),
            "origins": {name: catalogue.sources()[name] for name in sheet.sources},
        }
        for sheet in catalogue.datasheets().values()
    ]
    layout: Layout = {
        "name": "name",
        "card": lambda row: row["title"] + (f", per {row['per']}" if row["per"] != "card" else ""),
        "dense peak, T/s": lambda row: _rates(row["peak"]) or "unknown",
        "achieved, T/s": lambda row: _rates(row["achieved"]) or "-",
        "memory": _memory,
        "power": lambda row: _amount(row["power"]),
        "confidence": lambda row: row["confidence"] + (f": {row['note']}" if row["note"] else ""),
    }
    how = (
        "Peaks are the maker's, achieved rates those of a GEMM: TFLOP/s, of int8 TOP/s. "
        "`--baseline-card NAME` judges ratio claims against one; a figure that is not here is unknown. "
        "With --format json: each figure with its source, its confidence, and what is disputed."
    )
    origins = "; ".join(f"{name}: {text}" for name, text in catalogue.sources().items())
    return rows, layout, [how, f"From {origins}."]


def _rates(rates: dict[str, Any]) -> str:
    """`fp64 19.5, bf16 312`."""
    return ", ".join(f"{name} {rate['value'] / 1e12:g}" for name, rate in rates.items())


def _memory(row: dict[str, Any]) -> str:
    kind = f" {row['memory_kind']}" if row["memory_kind"] else ""
    return f"{_amount(row['memory'])}{kind}, {_amount(row['bandwidth'])}"


def _amount(figure: dict[str, Any] | None) -> str:
    """In SI prefixes, as makers print it."""
    if figure is None:
        return "unknown"
    value, unit = figure["value"], figure["unit"]
    return (
        f"{value / 1e12:g} TB/s"
        if unit == "B/s"
        else f"{value / 1e9:g} GB"
        if unit == "B"
        else f"{value:g} W"
    )


def algorithms(options: argparse.Namespace) -> Listed:
    from zbench.schedules.table import ALGORITHMS

    rows: Rows = [
        {
            "operation": operation,
            "algorithm": name,
            "least_ranks": algorithm.least_ranks,
            "cost": algorithm.formula,
            "source": algorithm.source,
        }
        for operation, named in ALGORITHMS.items()
        for name, algorithm in named.items()
    ]
    layout: Layout = {
        "operation": "operation",
        "algorithm": "algorithm",
        "ranks": lambda row: f">= {row['least_ranks']}",
        "cost": lambda row: f"{row['cost']} [{row['source']}]",
    }
    letters = "Costs: p ranks, n bytes, a seconds a message, b a byte moved, g a byte reduced, c chunks."
    table = "Which one runs is measured on the fabric before the first launch, unless --algorithm forces one."
    return rows, layout, [f"{letters} {table}"]


def metrics(options: argparse.Namespace) -> Listed:
    import msgspec

    from zbench.judge.metrics import METRICS

    rows: Rows = [msgspec.to_builtins(metric) for metric in METRICS.values()]
    return rows, {name: name for name in ("name", "unit", "better", "definition")}, []


def tests(options: argparse.Namespace) -> Listed:
    from zbench.conformance.catalogue import COLLECTIVES, FAULTS, PRODUCTS, SCHEDULES

    kinds = {"card": PRODUCTS, "fabric": COLLECTIVES + FAULTS, "schedules": SCHEDULES}
    rows: Rows = [
        {
            "id": item.id,
            "of": kind,
            "title": item.title,
            "level": item.level,
            "smoke": item.smoke,
            "families": list(item.families),
            "source": item.source,
        }
        for kind, items in kinds.items()
        for item in items
    ]
    rows.sort(key=lambda row: str(row["id"]))
    layout: Layout = {
        "test": "id",
        "of": "of",
        "title": "title",
        "level": lambda row: f"L0, {row['level']}" if row["smoke"] else row["level"],
        "source": "source",
    }
    return rows, layout, ["`zbench conform --test ID` asks one; each level has the tests of those before it."]


WHAT: dict[str, Callable[[argparse.Namespace], Listed]] = {
    "cards": cards,
    "fabrics": fabrics,
    "cases": cases,
    "models": models,
    "claims": claims,
    "datasheets": datasheets,
    "algorithms": algorithms,
    "metrics": metrics,
    "tests": tests,
}
