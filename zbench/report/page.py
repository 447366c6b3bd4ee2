"""The HTML page of a run, or of several: one file, no script, no request; verdicts first."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from zbench.judge.datasheets import DataSheet, share
from zbench.judge.summary import Summary
from zbench.records import store
from zbench.records.schema import Run
from zbench.report import (
    choices,
    guidelines,
    hostcards,
    pairs,
    ranks,
    series,
    standing,
    stragglers,
    style,
    svg,
    words,
)
from zbench.report.chart import Chart, Missing
from zbench.report.conditions import machine, machines, settings
from zbench.report.cost import cost
from zbench.report.document import documents
from zbench.report.findings import Findings
from zbench.report.glossary import glossary
from zbench.report.judged import judged
from zbench.report.remarks import remarks
from zbench.report.telemetry import throttled, told

LEGEND = ("run", "directory", "measured", "machine", "zbench", "launches")
SURENESS = (
    "suite",
    "results",
    "launches",
    "rounds",
    "middle interval",
    "A/A floor",
    "noisy",
    "verified",
    "wrong or invalid",
)
"""Headers of `legend` and of `sureness`."""
LONG_WORD = 20
"""Letters; a longer word may be broken anywhere on paper, a shorter one is kept whole."""
PLACES = ("--out", "--resume", "--append")
"""Options that say where the record went: a second run would be refused there."""


def render_page(findings: Findings, charts: Sequence[Chart | Missing]) -> str:
    """The page as text; `charts` as `draw` returned them."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawn = [chart for chart in charts if isinstance(chart, Chart)]
    folder = files("zbench.report")
    template = (folder / "page.html.j2").read_text("utf-8")
    parts = findings.parts
    return environment.from_string(template).render(
        css=Markup((folder / "page.css").read_text("utf-8")),
        outcome=outcome(findings),
        about=about(findings.run),
        spent=cost(findings),
        legend=legend(findings),
        headers={"legend": LEGEND, "sureness": SURENESS},
        remarks=remarks(findings),
        verdicts=list(series.group(judged(findings), lambda j: (j.claim.id, j.claim.text)).values()),
        sureness=[(f" in run {label}" if label else "", sureness(part)) for label, part in parts.items()],
        conditions=[(label, settings(part), machines(part.run)) for label, part in parts.items()],
        charts=drawn,
        pictures={
            # matplotlib's own output with our escaped texts: the one thing here that is markup already.
            chart.name: Markup(svg.inline(chart.svg, style.TOKENS, style.TITLE_POINTS))
            for chart in drawn
        },
        missing=[chart for chart in charts if isinstance(chart, Missing)],
        ratios=findings.ratios,
        standing=standing,
        findings=findings,
        guidelines=guidelines,
        peers=findings.peers,
        worlds=findings.worlds,
        choices=choices,
        hostcards=hostcards.tables(findings.hostcards),
        about_hostcards=hostcards.ABOUT,
        pairs=pairs,
        stragglers=stragglers,
        straggler_rows=stragglers.rows(findings.summaries, findings.votes),
        pair_rows=pairs.table(findings.pairs),
        sections=ranks.sections(findings),
        datasheets={sheet.name: sheet for sheet in findings.datasheets.values()}.values(),
        cases=[_case(summary, findings.datasheets) for summary in findings.summaries],
        reproduce=[
            (label, shlex.join(again(part.run)), part.directory, part.run.zbench)
            for label, part in parts.items()
        ],
        glossary=glossary(findings),
        data=documents(findings),
        theme=[(token, light, style.DARK[light]) for light, token in style.TOKENS.items()],
        words=words,
        long=lambda text: max(map(len, text.split()), default=0) > LONG_WORD,
    )


def write_page(findings: Findings, charts: Sequence[Chart | Missing], path: Path) -> None:
    """Raises OSError."""
    store.replace(path, render_page(findings, charts).encode())


def outcome(findings: Findings) -> str:
    """`1 MET, 6 NOT TESTABLE`, of each run in a merge, or why there is no verdict."""
    if findings.members:
        return "; ".join(f"{label}: {outcome(part)}" for label, part in findings.members.items())
    found = [verdict.verdict for verdict in findings.verdicts]
    if not found:
        return "No claims were judged"
    order = [word for word in words.SIGNS if word in found]
    return ", ".join(f"{found.count(word)} {word}" for word in order)


def about(run: Run) -> str:
    """The run in one line."""
    subjects = [f"card {', '.join(run.cards)}"] if run.cards else []
    subjects += [f"fabric {', '.join(run.fabrics)}"] if run.fabrics else []
    head = [f"zbench {run.zbench}", f"profile {run.profile}", words.counted(run.launches, "launch")]
    head += words.sustained(run.minutes)
    return "; ".join([", ".join([*head, words.moment(run.created)]), *subjects])


def legend(findings: Findings) -> list[tuple[str, ...]]:
    """What each label of a merge stands for; none for a single run."""
    return [
        (
            label,
            str(part.directory),
            words.moment(part.run.created),
            machine(part.run),
            part.run.zbench,
            str(part.run.launches),
        )
        for label, part in findings.members.items()
    ]


def again(run: Run) -> list[str]:
    """The command that measures the same once more, into a new directory."""
    command, skip = [], False
    for word in run.command:
        if not skip and word.partition("=")[0] not in PLACES:
            command.append(word)
        skip = not skip and word in PLACES
    return command


def sureness(findings: Findings) -> list[tuple[str, ...]]:
    """A row a suite: results, launches, rounds, middle half-width, A/A floor, noisy, verified, wrong."""
    rows: list[tuple[str, ...]] = []
    for suite in dict.fromkeys(s.suite for s in findings.summaries):
        members = [s for s in findings.summaries if s.suite == suite]
        widths = sorted(w for s in members if (w := half_width(s)) is not None)
        floor = findings.floors.get(suite)
        launches = sorted({s.launches for s in members})
        rows.append(
            (
                suite,
                str(len(members)),
                " to ".join(str(n) for n in dict.fromkeys((launches[0], launches[-1]))),
                f"{sum(s.samples for s in members):,}",
                f"± {100 * widths[len(widths) // 2]:.1f} %" if widths else "-",
                f"{words.floor(floor.floor)} ({floor.key} of {floor.subject})" if floor else "not measured",
                str(sum(s.noisy for s in members)),
                f"{sum(s.verified is True for s in members)} of {len(members)}",
                str(sum(s.bad for s in members)),
            )
        )
    return rows


def half_width(summary: Summary) -> float | None:
    """Half the interval over the median."""
    if summary.interval_ns is None or not summary.median_ns:
        return None
    return (summary.interval_ns[1] - summary.interval_ns[0]) / 2 / summary.median_ns


def _case(summary: Summary, sheets: Mapping[str, DataSheet]) -> dict[str, Any]:
    timed = summary.status == "ok" and summary.median_ns is not None
    interval = value = peak = "-"
    if timed and summary.interval_ns:
        interval = " to ".join(words.value(bound / 1e9, "s") for bound in summary.interval_ns)
    if timed and summary.value is not None and summary.unit != "s":
        value = words.value(summary.value, summary.unit)
    if timed and summary.fraction_of_peak is not None:
        peak = f"{100 * summary.fraction_of_peak:.0f} %"
    return {
        "summary": summary,
        "median": words.value((summary.median_ns or 0.0) / 1e9, "s") if timed else summary.status.upper(),
        "interval": interval,
        "value": value,
        "peak": peak,
        "sheet": "-" if (of_sheet := share(sheets, summary)) is None else f"{100 * of_sheet:.0f} %",
        "verified": {True: "yes", False: "NO", None: "-"}[summary.verified],
        "variant": ", ".join(f"{name} {value}" for name, value in sorted(summary.variant.items())) or "-",
        "telemetry": told(summary.watched) or "-",
        "remarks": "; ".join(filter(None, _remarks(summary))) or "-",
    }


def _remarks(summary: Summary) -> tuple[str, ...]:
    return "noisy" * summary.noisy, throttled(summary.watched), summary.why, _method(summary)


def _method(summary: Summary) -> str:
    """How the interval was made, where it is not Student's t over launches."""
    return "" if summary.method in ("", "t") else summary.method
