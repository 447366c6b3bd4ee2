"""One screen for the terminal: verdicts, noise, results, where everything is, what to do next.

Laid out for any width from 40 columns on; without colour and in ASCII it says the same.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from zbench.judge.summary import Summary
from zbench.report import rows, words
from zbench.report.findings import Findings

MOST_COLUMNS, LEAST_COLUMNS = 100, 40
WIDE, MIDDLE = 96, 64
"""Columns from which keys have room inside a table, and from which figures have room in columns."""
RESULT = {"median": 16, "rate": 13, "% peak": 6, "verified": 9}
"""Columns of a result and their widths: the longest text that each can hold."""

STYLES = {
    "MET": "bold green",
    "NOT MET": "bold red",
    "UNDECIDED": "bold yellow",
    "PROJECTED": "cyan",
}
ASCII = dict(
    zip("✓✗○–→·…µ≤≥±×", ["+", "x", "o", "-", ">", "-", "..", "u", "<=", ">=", "+-", "x"], strict=True)
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
        screen.head(findings),
        *screen.verdicts(findings),
        *screen.results(findings, every_result),
        screen.noise(findings),
        screen.places(findings, page),
    ]
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).rstrip() + "\n"


class Screen:
    """Parts of the screen for one width and one character set."""

    def __init__(self, width: int, unicode: bool) -> None:
        self.unicode = unicode
        self.width = width

    def say(self, text: str, style: str = "") -> Text:
        """The text in the characters the terminal has. Folded, never cut."""
        if not self.unicode:
            text = "".join(ASCII.get(letter, letter) for letter in text)
            text = text.encode("ascii", "replace").decode("ascii")
        return Text(text, style=style, overflow="fold")

    def head(self, findings: Findings) -> RenderableType:
        run = findings.run
        subjects = [f"card {', '.join(run.cards)}"] if run.cards else []
        subjects += [f"fabric {', '.join(run.fabrics)}"] if run.fabrics else []
        about = [f"zbench {run.zbench}", run.profile, words.counted(run.launches, "launch"), *subjects]
        state = (
            "" if run.state == "complete" else f" · {run.state.upper()}{': ' + run.why if run.why else ''}"
        )
        return self.say(" · ".join(about) + state)

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
        shown = list(findings.summaries) if every else rows.headline(findings.summaries)
        parts: list[RenderableType] = [Text()]
        if self.width >= WIDE:
            parts.append(self._flat(shown))
        else:
            parts.append(self.say("Results", "bold"))
            for i, summary in enumerate(shown):
                if i == 0 or shown[i - 1].key != summary.key:
                    parts.append(self.say(summary.key))
                parts.append(self._aligned(summary) if self.width >= MIDDLE else self._told(summary))
        more = len(findings.summaries) - len(shown)
        if more > 0:
            text = (
                "Shown: the largest size of each (smallest where it is a latency), and all that went wrong; "
            )
            parts.append(self.say(f"{text}{more} more on the page.", "dim"))
        return parts

    def _flat(self, shown: Sequence[Summary]) -> RenderableType:
        """One row a result, the key in it."""
        table = Table(box=None, pad_edge=False, expand=True, header_style="bold", padding=(0, 1, 0, 0))
        table.add_column("case", ratio=1, overflow="fold")
        longest = max((len(words.short(summary.subject)) for summary in shown), default=0)
        for name, width in zip(("subject", *RESULT), (max(7, longest), *RESULT.values()), strict=True):
            table.add_column(
                name, width=width, overflow="fold", justify="right" if name == "% peak" else "left"
            )
        for summary in shown:
            cells = (summary.key, words.short(summary.subject), *rows.result(summary))
            table.add_row(*(self.say(cell, style_of(summary)) for cell in cells))
        return table

    def _aligned(self, summary: Summary) -> RenderableType:
        """One line under its key, in columns."""
        line = Table.grid(expand=True, padding=(0, 1, 0, 0))
        line.add_column(width=1)
        line.add_column(ratio=1, overflow="fold")
        for name, width in RESULT.items():
            line.add_column(width=width, overflow="fold", justify="right" if name == "% peak" else "left")
        time, rate, peak, verified = rows.result(summary)
        cells = ("", summary.subject, time, rate, f"{peak} %" if peak != "-" else peak, verified)
        line.add_row(*(self.say(cell, style_of(summary)) for cell in cells))
        return line

    def _told(self, summary: Summary) -> RenderableType:
        """In words, for the narrowest terminals."""
        time, rate, peak, verified = rows.result(summary)
        figures = [time, *([rate] if rate else []), *([f"{peak} % of peak"] if peak != "-" else [])]
        text = f"{summary.subject}: {', '.join(figures)}, verified {verified}"
        return self._indented(text, style_of(summary))

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
        lines: list[RenderableType] = [Text()]
        lines.append(self.say(f"Record  {findings.directory}/records.jsonl"))
        lines.append(self.say(f"Charts  {findings.directory}/charts/"))
        if page:
            lines.append(self.say(f"Page    {page}"))
        for line in rows.peers(findings.ratios):
            lines.append(self.say(f"Peers   {line}"))
        for step in rows.next_steps(findings, page):
            lines.append(self.say(f"Next    {step}"))
        return Group(*lines)

    def _word(self, verdict: str) -> Text:
        return self.say(words.marked(verdict), STYLES.get(verdict, ""))

    def _indented(self, text: str, style: str = "") -> RenderableType:
        return Padding(self.say(text, style), (0, 0, 0, 2))


def style_of(summary: Summary) -> str:
    return "" if summary.status == "ok" else "bold red"
