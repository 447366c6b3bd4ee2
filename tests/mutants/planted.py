"""The mutants: faults of one place each, data beside this file, and how one is planted in a text."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent

TRANSPORT_TESTS = ("pytest:tests/csrc/*", "pytest:tests/fabrics/*")

FAMILIES: dict[str, tuple[str, ...]] = {
    "tail": ("GE-01", "GE-02", "GE-09", "GE-21", "CO-02", "CO-05", "CO-07", "CO-24"),
    "guard": ("GE-05", "GE-06", "GE-07", "GE-35", "CO-10", "CO-11"),
    "special values": ("GE-08", "GE-1[0-7]", "GE-22", "GE-36", "CO-15", "CO-16", "CO-18"),
    "precision": ("GE-15", "GE-1[7-9]", "GE-2?", "GE-36", "CO-03", "CO-04"),
    "race": ("GE-31", "GE-33", "GE-34", "CO-01", "CO-13", "CO-20", "CO-21", "CO-27"),
    "index": ("GE-01", "GE-03", "GE-04", "GE-07", "GE-32", "CO-01", "CO-02", "CO-24", "SY-*"),
    "sporadic": ("GE-30", "GE-31", "GE-3[7-9]", "CO-13", "CO-20", "CO-21", "CO-27"),
    "root": ("CO-01", "CO-08", "CO-24", "SY-*"),
    "alias": ("GE-35", "CO-09"),
    "wrap": ("GE-17", "GE-21", "GE-36", "CO-17", "CO-19", "CO-21"),
    "agreement": ("CO-12", "CO-13", "CO-14", "SY-6"),
    "stale": ("CO-01", "CO-05", "CO-20", "CO-21", "CO-27"),
    "sequence": ("CO-01", "CO-2[0-3]", "CO-25"),
    "trivial P": ("CO-02", "CO-03", "CO-06", "SY-*"),
    "partial": ("CO-01", "CO-02", "CO-24", "CO-26", "CO-28", "FA-*", *TRANSPORT_TESTS),
    "stale segment": ("CO-22", "FA-*", *TRANSPORT_TESTS),
    "cheat": ("GE-39", "GE-40", "CO-27"),
    "tester": ("GE-41", "GE-42", "CO-28", "pytest:tests/conformance/*"),
}
"""Kind of fault -> globs of what is there to catch it: ids of the catalogue, or tests of zbench itself where
the catalogue cannot ask (what is wrong is the tester, or nothing that a subject can be asked)."""


class Mutant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fault, and who is to find it."""

    number: int
    family: str
    file: str
    old: str
    """What stands there now, exactly."""
    new: str
    witness: str
    """Why it is no other way to write the same: an input that tells the two apart."""
    expect: tuple[str, ...]
    """Ids, or `pytest:PATH`; one of them must fail."""
    name: str = ""
    """Of the broken kernels that testers are known to miss; "" of our own."""
    count: int = 1
    """How often `old` stands in the file: every time it is the same fault."""
    level: str = "L1"
    """The one that claims to catch it."""
    isa: str = ""
    """The instruction set whose kernels get it; ZBENCH_ISA forces it. None: all, and the best computes."""
    card: str = ""
    fabric: str = ""
    dtypes: tuple[str, ...] = ()
    ranks: tuple[int, ...] = ()

    @property
    def subject(self) -> tuple[str, str]:
        """(card or fabric, as on the command line)."""
        return ("fabric", self.fabric) if self.fabric else ("card", self.card or "cpu")

    def strangers(self) -> list[str]:
        """What it expects that is not its family's."""
        allowed = FAMILIES.get(self.family, ())
        return [each for each in self.expect if not any(fnmatchcase(each, glob) for glob in allowed)]


def parted(expect: Iterable[str]) -> tuple[list[str], list[str]]:
    """(globs over ids of the catalogue, tests of pytest)."""
    words = list(expect)
    tests = [each.removeprefix("pytest:") for each in words if each.startswith("pytest:")]
    return [each for each in words if not each.startswith("pytest:")], tests


class _File(msgspec.Struct, forbid_unknown_fields=True):
    mutant: tuple[Mutant, ...]


def all_mutants(folder: Path = HERE) -> list[Mutant]:
    """Of all files, by number. Raises ValueError, which names the file."""
    found: list[Mutant] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            found += msgspec.convert(tomllib.loads(path.read_text()), _File).mutant
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return sorted(found, key=lambda each: each.number)


def chosen(mutants: Iterable[Mutant], only: Iterable[str]) -> list[Mutant]:
    """Those of these numbers, names and families; none given: all. Raises ValueError for another word."""
    mutants, words = list(mutants), list(only)
    known = {word for each in mutants for word in (str(each.number), each.name, each.family)}
    if strange := [word for word in words if word not in known]:
        raise ValueError(f"no mutant, name or family {', '.join(strange)}")
    return [each for each in mutants if not words or {str(each.number), each.name, each.family} & {*words}]


def planted(mutant: Mutant, text: str) -> str:
    """The text with the fault. Raises ValueError where it is not found as stated."""
    if (times := text.count(mutant.old)) != mutant.count:
        raise ValueError(
            f"mutant {mutant.number}: its old text stands {times} times in {mutant.file}, not {mutant.count}"
        )
    return text.replace(mutant.old, mutant.new)
