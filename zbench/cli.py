"""The command line: finds the verb, and turns whatever goes wrong into one line and an exit code."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from zbench.errors import UsageError, ZbenchError, explain
from zbench.limits import settle
from zbench.signals import ignore, listen
from zbench.streams import steady
from zbench.verbs.output import complain

EXIT_SIGNAL = 128
"""Plus the signal's number, the shells' convention: 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP."""
VERBS = {
    "run": "run",
    "check": "check",
    "conform": "conform",
    "verify": "verify",
    "compare": "compare",
    "report": "report",
    "history": "history",
    "list": "list",
    "draw": "draw",
    "doctor": "doctor",
    "selftest": "selftest",
    "import": "import_",
}
"""Verb -> its file in zbench/verbs, in the order of `zbench --help`."""


class Parser(argparse.ArgumentParser):
    """One clear line instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; `{self.prog} --help` tells what there is")


def parser() -> Parser:
    top = Parser(
        prog="zbench",
        description="Is what we were told about these cards and this fabric true here, and how sure are we?",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="store_true", help="print the version and exit")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    for verb, file in VERBS.items():
        module = import_module(f"zbench.verbs.{file}")
        each = verbs.add_parser(verb, help=module.HELP, allow_abbrev=False)
        module.add(each)
        each.set_defaults(main=module.main)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code; see DESIGN's list in the epilog of `zbench run --help`."""
    steady()
    heard = listen()
    try:
        code = _guarded(sys.argv[1:] if arguments is None else list(arguments))
    except KeyboardInterrupt as stop:
        kept = "; what was finished is kept" if str(stop) else ""
        print(f"zbench: interrupted{stop}{kept}", file=sys.stderr)
        code = EXIT_SIGNAL + signal.SIGINT
    if heard:
        code = EXIT_SIGNAL + heard[0]
        ignore()  # the end of the interpreter is not to be cut short either
        # An interrupt inside `exec` of a string, as dataclasses do, has CPython end by the signal itself,
        # whoever caught it since, until another string is run.
        exec("")
    return code


def _guarded(arguments: list[str]) -> int:
    """The verb's exit code, or that of what went wrong, told in one line."""
    try:
        return _main(arguments)
    except ZbenchError as error:
        complain(str(error))
        return error.exit_code
    except (OSError, MemoryError) as error:
        name = getattr(error, "filename", None)
        complain(f"{name}: {explain(error)}" if name else explain(error))
        return ZbenchError.exit_code
    except ImportError as error:
        complain(f"{error}; install zbench again, or raise the limits of this shell (`ulimit -a`)")
        return ZbenchError.exit_code
    except Exception:  # a defect of ours: its traceback is wanted, but exit code 1 would read as NOT MET
        traceback.print_exc()
        return ZbenchError.exit_code


def _main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    if options.version:
        from zbench import __version__

        print(f"zbench {__version__}")
        return 0
    if options.verb is None:
        parser().print_help()
        return UsageError.exit_code
    settle()
    code: int = options.main(options, ["zbench", *arguments])
    return code


if __name__ == "__main__":
    sys.exit(main())
