"""What is measured, as written on the command line: `name[:option][@venv]`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from zbench.errors import UsageError, suggest

GROUPS = {"card": "zbench.cards", "fabric": "zbench.fabrics"}


@dataclass(frozen=True)
class Subject:
    """A card or a fabric, with its option and the virtual environment it runs in."""

    kind: str
    """card or fabric; `schedules` are tested without a process, and are neither."""
    name: str
    """Of an entry point, or `package.module:Class`."""
    option: str | None = None
    venv: str | None = None

    @property
    def label(self) -> str:
        option = f":{self.option}" if self.option else ""
        venv = f"@{self.venv}" if self.venv else ""
        return f"{self.name}{option}{venv}"

    def load(self) -> Any:
        """The class. Raises UsageError where there is none of this name, or one of another kind."""
        found = self._find()
        base = getattr(import_module(f"{GROUPS[self.kind]}.base"), self.kind.capitalize())
        if not (isinstance(found, type) and issubclass(found, base)):
            raise UsageError(f"{self.kind} {self.label}: not a subclass of {base.__module__}.{base.__name__}")
        return found

    def _find(self) -> Any:
        if "." in self.name:
            module, _, attribute = self.name.partition(":")
            try:
                return getattr(import_module(module), attribute)
            except Exception as error:  # whatever somebody else's module raises
                raise UsageError(f"{self.kind} {self.label}: {type(error).__name__}: {error}") from error
        known = available(self.kind)
        if self.name not in known:
            dot = "; a class is named package.module:Class" if self.option else ""
            raise UsageError(f"no {self.kind} {self.name!r}{suggest(self.name, known)}{dot}")
        try:
            return known[self.name].load()
        except Exception as error:
            raise UsageError(
                f"{self.kind} {self.label} is known but does not load: {type(error).__name__}: {error}; "
                "install what it needs"
            ) from error


SCHEDULES = Subject("schedules", "schedules")


def available(kind: str) -> dict[str, EntryPoint]:
    """Every card or fabric that an installed package offers, by name."""
    return {entry.name: entry for entry in entry_points(group=GROUPS[kind])}


def kind_of(spec: str) -> str:
    """`card` or `fabric`: where the name is known, or whose base class it has. A name that is both is a
    fabric's where the option is one of the fabric's. Raises UsageError."""
    name = spec.partition("@")[0].partition(":")[0]
    kinds, reasons = [], []
    for kind in GROUPS:
        if "." in name:
            try:
                parse(kind, spec).load()
                kinds.append(kind)
            except UsageError as error:
                reasons.append(str(error))
        elif name in available(kind):
            kinds.append(kind)
    if len(kinds) == 1:
        return kinds[0]
    if kinds:  # torch is both: its backends are fabrics, its devices cards
        of_fabrics = parse("fabric", spec).load().options
        return "fabric" if parse("fabric", spec).option in of_fabrics else "card"
    if reasons:
        raise UsageError("; ".join(reasons))
    known = [name for kind in GROUPS for name in available(kind)]
    raise UsageError(f"{spec}: neither a stored run nor a card or fabric{suggest(name, known)}")


def parse(kind: str, spec: str) -> Subject:
    """The subject of a command-line word. Raises UsageError; the class is not loaded yet."""
    rest, at, venv = spec.partition("@")
    if at and not (Path(venv).expanduser() / "bin" / "python").exists():
        raise UsageError(f"{kind} {spec}: {venv} is no virtual environment (no bin/python in it)")
    parts = rest.split(":")
    if not parts[0] or (at and not venv):
        raise UsageError(f"{kind} {spec!r}: write name[:option][@venv], for example cpu:generic")
    name_parts = 2 if "." in parts[0] else 1
    if "." in parts[0] and len(parts) < 2:
        raise UsageError(f"{kind} {spec!r}: a name with a dot is package.module:Class")
    return Subject(
        kind,
        ":".join(parts[:name_parts]),
        ":".join(parts[name_parts:]) or None,
        str(Path(venv).expanduser().absolute()) if at else None,
    )
