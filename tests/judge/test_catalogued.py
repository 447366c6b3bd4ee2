"""Ratios over a card of the catalogue: the same dtype, said in words, and never more sure than it is."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from zbench.assess import assess
from zbench.case import Case
from zbench.errors import UsageError
from zbench.judge.claims import load_claims, over_card, parse_claims
from zbench.records.schema import Sheet

NOISE = np.array([1.000, 1.002, 0.999, 1.001, 0.998])
N = 8192


def gemm(dtype: str, **parameters: str) -> Case:
    return Case("gemm", dtype, (N, N, N), parameters)


def at(make, case: Case, rate: float, launches: int = 5, **fields):
    """Launches of a card at `rate` FLOP/s."""
    return make.launches(case, NOISE[:launches] * 2 * N**3 / rate * 1e9, "torch:cuda", **fields)


def judged(make, records, card="h20", claims=None):
    run = make.kept("run", records).run
    claims = claims or [claim for claim in load_claims("zhenwu-10k") if claim.id == "single-card-throughput"]
    (verdict,) = assess(Path("run"), run, records, claims, baseline_card=card).verdicts
    return verdict


def test_nearly_ten_times_an_h20_is_judged_by_its_data_sheet(make):
    """Both ways; the verdict says over what, in which dtype, from where and how sure that is."""
    found = judged(make, at(make, gemm("bf16"), 1500e12))
    assert (found.verdict, found.evidence) == ("MET", "DATA SHEET")
    assert found.measured == pytest.approx(1500 / 148, rel=0.01)
    low, high = found.measured_interval
    assert 10 < low < found.measured < high < 10.3
    for part in (
        "torch:cuda over NVIDIA H20, 6.7 % above the claim: 10.1x in bf16: 1.50 PFLOP/s of",
        "over 148 TFLOP/s, the dense bf16 peak of NVIDIA H20 as published",
        "DATA SHEET, confidence medium, source tweaktown, cctv",
        "a peak is not an achieved rate, so the comparison flatters the baseline",
    ):
        assert part in found.why
    assert judged(make, at(make, gemm("bf16"), 700e12)).verdict == "NOT MET"
    assert judged(make, at(make, gemm("bf16"), 9.5 * 148e12)).verdict == "UNDECIDED"


def test_the_best_gemm_of_the_dtype_counts(make):
    """Not a small one, not one on zeros, and not a peer's."""
    small = Case("gemm", "bf16", (64, 64, 64))
    records = at(make, gemm("bf16"), 700e12) + at(make, gemm("bf16", data="zeros"), 1600e12)
    records += make.launches(small, NOISE * 1e6, "torch:cuda")
    records += make.launches(gemm("bf16"), NOISE * 1e5, "other")
    found = judged(make, records)
    assert found.measured == pytest.approx(700 / 148, rel=0.01)
    assert found.keys == (gemm("bf16").key,)


def test_dtypes_that_agree_settle_it_and_those_that_do_not_need_one_named(make):
    """In fp64 it is many times an H20, in bf16 it is not: without its dtype the claim says nothing."""
    both = at(make, gemm("bf16"), 700e12) + at(make, gemm("fp8e4m3"), 1300e12)
    found = judged(make, both)
    assert found.verdict == "NOT MET"
    assert "fails in 2 dtypes" in found.why
    found = judged(make, both + at(make, gemm("fp64"), 60e12))
    assert found.verdict == "NOT TESTABLE"
    assert "the claim names no dtype, and those measured do not agree" in found.why
    assert "60x in fp64: " in found.why
    assert found.missing


@pytest.mark.parametrize(
    ("card", "dtype", "why"),
    [
        ("zhenwu810e", "bf16", "Zhenwu 810E (PPU) has no published rate in bf16"),
        ("gaudi3", "int8", "Intel Gaudi 3 has no published rate in int8"),
        ("a100", "fp8e4m3", "NVIDIA A100 SXM 80 GB has no fp8"),
    ],
)
def test_an_unknown_figure_is_no_baseline(make, card, dtype, why):
    """And is said to be unknown."""
    found = judged(make, at(make, gemm(dtype), 700e12), card)
    assert (found.verdict, found.measured) == ("NOT TESTABLE", None)
    assert why in found.why


def test_an_unknown_dtype_beside_a_known_one_is_left_out(make):
    """The known one is judged."""
    found = judged(make, at(make, gemm("int8"), 700e12) + at(make, gemm("bf16"), 700e12), "gaudi3")
    assert (found.verdict, found.keys) == ("NOT MET", (gemm("bf16").key,))


def test_an_achieved_rate_stands_in_where_no_peak_is_known_and_is_called_that(make):
    """It flatters nobody, and the peak of another card is told with what was achieved of it."""
    found = judged(make, at(make, gemm("bf16"), 3100e12), "ascend910b")
    assert found.verdict == "MET"
    assert "an achieved bf16 GEMM of Huawei Ascend 910B" in found.why
    assert "flatters" not in found.why
    found = judged(make, at(make, gemm("bf16"), 3100e12), "h100")
    assert ", of which 80 % was achieved by ml-engineering" in found.why


def test_without_a_baseline_it_says_how_to_name_one(make):
    """Both ways."""
    found = judged(make, at(make, gemm("bf16"), 1500e12), "")
    assert found.verdict == "NOT TESTABLE"
    assert "the claim names none, and no second subject was measured" in found.why
    assert "--baseline-card CARD" in found.why
    assert "--baseline RUN" in found.why


def test_a_claim_without_its_workload_was_not_run(make):
    """A read bandwidth says nothing of a GEMM."""
    read = Case("read", "fp64", (1 << 30,))
    found = judged(make, make.launches(read, NOISE * 1e6, "torch:cuda"))
    assert (found.verdict, found.why) == ("NOT RUN", "no case gemm/*/???*x???*x* was run")


@pytest.mark.parametrize("launches", [1, 4])
def test_few_launches_decide_nothing(make, launches):
    """However good the data sheet."""
    found = judged(make, at(make, gemm("bf16"), 2000e12, launches))
    assert (found.verdict, found.missing) == ("UNDECIDED", "5 launches")


def test_a_wrong_answer_is_over_nothing(make):
    """It has no rate."""
    found = judged(make, at(make, gemm("bf16"), 2000e12, verification=make.WRONG))
    assert (found.verdict, found.measured) == ("NOT RUN", None)


def test_what_was_told_over_what_was_told_measures_nothing(make):
    """An imported rate over a data sheet."""
    told = Sheet("mean", 2 * N**3 / 1500e12 * 1e9)
    records = [make.record(gemm("bf16"), 0, [], "mamf", sheet=told, verification=None)]
    found = judged(make, records)
    assert (found.verdict, found.evidence) == ("NOT TESTABLE", "DATA SHEET")


CLAIM = (
    'version = 1\n[[claim]]\nid = "x"\ntext = "x"\nsource = { publisher = "x", date = 2026-01-01 }\n'
    'metric = "rate"\ncase = "gemm/bf16/*"\noperator = ">="\nvalue = "2"\nsettles = "x"\nof = "candidate"\n'
)


def test_a_claim_may_name_the_card_itself(make):
    """And keeps it, whatever the command line says."""
    claims = parse_claims(f'{CLAIM}to = {{ card = "h100", source = "catalogue" }}', "x.toml")
    assert over_card(claims, "h20") == claims
    found = judged(make, at(make, gemm("bf16"), 700e12) + at(make, gemm("fp64"), 60e12), "h20", claims)
    assert found.verdict == "NOT MET"
    assert "NVIDIA H100 SXM" in found.why


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f'{CLAIM}to = {{ card = "h1000", source = "catalogue" }}', r"to.card: no card 'h1000'.*'h100'"),
        (f'{CLAIM}to = {{ run = "r", source = "catalogue" }}', "source = 'catalogue' needs a card"),
        (
            CLAIM.replace('"rate"', '"latency"') + 'to = { card = "h100", source = "catalogue" }',
            "a data sheet tells a rate, and no latency",
        ),
    ],
)
def test_a_claim_that_names_what_the_catalogue_has_not(text, told):
    """Told where it stands."""
    with pytest.raises(UsageError, match=rf"x.toml: claim\[0\].*{told}"):
        parse_claims(text, "x.toml")


def test_only_ratios_of_rates_without_a_baseline_are_over_the_card():
    """A latency, an efficiency, a cost and a ratio of tokens stay as they are."""
    claims = load_claims("zhenwu-10k")
    changed = [new.id for old, new in zip(claims, over_card(claims, "h20"), strict=True) if old != new]
    assert changed == ["single-card-throughput"]
    assert over_card(claims, "") == claims


def test_the_run_remembers_its_baseline_card(make):
    """So that a report judges it as it was asked."""
    records = at(make, gemm("bf16"), 1500e12)
    run = msgspec.structs.replace(make.kept("run", records).run, baseline_card="h20")
    claims = load_claims("zhenwu-10k")
    found = {v.claim: v for v in assess(Path("run"), run, records, claims).verdicts}["single-card-throughput"]
    assert found.verdict == "MET"
    found = judged(make, records, "h100")
    assert "NVIDIA H100" in found.why
