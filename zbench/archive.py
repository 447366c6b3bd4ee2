"""Runs on the disk, read for what they say together."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from zbench.errors import UsageError
from zbench.judge.history import Kept
from zbench.records import store


def read(folders: Iterable[Path]) -> tuple[list[Kept], list[str]]:
    """(every run that is one of `folders` or lies directly in one, one line for each that cannot be read).

    Raises UsageError for a folder that is none.
    """
    kept, unreadable = [], []
    for directory in dict.fromkeys(found for folder in folders for found in _runs(folder)):
        try:
            kept.append(one(directory))
        except (UsageError, OSError) as error:
            unreadable.append(str(error))
    return kept, unreadable


def beside(*runs: Path) -> tuple[list[Kept], list[str]]:
    """Likewise, of the folders that hold these runs."""
    return read(run.resolve().parent for run in runs)


def one(directory: Path) -> Kept:
    """One stored run. Raises UsageError where it, or what it speaks of, cannot be read."""
    run, records = store.load(directory)
    kept = Kept(directory.resolve().name, run, records)
    assert kept.summaries is not None  # a workload that is not known here is told now, not in the middle
    return kept


def is_run(directory: Path) -> bool:
    return os.path.isfile(directory / store.RUN_FILE)  # False, too, where nobody lets us look


def _runs(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: not a directory; name one that holds runs, such as {store.RESULTS}")
    try:
        inside = sorted(path.resolve() for path in folder.iterdir() if is_run(path))
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read ({error.strerror})") from error
    return [folder.resolve(), *inside] if is_run(folder) else inside
