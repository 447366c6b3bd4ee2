"""One screen for the terminal: verdicts, noise, results, where everything is, what to do next.

Laid out for any width from 40 columns on; without colour and in ASCII it says the same.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Literal

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from zbench.judge.datasheets import DataSheet
from zbench.judge.summary import Summary
from zbench.report import choices, hostcards, pairs, ranks, rows, standing, stragglers, words
from zbench.report.conditions import machine
from zbench.report.cost import Cost, cost
from zbench.report.findings import Findings
from zbench.report.remarks import remarks
from zbench.report.telemetry import lasted

MOST_COLUMNS, LEAST_COLUMNS = 100, 40
WIDE, MIDDLE = 96, 64
"""Columns from which keys have room inside a table, and from which figures have room in columns."""
RESULT = {"median": 16, "rate": 13, "% peak": 6, "verified": 9}
"""Columns of a result and their widths: the longest text that each can hold."""
SHEET = {"% sheet": 7}
"""One more, where the catalogue has the data sheet of a card."""
Sheets = Mapping[str, DataSheet]
ENTRY = 7
"""Columns of the names at the foot of the screen: Record, Charts."""
GLUE = "\ue000"
"""Stands for a blank at which no line may end; of private use, so that nobody's text has it."""
_FIGURE = re.compile(r"(?<=\d) (?=[%A-Za-zµ])|(?<=[≤≥<>]) (?=\d)")
"""The blanks inside a figure, between number and unit."""

STYLES = {
    "MET": "bold green",
    "NOT MET": "bold red",
    "UNDECIDED": "bold yellow",
    "PROJECTED": "cyan",
}
ASCII = dict(
    zip("✓✗○–→·…µ≤≥±×°", ["+", "x", "o", "-", ">", "-", "..", "u", "<=", ">=", "+-", "x", ""], strict=True)
)
"""What is written where the terminal's encoding knows no more than ASCII."""


def render_screen(
    findings: Findings,
    *,
    width: int = MOST_COLUMNS,
    color: bool = False,
    unicode: bool = True,
    page: str = "",
    every_result: bool = False,
) -> str:
    """The screen as text of at most `width` (40 to 100) columns.

    `page` is the path of the HTML page, empty if there is none; `every_result` shows more than the headline.
    Without `unicode` only ASCII comes out;
    a character with no counterpart becomes `?`.
    """
    width = max(LEAST_COLUMNS, min(MOST_COLUMNS, width))
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    screen = Screen(width, unicode)
    parts = [
        *screen.head(findings),
        *screen.verdicts(findings),
        *screen.results(findings, every_result),
        *screen.standing(findings),
        *screen.hostcards(findings),
        *screen.told(pairs.TITLE, pairs.brief(findings.pairs)),
        *screen.ranks(findings),
        screen.noise(findings),
        screen.places(findings, page),
    ]
    for part in parts:
        console.print(part)
    text = out.getvalue().replace(GLUE, " ")
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip() + "\n"


class Screen:
    """Parts of the screen for one width and one character set."""

    def __init__(self, width: int, unicode: bool) -> None:
        self.unicode = unicode
        self.width = width

    def say(self, text: str, style: str = "", room: int | None = None) -> Text:
        """The text in the characters the terminal has, for `room` columns.

        Folded, never cut: between words, not inside a figure, and inside a long key or path at its slashes.
        """
        if not self.unicode:
            text = "".join(ASCII.get(letter, letter) for letter in text)
            text = text.encode("ascii", "replace").decode("ascii")
        room = self.width if room is None else room
        text = " ".join(_at_slashes(word, room) for word in _FIGURE.sub(GLUE, text).split(" "))
        return Text(text, style=style, overflow="fold")

    def head(self, findings: Findings) -> list[RenderableType]:
        run = findings.run
        if findings.members:
            parts: list[RenderableType] = [self.say(f"{len(findings.members)} runs, measured apart")]
            parts += [
                self._entry(
                    label, f"{part.directory} · {words.moment(part.run.created)} · {machine(part.run)}"
                )
                for label, part in findings.members.items()
            ]
        else:
            subjects = [f"card {', '.join(run.cards)}"] if run.cards else []
            subjects += [f"fabric {', '.join(run.fabrics)}"] if run.fabrics else []
            about = [f"zbench {run.zbench}", run.profile, words.counted(run.launches, "launch")]
            about += [*words.sustained(run.minutes), *subjects]
            parts = [self.say(" · ".join(about))]
        told = remarks(findings)
        return [*parts, *([Text()] if told else []), *(self._remark(what, why) for what, why in told)]

    def _remark(self, what: str, why: str) -> RenderableType:
        return Group(self.say(what, "bold"), self._indented(why))

    def _entry(self, name: str, text: str) -> RenderableType:
        """`Page    results/x/report.html`, folded under itself."""
        line = Table.grid(expand=True, padding=(0, 1, 0, 0))
        line.add_column(width=ENTRY)
        line.add_column(ratio=1, overflow="fold")
        line.add_row(self.say(name), self.say(text, room=self.width - ENTRY - 2))
        return line

    def verdicts(self, findings: Findings) -> list[RenderableType]:
        if not findings.verdicts:
            why = (
                "this profile carries no verdicts"
                if findings.run.profile == "smoke"
                else "no claims were asked"
            )
            return [Text(), self.say(f"Claims: none judged, {why}.")]
        by_id = {claim.id: claim for claim in findings.claims}
        parts: list[RenderableType] = [Text()]
        if self.width >= WIDE:
            parts.append(self._claim_row("verdict", "claim", "claimed", "measured", heading=True))
        for verdict in findings.verdicts:
            claim = by_id[verdict.claim]
            claimed, measured = words.claimed(claim), rows.measured(verdict, claim)
            projected = verdict.evidence == "PROJECTED"
            if self.width >= WIDE:
                parts.append(self._claim_row(verdict.verdict, verdict.claim, claimed, measured))
            else:
                parts.append(self._word(verdict.verdict) + self.say(f"  {verdict.claim}"))
                parts.append(
                    self._indented(f"claimed {claimed}, {'' if projected else 'measured '}{measured}")
                )
            parts.append(self._indented(rows.brief(verdict)))
        return parts

    def _claim_row(
        self, word: str, claim: str, claimed: str, measured: str, heading: bool = False
    ) -> RenderableType:
        row = Table.grid(expand=True, padding=(0, 2, 0, 0))
        row.add_column(width=14)
        row.add_column(ratio=1, overflow="fold")
        row.add_column(width=11)
        row.add_column(width=30)
        style = "bold" if heading else ""
        first = self.say(word, style) if heading else self._word(word)
        row.add_row(first, *(self.say(cell, style) for cell in (claim, claimed, measured)))
        return row

    def results(self, findings: Findings, every: bool) -> list[RenderableType]:
        if not findings.summaries:
            return []
        shown = list(findings.summaries) if every else rows.headline(findings.summaries)
        first = findings.run.cards[:1] if findings.run.each and not every else []
        if first:  # its siblings stand side by side below
            shown = [s for s in shown if s.subject in first or s.bad]
        parts: list[RenderableType] = [Text()]
        if self.width >= WIDE:
            parts.append(self._flat(shown, findings.datasheets))
        else:
            parts.append(self.say("Results", "bold"))
            for i, summary in enumerate(shown):
                if i == 0 or shown[i - 1].key != summary.key:
                    parts.append(self.say(summary.key))
                line = self._aligned if self.width >= MIDDLE else self._told
                parts.append(line(summary, findings.datasheets))
        more = len(findings.summaries) - len(shown)
        if more > 0:
            shows = first[0] if first else "the largest size of each (smallest where it is a latency)"
            text = f"Shown: {shows}, and all that went wrong; "
            parts.append(self.say(f"{text}{more} more on the page.", "dim"))
        return parts

    def _flat(self, shown: Sequence[Summary], sheets: Sheets) -> RenderableType:
        """One row a result, the key in it."""
        table = Table(box=None, pad_edge=False, expand=True, header_style="bold", padding=(0, 1, 0, 0))
        longest = max((cell_len(words.short(summary.subject)) for summary in shown), default=0)
        columns = {"subject": min(max(7, longest), words.LONGEST_NAME)} | RESULT | (SHEET if sheets else {})
        room = self.width - sum(columns.values()) - len(columns)
        table.add_column("case", width=room, overflow="fold")
        for name, width in columns.items():
            table.add_column(name, width=width, overflow="fold", justify=justified(name))
        for summary in shown:
            told = [rows.of_sheet(sheets, summary)] if sheets else []
            cells = (words.short(summary.subject), *rows.result(summary), *told)
            style = style_of(summary)
            table.add_row(self.say(summary.key, style, room), *(self.say(cell, style) for cell in cells))
        return table

    def _aligned(self, summary: Summary, sheets: Sheets) -> RenderableType:
        """One line under its key, in columns."""
        line = Table.grid(expand=True, padding=(0, 1, 0, 0))
        line.add_column(width=1)
        line.add_column(ratio=1, overflow="fold")
        for name, width in RESULT.items():
            line.add_column(width=width, overflow="fold", justify=justified(name))
        time, rate, peak, verified = rows.result(summary)
        cells = ("", summary.subject, time, rate, f"{peak} %" if peak != "-" else peak, verified)
        line.add_row(*(self.say(cell, style_of(summary)) for cell in cells))
        told = rows.of_sheet(sheets, summary)
        return line if told == "-" else Group(line, self._indented(f"{told} % of the data sheet"))

    def _told(self, summary: Summary, sheets: Sheets) -> RenderableType:
        """In words, for the narrowest terminals."""
        time, rate, peak, verified = rows.result(summary)
        figures = [time, *([rate] if rate else []), *([f"{peak} % of peak"] if peak != "-" else [])]
        if (told := rows.of_sheet(sheets, summary)) != "-":
            figures.append(f"{told} % of the data sheet")
        text = f"{summary.subject}: {', '.join(figures)}, verified {verified}"
        return self._indented(text, style_of(summary))

    def standing(self, findings: Findings) -> list[RenderableType]:
        """The first card against the best of the others, a group a line or two."""
        if not findings.peers:
            return []
        parts: list[RenderableType] = [Text(), self.say(standing.TITLE, "bold")]
        for name, ratio, worst, share in standing.rows(findings.peers):
            peak = f"; {share} % of peak or roof" if share != "-" else ""
            parts += [self.say(name), self._indented(f"{ratio}; {worst}{peak}")]
        return [*parts, self.say(standing.about(findings.peers), "dim")]

    def hostcards(self, findings: Findings) -> list[RenderableType]:
        """The cards of the host, a case in two lines."""
        return self.told(hostcards.TITLE, hostcards.brief(findings.hostcards))

    def told(self, title: str, entries: Sequence[tuple[str, str]]) -> list[RenderableType]:
        """A title, then of each entry what it is about and, indented, what it is; nothing without any."""
        if not entries:
            return []
        lines = (line for about, text in entries for line in (self.say(about), self._indented(text)))
        return [Text(), self.say(title, "bold"), *lines]

    def ranks(self, findings: Findings) -> list[RenderableType]:
        """What was found about the ranks of a world, a line or two each."""
        told = ranks.brief(findings)
        return [Text(), *map(self.say, told)] if told else []

    def noise(self, findings: Findings) -> RenderableType:
        floors = [f"{suite} {words.floor(aa.floor)}" for suite, aa in findings.floors.items()]
        text = (
            f"Noise here: the same thing measured twice differs by up to {', '.join(floors)} (A/A floor)"
            if floors
            else "Noise here: not known, nothing was measured well twice (no A/A floor)"
        )
        count = len(findings.summaries)
        noisy = [s for s in findings.summaries if s.noisy]
        text += f"; the probe varied beside {len(noisy)} of {words.counted(count, 'result')}." * bool(count)
        return Group(Text(), self.say(text))

    def places(self, findings: Findings, page: str) -> RenderableType:
        entries: list[tuple[str, str]] = []
        if not findings.members:
            entries.append(("Record", f"{findings.directory}/records.jsonl"))
        if page:
            entries += [("Charts", f"{PurePath(page).parent}/charts/"), ("Page", page)]
        entries += [("Took", spent.told()) for spent in _priced(findings)]
        entries += [("Lasts", f"{s.key} of {s.subject}: {lasted(s)}") for s in findings.sustained]
        entries += [("Last", line) for line in stragglers.brief(findings.votes)]
        entries += [("Energy", line) for line in rows.energy(findings.summaries)]
        entries += [("Model", line) for line in choices.brief(findings.worlds)]
        entries += [("Peers", line) for line in rows.peers(findings.ratios)]
        entries += [("Next", step) for step in rows.next_steps(findings, page)]
        return Group(Text(), *(self._entry(name, text) for name, text in entries))

    def _word(self, verdict: str) -> Text:
        return self.say(words.marked(verdict), STYLES.get(verdict, ""))

    def _indented(self, text: str, style: str = "") -> RenderableType:
        return Padding(self.say(text, style, self.width - 2), (0, 0, 0, 2))


def _at_slashes(word: str, room: int) -> str:
    """A key or path that is wider than `room`, with line ends after some of its slashes."""
    lines = [""]
    for piece in re.findall(r"[^/]*/?", word) if cell_len(word) > room else [word]:
        if lines[-1] and cell_len(lines[-1] + piece) > room:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def _priced(findings: Findings) -> list[Cost]:
    """What the run took, where a price was told."""
    spent = cost(findings)
    return [spent] if spent and spent.per_card_hour is not None else []


def style_of(summary: Summary) -> str:
    return "" if summary.status == "ok" else "bold red"


def justified(column: str) -> Literal["left", "right"]:
    return "right" if column.startswith("%") else "left"
