"""`zbench check`: a stored run against a claims file. Nothing is measured, and the run is not changed."""

from __future__ import annotations

import argparse
from pathlib import Path

from zbench.errors import UsageError
from zbench.verbs.output import add_format, add_strict, show
from zbench.verbs.run import add_baseline_card

HELP = "judge a stored run against a claims file"
DESCRIPTION = (
    "Judge a stored or imported run against claims, without measuring and without changing it. Ratio claims "
    'whose baseline is a run (to = { run = "..." }, relative to the claims file) are resolved; --baseline '
    "names further ones, --baseline-card a card of the catalogue. A data sheet settles only what a claim "
    "lets it settle (evidence)."
)
EXIT_CODES = (
    "exit codes: 0 fine; 1 a claim is NOT MET; 2 wrong usage or input; 3 UNDECIDED; 4 the measurement itself "
    "is invalid"
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXIT_CODES
    parser.add_argument("claims", metavar="CLAIMS", help="claims file, or the name of a built-in one")
    parser.add_argument("run", metavar="RUN", help="directory of the run")
    parser.add_argument(
        "--baseline", action="append", default=[], metavar="RUN", help="what ratio claims are over"
    )
    add_baseline_card(parser)
    parser.add_argument("--out", metavar="DIR", help="write charts and page there (default: none)")
    add_format(parser)
    add_strict(parser)


def main(options: argparse.Namespace, command: list[str]) -> int:
    from zbench import archive
    from zbench.assess import Result, assess, carries_verdicts, publish
    from zbench.judge.baselines import load_baselines
    from zbench.judge.claims import directory_of, load_claims
    from zbench.records import store
    from zbench.verbs.report import check_out

    for name in ("claims", "run", "out", "baseline_card"):
        if getattr(options, name) == "":
            raise UsageError(f"{name.replace('_', '-')} is empty; say what it is")
    directory = Path(options.run)
    claims = load_claims(options.claims)
    run, records = store.load(directory)
    if not carries_verdicts(run):
        raise UsageError(
            f"{directory}: profile {run.profile} carries no verdicts; measure with quick or full"
        )
    baselines = load_baselines(claims, directory_of(options.claims), options.baseline)
    history = archive.beside(directory, *map(Path, options.baseline))[0] if baselines else []
    found = assess(directory, run, records, claims, baselines, history, options.baseline_card or "")
    page = None
    if options.out is not None:
        out = Path(options.out)
        if out.resolve() == directory.resolve():
            raise UsageError(f"--out {out}: is the run itself, which is not changed; name another directory")
        check_out(out, [directory])
        page = publish(found, out)
    show(found, options.format, page)
    return Result(found, page or directory).exit_code(options.strict)
