"""What the doctor says of one thing, and the commands that change it and change it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Level = Literal["invalid", "careful", "unknown", "fine"]
LEVELS: tuple[Level, ...] = ("invalid", "careful", "unknown", "fine")
"""Worst first. invalid: what is measured now is worth nothing; careful: noisier than need be, or not
comparable; unknown: cannot be seen from here, which is not the same as fine."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    topic: str
    level: Level
    found: str
    """The value that was read."""
    where: str
    """The file, command or system call that told it."""
    why: str = ""
    """Why it matters, in half a line."""
    change: tuple[str, ...] = ()
    """Commands for a shell; nothing here runs them."""
    undo: tuple[str, ...] = ()
    """Commands that bring back what was found; empty where `change` lasts for one command only."""
    advice: str = ""
    """What to do where no command of this machine's does it."""


def fine(topic: str, found: str, where: str) -> Finding:
    return Finding(topic=topic, level="fine", found=found, where=where)


def unknown(topic: str, found: str, where: str, why: str = "") -> Finding:
    return Finding(topic=topic, level="unknown", found=found, where=where, why=why)


Commands = tuple[str, ...]


def careful(
    topic: str, found: str, where: str, why: str, change: Commands = (), undo: Commands = (), advice: str = ""
) -> Finding:
    return Finding(
        topic=topic,
        level="careful",
        found=found,
        where=where,
        why=why,
        change=change,
        undo=undo,
        advice=advice,
    )


def invalid(
    topic: str, found: str, where: str, why: str, change: Commands = (), undo: Commands = (), advice: str = ""
) -> Finding:
    return msgspec.structs.replace(careful(topic, found, where, why, change, undo, advice), level="invalid")


Value = str | int


def write(values: Mapping[str, Value]) -> tuple[str, ...]:
    """The commands that write a value into each file of the system, one command for each value."""
    return tuple(
        f"echo {value} | sudo tee {' '.join(_short([p for p, v in values.items() if v == value], values))}"
        for value in dict.fromkeys(values.values())
    )


def _short(paths: list[str], of: Mapping[str, Value]) -> list[str]:
    """All files of a set that differ in one number, as a pattern for the shell; else each by name."""
    patterns = {_numberless(path) for path in of}
    return sorted(patterns) if len(paths) == len(of) > 1 and len(patterns) == 1 else paths


def _numberless(path: str) -> str:
    """`.../cpu3/cpufreq/...` -> `.../cpu*/cpufreq/...`."""
    return "/".join(
        f"{part.rstrip('0123456789')}*" if part[-1:].isdecimal() else part for part in path.split("/")
    )
