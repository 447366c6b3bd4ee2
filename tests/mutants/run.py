"""Who tests the tester: plants faults in a copy of the tree, one at a time, and asks who notices.

    python tests/mutants/run.py                    all of them, and the score
    python tests/mutants/run.py --only 17 cheat    some: numbers, names of the catalogue, families
    python tests/mutants/run.py --clean 100        false alarms: runs of the clean tree instead

Needs cmake, ninja, a C compiler, cffi and what zbench needs, no installed zbench. The tree stays as it is.
Exit code 0: all caught (or no false alarm); 1: one is not; 2: wrong usage; 4: something could not be run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec
from asked import BAD
from catch import Broken, Clean, asked_of, fate_of
from planted import HERE, all_mutants, chosen
from score import CAUGHT, UNCLEAR, counted, row, share, summary
from workshop import NotBuilt, Workshop, open_workshop

REPOSITORY = HERE.parents[1]
PROFILE_S = {"L0": 600.0, "L1": 3600.0}
"""Patience with one clean run: ten and six times what the level may take."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="numbers, names, families")
    parser.add_argument("--jobs", type=int, default=1, help="compilers side by side (default: 1)")
    parser.add_argument("--clean", type=int, default=0, metavar="N", help="N runs of the clean tree")
    parser.add_argument("--level", choices=("L0", "L1"), default="L0", help="of clean runs (default: L0)")
    parser.add_argument(
        "--out", type=Path, default=Path("mutants.json"), help="results (default: %(default)s)"
    )
    options = parser.parse_args()
    try:
        mutants = chosen(all_mutants(), options.only)
    except ValueError as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory(prefix="zbench-mutants-") as scratch:
        try:
            workshop = open_workshop(REPOSITORY, Path(scratch), options.jobs)
        except NotBuilt as error:
            print(error, file=sys.stderr)
            return 4
        if options.clean:
            return false_alarms(workshop, options.clean, options.level, options.out)
        isas, clean, fates = isas_here(workshop), Clean(), []
        for mutant in mutants:
            fates.append(fate_of(workshop, mutant, isas, clean, options.jobs))
            print(row(fates[-1]), flush=True)
            options.out.write_bytes(msgspec.json.format(msgspec.json.encode(fates)))
    print(summary(fates))
    if any(each.fate == UNCLEAR for each in fates):
        return 4
    return 0 if all(each.fate == CAUGHT for each in counted(fates)) else 1


def isas_here(workshop: Workshop) -> list[str]:
    """The instruction sets of this CPU, by the tree's own word."""
    from catch import _ended

    words = [sys.executable, "-c", "from zbench.native import cpu; print(*cpu.isas())"]
    code, out, err = _ended(words, workshop.environment(), "/", 60.0)
    if code:
        raise Broken(err)
    return out.split()


def false_alarms(workshop: Workshop, runs: int, level: str, out: Path) -> int:
    """Card and fabric of the clean tree, a seed each time; a run that is stopped has kept what it told."""
    alarms: list[dict[str, str]] = []
    told = 0
    for seed in range(runs):
        for kind, spec in (("card", "cpu"), ("fabric", "shm")):
            order = {
                "kind": kind,
                "spec": spec,
                "tests": [],
                "level": level,
                "seed": seed,
                "dtypes": [],
                "ranks": [],
            }
            _, outcomes = asked_of(workshop, order | {"stop": False}, "", PROFILE_S[level])
            told += len(outcomes)
            for each in outcomes:
                if each["status"] in (*BAD, "HARNESS_ERROR"):
                    alarms.append({"seed": str(seed), "subject": spec} | each)
                    print(
                        f"seed {seed}: {each['id']} {each['scope']}: {each['status']}: {each['why']}",
                        flush=True,
                    )
        result = {"level": level, "runs": seed + 1, "outcomes": told, "alarms": alarms}
        out.write_bytes(msgspec.json.format(msgspec.json.encode(result)))
    loud = len({each["seed"] for each in alarms})
    print(f"false alarms at {level}: {share(loud, runs)} of the runs, {told} outcomes in all")
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main())
