"""`python tests/covered.py --objects DIR [TESTS...]`: lines and branches of C and Python that tests execute.

DIR is where the C code was built with `--coverage` (`tox -e coverage` does all of that). A kernel of an
instruction set that this CPU lacks is left out of the sums, and named. Prints a row for each room, the lines
of each file that nothing executed, and ends with 1 where tests failed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
KERNEL = re.compile(r"kernel_(\w+)\.c\.gc(?:no|da)")
SETTINGS = """\
[run]
branch = true
parallel = true
patch = subprocess, _exit
sigterm = true
source = {package}
omit = */zbench/suites/*
data_file = {folder}/python
"""
"""Of coverage.py; workers, ranks and command lines are processes of their own. `source` is one folder and no
name: copies of the tree that tests make, and break, are other files of the same name."""

Rows = dict[str, tuple[int, int, int, int, list[int]]]
"""File -> lines, lines executed, branches, branches taken, lines that were not."""


def run(tests: list[str], objects: Path, folder: Path) -> int:
    """The exit code of pytest, whose counts are left in both folders."""
    for old in objects.rglob("*.gcda"):
        old.unlink()
    import zbench  # the installed one, which tests import, too

    settings = folder / "coveragerc"
    settings.write_text(SETTINGS.format(folder=folder, package=Path(zbench.__file__).parent))
    # The programs, not `-m`, which would put the checkout and its zbench without C code first on the path.
    measured = [
        BIN / "coverage",
        "run",
        f"--rcfile={settings}",
        BIN / "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run([*measured, *tests], cwd=ROOT).returncode


def python(folder: Path) -> Rows:
    for words in (["combine", "-q"], ["json", "-q", "-o", str(folder / "python.json")]):
        rcfile = f"--rcfile={folder / 'coveragerc'}"
        subprocess.run([sys.executable, "-m", "coverage", words[0], rcfile, *words[1:]], cwd=ROOT, check=True)
    rows: Rows = {}
    for name, told in json.loads((folder / "python.json").read_text())["files"].items():
        sums = told["summary"]
        counts = (
            sums["num_statements"],
            sums["covered_lines"],
            sums["num_branches"],
            sums["covered_branches"],
        )
        rows["zbench/" + name.rpartition("/zbench/")[2]] = (*counts, told["missing_lines"])
    return rows


def c(objects: Path, folder: Path) -> tuple[Rows, list[str]]:
    """(rows, instruction sets that were left out)."""
    from zbench.native import cpu

    here, left_out = folder / "objects", set()
    for path in objects.rglob("*.gc*"):
        kernel = KERNEL.fullmatch(path.name)
        if kernel and kernel[1] not in cpu.isas():
            left_out.add(kernel[1])
        elif "csrc" in path.parts:
            to = here / path.relative_to(objects)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, to)
    command = ["-m", "gcovr", "--root", str(ROOT), "--json", str(folder / "c.json"), "--filter", r".*csrc/"]
    ignored = ["--gcov-ignore-parse-errors=suspicious_hits.warn", "--merge-mode-functions=separate"]
    subprocess.run([sys.executable, *command, *ignored, str(here)], cwd=ROOT, check=True)
    rows: Rows = {}
    for told in json.loads((folder / "c.json").read_text())["files"]:
        lines = [line for line in told["lines"] if not line.get("gcovr/excluded")]
        branches = [each for line in lines for each in line["branches"]]
        missing = [line["line_number"] for line in lines if line["count"] == 0]
        taken = sum(each["count"] > 0 for each in branches)
        rows["csrc/" + told["file"].rpartition("csrc/")[2]] = (
            len(lines),
            len(lines) - len(missing),
            len(branches),
            taken,
            missing,
        )
    return rows, sorted(left_out)


def ranges(numbers: list[int]) -> str:
    """1, 2, 3, 7 -> "1-3 7"."""
    found = []
    for _, group in groupby(enumerate(sorted(set(numbers))), lambda pair: pair[1] - pair[0]):
        each = [number for _, number in group]
        found.append(f"{each[0]}-{each[-1]}" if len(each) > 1 else str(each[0]))
    return " ".join(found)


def table(rows: Rows) -> list[str]:
    """A line for each room, one for all, and one for each file that is not whole."""
    rooms: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for file, (*counts, _) in rows.items():
        for room in ("/".join(file.split("/")[:2]) if file.count("/") > 1 else file.split("/")[0], "all"):
            rooms[room] = [before + now for before, now in zip(rooms[room], counts, strict=True)]
    shown = [f"{'':24}{'lines':>8}{'covered':>10}{'branches':>10}{'covered':>10}"]
    for room in sorted(rooms, key=lambda name: (name == "all", name)):
        lines, lines_done, branches, taken = rooms[room]
        shown.append(
            f"{room:24}{lines:8}{share(lines_done, lines):>10}{branches:10}{share(taken, branches):>10}"
        )
    return shown + [f"  {file}: {ranges(row[4])}" for file, row in sorted(rows.items()) if row[4]]


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--objects", type=Path, required=True, help="the build folder of the C code")
    asked.add_argument("--only-report", action="store_true", help="of what was run before, in C")
    asked.add_argument("tests", nargs="*", default=["tests"])
    args = asked.parse_args()
    objects = args.objects.resolve()
    with TemporaryDirectory() as name:
        folder = Path(name)
        code = 0 if args.only_report else run(args.tests, objects, folder)
        if not args.only_report:
            print("\n".join(["Python", *table(python(folder)), ""]))
        rows, left_out = c(objects, folder)
        print(
            "\n".join(["C", *table(rows), f"left out, this CPU lacks them: {' '.join(left_out) or 'none'}"])
        )
    return 1 if code else 0


if __name__ == "__main__":
    os.environ.setdefault("COVERAGE_CORE", "ctrace")
    raise SystemExit(main())
