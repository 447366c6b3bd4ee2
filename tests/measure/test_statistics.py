"""Intervals, percentiles and ratios: exact values, and coverage shown by simulation.

Each simulated world is a small run of which the truth is known. Coverage is counted over many worlds
from a fixed seed; `TOLERANCE` is three standard errors of that count.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log, sqrt

import numpy as np
import pytest
from scipy import stats

from zbench.measure.statistics import (
    EXTENDED,
    INTERVAL_ALPHA,
    LAUNCHES,
    Interval,
    floor_of,
    holm,
    interval,
    median_interval_by_order,
    modes,
    noisy,
    p_value,
    paired,
    percentile_lower_bound,
    percentile_upper_bound,
    ratio_interval,
    t_interval,
)

NOMINAL = 1 - INTERVAL_ALPHA
WORLDS = 1000
TOLERANCE = 3 * sqrt(NOMINAL * INTERVAL_ALPHA / WORLDS)

Array = np.ndarray


def test_the_interval_is_student_t_on_logarithms() -> None:
    """Of e^0, e^1, e^2: centre 1, standard error 1/sqrt(3), two degrees of freedom."""
    half = stats.t.ppf(0.985, 2) / sqrt(3)
    assert t_interval([1.0, exp(1), exp(2)]) == pytest.approx((exp(1 - half), exp(1 + half)))


def test_a_textbook_interval() -> None:
    """t(0.975, 3) = 3.182 from the printed tables, a standard error of 0.01 around 1."""
    logs = np.array([-0.01, -0.01, 0.01, 0.01]) * sqrt(3)
    assert t_interval(list(np.exp(logs)), 0.05) == pytest.approx((exp(-0.03182), exp(0.03182)), rel=1e-5)


def test_the_interval_of_a_rate_is_that_of_its_time_turned_over() -> None:
    """No choice of unit changes a verdict."""
    times = [1.0, 1.1, 1.05, 0.9, 1.2]
    low, high = t_interval(times)
    assert t_interval([1 / t for t in times]) == pytest.approx((1 / high, 1 / low))


def test_one_launch_has_no_interval() -> None:
    """And none has neither."""
    assert [t_interval([]), t_interval([1.0]), interval([1.0])] == [None, None, None]


def test_the_median_lies_in_its_interval() -> None:
    """Also where nine launches agree and the tenth drags the mean away from them."""
    found = interval([1.0] * 9 + [1.04])
    assert found.lo <= found.median == 1.0 <= found.hi


@pytest.mark.parametrize(("n", "ranks"), [(6, None), (7, (0, 6)), (10, (1, 8)), (100, (38, 61))])
def test_the_order_statistics_interval_takes_the_narrowest_ranks_that_hold(n, ranks) -> None:
    """(r, n + 1 - r) with 2 P(Binomial(n, 1/2) < r) <= 3 %, and the next rank inwards breaks that."""
    assert median_interval_by_order(range(n)) == ranks
    if ranks:
        below = ranks[0]  # the 0-based rank r - 1 counts the values below
        assert 2 * stats.binom.cdf(below, n, 0.5) <= INTERVAL_ALPHA < 2 * stats.binom.cdf(below + 1, n, 0.5)


@pytest.mark.parametrize(("p", "least"), [(0.5, 7), (0.99, 459), (0.999, 4603)])
def test_a_percentile_needs_the_samples_of_the_binomial_rule(p, least) -> None:
    """MLPerf's table for no exceedance at 99 %; one sample fewer gives no bound."""
    assert percentile_upper_bound(np.arange(least - 1), p) is None
    assert percentile_upper_bound(np.arange(least), p) == least - 1
    assert percentile_lower_bound(np.arange(least - 1), 1 - p) is None
    assert percentile_lower_bound(np.arange(least), 1 - p) == 0


def test_no_samples_have_no_percentile() -> None:
    """An empty burst supports nothing."""
    assert percentile_upper_bound([], 0.5) is None


def test_percentile_bounds_hold_as_often_as_they_say() -> None:
    """p99 of 2000 exponential samples: both bounds cover in 99 % of worlds."""
    rng = np.random.default_rng(11)
    truth = -log(0.01)
    worlds = rng.exponential(size=(WORLDS, 2000))
    above = np.mean([percentile_upper_bound(world, 0.99) >= truth for world in worlds])
    below = np.mean([percentile_lower_bound(world, 0.99) <= truth for world in worlds])
    assert min(above, below) >= 0.99 - 3 * sqrt(0.99 * 0.01 / WORLDS)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.00, 1.01, 0.99, 1.02, 1.00], (0, 0, 0, 0, 0)),
        ([1.00, 2.01, 0.99, 2.02, 1.00], (0, 1, 0, 1, 0)),
        ([2.00, 1.00, 2.01, 2.02, 1.99], (1, 0, 1, 1, 1)),
        ([1.00, 1.04, 1.00, 1.04, 1.00], (0, 0, 0, 0, 0)),
        ([1.0, 1.1, 1.2, 1.3, 1.4], (0, 0, 0, 0, 0)),
        ([1.0, 2.0, 4.0, 1.01, 2.01, 4.01, 1.02, 2.02, 4.02, 1.0], (0, 1, 2, 0, 1, 2, 0, 1, 2, 0)),
        ([1.0, 2.0], (0, 0)),
        ([], ()),
    ],
)
def test_launches_are_parted_at_wide_gaps(values, expected) -> None:
    """Neighbours within 5 % are one mode; so is an even spread; two launches cannot be told apart."""
    assert modes(values) == expected


def test_modes_that_the_probe_explains_leave_a_t_interval() -> None:
    """Every second launch ran at half the clock, and the roof beside it says so."""
    slow = np.array([1, 2, 1, 2, 1])
    times = [1.00, 2.02, 1.01, 1.98, 1.00]
    found = interval(times, list(100 / slow))
    assert found.method == "t, normalised by the probe"
    assert found.modes == (0, 1, 0, 1, 0)
    scaled = [1.00, 1.01, 1.01, 0.99, 1.00]
    assert (found.lo, found.hi) == pytest.approx(t_interval(scaled))


@pytest.mark.parametrize("speeds", [None, [1.0] * 5, [1.0, 5.0, 1.0, 5.0, 1.0], [0.0] * 5])
def test_modes_that_no_probe_explains_leave_a_range(speeds) -> None:
    """Without a probe, with a silent one, with one that points the other way."""
    found = interval([1.0, 2.0, 1.0, 2.0, 1.0], speeds)
    assert found == Interval(1.0, 1.0, 2.0, "range", 0.9375, (0, 1, 0, 1, 0))


def test_a_probe_that_only_blurs_the_modes_explains_nothing() -> None:
    """Dividing by it closes the gap and widens the whole: that is no cause found."""
    found = interval([1.0, 2.0, 1.0, 2.0, 1.0], [1.0, 1.3, 1.7, 2.2, 3.0])
    assert (found.method, found.lo, found.hi) == ("range", 1.0, 2.0)


def test_ten_launches_in_modes_leave_an_interval_at_full_confidence() -> None:
    """Order statistics 2 and 9 of 10 miss the median in 2.1 % of worlds."""
    found = interval([1.0] * 5 + [2.0] * 5)
    assert (found.lo, found.hi, found.method, found.confidence) == (1.0, 2.0, "range", NOMINAL)


@pytest.mark.parametrize(
    ("probes", "flag"), [([100, 109], False), ([100, 112], True), ([100], False), ([], False)]
)
def test_a_probe_that_varies_by_more_than_a_tenth_is_noisy(probes, flag) -> None:
    """Of its median; one value or none varies by nothing."""
    assert noisy(probes) is flag


def test_a_ratio_pairs_launches_of_the_same_block() -> None:
    """Blocks differ by 2x, the two subjects always by 10 %: pairing sees only the 10 %."""
    of = [1.0, 2.0, 4.0, 1.0, 2.0]
    to = [1.1 * t for t in of]
    found = ratio_interval(of, to)
    assert list(paired(of, to)) == pytest.approx([1.1] * 5)
    assert (found.median, found.lo, found.hi) == pytest.approx((1.1, 1.1, 1.1))
    assert found.method == "t"


def test_a_ratio_in_modes_is_normalised_by_both_probes() -> None:
    """One subject met a slow neighbour in two blocks, and its probe felt it."""
    found = ratio_interval([1.0] * 5, [1.0, 2.0, 1.01, 2.01, 0.99], [4.0] * 5, [4.0, 2.0, 4.0, 2.0, 4.0])
    assert found.method == "t, normalised by the probe"
    assert found.hi < 1.03


def test_p_is_alpha_where_the_interval_touches_the_margin() -> None:
    """The interval and the test are one and the same statement."""
    ratios = [1.10, 1.12, 1.11, 1.13, 1.09]
    low, _ = t_interval(ratios)
    assert p_value(ratios, low - 1) == pytest.approx(INTERVAL_ALPHA)
    assert p_value([1 / r for r in ratios], low - 1) == pytest.approx(INTERVAL_ALPHA)


def test_p_of_odd_samples() -> None:
    """No spread at all is certainty; one pair is none; modes are judged by sign: 2 / 2^5."""
    assert p_value([1.1] * 5, 0.01) == 0.0
    assert p_value([1.0] * 5, 0.01) == 1.0
    assert p_value([1.1], 0.01) == 1.0
    assert p_value([1.5, 3.0, 1.5, 3.0, 1.5], 0.01) == 2 / 32
    assert p_value([1.5, 3.0, 1.5, 3.0, 0.75], 0.01) == pytest.approx(12 / 32)


def test_holm_by_hand() -> None:
    """Smallest times 3, next times 2, never falling; in the order given; never above 1."""
    assert holm([0.02, 0.01, 0.5]) == pytest.approx([0.04, 0.03, 0.5])
    assert holm([0.04, 0.04]) == pytest.approx([0.08, 0.08])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_noise_floor_is_the_far_end_of_the_interval() -> None:
    """A ratio of 0.95 .. 1.02 of a thing to itself: differences up to 1/0.95 mean nothing."""
    assert floor_of(Interval(1.0, 0.95, 1.02, "t", NOMINAL, ())) == pytest.approx(1 / 0.95 - 1)
    assert floor_of(Interval(1.0, 0.99, 1.04, "t", NOMINAL, ())) == pytest.approx(0.04)


# --- simulated worlds --------------------------------------------------------------------------

ROUNDS = 200
Rounds = Callable[[np.random.Generator, tuple[int, int, int]], Array]


def iid(rng: np.random.Generator, shape: tuple[int, int, int]) -> Array:
    """Rounds of log-normal noise of 3 %, all alike."""
    return np.exp(rng.normal(0, 0.03, shape))


def autocorrelated(rng: np.random.Generator, shape: tuple[int, int, int]) -> Array:
    """AR(0.9) rounds of 3 % noise, and launches that differ by 1 %."""
    noise = np.empty(shape)
    noise[..., 0] = rng.normal(0, 0.03, shape[:2])
    shocks = rng.normal(0, 0.03 * sqrt(1 - 0.9**2), shape)
    for i in range(1, shape[2]):
        noise[..., i] = 0.9 * noise[..., i - 1] + shocks[..., i]
    return np.exp(noise + rng.normal(0, 0.01, (*shape[:2], 1)))


def spiky(rng: np.random.Generator, shape: tuple[int, int, int]) -> Array:
    """1 % of the rounds take ten times as long; launches differ by 1 %."""
    spikes = np.where(rng.random(shape) < 0.01, 10.0, 1.0)
    return np.exp(rng.normal(0, 0.03, shape) + rng.normal(0, 0.01, (*shape[:2], 1))) * spikes


def bimodal(rng: np.random.Generator, shape: tuple[int, int, int]) -> Array:
    """Three launches in ten run 30 % slower from start to end."""
    slow = np.where(rng.random((*shape[:2], 1)) < 0.3, 1.3, 1.0)
    return np.exp(rng.normal(0, 0.03, shape) + rng.normal(0, 0.01, (*shape[:2], 1))) * slow


def truth_of(kind: Rounds) -> float:
    """The median launch median, from very many launches."""
    return float(np.median(np.median(kind(np.random.default_rng(7), (1, 20000, ROUNDS)), axis=2)))


def covered(bounds: list[tuple[float, float]], truth: float) -> float:
    return float(np.mean([low <= truth <= high for low, high in bounds]))


@pytest.mark.parametrize("launches", [LAUNCHES, EXTENDED])
@pytest.mark.parametrize("kind", [iid, autocorrelated, spiky])
def test_t_over_launch_medians_covers(kind: Rounds, launches: int) -> None:
    """However the rounds of a launch hang together, launches do not."""
    medians = np.median(kind(np.random.default_rng(1), (WORLDS, launches, ROUNDS)), axis=2)
    found = [interval(list(world)) for world in medians]
    assert covered([(i.lo, i.hi) for i in found], truth_of(kind)) >= NOMINAL - TOLERANCE


def test_rounds_pooled_as_if_independent_do_not_cover() -> None:
    """The interval that most tools print: of 97 % promised it holds less than half."""
    rounds = autocorrelated(np.random.default_rng(1), (WORLDS, LAUNCHES, ROUNDS)).reshape(WORLDS, -1)
    found = [median_interval_by_order(world) for world in rounds]
    assert covered(found, truth_of(autocorrelated)) < 0.5


@pytest.mark.parametrize(("launches", "promised"), [(LAUNCHES, 0.9375), (EXTENDED, NOMINAL)])
def test_a_mixture_is_covered_by_its_range(launches: int, promised: float) -> None:
    """Also where no probe explains the modes: five launches promise 93.75 %, ten the full 97 %."""
    medians = np.median(bimodal(np.random.default_rng(2), (WORLDS, launches, ROUNDS)), axis=2)
    found = [interval(list(world)) for world in medians]
    assert covered([(i.lo, i.hi) for i in found], truth_of(bimodal)) >= promised - 3 * sqrt(
        promised * (1 - promised) / WORLDS
    )


def test_plain_t_over_a_mixture_does_not_cover() -> None:
    """Ten launches, plain t: the truth is missed at least five times as often as promised."""
    medians = np.median(bimodal(np.random.default_rng(2), (WORLDS, EXTENDED, ROUNDS)), axis=2)
    assert covered([t_interval(world) for world in medians], truth_of(bimodal)) < 1 - 5 * INTERVAL_ALPHA


@pytest.mark.parametrize("launches", [LAUNCHES, EXTENDED])
def test_a_mixture_that_the_probe_explains_is_covered_and_narrow(launches: int) -> None:
    """Time x roof is one number: the interval holds it at the median probe, in a tenth of the gap."""
    rng = np.random.default_rng(3)
    slow = np.where(rng.random((WORLDS, launches)) < 0.5, 1.5, 1.0)
    times = slow * np.exp(rng.normal(0, 0.01, slow.shape))
    hits, widths = [], []
    for world, speeds in zip(times, 1 / slow, strict=True):
        found = interval(list(world), list(speeds))
        truth = 1 / float(np.median(speeds))
        hits.append(found.lo <= truth <= found.hi)
        widths.append(found.hi / found.lo - 1)
    assert np.mean(hits) >= NOMINAL - TOLERANCE
    assert np.median(widths) < 0.05


@pytest.mark.parametrize("kind", [autocorrelated, spiky, bimodal])
def test_the_same_thing_twice_is_rarely_called_different(kind: Rounds) -> None:
    """40 cases, each against itself: a run that calls any of them FASTER or SLOWER is a false alarm."""
    runs, cases = 50, 40
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(runs):
        of = np.median(kind(rng, (cases, LAUNCHES, 20)), axis=2)
        to = np.median(kind(rng, (cases, LAUNCHES, 20)), axis=2)
        adjusted = holm([p_value(list(paired(a, b)), 0.01) for a, b in zip(of, to, strict=True)])
        alarms += min(adjusted) <= INTERVAL_ALPHA
    assert alarms / runs <= INTERVAL_ALPHA
