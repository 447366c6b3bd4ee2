"""`zbench import`: what another tool measured, as a run like any other."""

from __future__ import annotations

import argparse
from pathlib import Path

from zbench.errors import UsageError, suggest

HELP = "take results of nccl-tests, OSU or mamf-finder as a run"
DESCRIPTION = (
    "Read what another tool wrote and keep it as a run, for check, compare and report. Figures without "
    "samples are evidence DATA SHEET: they settle a claim only where it says that they may. What has "
    "no counterpart here is named and counted."
)
FORMATS = {
    "nccl-tests": "JSON of `all_reduce_perf -J FILE` and broadcast_perf",
    "osu": "text of osu_latency, osu_bw, osu_bibw, osu_mbw_mr, osu_allreduce, osu_bcast, osu_barrier",
    "mamf": "text of mamf-finder.py",
}
LARGEST_FILE_BYTES = 256 << 20
"""A hundred times what the tools write."""
RANKS_MAX = 10**6
"""Beyond it lies a typing error."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = "formats: " + "; ".join(f"{name}: {text}" for name, text in FORMATS.items())
    parser.add_argument("format", metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument("file", metavar="FILE", help="what the tool wrote")
    parser.add_argument("--out", metavar="DIR", help="directory of the run (default: ./results/<utc>-<id>)")
    parser.add_argument("--subject", default="", metavar="NAME", help="what to call the card or fabric")
    parser.add_argument("--ranks", type=int, default=0, metavar="N", help="where the file does not tell")
    parser.add_argument("--dtype", default="", metavar="NAME", help="where the file does not tell")


def main(options: argparse.Namespace, command: list[str]) -> int:
    from zbench.records import store
    from zbench.records.importers import IMPORTERS
    from zbench.records.importers.base import Asked, make_run

    if options.format not in IMPORTERS:
        raise UsageError(f"no format {options.format!r}{suggest(options.format, IMPORTERS)}")
    if not 0 <= options.ranks <= RANKS_MAX:
        raise UsageError(f"--ranks {options.ranks}: 1 to {RANKS_MAX}")
    path = Path(options.file)
    data = store.read_file(path, "name the file that the tool wrote", LARGEST_FILE_BYTES)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: not text in UTF-8, so nothing that {options.format} wrote: {error.reason}"
        ) from None
    asked = Asked(options.subject, options.ranks, options.dtype)
    told = IMPORTERS[options.format](text, str(path), asked)
    run, records = make_run(told, asked, path, data, command)
    directory = store.create(Path(options.out) if options.out else None)
    for record in records:
        store.append(directory, record)
    store.write_run(directory, run)
    sheets = sum(record.sheet is not None for record in records)
    print(f"{len(records)} results of {told.tool} as {records[0].subject} in {directory}")
    print(f"evidence: {sheets} DATA SHEET, {len(records) - sheets} with samples of one launch")
    for why, count in told.left_out.items():
        print(f"left out: {count} x {why}")
    print(f"next: zbench check CLAIMS RUN --baseline {directory}, or zbench report {directory}")
    return 0
