"""What a chart is once it is drawn: a picture, the finding in words, and the same data as a table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """The twin of a chart: what it shows, readable without seeing it. Units stand in the header."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Chart:
    """One chart. `title` is a question, `alt` the answer that the picture gives."""

    name: str
    title: str
    svg: str
    alt: str
    caption: str
    table: Table


@dataclass(frozen=True)
class Missing:
    """A chart that was not drawn, and why."""

    name: str
    title: str
    why: str
