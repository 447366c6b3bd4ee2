"""Results of other tools as runs: one small file a format, one table of all."""

from __future__ import annotations

from collections.abc import Callable

from zbench.records.importers import mamf, nccl_tests, osu
from zbench.records.importers.base import Asked, Told

Importer = Callable[[str, str, Asked], Told]
"""(text of the file, what errors call it, what the user says) -> what it tells. Raises UsageError."""
IMPORTERS: dict[str, Importer] = {
    "nccl-tests": nccl_tests.read,
    "osu": osu.read,
    "mamf": mamf.read,
}
