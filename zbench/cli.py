"""The command line. Heavy imports wait until a verb needs them, so that `--help` is quick."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from zbench.errors import UsageError, ZbenchError

if TYPE_CHECKING:
    from zbench.run import Result

EXIT_INTERRUPTED = 130
"""128 + SIGINT, the shells' convention."""
SCREEN_COLUMNS = 100
"""Where standard output is no terminal."""


class Parser(argparse.ArgumentParser):
    """One clear line instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; `{self.prog} --help` tells what there is")


def parser() -> Parser:
    top = Parser(
        prog="zbench",
        description="Is what we were told about these cards and this fabric true here, and how sure are we?",
    )
    top.add_argument("--version", action="store_true", help="print the version and exit")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    run = verbs.add_parser(
        "run",
        help="measure, check, judge and report",
        description="Measure cards, fabrics and how they scale together, check every answer, judge the "
        "result against a claims file, and leave a record, charts and a page.",
        epilog="exit codes: 0 fine; 1 a claim is NOT MET, or a subject is SLOWER than itself in another "
        "environment; 2 wrong usage or input; 3 UNDECIDED; 4 the measurement itself is invalid",
    )
    run.add_argument("suites", nargs="*", metavar="card|fabric|scaling", help="what (default: all)")
    subject = "as name[:option][@venv]; several are measured in the same blocks and compared"
    run.add_argument("--card", action="append", default=[], metavar="SPEC", help=f"a card, {subject}")
    run.add_argument("--fabric", action="append", default=[], metavar="SPEC", help=f"a fabric, {subject}")
    run.add_argument("--ranks", type=int, metavar="N", help="ranks (default: usable CPUs, >= 2)")
    run.add_argument("--case", action="append", default=[], metavar="GLOB", help="only keys that match")
    run.add_argument("--launches", type=int, metavar="N", help="blocks of launches (default: the profile's)")
    run.add_argument("--profile", default="quick", help="smoke (no verdicts), quick (default) or full")
    run.add_argument("--claims", metavar="FILE", help="claims file, or the name of a built-in one")
    run.add_argument("--baseline", metavar="RUN", help="a stored run to compare with")
    run.add_argument("--out", metavar="DIR", help="directory of the record (default: ./results/<utc>-<id>)")
    run.add_argument("--format", choices=("text", "json"), default="text", help="what standard output gets")
    run.add_argument("--strict", action="store_true", help="NOT TESTABLE, NOT RUN and PROJECTED exit with 3")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code; see DESIGN's list in the epilog of `zbench run --help`."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        return _main(sys.argv[1:] if arguments is None else list(arguments))
    except ZbenchError as error:
        _complain(str(error))
        return error.exit_code
    except KeyboardInterrupt as stop:
        print(f"zbench: interrupted{stop}; finished records are kept", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output left; nothing is wrong with the run
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        _complain(str(error))
        return ZbenchError.exit_code
    except Exception:  # a defect of ours: its traceback is wanted, but exit code 1 would read as NOT MET
        traceback.print_exc()
        return ZbenchError.exit_code


def _terminate(number: int, frame: object) -> NoReturn:
    """SIGTERM unwinds like Ctrl-C: workers end, the record is closed."""
    raise KeyboardInterrupt


def _main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    if options.version:
        from zbench import __version__

        print(f"zbench {__version__}")
        return 0
    if options.verb is None:
        parser().print_help()
        return UsageError.exit_code
    return _run(options, ["zbench", *arguments])


def _run(options: argparse.Namespace, command: list[str]) -> int:
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
        result = run(request, progress.update, _complain)
    _print(result, options.format)
    return result.exit_code(options.strict)


def _complain(why: str) -> None:
    print(f"zbench: error: {why}", file=sys.stderr, flush=True)


def _print(result: Result, form: str) -> None:
    if form == "json":
        from zbench.report.document import document

        found = result.findings
        json.dump(
            document(found.directory, found.summaries, found.ratios, found.verdicts),
            sys.stdout,
            indent=2,
            allow_nan=False,
        )
        print()
    else:
        from zbench.report.terminal import render_screen

        encoding = (sys.stdout.encoding or "ascii").lower()
        screen = render_screen(
            result.findings,
            width=shutil.get_terminal_size((SCREEN_COLUMNS, 24)).columns,
            color=sys.stdout.isatty() and "NO_COLOR" not in os.environ,
            unicode=encoding.startswith("utf"),
            page=str(result.page),
        )
        print(screen, end="")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
