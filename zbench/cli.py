"""The command line: finds the verb, and turns whatever goes wrong into one line and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from zbench.errors import UsageError, ZbenchError
from zbench.verbs.output import complain

EXIT_INTERRUPTED = 130
"""128 + SIGINT, the shells' convention."""
VERBS = {"run": "run"}
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
    signal.signal(signal.SIGTERM, _terminate)
    try:
        return _main(sys.argv[1:] if arguments is None else list(arguments))
    except ZbenchError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt as stop:
        print(f"zbench: interrupted{stop}; finished records are kept", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output left; nothing is wrong with the run
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        complain(str(error))
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
    code: int = options.main(options, ["zbench", *arguments])
    return code


if __name__ == "__main__":
    sys.exit(main())
