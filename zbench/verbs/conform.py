"""`zbench conform`: is what a card or a fabric computes right?"""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from zbench.errors import UsageError, suggest
from zbench.handwritten import text_of
from zbench.verbs.output import in_unicode, put, screen_width

if TYPE_CHECKING:
    from zbench.conformance.item import Outcome
    from zbench.conformance.keeping import Described
    from zbench.conformance.launches import Ask
    from zbench.conformance.waivers import Waiver

HELP = "test whether what cards and fabrics compute is right"
DESCRIPTION = (
    "Ask a card for products and a fabric for collectives whose every bit is known, or bounded by what they "
    "declare of their own arithmetic, and test what they declare. Each test has an id of the catalogue; each "
    "failure prints the command that shows it again. A test that is not tried is never a pass."
)
EXIT_CODES = (
    "exit codes: 0 all that was tried passes; 1 a test fails; 2 wrong usage or input; 3 with --strict, "
    "something was MARGINAL or not tried; 4 a test itself went wrong, or nothing was tried"
)
NONCE_LENGTH = 200
FORMATS = ("text", "json", "junit")
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
    parser.add_argument("--schedules", action="store_true", help="prove the schedules of our collectives")
    told = "; ".join(f"{level} {does}" for level, does in LEVELS.items())
    parser.add_argument("--level", choices=list(LEVELS), default="L0", help=f"{told} (default: L0)")
    parser.add_argument("--seed", type=int, default=0, help="of all data (default: 0)")
    parser.add_argument("--test", action="append", default=[], metavar="GLOB", help="only these ids; repeat")
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
    parser.add_argument("--out", metavar="DIR", help="keep the log of all attempts there, and a certificate")
    parser.add_argument(
        "--sign", metavar="KEY.pem", help="sign it; a key: openssl genpkey -algorithm ed25519"
    )
    parser.add_argument(
        "--nonce", default="", metavar="TEXT", help="a verifier's: data are made from it, too"
    )
    parser.add_argument("--waivers", metavar="FILE", help="failures that are known and accepted for a time")
    parser.add_argument(
        "--allow-preload", action="store_true", help="whatever LD_PRELOAD loads, from L2 on, too; it is told"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="what standard output gets")
    parser.add_argument("--strict", action="store_true", help="MARGINAL and NOT_SUPPORTED exit with 3")


def main(options: argparse.Namespace, command: list[str]) -> int:
    from zbench import __version__
    from zbench.conformance.envelope import private_key
    from zbench.conformance.keeping import certify
    from zbench.conformance.status import exit_code
    from zbench.conformance.waivers import apply
    from zbench.report.conformance import (
        outcomes_json,
        outcomes_junit,
        render_certificate,
        render_outcomes,
    )

    _check(options)
    text, waivers = _waivers(options.waivers)
    key = private_key(Path(options.sign)) if options.sign else None
    outcomes, described = _asked(options, _asks(options), text, command)
    today = datetime.now(timezone.utc).date()
    outcomes, complaints = apply(waivers, outcomes, described, __version__, today)
    width, unicode = screen_width(), in_unicode()
    if options.format == "text":
        print(render_outcomes(outcomes, options.level, width, unicode, complaints), end="")
        sys.stdout.flush()
    else:
        render = {"json": outcomes_json, "junit": outcomes_junit}[options.format]
        put(render(outcomes, options.level, options.seed, command))
        print("\n".join(complaints), end="\n" * bool(complaints), file=sys.stderr)
    if options.out is not None:
        place, told = certify(Path(options.out), key)
        where = sys.stdout if options.format == "text" else sys.stderr
        print(render_certificate(str(place), told, key is not None, width, unicode), end="", file=where)
    return 1 if complaints else exit_code((outcome.status for outcome in outcomes), options.strict)


def _asks(options: argparse.Namespace) -> list[Ask]:
    """One for each subject; none named: our card, our fabric and our schedules. Raises UsageError."""
    from zbench.conformance.attempts import seed_of
    from zbench.conformance.launches import Ask
    from zbench.subject import SCHEDULES, parse

    specs = [("card", spec) for spec in options.card] + [("fabric", spec) for spec in options.fabric]
    subjects = [parse(*each) for each in specs]
    if not subjects and not options.schedules:
        subjects = [parse("card", "cpu"), parse("fabric", "shm"), SCHEDULES]
    elif options.schedules:
        subjects.append(SCHEDULES)
    if len(set(subjects)) < len(subjects):
        raise UsageError("the same card or fabric is named twice")
    return [
        Ask(
            subject,
            options.level,
            seed_of(options.seed, options.nonce),
            tuple(options.test),
            tuple(options.dtype),
            tuple(options.ranks),
            options.attempt,
            options.declaration,
            options.hours,
        )
        for subject in subjects
    ]


def _asked(
    options: argparse.Namespace, asks: list[Ask], waivers: str, command: list[str]
) -> tuple[list[Outcome], Described]:
    """What came of all of them, in a log where one is kept; progress goes to standard error."""
    from zbench.conformance.keeping import ask_all, kept, plan_of
    from zbench.conformance.launches import planned
    from zbench.report.progress import Progress

    total, done = sum(len(jobs) for ask in asks for _, jobs in planned(ask)), count(1)
    if not total:
        raise UsageError("nothing to ask: none of these tests is of these subjects, dtypes and worlds")
    with Progress() as progress:

        def tell(outcome: Outcome) -> None:
            progress.update(next(done), total, f"{outcome.id} {outcome.scope} of {outcome.subject}")

        if options.out is None:
            return ask_all(asks, None, tell)
        plan, files = plan_of(asks, options.seed, options.nonce, waivers, command)
        with kept(Path(options.out), plan, files) as log:
            return ask_all(asks, log, tell)


def _check(options: argparse.Namespace) -> None:
    """Raises UsageError."""
    from zbench.conformance.catalogue import BY_ID
    from zbench.conformance.surroundings import preloads
    from zbench.dtypes import NUMPY_DTYPES

    for id in options.test:
        if not fnmatch.filter(BY_ID, id):
            raise UsageError(f"--test {id}: no such test{suggest(id, BY_ID)}")
    for dtype in options.dtype:
        if dtype not in NUMPY_DTYPES:
            raise UsageError(f"--dtype {dtype}: no such dtype{suggest(dtype, NUMPY_DTYPES)}")
    for ranks in options.ranks:
        if ranks < 1:
            raise UsageError(f"--ranks {ranks}: a world has one rank or more")
    if options.seed < 0:
        raise UsageError(f"--seed {options.seed}: a whole number from 0 on")
    if not 0 <= options.hours < float("inf"):
        raise UsageError(f"--hours {options.hours:g}: a number from 0 on")
    if options.out == "":
        raise UsageError("--out is empty; name a directory")
    if options.out is not None and options.level == "L0":
        raise UsageError("--out: L0 is a smoke test and leaves no certificate; choose --level L1 or above")
    if options.out is None and (options.sign or options.nonce):
        raise UsageError("--sign and --nonce are of a certificate: say with --out where it is kept")
    if len(options.nonce) > NONCE_LENGTH or not options.nonce.isprintable():
        raise UsageError(f"--nonce: at most {NONCE_LENGTH} printable characters")
    found = preloads(os.environ)
    if found and list(LEVELS).index(options.level) >= 2 and not options.allow_preload:
        raise UsageError(
            f"{found[0]}: puts itself between programs and their libraries, and from L2 on that is refused; "
            "run without it, or with --allow-preload, which the certificate then tells"
        )


def _waivers(file: str | None) -> tuple[str, tuple[Waiver, ...]]:
    """(text of the file, its waivers). Raises UsageError."""
    from zbench.conformance.catalogue import BY_ID
    from zbench.conformance.waivers import read_waivers

    if file is None:
        return "", ()
    try:
        text = text_of(Path(file), "a waivers file")
    except FileNotFoundError:
        raise UsageError(f"--waivers {file}: no such file") from None
    waivers = read_waivers(text, file)
    for each in waivers:
        if each.id not in BY_ID:
            raise UsageError(f"{file}: id: no such test {each.id!r}{suggest(each.id, BY_ID)}")
    return text, waivers
