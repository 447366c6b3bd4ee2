"""`zbench run`: measure, check, judge and report."""

from __future__ import annotations

import argparse

from zbench.errors import UsageError
from zbench.verbs.output import add_format, add_strict, complain, show

HELP = "measure, check, judge and report"
DESCRIPTION = (
    "Measure cards, fabrics and how they scale together, check every answer, judge the result against a "
    "claims file, and leave a record, charts and a page."
)
EXIT_CODES = (
    "exit codes: 0 fine; 1 a claim is NOT MET, or a subject is SLOWER than itself in another environment; "
    "2 wrong usage or input; 3 UNDECIDED; 4 the measurement itself is invalid"
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXIT_CODES
    parser.add_argument("suites", nargs="*", metavar="card|fabric|scaling", help="what (default: all)")
    subject = "as name[:option][@venv]; several are measured in the same blocks and compared"
    parser.add_argument("--card", action="append", default=[], metavar="SPEC", help=f"a card, {subject}")
    parser.add_argument("--fabric", action="append", default=[], metavar="SPEC", help=f"a fabric, {subject}")
    parser.add_argument("--ranks", type=int, metavar="N", help="ranks (default: usable CPUs, >= 2)")
    parser.add_argument("--case", action="append", default=[], metavar="GLOB", help="only keys that match")
    parser.add_argument(
        "--launches", type=int, metavar="N", help="blocks of launches (default: the profile's)"
    )
    parser.add_argument("--profile", default="quick", help="smoke (no verdicts), quick (default) or full")
    parser.add_argument("--claims", metavar="FILE", help="claims file, or the name of a built-in one")
    parser.add_argument("--baseline", metavar="RUN", help="a stored run to compare with")
    parser.add_argument(
        "--out", metavar="DIR", help="directory of the record (default: ./results/<utc>-<id>)"
    )
    add_format(parser)
    add_strict(parser)


def main(options: argparse.Namespace, command: list[str]) -> int:
    from zbench.report.progress import Progress
    from zbench.run import run
    from zbench.session import ask

    for name in ("card", "fabric", "case", "claims", "baseline", "out"):
        given = getattr(options, name)
        if given == "" or (isinstance(given, list) and "" in given):
            raise UsageError(f"--{name} is empty; leave it out, or say what it is")
    request = ask(
        profile=options.profile,
        suites=options.suites,
        cards=options.card,
        fabrics=options.fabric,
        ranks=options.ranks,
        launches=options.launches,
        cases=options.case,
        claims=options.claims or "",
        baseline=options.baseline or "",
        out=options.out,
        command=command,
    )
    with Progress() as progress:
        result = run(request, progress.update, complain)
    show(result.findings, options.format, result.page)
    return result.exit_code(options.strict)
