"""`zbench run`: measure, check, judge and report."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from zbench.errors import UsageError
from zbench.verbs.output import add_format, add_strict, complain, screen_width, show, warn

if TYPE_CHECKING:
    from zbench.request import Request

HELP = "measure, check, judge and report"
DESCRIPTION = (
    "Measure cards, fabrics and how they scale together, check every answer, judge the result against a "
    "claims file, and leave a record, charts and a page."
)
EXIT_CODES = (
    "exit codes: 0 fine; 1 a claim is NOT MET, or a subject is SLOWER than itself in another environment; "
    "2 wrong usage or input; 3 UNDECIDED; 4 the measurement itself is invalid; 130, 143, 129, 141: stopped "
    "by Ctrl-C, SIGTERM, a closed terminal, a reader of the output that left (128 + the signal)"
)


LISTS = ("card", "fabric", "case")
SETTINGS = (
    "profile",
    "model",
    "search",
    "ranks",
    "launches",
    "claims",
    "algorithm",
    "baseline",
    "baseline_card",
    "out",
    "minutes",
    "each",
    "price_per_card_hour",
    "seed",
)
"""What a stored run has already: not to be said again with --resume or --append."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXIT_CODES
    add_selection(parser)
    parser.add_argument("--claims", metavar="FILE", help="claims file, or the name of a built-in one")
    parser.add_argument(
        "--model", metavar="NAME", help="cards: the shapes of this language model, for example qwen3-8b"
    )
    parser.add_argument(
        "--search",
        action="store_true",
        default=None,
        help="cards: look for the fastest shape of a GEMM first (a minute or two), and measure that too",
    )
    parser.add_argument(
        "--algorithm",
        metavar="NAME",
        help="fabrics: this one of `zbench list algorithms`, instead of the fastest as measured here",
    )
    parser.add_argument("--baseline", metavar="RUN", help="a stored run to compare with")
    add_baseline_card(parser)
    parser.add_argument("--plan", metavar="FILE", help="settings from a file; the command line wins over it")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be measured, for how long; stop"
    )
    parser.add_argument(
        "--time-limit",
        metavar="TIME",
        default="",
        help="fit the plan into 90s, 10min, 1h; say what is left out",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="N",
        help="sustained run of cards: each case for N minutes (default case: the largest GEMM; 1 launch)",
    )
    parser.add_argument(
        "--each",
        action="store_true",
        default=None,
        help="every card of the kind on this host, one by one and all at once: which one is slow",
    )
    parser.add_argument(
        "--price-per-card-hour", type=float, metavar="PRICE", help="to tell what the run costs"
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="of all data, yours to choose so that no answer can have been prepared (default: drawn)",
    )
    parser.add_argument("--resume", metavar="RUN", help="finish a run that was cut off")
    parser.add_argument("--append", metavar="RUN", help="add launches (--launches, default 1) to a run")
    add_format(parser)
    add_strict(parser)


def add_baseline_card(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--baseline-card",
        metavar="CARD",
        help="what ratio claims without a baseline are over: a card of `zbench list datasheets`, such as h20",
    )


def add_selection(parser: argparse.ArgumentParser) -> None:
    """What to measure: the same words wherever something is measured."""
    parser.add_argument("suites", nargs="*", metavar="card|fabric|scaling", help="what (default: all)")
    subject = "as name[:option][@venv]; several are measured in the same blocks and compared"
    parser.add_argument("--card", action="append", default=[], metavar="SPEC", help=f"a card, {subject}")
    parser.add_argument("--fabric", action="append", default=[], metavar="SPEC", help=f"a fabric, {subject}")
    add_extent(parser)


def add_extent(parser: argparse.ArgumentParser) -> None:
    """How much of it."""
    parser.add_argument("--ranks", type=int, metavar="N", help="ranks (default: usable CPUs, >= 2)")
    parser.add_argument(
        "--case",
        action="append",
        default=[],
        metavar="GLOB",
        help="only keys that match, or a product or a case between ranks in full: gemm/bf16/1000x500x70, "
        "allreduce/int32/4096/redop=max",
    )
    parser.add_argument(
        "--launches", type=int, metavar="N", help="blocks of launches (default: the profile's)"
    )
    parser.add_argument(
        "--profile", metavar="NAME", help="smoke (no verdicts), quick (default), full, or limits (of cards)"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="directory of the record (default: ./results/<utc>-<id>)"
    )


def main(options: argparse.Namespace, command: list[str]) -> int:
    from zbench.report.progress import Progress
    from zbench.run import run

    request = asked(options, command)
    if options.dry_run:
        return dry_run(request, options.format)
    with Progress() as progress:
        result = run(request, progress.update, complain, warn)
    show(result.findings, options.format, result.page)
    return result.exit_code(options.strict)


def dry_run(request: Request, form: str) -> int:
    """Print the plan; nothing is measured and nothing written. Raises UsageError."""
    import json

    from zbench.native import cpu
    from zbench.report.forecast import forecast, render_forecast
    from zbench.session import plan

    if form not in ("text", "json"):
        raise UsageError(f"--dry-run prints text or json, not {form}")
    planned = plan(request)
    told = forecast(
        planned.groups,
        planned.refused,
        request.profile,
        request.launches,
        planned.seconds,
        cpu.usable_cpus(),
        request.price_per_card_hour,
    )
    print(json.dumps(told, indent=2) if form == "json" else render_forecast(told, screen_width()).rstrip())
    return 0


def asked(options: argparse.Namespace, command: list[str]) -> Request:
    """The request of a command line, over the plan file's where one is given. Raises UsageError."""
    from pathlib import Path

    from zbench.campaign import load_campaign
    from zbench.request import ask, go_on

    texts = ("model", "claims", "algorithm", "baseline", "baseline_card", "out", "plan", "resume", "append")
    for name in (*LISTS, *texts):
        given = getattr(options, name)
        if given == "" or (isinstance(given, list) and "" in given):
            option = name.replace("_", "-")
            raise UsageError(f"--{option} is empty; leave it out, or say what it is")
    words = {name: getattr(options, name) for name in SETTINGS if getattr(options, name) is not None}
    lists = {
        "suites": options.suites,
        "cards": options.card,
        "fabrics": options.fabric,
        "cases": options.case,
    }
    words |= {name: given for name, given in lists.items() if given}
    if options.resume or options.append:
        known = set(words) - ({"launches"} if options.append else set())
        if options.resume and options.append:
            raise UsageError("--resume finishes a run, --append adds launches to it: give one of them")
        if known or options.plan:
            given = ", ".join(sorted(known or {"plan"})).replace("_", "-")
            door = "--resume" if options.resume else "--append"
            raise UsageError(f"{door} takes its settings from the run: leave out {given}")
        return go_on(
            "resume" if options.resume else "append",
            Path(options.resume or options.append),
            launches=(options.launches or 1) if options.append else 0,
            command=command,
            time_limit=options.time_limit,
        )
    if options.time_limit:
        words["time_limit"] = options.time_limit
    planned = load_campaign(Path(options.plan)) if options.plan else {}
    return ask(**planned | words, command=command)
