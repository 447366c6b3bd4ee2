"""Several runs as one: nothing gets lost, nothing is mixed up, nothing is made up."""

from __future__ import annotations

import itertools
from dataclasses import replace

import msgspec

from zbench.report.chart import Chart
from zbench.report.draw import draw
from zbench.report.findings import Findings
from zbench.report.merge import labels, merge
from zbench.report.series import namer


def test_equal_subjects_of_two_runs_stay_apart(findings: Findings) -> None:
    """The same run twice: every result is there twice, under two names."""
    merged = merge([findings, findings], [])
    assert len(merged.summaries) == 2 * len(findings.summaries)
    assert {s.subject for s in merged.summaries} == {
        f"{s.subject} · {label}" for s in findings.summaries for label in "AB"
    }
    lines = {(s.key, s.subject, *sorted(s.variant.items())) for s in merged.summaries}
    assert len(lines) == len(merged.summaries)
    assert merged.run.cards == [
        "cpu · A",
        "cpu:generic · A",
        "numpy · A",
        "cpu · B",
        "cpu:generic · B",
        "numpy · B",
    ]


def test_no_ratio_crosses_runs(findings: Findings) -> None:
    """Each compares within its own session."""
    merged = merge([findings, findings], [])
    assert len(merged.ratios) == 2 * len(findings.ratios)
    assert all(ratio.of[-1] == ratio.to[-1] for ratio in merged.ratios)


def test_results_of_one_case_and_verdicts_of_one_claim_are_neighbours(findings: Findings) -> None:
    """What is compared stands together."""
    merged = merge([findings, findings, findings], [])
    keys = [s.key for s in merged.summaries]
    assert len(list(itertools.groupby(keys))) == len(set(keys))
    assert [v.claim for v in merged.verdicts][:3] == [f"fabric-latency · {label}" for label in "ABC"]
    assert [c.id for c in merged.claims] == [v.claim for v in merged.verdicts]


def test_the_noise_of_the_noisiest_run_counts(findings: Findings) -> None:
    """A band that is too narrow would make differences up."""
    loud = replace(
        findings, floors={s: msgspec.structs.replace(aa, floor=0.4) for s, aa in findings.floors.items()}
    )
    for runs in ([loud, findings], [findings, loud]):
        assert {aa.floor for aa in merge(runs, []).floors.values()} == {0.4}


def test_each_run_stays_as_it_was_judged(findings: Findings, wrong: Findings) -> None:
    """The members are the very findings that were given."""
    merged = merge([findings, wrong], [])
    assert merged.parts == {"A": findings, "B": wrong}
    assert findings.parts == {"": findings}


def test_every_chart_of_a_merge_has_every_line(findings: Findings) -> None:
    """The tables of all charts hold both runs."""
    for chart in draw(merge([findings, findings], [])):
        assert isinstance(chart, Chart)
        cells = {cell for row in chart.table.rows for cell in row}
        assert any("· A" in cell for cell in cells)
        assert any("· B" in cell for cell in cells)


def test_names_that_shorten_to_the_same_are_not_shortened(findings: Findings) -> None:
    """Two long subjects that differ only in the middle would otherwise become one line."""
    first, second = (
        msgspec.structs.replace(findings.summaries[0], subject=f"package.of.a.{who}.vendor.cards:Accelerator")
        for who in ("first", "second")
    )
    name = namer([first, second])
    assert name(first) != name(second)


def test_letters_go_on_after_z() -> None:
    """A history of more than 26 runs can be laid on one page."""
    assert list(itertools.islice(labels(), 24, 29)) == ["Y", "Z", "AA", "AB", "AC"]
