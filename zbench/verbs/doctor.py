"""`zbench doctor`: what is this machine, and what would spoil measurements here. It changes nothing."""

from __future__ import annotations

import argparse
import json
import sys

from zbench.errors import InvalidRun
from zbench.verbs.output import add_format, in_unicode, screen_width

HELP = "what would make measurements here noisy or invalid, and the commands that change it"
DESCRIPTION = (
    "Tell what this machine is, what would make measurements on it noisy or invalid (each with the command "
    "that changes it and the one that restores what was found), and which cards and fabrics load. Nothing is "
    "changed."
)
EXIT_CODES = "exit codes: 0 measurements can be valid here; 4 something makes them invalid"


def add(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXIT_CODES
    add_format(parser)


def main(options: argparse.Namespace, command: list[str]) -> int:
    import msgspec

    from zbench.catalogue import backends, catalogue
    from zbench.measure.doctor import diagnose, this_machine
    from zbench.measure.fingerprint import fingerprint
    from zbench.measure.memory import needed_bytes
    from zbench.report.checkup import render_checkup
    from zbench.request import ask
    from zbench.selection import select

    request = ask()
    needed = max(needed_bytes(case) for group in select(request) for case in group.cases)
    findings = diagnose(this_machine(request.ranks, needed))
    machine = fingerprint({})
    known = backends([*catalogue("card"), *catalogue("fabric")])
    if options.format == "json":
        found = {"version": 1, "fingerprint": machine, "findings": findings, "backends": known}
        json.dump(msgspec.to_builtins(found), sys.stdout, indent=2, allow_nan=False)
        print()
    else:
        print(render_checkup(machine, findings, known, screen_width(), in_unicode()), end="")
    return InvalidRun.exit_code if any(finding.level == "invalid" for finding in findings) else 0
