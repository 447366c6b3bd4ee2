"""`zbench selftest`: does the installation work, and with --aa: how often would it have cried wolf here?"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from zbench.errors import UsageError
from zbench.verbs.output import complain, in_unicode, put, screen_width, warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zbench.records.schema import Record
    from zbench.request import Request

HELP = "check the installation; with --aa measure the same thing twice, and how often that would mislead"
DESCRIPTION = (
    "Without --aa: compute and reduce a little, and check the answers. With --aa: measure every case twice "
    "in each block, judge it against itself as a run would, and report false alarms, whether intervals hold "
    "what they promise, and the noise of each case."
)
EXIT_CODES = (
    "exit codes: 0 it works, with --aa no more false alarms than nominal; 1 significantly more (CRIED WOLF); "
    "2 wrong usage or input; 4 a wrong answer, or an invalid measurement"
)
FORMATS = ("text", "json")
PAIRS = 200
"""At 3 % of false alarms the Wilson interval of 200 pairs reaches from 1.3 to 7 %."""
BURST_S = 0.1
"""Of an A/A session: many launches say more of noise than long bursts."""
BRIEF_S = 0.02
"""Of a burst whose time nobody reads."""
LITTLE = {"card": "gemm/fp32/256*/threads=1", "fabric": "allreduce/fp32/8/*", "scaling": "step/*/ranks=1"}


def add(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXIT_CODES
    parser.add_argument("suites", nargs="*", metavar="card|fabric|scaling", help="what (default: all)")
    parser.add_argument("--aa", action="store_true", help="the same thing twice: noise and false alarms")
    parser.add_argument(
        "--pairs",
        type=int,
        metavar="N",
        help=f"of --aa: comparisons of a case with itself (default: {PAIRS})",
    )
    parser.add_argument("--from", dest="run", metavar="RUN", help="of --aa: report a stored session again")
    parser.add_argument("--card", metavar="SPEC", help="a card, as name[:option][@venv]")
    parser.add_argument("--fabric", metavar="SPEC", help="a fabric, likewise")
    parser.add_argument("--ranks", type=int, metavar="N", help="ranks (default: usable CPUs, >= 2)")
    parser.add_argument("--profile", metavar="NAME", help="of --aa: whose cases (default: smoke)")
    parser.add_argument(
        "--case", action="append", default=[], metavar="GLOB", help="of --aa: only keys that match"
    )
    parser.add_argument("--out", metavar="DIR", help="of --aa: directory of the record")
    parser.add_argument("--format", choices=FORMATS, default="text", help="what standard output gets")


def main(options: argparse.Namespace, command: list[str]) -> int:
    if not options.aa:
        for name in ("pairs", "run", "profile", "case", "out"):
            if getattr(options, name):
                word = "from" if name == "run" else name
                raise UsageError(f"--{word} belongs to --aa: `zbench selftest --aa --{word} ...`")
        return works(options)
    if options.run:
        return again(options)
    return same_twice(options, command)


def works(options: argparse.Namespace) -> int:
    """Compute and reduce a little; nothing is kept."""
    import tempfile
    from dataclasses import replace
    from pathlib import Path

    from zbench.native import cpu
    from zbench.report.progress import Progress
    from zbench.request import ask
    from zbench.run import run

    with tempfile.TemporaryDirectory() as folder:
        request = ask(
            profile="smoke",
            suites=options.suites or ["card", "fabric"],
            cards=[options.card] if options.card else [],
            fabrics=[options.fabric] if options.fabric else [],
            ranks=options.ranks,
            launches=1,
            claims="none",
            out=str(Path(folder) / "run"),
        )
        wanted = tuple(LITTLE[suite] for suite in request.suites)
        request = replace(request, cases=wanted, profile=replace(request.profile, burst_s=BRIEF_S))
        with Progress() as progress:
            result = run(request, progress.update, complain, warn)
    summaries = result.findings.summaries
    # Times that cannot be trusted on a busy machine say nothing against an installation.
    good = bool(summaries) and all(s.verified for s in summaries)
    found = {
        "version": 1,
        "works": good,
        "isa": cpu.isa(),
        "isas": list(cpu.isas()),
        "cases": [
            {"key": s.key, "subject": s.subject, "status": s.status, "verified": s.verified, "why": s.why}
            for s in summaries
        ],
    }
    if options.format == "json":
        put(json.dumps(found, indent=2) + "\n")
    else:
        have = ", ".join(cpu.label(name) for name in cpu.isas())
        print(f"kernels: {cpu.label(cpu.isa())} (this CPU and build have {have})")
        for s in summaries:
            answer = "right" if s.verified else s.status.upper()
            why = "" if s.verified and s.status == "ok" else f" ({s.why or 'not verified'})"
            print(f"{s.key} of {s.subject}: {answer}{why}")
        print("OK: it computes, moves data, and checks its answers" if good else "FAILED: see above")
    return 0 if good else 4


def same_twice(options: argparse.Namespace, command: list[str]) -> int:
    """Measure an A/A session and report it."""
    from zbench.report.progress import Progress
    from zbench.run import run

    request = asked(options, command)
    with Progress() as progress:
        result = run(request, progress.update, complain, warn)
    findings = result.findings
    bad = any(s.bad for s in findings.summaries)
    return told(options, findings.records, str(findings.directory), bad or findings.run.state == "invalid")


def asked(options: argparse.Namespace, command: list[str]) -> Request:
    """Enough blocks for the pairs that are wanted. Raises UsageError."""
    from dataclasses import replace
    from math import ceil

    from zbench.measure.statistics import LAUNCHES
    from zbench.request import LAUNCHES_MAX, ask
    from zbench.selection import select

    pairs = PAIRS if options.pairs is None else options.pairs
    if pairs < 1:
        raise UsageError(f"--pairs {pairs}: at least 1")
    request = ask(
        profile=options.profile or "smoke",
        suites=options.suites,
        cards=[options.card] if options.card else [],
        fabrics=[options.fabric] if options.fabric else [],
        ranks=options.ranks,
        cases=options.case,
        claims="none",
        out=options.out,
        command=command,
    )
    cases = sum(len(group.cases) for group in select(request))
    blocks = LAUNCHES * ceil(pairs / cases)
    if blocks > LAUNCHES_MAX:
        raise UsageError(
            f"--pairs {pairs}: of {cases} cases that takes {blocks} blocks, {LAUNCHES_MAX} are the most: "
            "ask for fewer pairs, or select more cases"
        )
    profile = replace(request.profile, burst_s=min(request.profile.burst_s, BURST_S))
    return replace(request, launches=blocks, twins=True, profile=profile)


def again(options: argparse.Namespace) -> int:
    """Report a stored session. Raises UsageError where it is none."""
    from pathlib import Path

    from zbench import archive
    from zbench.judge.selftest import has_twins

    kept = archive.one(Path(options.run))
    if not has_twins(kept.records):
        raise UsageError(f"{options.run}: not an A/A session; `zbench selftest --aa` measures one")
    bad = any(s.bad for s in kept.summaries) or kept.run.state == "invalid"
    return told(options, kept.records, options.run, bad)


def told(options: argparse.Namespace, records: Sequence[Record], run: str, invalid: bool) -> int:
    from zbench.judge.selftest import self_test
    from zbench.report.noise import render_selftest, selftest_document

    found = self_test(records)
    if not found.pairs:
        raise UsageError(f"{run}: no five whole blocks in it, so nothing can be judged")
    if options.format == "json":
        put(json.dumps(selftest_document(found, run), indent=2, allow_nan=False) + "\n")
    else:
        print(render_selftest(found, run, screen_width(), in_unicode()), end="")
    if invalid:
        return 4
    return 1 if found.cried_wolf else 0
