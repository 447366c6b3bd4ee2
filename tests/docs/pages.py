"""The pages of the documentation, and what stands in their fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = ROOT / "docs/examples"
ALGORITHM = ROOT / "docs/adding-an-algorithm.md"
SHELL = ("sh", "console")
PROMPT = "$ "
SKIPPED = "..."
"""A line of quoted output that stands for any number of lines."""


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    """Of its first line."""
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """One command of a page, and the output that the page shows for it; None: none is shown."""

    page: str
    line: int
    text: str
    output: str | None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def blocks(page: Path) -> Iterator[Block]:
    name = str(page.relative_to(ROOT))
    language, lines, start = None, [], 0
    for number, line in enumerate(page.read_text().splitlines(), 1):
        fence = re.fullmatch(r"```(\w*)", line.strip())
        if fence and language is None:
            language, lines, start = fence[1], [], number + 1
        elif fence:
            yield Block(name, start, language or "", "\n".join(lines) + "\n")
            language = None
        elif language is not None:
            lines.append(line)
    assert language is None, f"{name}: the block at line {start} is never closed"


def commands(page: Path) -> list[Command]:
    """In order. In a `sh` block each line is one; in a `console` block those behind a prompt, and what
    follows one is its output; without any prompt each line is one, too."""
    return [each for block in blocks(page) if block.language in SHELL for each in _commands(block)]


def _commands(block: Block) -> Iterator[Command]:
    lines = block.text.replace("\\\n", "  \0").splitlines()
    number = block.line
    found: list[Command] = []
    prompted = any(line.startswith(PROMPT) for line in lines)
    output: list[str] = []
    for line in [*lines, PROMPT if prompted else ""]:
        if prompted and not line.startswith(PROMPT):
            output.append(line)
        else:
            if found and output:
                last = found.pop()
                found.append(Command(last.page, last.line, last.text, "\n".join(output) + "\n"))
            output = []
            text = line.removeprefix(PROMPT).replace("\0", "").strip()
            if text and not text.startswith("#"):
                found.append(Command(block.page, number, text, None))
        number += 1 + line.count("\0")
    yield from found
