"""What a card or fabric says of its own arithmetic, before it is tested: `declaration.toml`.

Tolerances are derived from it and probes test it, so that whoever declares a wide accumulator is held to it.
Ours ship in zbench/conformance/declarations; a plug-in's stands where `Card.declaration` or
`Fabric.declaration` says, or is given with `--declaration`. What is not declared is assumed, in the subject's
disfavour, and said to be.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import msgspec

from zbench.dtypes import FLOATS
from zbench.errors import UsageError, explain
from zbench.handwritten import one_line, table_of, text_of

SHIPPED = Path(__file__).parent / "declarations"

PRECISIONS = {"fp64": 53, "fp32": 24, "tf32": 11, "fp16": 11, "bf16": 8, "fp8e4m3": 4, "fp8e5m2": 3}
"""Bits of a significand, the hidden one included: u = 2^-p."""


class GemmDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for the products of some dtypes, on some instruction sets."""

    dtypes: tuple[str, ...]
    isas: tuple[str, ...] = ("*",)
    """Globs over what `Card.variant` calls `isa`."""
    accumulator_bits: int = 24
    """Of the significand of a sum, the hidden bit included; of integers, bits of the sum."""
    rounding: Literal["nearest", "truncate", "exact"] = "nearest"
    block: int = 1
    """Products that are added at once before they are rounded."""
    operands: Literal["exact", "tf32", "bf16"] = "exact"
    """What A and B are rounded to before they are multiplied."""
    flush_inputs: bool = False
    """Whether subnormal operands may count as zero."""
    flush_results: bool = False
    """Whether subnormal products, sums or elements of C may become zero."""
    nan: Literal["propagate", "undefined"] = "propagate"
    determinism: tuple[Literal["D0", "D1", "D2"], ...] = ()
    """D0: the same call gives the same bits; D1: with any number of threads; D2: a row's bits depend on
    neither the other rows nor where it stands."""


class CollectiveDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for the operations of a fabric."""

    accumulator: Literal["dtype", "fp32"] = "dtype"
    """What fp16 and bf16 are added in, between two roundings."""
    nan: Literal["propagate", "undefined"] = "undefined"
    """Of min and max. `propagate`: they are IEEE 754-2019's minimum and maximum, to which -0 is less than 0,
    too; `undefined`: either zero, and a NaN kept or lost, but the same whichever rank has brought it."""
    average: Literal["first", "last"] = "last"
    """When an average divides."""
    flush: bool = False
    determinism: tuple[Literal["D0", "D-size", "D-map"], ...] = ()
    """D0: the same call gives the same bits; D-size: whatever the size; D-map: wherever ranks run."""


class Declaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole file."""

    version: Literal[1]
    subject: str
    gemms: tuple[GemmDeclaration, ...] = ()
    collectives: CollectiveDeclaration | None = None
    lacks: tuple[str, ...] = ()
    """Ids of tests that the subject cannot be asked at all, each with its reason: `GE-04: ...`."""

    def gemm(self, dtype: str, isa: str = "") -> GemmDeclaration:
        """Of one dtype; what is not declared is what the dtype's name promises."""
        for each in self.gemms:
            if dtype in each.dtypes and any(fnmatchcase(isa, glob) for glob in each.isas):
                return each
        if dtype not in FLOATS:
            return GemmDeclaration((dtype,), accumulator_bits=32, rounding="exact")
        if dtype == "tf32":
            return GemmDeclaration((dtype,), operands="tf32")
        return GemmDeclaration((dtype,), accumulator_bits=53 if dtype == "fp64" else 24)

    def collective(self) -> CollectiveDeclaration:
        return self.collectives or CollectiveDeclaration()


def load_declaration(path: Path) -> Declaration:
    """Raises UsageError, which names file and key."""
    try:
        return read_declaration(text_of(path, "a declaration"), f"declaration {path}")
    except FileNotFoundError as error:
        raise UsageError(f"declaration {path}: {explain(error)}") from error


def read_declaration(text: str, where: str) -> Declaration:
    """Raises UsageError, which begins with `where`."""
    try:
        return msgspec.convert(table_of(text, where), Declaration)
    except msgspec.ValidationError as error:
        raise UsageError(one_line(f"{where}: {error}")) from error


def declaration_of(subject: str, declared: str, given: str | None) -> tuple[Declaration, str]:
    """(declaration, where it comes from) of a subject: given, its own, or shipped under its name, with its
    option before without; else assumed.

    `declared`: the path that its class names, or "". Raises UsageError.
    """
    names = (subject.replace(":", "-"), subject.partition(":")[0])
    shipped = [file for name in names if (file := SHIPPED / f"{name}.toml").exists()]
    for path in (given, declared, *shipped):
        if path:
            return load_declaration(Path(path)), str(path)
    return Declaration(1, subject), "none: assumed"
