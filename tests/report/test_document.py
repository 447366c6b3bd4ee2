"""The JSON document: fixed keys, null for what is absent."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec

from zbench.report.document import document
from zbench.report.findings import Findings

CASE_KEYS = [
    "key",
    "subject",
    "variant",
    "ranks",
    "batch",
    "launches",
    "median_ns",
    "interval_ns",
    "value",
    "unit",
    "fraction_of_peak",
    "verified",
    "noisy",
    "telemetry",
]
VERDICT_KEYS = ["claim", "verdict", "evidence", "measured", "claimed", "unit", "why"]


def made(findings: Findings) -> dict[str, list[dict[str, object]]]:
    text = json.dumps(
        document("results/x", findings.summaries, findings.ratios, findings.verdicts), allow_nan=False
    )
    loaded: dict[str, list[dict[str, object]]] = json.loads(text)
    return loaded


def test_keys_are_the_public_interface(findings: Findings) -> None:
    """Exactly these keys, in this order, for every entry."""
    loaded = made(findings)
    assert list(loaded) == ["version", "run", "cases", "ratios", "verdicts"]
    assert loaded["version"] == 1
    assert loaded["run"] == "results/x"
    assert {tuple(case) for case in loaded["cases"]} == {tuple(CASE_KEYS)}
    assert {tuple(ratio) for ratio in loaded["ratios"]} == {("key", "of", "to", "median", "interval")}
    assert {tuple(verdict) for verdict in loaded["verdicts"]} == {tuple(VERDICT_KEYS)}


def test_values_are_the_summaries(findings: Findings) -> None:
    """Figures pass through unrounded."""
    for case, summary in zip(made(findings)["cases"], findings.summaries, strict=True):
        assert case["key"] == summary.key
        assert case["median_ns"] == summary.median_ns
        assert case["value"] == summary.value
        assert case["interval_ns"] == list(summary.interval_ns or ())
        assert case["verified"] is True


def test_wrong_answer_has_neither_time_nor_value(wrong: Findings) -> None:
    """Null, and verified is false."""
    (case,) = [case for case in made(wrong)["cases"] if case["verified"] is False]
    assert (case["key"], case["subject"]) == ("gemm/fp32/2048x2048x2048/threads=1", "numpy")
    figures = [case[name] for name in ("median_ns", "interval_ns", "value", "fraction_of_peak")]
    assert figures == [None] * 4


def test_figures_of_an_invalid_case_are_withheld_and_infinity_is_null(findings: Findings) -> None:
    """Even if a summary carried figures, a status other than ok hides them; JSON has no infinity."""
    invalid = msgspec.structs.replace(findings.summaries[0], status="invalid")
    endless = msgspec.structs.replace(findings.summaries[1], value=float("inf"))
    first, second = made(replace(findings, summaries=[invalid, endless]))["cases"]
    assert first["median_ns"] is None
    assert second["value"] is None
    assert second["median_ns"] == findings.summaries[1].median_ns
