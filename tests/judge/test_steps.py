"""Steps in a series of runs: found where they are, and none in noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zbench.judge.steps import SEGMENT_RUNS, fit, residual_sd, steps
from zbench.measure.statistics import INTERVAL_ALPHA

SEEDS = 400
NOISE = {
    "normal, 1 %": lambda rng, n: rng.normal(0, 0.01, n),
    "normal, 20 %": lambda rng, n: rng.normal(0, 0.2, n),
    "heavy tails": lambda rng, n: 0.03 * rng.standard_t(3, n),
    "bad hours": lambda rng, n: rng.normal(0, 0.01, n) + (rng.random(n) < 0.15) * rng.exponential(0.3, n),
}


def findings(series):
    return [step for step in steps([list(series)])[0] if step.verdict != "UNDECIDED"]


@pytest.mark.parametrize("runs", [6, 9, 14, 30])
@pytest.mark.parametrize("noise", NOISE)
def test_noise_has_no_steps(noise, runs):
    """Of many histories in which nothing changed, no more than the nominal share has a finding."""
    false = sum(
        bool(findings(1e6 * np.exp(NOISE[noise](np.random.default_rng(seed), runs)))) for seed in range(SEEDS)
    )
    assert false <= INTERVAL_ALPHA * SEEDS


def test_forty_quiet_series_together_have_no_steps():
    """The error that counts is one false finding in all of them."""
    histories = 60
    false = 0
    for seed in range(histories):
        rng = np.random.default_rng(seed)
        family = [list(np.exp(rng.normal(0, 0.02, 12))) for _ in range(40)]
        false += any(step.verdict != "UNDECIDED" for series in steps(family) for step in series)
    assert false <= max(1, INTERVAL_ALPHA * histories)


@pytest.mark.parametrize(("factor", "verdict"), [(1.08, "SLOWER"), (1.5, "SLOWER"), (0.9, "FASTER")])
@pytest.mark.parametrize("at", [3, 7, 11])
def test_a_planted_step_is_found_where_it_is(factor, verdict, at):
    """With its size, in nearly every one of many noisy histories of 14 runs."""
    hits = 0
    for seed in range(50):
        times = 5e3 * np.exp(np.random.default_rng(seed).normal(0, 0.01, 14))
        times[at:] *= factor
        found = findings(times)
        hits += [(step.index, step.verdict) for step in found] == [(at, verdict)]
        assert all(step.interval[0] < step.ratio < step.interval[1] for step in found)
    assert hits >= 45


def test_two_steps_are_two_findings():
    """Up, and back down again."""
    rng = np.random.default_rng(1)
    times = np.exp(rng.normal(0, 0.005, 18)) * np.repeat([1.0, 1.2, 1.0], 6)
    assert [(step.index, step.verdict) for step in findings(times)] == [(6, "SLOWER"), (12, "FASTER")]


def test_a_step_inside_the_margin_is_no_finding():
    """Half a percent, however certain, is of no use to anyone."""
    times = np.exp(np.random.default_rng(2).normal(0, 0.0001, 20)) * np.repeat([1.0, 1.005], 10)
    assert fit(list(times)) == [10]
    assert findings(times) == []


def test_a_step_within_the_spread_between_runs_is_undecided():
    """The fit may have it; that it is there is not known."""
    times = np.exp(0.1 * np.array([0.3, -0.2, -0.1, 1.8, 2.2, 2.0]))
    (step,) = steps([list(times)] + [[1.0, 1.1, 1.0]] * 200)[0]
    assert (step.index, step.verdict) == (3, "UNDECIDED")


@pytest.mark.parametrize("runs", range(2 * SEGMENT_RUNS))
def test_a_short_series_has_no_steps(runs):
    """Not even where its two halves are worlds apart: three runs make a level."""
    times = [1.0 + 9 * (i >= runs // 2) for i in range(runs)]
    assert steps([times]) == [[]]


@pytest.mark.parametrize("where", [0, 5, 11])
@pytest.mark.parametrize("runs", [1, 2])
def test_outliers_are_no_step(where, runs):
    """One bad session, or two in a row, at any place."""
    times = np.exp(np.random.default_rng(3).normal(0, 0.01, 12))
    times[where : where + runs] *= 3
    assert findings(times) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.5, 2.0), min_size=0, max_size=25),
    st.floats(1e-9, 1e9),
)
def test_the_unit_of_time_does_not_matter(times, unit):
    """Steps are ratios: nanoseconds and hours have the same ones."""
    before, after = steps([times])[0], steps([[unit * t for t in times]])[0]
    assert [step.index for step in before] == [step.index for step in after]
    assert [step.ratio for step in before] == pytest.approx([step.ratio for step in after])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.5, 2.0), min_size=6, max_size=14))
def test_no_other_segmentation_fits_better(times):
    """The dynamic programme against trying every single step."""
    logs = np.log(times)

    def cost(bounds):
        parts = np.split(logs, bounds)
        return sum(np.abs(part - np.median(part)).sum() for part in parts)

    def score(bounds):
        n = len(times)
        return np.log(n * 0.001 + cost(bounds)) + (len(bounds) + 1) * 4 * np.log(n) / n

    best = min([score([])] + [score([at]) for at in range(3, len(times) - 2)])
    assert score(fit(times)) <= best + 1e-12


def test_the_spread_is_taken_around_the_levels():
    """A true step is no noise."""
    times = [1.0, 1.02, 0.98, 2.0, 2.04, 1.96]
    assert residual_sd(times, [3])[0] == pytest.approx(0.02, rel=0.02)
    assert residual_sd(times, [])[0] > 0.3
    assert residual_sd(times, [3])[1] == 4
    assert residual_sd([1.0], []) == (float("inf"), 0)
