"""The Markdown of `--format md`: tables as forges render them, verdicts first."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from zbench.report import guidelines, hostcards, pairs, ranks, standing, words
from zbench.report.conditions import machine, settings
from zbench.report.findings import Findings
from zbench.report.judged import Judged, judged
from zbench.report.page import LEGEND, SURENESS, again, legend, outcome, sureness
from zbench.report.remarks import remarks
from zbench.report.rows import of_sheet, result
from zbench.report.telemetry import lasted, throttled, told

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~@&$])")
"""What Markdown, tables, HTML or a forge (@name, $math$) would read as something else."""


def render_markdown(findings: Findings) -> str:
    """Remarks, verdicts, how sure, results, conditions and the command that measures it again."""
    several = bool(findings.members)
    parts = [f"# zbench: {text(outcome(findings))}"]
    if several:
        parts.append(table(LEGEND, ([text(cell) for cell in row] for row in legend(findings))))
    parts += [f"> **{text(what)}** {text(why)}" for what, why in remarks(findings)]
    parts += ["## Verdicts", _verdicts(judged(findings), several)]
    for label, part in findings.parts.items():
        parts += [f"## How sure{f': run {label}' if label else ''}", _sureness(part)]
    if findings.peers:
        standings = ([text(cell) for cell in row] for row in standing.rows(findings.peers))
        parts += [f"## {standing.TITLE}", text(standing.about(findings.peers))]
        parts.append(table([text(name) for name in standing.HEADER], standings))
    if findings.guidelines:
        relations = ([text(cell) for cell in row] for row in guidelines.rows(findings.guidelines))
        parts += [f"## {guidelines.TITLE}", text(guidelines.ABOUT), table(guidelines.HEADER, relations)]
    for title, header, rows in hostcards.tables(findings.hostcards):
        cells = ([code(row[0]), code(row[1]), *map(text, row[2:])] for row in rows)
        parts += [f"## {title}", text(hostcards.ABOUT), table([text(name) for name in header], cells)]
    if findings.pairs:
        cells = ([code(row[0]), code(row[1]), *map(text, row[2:])] for row in pairs.table(findings.pairs))
        parts += [f"## {pairs.TITLE}", text(pairs.ABOUT), table([text(name) for name in pairs.HEADER], cells)]
    for _, heading, about, tables in ranks.sections(findings):
        parts += [f"## {heading}", text(about)]
        for _, header, rows in tables:
            cells = ([text(cell) for cell in row] for row in rows)
            parts.append(table([text(name) for name in header], cells))
    parts += ["## Results", _results(findings)]
    if findings.sustained:
        found = ([code(s.key), code(s.subject), text(lasted(s))] for s in findings.sustained)
        parts += ["## Over time", table(("case", "subject", "end over beginning"), found)]
    if findings.ratios:
        parts += ["## Comparisons", _comparisons(findings)]
    for label, part in findings.parts.items():
        parts.append(f"## Conditions{f': run {label}' if label else ''}")
        facts = [*settings(part), ("machine", machine(part.run))]
        parts.append(table(("setting", "value"), ([text(name), text(value)] for name, value in facts)))
        parts += ["The same once more:", fenced(shlex.join(again(part.run)))]
    return "\n\n".join(parts) + "\n"


def _verdicts(found: Sequence[Judged], several: bool) -> str:
    if not found:
        return "No claims were judged."
    header = ["claim", "run", "verdict", "measured", "interval", "claimed", "margin", "from", "why"]
    rows = []
    for each in found:
        missing = f"; needs {each.verdict.missing}" if each.verdict.verdict == "UNDECIDED" else ""
        row = {
            "claim": code(each.claim.id),
            "run": each.label,
            "verdict": f"**{words.marked(each.verdict.verdict)}**",
            "measured": text(each.measured) or "-",
            "interval": text(each.interval) or "-",
            "claimed": text(words.claimed(each.claim)) if each.claim.limit > 0 else "no figure",
            "margin": text(each.margin) or "-",
            "from": text(each.size) or "-",
            "why": text(each.verdict.why + missing) or "-",
        }
        rows.append([cell for name, cell in row.items() if several or name != "run"])
    return table([name for name in header if several or name != "run"], rows)


def _sureness(findings: Findings) -> str:
    return table(SURENESS, ([text(cell) for cell in row] for row in sureness(findings)))


def _results(findings: Findings) -> str:
    sheets = findings.datasheets
    published = ["% of data sheet"] if sheets else []
    header = (
        "case",
        "subject",
        "median",
        "rate",
        "% of peak",
        *published,
        "verified",
        "launches",
        "remarks",
        "meters",
    )
    rows = []
    for s in findings.summaries:
        time, rate, peak, verified = result(s)
        sheet = [of_sheet(sheets, s)] if sheets else []
        said = "; ".join(filter(None, (throttled(s.watched), s.why)))
        read = told(s.watched) or "-"
        cells = (time, rate or "-", peak, *sheet, verified, str(s.launches), said or "-", read)
        rows.append([code(s.key), code(s.subject), *map(text, cells)])
    return table(header, rows)


def _comparisons(findings: Findings) -> str:
    header = ("case", "subject", "against", "time ratio", "interval", "verdict", "why")
    rows = [
        [
            code(ratio.key),
            code(ratio.to),
            code(ratio.of) + (f" in {code(ratio.baseline)}" if ratio.baseline else ""),
            words.figure(ratio.median),
            "-" if ratio.interval is None else " to ".join(map(words.figure, ratio.interval)),
            ratio.verdict,
            text(ratio.why) or "-",
        ]
        for ratio in findings.ratios
    ]
    return table(header, rows)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are Markdown already, without line ends."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text(plain: str) -> str:
    """The words as they are, on one line, whatever signs they hold."""
    return _SPECIAL.sub(r"\\\1", " ".join(plain.split()))


def code(plain: str) -> str:
    """A name as code; a table's bar is escaped even there, and backticks get a longer fence."""
    flat = " ".join(plain.split()).replace("|", r"\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", flat)), default=0))
    space = " " if "`" in flat else ""
    return f"{fence}{space}{flat}{space}{fence}" if flat else "-"


def fenced(plain: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", plain)), default=0))
    return f"{fence}sh\n{plain}\n{fence}"
