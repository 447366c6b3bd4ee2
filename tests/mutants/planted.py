"""The mutants: faults of one place each, data beside this file, and how one is planted in a text."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent


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
