"""Tables and commands as plain text of any width: on a narrow terminal a row becomes a paragraph."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

from zbench.report.terminal import ASCII, LEAST_COLUMNS, MOST_COLUMNS

GAP = 2
"""Columns between columns."""
WORD = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""")
"""Of a shell: it ends at a space outside quotes."""
CONTINUED = 6
"""Columns before the further lines of a command."""
LEAST_PROSE = 28
"""A last column of prose is folded, but not below this."""


def fit(width: int) -> int:
    """The columns that are used of a terminal's."""
    return max(LEAST_COLUMNS, min(MOST_COLUMNS, width))


def written(lines: Iterable[str], unicode: bool) -> str:
    """The lines in the characters that the terminal has."""
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    if unicode:
        return text
    return "".join(ASCII.get(letter, letter) for letter in text).encode("ascii", "replace").decode()


def folded(text: str, width: int, first: str = "", rest: str | None = None) -> list[str]:
    """The text in lines of at most `width` columns; `first` begins the first one, `rest` the others."""
    after = " " * len(first) if rest is None else rest
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=after, break_on_hyphens=False
    ) or [first.rstrip()]


def shell(command: str, width: int, first: str) -> list[str]:
    """A command in lines that can still be pasted: each but the last ends with a backslash.

    A word that is longer than a line stays whole: the terminal folds it, and pastes it back in one piece.
    """
    head, *words = WORD.findall(command)
    lines = [first + head]
    for word in words:
        if len(lines[-1]) + 1 + len(word) <= width - 2:
            lines[-1] += f" {word}"
        else:
            lines.append(" " * CONTINUED + word)
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Rows under their headings, the last column folded; where they do not fit, one paragraph a row."""
    if not rows:
        return []
    columns = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    before = sum(columns[:-1]) + GAP * (len(columns) - 1)
    last = max(len(headings[-1]), min(columns[-1], LEAST_PROSE))
    if before + last > width:
        return [line for row in rows for line in _paragraph(headings, row, width)]
    lines = []
    for row in (headings, *rows):
        first = "".join(cell.ljust(size + GAP) for cell, size in zip(row, columns, strict=True))[:before]
        lines += folded(row[-1], width, first, " " * before)
    return lines


def _paragraph(headings: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    lines = folded(row[0], width, rest="    ")
    for heading, cell in zip(headings[1:], row[1:], strict=True):
        if cell:
            lines += folded(f"{heading}: {cell}", width, "  ", "    ")
    return lines
