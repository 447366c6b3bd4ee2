"""`zbench conform`: is what a card or a fabric computes right?"""

from __future__ import annotations

import argparse
import sys

from zbench.errors import UsageError, suggest
from zbench.verbs.output import in_unicode, screen_width

HELP = "test whether what cards and fabrics compute is right"
DESCRIPTION = (
    "Ask a card for products and a fabric for collectives whose every bit is known, or bounded by what they "
    "declare of their own arithmetic, and test what they declare. Each test has an id of the catalogue; each "
    "failure prints the command that shows it again. A test that is not tried is never a pass."
)
EXIT_CODES = (
    "exit codes: 0 all that was tried passes; 1 a test fails; 2 wrong usage or input; 3 with --strict, "
    "something was MARGINAL or not tried; 4 a test itself went wrong"
)
LEVELS = {
    "L0": "smoke, up to a minute, never a certificate",
    "L1": "functional: shapes, moves, guards, special values; up to 10 minutes on 2 cores",
    "L2": "numeric: tolerances, and probes of what is declared",
    "L3": "deterministic: the same bits again, with other threads, on all ranks",
    "L4": "resilient: ranks that die, stop and disagree",
    "L5": "soak: for --hours",
}


def add(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXIT_CODES
    parser.add_argument("--card", action="append", default=[], metavar="SPEC", help="a card to test; repeat")
    parser.add_argument("--fabric", action="append", default=[], metavar="SPEC", help="a fabric; repeat")
    told = "; ".join(f"{level} {does}" for level, does in LEVELS.items())
    parser.add_argument("--level", choices=list(LEVELS), default="L0", help=f"{told} (default: L0)")
    parser.add_argument("--seed", type=int, default=0, help="of all data (default: 0)")
    parser.add_argument("--test", action="append", default=[], metavar="ID", help="only this test; repeat")
    parser.add_argument("--dtype", action="append", default=[], metavar="DTYPE", help="only this; repeat")
    parser.add_argument("--ranks", action="append", default=[], type=int, metavar="P", help="only this world")
    parser.add_argument("--attempt", default="*", metavar="GLOB", help="only attempts of this name")
    parser.add_argument("--declaration", metavar="FILE", help="what the subject says of its arithmetic")
    parser.add_argument(
        "--hours",
        type=float,
        default=0.0,
        metavar="H",
        help="of L5's soaking tests of a subject, together (default: 2 s each, which shows that they work "
        "and no more)",
    )
    parser.add_argument("--strict", action="store_true", help="MARGINAL and NOT_SUPPORTED exit with 3")


def main(options: argparse.Namespace, command: list[str]) -> int:
    from zbench.conformance.catalogue import BY_ID
    from zbench.conformance.launches import Ask, conform
    from zbench.conformance.status import BAD, HARNESS_ERROR, MARGINAL, NOT_SUPPORTED
    from zbench.report.conformance import render_outcomes
    from zbench.subject import parse

    for id in options.test:
        if id not in BY_ID:
            raise UsageError(f"--test {id}: no such test{suggest(id, BY_ID)}")
    if options.seed < 0:
        raise UsageError(f"--seed {options.seed}: a whole number from 0 on")
    specs = [("card", spec) for spec in options.card] + [("fabric", spec) for spec in options.fabric]
    if not 0 <= options.hours < float("inf"):
        raise UsageError(f"--hours {options.hours:g}: a number from 0 on")
    subjects = [parse(*each) for each in specs or [("card", "cpu"), ("fabric", "shm")]]
    outcomes = []
    for subject in subjects:
        ask = Ask(
            subject,
            options.level,
            options.seed,
            tuple(options.test),
            tuple(options.dtype),
            tuple(options.ranks),
            options.attempt,
            options.declaration,
            options.hours,
        )
        outcomes += list(conform(ask))
    print(render_outcomes(outcomes, options.level, screen_width(), in_unicode()), end="")
    sys.stdout.flush()
    found = {outcome.status for outcome in outcomes}
    if found & BAD:
        return 1
    if HARNESS_ERROR in found or not outcomes:
        return 4
    return 3 if options.strict and found & {MARGINAL, NOT_SUPPORTED} else 0
