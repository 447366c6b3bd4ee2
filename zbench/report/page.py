"""The HTML page of a run: one file, no script, no request; verdicts first."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from zbench.judge.summary import Summary
from zbench.report import style, svg, words
from zbench.report.chart import Chart, Missing
from zbench.report.document import document
from zbench.report.findings import Findings
from zbench.report.glossary import GLOSSARY


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
    template = (files("zbench.report") / "page.html.j2").read_text("utf-8")
    return environment.from_string(template).render(
        run=findings.run,
        directory=findings.directory,
        outcome=outcome(findings),
        verdicts=[_verdict(findings, i) for i in range(len(findings.verdicts))],
        sureness=sureness(findings),
        settings=flat({"run": _settings(findings)}),
        fingerprints=[(key, flat(facts)) for key, facts in findings.run.fingerprints.items()],
        charts=drawn,
        pictures={
            # matplotlib's own output with our escaped texts: the one thing here that is markup already.
            chart.name: Markup(svg.inline(chart.svg, style.TOKENS, style.TITLE_POINTS))
            for chart in drawn
        },
        missing=[chart for chart in charts if isinstance(chart, Missing)],
        ratios=findings.ratios,
        cases=[_case(summary) for summary in findings.summaries],
        command=shlex.join(findings.run.command),
        glossary=GLOSSARY,
        data=document(findings.directory, findings.summaries, findings.ratios, findings.verdicts),
        theme=[(token, light, style.DARK[light]) for light, token in style.TOKENS.items()],
        words=words,
    )


def write_page(findings: Findings, charts: Sequence[Chart | Missing], path: Path) -> None:
    """Raises OSError."""
    path.write_text(render_page(findings, charts), encoding="utf-8")


def outcome(findings: Findings) -> str:
    """`1 MET, 6 NOT TESTABLE`, or why there is no verdict."""
    found = [verdict.verdict for verdict in findings.verdicts]
    if not found:
        return "No claims were judged in this run."
    order = [word for word in words.SIGNS if word in found]
    return ", ".join(f"{found.count(word)} {word}" for word in order)


def _verdict(findings: Findings, i: int) -> dict[str, Any]:
    verdict = findings.verdicts[i]
    claim = next(claim for claim in findings.claims if claim.id == verdict.claim)
    interval = verdict.measured_interval
    return {
        "verdict": verdict,
        "sign": words.SIGNS.get(verdict.verdict, "·"),
        "kind": verdict.verdict.lower().replace(" ", "-"),
        "claimed": words.claimed(claim),
        "measured": None if verdict.measured is None else words.in_terms_of(claim, verdict.measured),
        "interval": None if interval is None else [words.in_terms_of(claim, bound) for bound in interval],
        "reasons": [reason for reason in verdict.why.split("; ") if reason],
    }


def sureness(findings: Findings) -> list[tuple[str, ...]]:
    """A row a suite: results, launches, middle half-width, A/A floor, noisy, verified, wrong."""
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
                f"± {100 * widths[len(widths) // 2]:.1f} %" if widths else "-",
                f"{words.floor(floor.floor)} ({floor.key} of {floor.subject})" if floor else "not measured",
                str(sum(s.noisy for s in members)),
                f"{sum(s.verified is True for s in members)} of {len(members)}",
                str(sum(s.status in ("wrong", "invalid") for s in members)),
            )
        )
    return rows


def half_width(summary: Summary) -> float | None:
    """Half the interval over the median."""
    if summary.interval_ns is None or not summary.median_ns:
        return None
    return (summary.interval_ns[1] - summary.interval_ns[0]) / 2 / summary.median_ns


def _settings(findings: Findings) -> dict[str, Any]:
    run = findings.run
    names = (
        "zbench",
        "created",
        "profile",
        "launches",
        "ranks",
        "cards",
        "fabrics",
        "claims",
        "seed",
        "state",
    )
    settings = {name: getattr(run, name) for name in names}
    return (
        settings | ({"why": run.why} if run.why else {}) | ({"not run": run.not_run} if run.not_run else {})
    )


def flat(facts: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested facts as rows: `libraries.numpy` -> `2.4.6`; unknown facts say so."""
    rows: list[tuple[str, str]] = []
    for name, value in facts.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            rows += flat(value, "" if path == "run" else f"{path}.")
        elif isinstance(value, list | tuple):
            rows.append((path, ", ".join(map(str, value)) or "none"))
        else:
            rows.append((path, "unknown" if value is None or value == "" else str(value)))
    return rows


def _case(summary: Summary) -> dict[str, Any]:
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
        "verified": {True: "yes", False: "NO", None: "-"}[summary.verified],
        "variant": ", ".join(f"{name} {value}" for name, value in sorted(summary.variant.items())) or "-",
    }
