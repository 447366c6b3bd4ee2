"""What `zbench history` says: a row a series, a document, and a page with a chart a finding."""

from __future__ import annotations

import csv
import io
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from zbench import __version__
from zbench.judge.history import SPREAD_RUNS, Course, History
from zbench.judge.steps import SEGMENT_RUNS, Step
from zbench.report import series, style, svg, words
from zbench.report.chart import Chart
from zbench.report.charts.history import course_chart, label, multiples
from zbench.report.document import number, pair
from zbench.report.plain import fit, folded, table, written
from zbench.report.terminal import MIDDLE

VERSION = 1
HEADER = ("case", "subject", "runs", "latest", "spread", "changes")
CSV = (
    *("hardware", "key", "subject", "variant", "run", "created", "zbench", "launches"),
    *("median_ns", "lo_ns", "hi_ns", "value", "unit", "beside_probe", "probe_unit"),
    *("step_ratio", "step_verdict"),
)
MULTIPLES = 24
"""Panels of one picture; more would be a poster."""


@dataclass(frozen=True)
class Chronicle:
    """Many runs, as they were read and judged."""

    directory: str
    runs: int
    history: History
    courses: Sequence[Course]
    unreadable: Sequence[str] = ()
    command: Sequence[str] = ()

    @property
    def findings(self) -> list[tuple[Course, Step]]:
        return [(course, step) for course in self.courses for step in course.findings]

    @property
    def left_out(self) -> list[str]:
        """`RUN: why`, a reason that several runs share once."""
        told = list(self.unreadable)
        reasons = self.history.left_out
        for why, runs in series.group(reasons, lambda run: reasons[run]).items():
            others = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
            told.append(f"{runs[0]}{others}: {why}")
        return told


def outcome(found: Chronicle) -> str:
    """`1 SLOWER in 12 series of 9 runs`; what is lacking where that says little."""
    counts = Counter(step.verdict for _, step in found.findings)
    told = ", ".join(f"{counts[word]} {word}" for word in ("SLOWER", "FASTER") if counts[word])
    where = f"{len(found.courses)} series of {words.counted(found.runs, 'run')}"
    longest = max((len(course.series.points) for course in found.courses), default=0)
    if longest < SPREAD_RUNS:
        return f"{where}: {SPREAD_RUNS} runs of one machine tell how much sessions differ"
    if longest < 2 * SEGMENT_RUNS:
        return f"{where}: a change needs {SEGMENT_RUNS} runs before and {SEGMENT_RUNS} after it to be seen"
    return f"{told or 'no change'} in {where}"


def row(found: Course) -> tuple[str, ...]:
    """Of `HEADER`; `changes` holds findings only."""
    points = found.series.points
    variant = ", ".join(value for _, value in sorted(found.series.variant.items()))
    return (
        found.series.key,
        found.series.subject + (f" ({variant})" if variant else ""),
        str(len(points)),
        words.value(points[-1].value, found.series.unit),
        "-" if found.spread is None else f"{100 * found.spread.sd:.1f} %",
        "; ".join(told(found, step) for step in found.findings) or "-",
    )


def told(course: Course, step: Step) -> str:
    """`1.20x SLOWER since 20261121T0101 (worse)`."""
    worse = "worse" if step.verdict == "SLOWER" else "better"
    return f"{step.ratio:.2f}x {step.verdict} since {course.series.points[step.index].run} ({worse})"


def render_chronicle(found: Chronicle, width: int, unicode: bool, page: str) -> str:
    """The whole screen, of at most `width` (40 to 100) columns; ASCII only without `unicode`."""
    width = fit(width)
    lines = folded(f"history of {found.directory}: {outcome(found)}", width)
    for course, step in found.findings:
        sign = "✗" if step.verdict == "SLOWER" else "✓"
        lines += folded(f"{sign} {label(course)}: {told(course, step)}", width, rest="  ")
    for machine, courses in series.group(found.courses, lambda c: c.series.hardware).items():
        lines += ["", *folded(f"{found.history.machines[machine]} [{machine}]", width), ""]
        rows = [(label(course), *row(course)[2:5]) for course in courses]
        if width >= MIDDLE:  # in a table the cell that may be long comes last
            lines += table((*HEADER[2:5], HEADER[0]), [(*cells, case) for case, *cells in rows], width)
        else:
            lines += table((HEADER[0], *HEADER[2:5]), rows, width)
    lines += ["", *folded(EXPLAINED, width)]
    for line in found.left_out:
        lines += folded(f"Left out: {line}", width)
    lines += folded(f"Page    {page}", width, rest="        ")
    return written(lines, unicode)


EXPLAINED = (
    "Spread: standard deviation of sessions around their level. A change is a finding only where it clears "
    "that spread and 1 %, with all series judged together."
)


def chronicle_document(found: Chronicle) -> dict[str, Any]:
    """For json.dumps. A step's ratio is time after over time before: above 1 is slower."""
    return {
        "version": VERSION,
        "directory": found.directory,
        "runs": found.runs,
        "machines": dict(found.history.machines),
        "series": [
            {
                "hardware": course.series.hardware,
                "suite": course.series.suite,
                "key": course.series.key,
                "subject": course.series.subject,
                "variant": dict(course.series.variant),
                "unit": course.series.unit,
                "better": course.series.better,
                "beside_probe": course.series.normalised,
                "spread": None if course.spread is None else number(course.spread.sd),
                "points": [
                    {
                        "run": point.run,
                        "created": point.created,
                        "zbench": point.zbench,
                        "launches": point.launches,
                        "median_ns": number(point.median_ns),
                        "interval_ns": pair(point.interval_ns),
                        "value": number(point.value),
                    }
                    for point in course.series.points
                ],
                "steps": [
                    {
                        "run": course.series.points[step.index].run,
                        "ratio": number(step.ratio),
                        "interval": pair(step.interval),
                        "p": number(step.p),
                        "verdict": step.verdict,
                    }
                    for step in course.steps
                ],
            }
            for course in found.courses
        ],
        "left_out": found.left_out,
    }


def chronicle_csv(found: Chronicle) -> str:
    """One line a run of a series."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV)
    for course in found.courses:
        of = course.series
        variant = ";".join(f"{name}={value}" for name, value in sorted(of.variant.items()))
        steps = {step.index: step for step in course.findings}
        for i, p in enumerate(of.points):
            lo, hi = p.interval_ns or ("", "")
            step = steps.get(i)
            ends = (step.ratio, step.verdict) if step else ("", "")
            beside = "" if p.beside_probe is None else p.beside_probe
            identity = (of.hardware, of.key, of.subject, variant, p.run, p.created, p.zbench, p.launches)
            writer.writerow([*identity, p.median_ns, lo, hi, p.value, of.unit, beside, p.probe_unit, *ends])
    return out.getvalue()


def charts(found: Chronicle) -> list[Chart]:
    """A chart of its own for each series with a finding, small multiples for the others, by machine."""
    drawn: list[Chart] = []
    changed = [course for course in found.courses if course.findings]
    for i, course in enumerate(changed, 1):
        drawn.append(course_chart(course, f"history-{i}", f"How did {label(course)} change?"))
    quiet = series.group((c for c in found.courses if not c.findings), lambda c: c.series.hardware)
    for machine, courses in quiet.items():
        where = f" on {machine}" if len(found.history.machines) > 1 else ""
        for first in range(0, len(courses), MULTIPLES):
            part = f", part {first // MULTIPLES + 1}" if len(courses) > MULTIPLES else ""
            chart = multiples(
                courses[first : first + MULTIPLES],
                f"quiet-{machine}-{first}",
                f"How much do sessions differ{where}{part}?",
            )
            if isinstance(chart, Chart):
                drawn.append(chart)
    return drawn


def render_chronicle_page(found: Chronicle) -> str:
    """One self-contained page: no script, no request."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    folder = files("zbench.report")
    drawn = charts(found)
    grouped = series.group(found.courses, lambda course: course.series.hardware)
    return environment.from_string((folder / "history.html.j2").read_text("utf-8")).render(
        css=Markup((folder / "page.css").read_text("utf-8")),
        theme=[(token, light, style.DARK[light]) for light, token in style.TOKENS.items()],
        outcome=outcome(found),
        about=f"zbench {__version__}; runs under {found.directory}",
        explained=EXPLAINED,
        tables=[
            (f"{found.history.machines[machine]} [{machine}]", HEADER, [row(course) for course in courses])
            for machine, courses in grouped.items()
        ],
        left_out=found.left_out,
        charts=drawn,
        pictures={
            chart.name: Markup(svg.inline(chart.svg, style.TOKENS, style.TITLE_POINTS)) for chart in drawn
        },
        command=shlex.join(found.command),
        version=__version__,
    )
