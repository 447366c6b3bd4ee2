"""`zbench compare`: is B faster or slower than A? Of two subjects in blocks, or of two stored runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from zbench.errors import UsageError
from zbench.verbs.output import complain, in_unicode, put, screen_width, warn

if TYPE_CHECKING:
    from zbench.judge.ratios import Ratio
    from zbench.judge.summary import Summary
    from zbench.report.comparison import Comparison

HELP = "say whether B is faster or slower than A: two subjects in blocks, or two stored runs"
DESCRIPTION = (
    "A is the reference, the verdicts speak of B: FASTER, SLOWER, SAME or UNDECIDED. Two subjects "
    "(cpu@OLD_VENV cpu@NEW_VENV, shm shm:ring) are measured now, in the same blocks. Two stored runs are "
    "compared through a history: at least three other runs of that machine tell how much sessions differ."
)
EXIT_CODES = (
    "exit codes: 0 every case is FASTER or SAME; 1 any is SLOWER; 2 wrong usage or input; 3 some are "
    "UNDECIDED (--strict: or were not compared); 4 the measurement itself is invalid"
)
FORMATS = ("text", "json", "csv")
OF_SUBJECTS = ("profile", "ranks", "launches", "out")
OF_RUNS = ("history",)


def add(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXIT_CODES
    parser.add_argument("a", metavar="A", help="the reference: a subject, or a run's directory")
    parser.add_argument("b", metavar="B", help="what is judged: a subject, or a run's directory")
    parser.add_argument("--case", action="append", default=[], metavar="GLOB", help="only keys that match")
    parser.add_argument(
        "--history", metavar="DIR", help="of stored runs: where others are (default: the folders of A and B)"
    )
    parser.add_argument("--profile", metavar="NAME", help="of subjects: smoke, quick (default) or full")
    parser.add_argument("--ranks", type=int, metavar="N", help="of fabrics (default: usable CPUs, >= 2)")
    parser.add_argument(
        "--launches", type=int, metavar="N", help="of subjects: blocks (default: 5, and 10 where undecided)"
    )
    parser.add_argument("--out", metavar="DIR", help="of subjects: directory of the record")
    parser.add_argument("--format", choices=FORMATS, default="text", help="what standard output gets")
    parser.add_argument(
        "--strict", action="store_true", help="a case that could not be compared exits with 3"
    )


def main(options: argparse.Namespace, command: list[str]) -> int:
    from pathlib import Path

    from zbench.archive import is_run

    for name in ("a", "b", "history", "out", "profile"):
        if getattr(options, name) == "":
            raise UsageError(f"{name} is empty; leave it out, or say what it is")
    stored = [is_run(Path(given)) for given in (options.a, options.b)]
    if all(stored):
        _refuse(options, OF_SUBJECTS, "two stored runs are compared as they are")
        found, invalid = of_runs(options)
    elif any(stored):
        run, other = (options.a, options.b) if stored[0] else (options.b, options.a)
        raise UsageError(f"{run} is a stored run and {other} is not: give two runs or two subjects")
    else:
        _refuse(options, OF_RUNS, "subjects are measured in blocks and need no history")
        found, invalid = of_subjects(options, command)
    show(found, options.format)
    from zbench.judge.outcome import compare_exit_code

    code = compare_exit_code(found.ratios, invalid)
    return 3 if code == 0 and options.strict and found.left_out else code


def _refuse(options: argparse.Namespace, names: tuple[str, ...], why: str) -> None:
    for name in names:
        if getattr(options, name) is not None:
            raise UsageError(f"--{name}: {why}; leave it out")


def of_subjects(options: argparse.Namespace, command: list[str]) -> tuple[Comparison, bool]:
    """Measure both in blocks. Raises UsageError before anything is measured."""
    from dataclasses import replace
    from pathlib import Path

    from zbench.judge.compare import overall_of_blocks
    from zbench.measure.statistics import LAUNCHES
    from zbench.report.comparison import Comparison
    from zbench.report.progress import Progress
    from zbench.request import ask
    from zbench.run import run
    from zbench.subject import kind_of, parse

    for given in (options.a, options.b):
        if Path(given).is_dir():
            raise UsageError(f"{given}: a directory, but not a run (no run.json in it)")
    kinds = [kind_of(given) for given in (options.a, options.b)]
    if kinds[0] != kinds[1]:
        raise UsageError(f"{options.a} is a {kinds[0]} and {options.b} a {kinds[1]}: give two of a kind")
    kind = kinds[0]
    of, to = (parse(kind, given).label for given in (options.a, options.b))
    if of == to:
        raise UsageError(
            f"{of} against itself: `zbench selftest --aa` tells how much the same thing differs from itself"
        )
    request = ask(
        profile=options.profile or "quick",
        suites=[kind],
        cards=[options.a, options.b] if kind == "card" else [],
        fabrics=[options.a, options.b] if kind == "fabric" else [],
        ranks=options.ranks,
        launches=options.launches if options.launches is not None else LAUNCHES,
        cases=options.case,
        claims="none",
        out=options.out,
        command=command,
    )
    with Progress() as progress:
        result = run(replace(request, compare=True), progress.update, complain, warn)
    findings = result.findings
    blocks = sorted({ratio.launches for ratio in findings.ratios})
    how = f"measured in {' to '.join(map(str, dict.fromkeys([*blocks[:1], *blocks[-1:]])))} blocks"
    floor = next((aa.floor for aa in findings.floors.values()), None)
    told = f"; the same thing twice differs by {100 * floor:.1f} % here" if floor is not None else ""
    places = [f"Record  {findings.directory}/records.jsonl", f"Page    {result.page}"]
    order = list(dict.fromkeys(summary.key for summary in findings.summaries))
    ratios = sorted(findings.ratios, key=lambda ratio: order.index(ratio.key))
    if any(ratio.verdict == "UNDECIDED" for ratio in ratios):
        places.append(
            "Next    `zbench doctor` tells what makes measurements here noisy, and how to change it"
        )
    comparison = Comparison(
        of=of,
        to=to,
        how=(how if blocks else "nothing could be measured") + told,
        ratios=ratios,
        overall=overall_of_blocks(findings.summaries, of, to),
        left_out=_without(findings.summaries, ratios, findings.run.not_run),
        places=places,
    )
    bad = any(s.bad for s in findings.summaries)
    return comparison, bad or findings.run.state in ("invalid", "partial")


def of_runs(options: argparse.Namespace) -> tuple[Comparison, bool]:
    """Judge two stored runs. Raises UsageError where they have nothing in common."""
    from pathlib import Path

    from zbench import archive
    from zbench.case import Case
    from zbench.judge.compare import compare_runs, overall
    from zbench.judge.history import Kept, hardware
    from zbench.judge.ratios import aa_floor
    from zbench.report.comparison import Comparison

    paths = [Path(options.a), Path(options.b)]
    then, now = (archive.one(path) for path in paths)
    if then.identity == now.identity:
        raise UsageError(f"{options.a} and {options.b} are the same run")
    for path, kept in zip(paths, (then, now), strict=True):
        if kept.run.imported is not None:
            raise UsageError(
                f"{path}: imported from {kept.run.imported.tool}: there are no sessions to compare"
            )
    if options.history:
        history, unreadable = archive.read([Path(options.history)])
    else:
        history, unreadable = archive.beside(*paths)
    for why in unreadable:
        warn(f"left out of the history: {why}")

    def chosen(case: Case) -> bool:
        return any(case.matches(glob) for glob in options.case)

    if options.case:
        then, now, *history = (
            Kept(kept.name, kept.run, [r for r in kept.records if chosen(r.case)])
            for kept in (then, now, *history)
        )
    floors: dict[str, float] = {}
    for kept in (then, now):
        for suite, aa in aa_floor(kept.records).items():
            floors[suite] = max(aa.floor, floors.get(suite, 0.0))
    ratios = compare_runs(now, then, history, floors)
    if not ratios:
        raise UsageError(f"{options.a} and {options.b} have no answered case and subject in common")
    here = [h for h in history if hardware(h.run) == hardware(now.run) and h.identity != now.identity]
    where = options.history or ", ".join(dict.fromkeys(str(path.resolve().parent) for path in paths))
    comparison = Comparison(
        of=options.a,
        to=options.b,
        how=f"history {where}: {len(here)} of {len(history)} runs are other sessions of this machine",
        ratios=ratios,
        overall=overall(now, then, history),
        left_out=_without([*now.summaries, *then.summaries], ratios, {}),
    )
    bad = any(s.bad for s in now.summaries)
    return comparison, bad or now.run.state == "invalid"


def _without(
    summaries: Sequence[Summary], ratios: Sequence[Ratio], not_run: Mapping[str, str]
) -> dict[str, str]:
    """Cases that have no ratio, and why; `not_run`: subject and key -> why."""
    compared = {ratio.key for ratio in ratios}
    whys = {name.rpartition(" ")[2]: why for name, why in not_run.items()}
    kinds = {glob: why for glob, why in whys.items() if glob.endswith("/*")}
    open_ = {
        s.key: next((why for glob, why in kinds.items() if s.case.matches(glob)), "the other has no answer")
        for s in summaries
        if s.key not in compared
    }
    bad = [s for s in summaries if s.key in open_ and s.status != "ok"]
    return whys | open_ | {s.key: f"{s.status} on {s.subject}: {s.why.partition('; ')[0]}" for s in bad}


def show(found: Comparison, form: str) -> None:
    from zbench.report.comparison import comparison_csv, comparison_document, render_comparison

    if form == "json":
        put(json.dumps(comparison_document(found), indent=2, allow_nan=False) + "\n")
    elif form == "csv":
        put(comparison_csv(found))
    else:
        print(render_comparison(found, screen_width(), in_unicode()), end="")
