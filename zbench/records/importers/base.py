"""What every importer hands back, and the run that is made of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from zbench import __version__
from zbench.case import Case
from zbench.errors import UsageError, suggest
from zbench.measure.fingerprint import digest
from zbench.records.contradictions import IMPORTED, of_records
from zbench.records.schema import Imported, Record, Run, Sheet, Verification
from zbench.workloads import workload

DTYPES = {
    "float": "fp32",
    "float32": "fp32",
    "double": "fp64",
    "float64": "fp64",
    "half": "fp16",
    "float16": "fp16",
    "bfloat16": "bf16",
    "float8_e4m3fn": "fp8_e4m3",
    "float8_e4m3fnuz": "fp8_e4m3",
    "float8_e5m2": "fp8_e5m2",
    "uint8": "byte",
    "mpi_char": "byte",
    "mpi_byte": "byte",
    "mpi_int": "int32",
    "mpi_float": "fp32",
    "mpi_double": "fp64",
} | {
    name: name
    for name in (
        *("fp32", "fp64", "fp16", "bf16", "fp8_e4m3", "fp8_e5m2", "mxfp8", "mxfp4", "nvfp4"),
        *("int8", "int32", "int64", "uint32", "uint64", "byte"),
    )
}
"""What the tools, torch and MPI call a dtype -> what a case calls it."""


@dataclass(frozen=True)
class Asked:
    """What the user says because the file does not. Empty: nothing was said."""

    subject: str = ""
    ranks: int = 0
    dtype: str = ""


@dataclass(frozen=True)
class Answer:
    """One result of the file: a figure of a data sheet, or samples."""

    case: Case
    variant: dict[str, str]
    sheet: Sheet | None = None
    samples_ns: list[int] = field(default_factory=list)
    verification: Verification | None = None


@dataclass(frozen=True)
class Told:
    """What a file says in zbench's words."""

    tool: str
    subject: str
    answers: Sequence[Answer]
    left_out: Counter[str]
    """Why -> how many results, columns or lines have no counterpart here."""
    machines: Sequence[dict[str, Any]] = ()
    """Facts of each host, as far as the file tells."""


def dtype_of(name: str, where: str, asked: Asked) -> str:
    """Raises UsageError for a dtype that is not understood, or for none."""
    name = name or asked.dtype
    if not name:
        raise UsageError(f"{where}: does not tell the dtype; say it with --dtype, such as bf16")
    short = name.lower().removeprefix("torch.")
    if short not in DTYPES:
        raise UsageError(f"{where}: dtype {name!r} is not understood{suggest(short, DTYPES)}")
    return DTYPES[short]


def ranks_of(told: int, where: str, asked: Asked) -> int:
    """`told` by the file, 0: it does not. Raises UsageError where nobody knows, or the two differ."""
    if told and asked.ranks and told != asked.ranks:
        raise UsageError(f"{where}: tells of {told} ranks; leave out --ranks {asked.ranks}")
    if not told and not asked.ranks:
        raise UsageError(f"{where}: does not tell the number of ranks; say it with --ranks N")
    return told or asked.ranks


def make_run(
    told: Told, asked: Asked, file: Path, data: bytes, command: list[str]
) -> tuple[Run, list[Record]]:
    """A complete run. Of results that are told twice the first is kept, and the others are counted.

    Raises UsageError where nothing can be used, or where what the file tells cannot be.
    """
    answers: dict[tuple[object, ...], Answer] = {}
    for answer in told.answers:
        place = answer.case.key, tuple(sorted(answer.variant.items()))
        if place in answers:
            told.left_out["told again; the first one is kept"] += 1
        answers.setdefault(place, answer)
    if not answers:
        seen = "; ".join(f"{count} x {why}" for why, count in told.left_out.items()) or "no result in it"
        raise UsageError(f"{file}: nothing of {told.tool} that zbench has a case for: {seen}")
    machines = {digest(facts): facts for facts in told.machines}
    subject = asked.subject or told.subject
    records = [
        _record(answer, subject, order, next(iter(machines), ""))
        for order, answer in enumerate(answers.values())
    ]
    suites: list[str] = sorted({record.suite for record in records})
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    run = Run(
        zbench=__version__,
        created=now,
        ended=now,
        command=command,
        profile=IMPORTED,
        seed=0,
        suites=suites,
        cards=[subject] if "card" in suites else [],
        fabrics=[subject] if "fabric" in suites else [],
        ranks=max(record.ranks for record in records),
        launches=1,
        imported=Imported(tool=told.tool, file=str(file), sha256=hashlib.sha256(data).hexdigest()),
        fingerprints=machines,
        state="complete",
        not_run={f"{told.tool}: {why}": f"{count} x {why}" for why, count in told.left_out.items()},
    )
    for _, what in of_records(run, records):
        raise UsageError(f"{file}: {what}")
    return run, records


def _record(answer: Answer, subject: str, order: int, machine: str) -> Record:
    case, check = answer.case, answer.verification
    work = workload(case.workload)
    return Record(
        suite="card" if work.suite == "card" else "fabric",
        key=case.key,
        case=case,
        subject=subject,
        variant=answer.variant,
        block=0,
        launch=0,
        order=order,
        ranks=case.ranks,
        samples_ns=answer.samples_ns,
        sheet=answer.sheet,
        verification=check,
        status="wrong" if check and not check.passed else "ok",
        why=check.why if check and not check.passed else "",
        fingerprint=machine,
    )
