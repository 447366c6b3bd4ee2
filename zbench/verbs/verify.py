"""`zbench verify`: is a certificate of `zbench conform` what it was when it was made?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from zbench.errors import UsageError
from zbench.verbs.output import in_unicode, screen_width

HELP = "check a certificate of `zbench conform`"
DESCRIPTION = (
    "Read the log beside a certificate, check that its lines follow each other without a gap, make the whole "
    "certificate again from it and from the files that it names, and compare; with --key, check who signed. "
    "Nothing is run."
)
EXIT_CODES = (
    "exit codes: 0 valid, whatever the result that it certifies; 1 rejected, with the reason; 2 wrong usage "
    "or input; 3 with --strict, valid but not checked against a key"
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXIT_CODES
    parser.add_argument("certificate", metavar="CERT", help="the certificate, with its log beside it")
    parser.add_argument("--key", metavar="PUBLIC.pem", help="of whoever should have signed it")
    parser.add_argument(
        "--nonce", metavar="TEXT", help="which you gave for this run; another one is rejected"
    )
    parser.add_argument(
        "--strict", action="store_true", help="without a signature that is checked: exit with 3"
    )


def main(options: argparse.Namespace, command: list[str]) -> int:
    from zbench.conformance.certificate import verified
    from zbench.conformance.envelope import FILE, public_key
    from zbench.conformance.surroundings import suite
    from zbench.report.conformance import render_verified

    for name in ("certificate", "key", "nonce"):
        if getattr(options, name) == "":
            raise UsageError(f"{name} is empty; say what it is")
    path = Path(options.certificate)
    if path.is_dir():
        path /= FILE
    key = public_key(Path(options.key)) if options.key else None
    statement, claimed = verified(path, key, options.nonce)
    width, unicode = screen_width(), in_unicode()
    print(render_verified(statement, claimed, key is not None, suite(), width, unicode), end="")
    sys.stdout.flush()
    return 3 if options.strict and key is None else 0
