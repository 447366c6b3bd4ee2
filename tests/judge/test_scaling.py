"""Efficiency, its serial fraction, its loss by cause, and fits that know their limits."""

from __future__ import annotations

import numpy as np
import pytest

from zbench.judge.scaling import Scaling, amdahl, karp_flatt, loss, project, scaling, usl
from zbench.judge.summary import summarise

MS = 1_000_000
NOISE = np.array([1.000, 1.002, 0.999, 1.001, 0.998])


def world(make, times_ms, batch=lambda ranks: 512, **fields):
    """Steps on 1, 2, ... ranks, 5 launches each; `times_ms` is ranks -> ms."""
    records = []
    for ranks, ms in times_ms.items():
        records += make.launches(make.step(ranks, batch(ranks)), NOISE * ms * MS, "cpu+shm", **fields)
    return scaling(summarise(records))


def test_weak_efficiency_is_t1_over_tp(make):
    """The same batch on each of two ranks takes 100 ms instead of 80: 0.8 of ideal, 1.6 times the work."""
    found = {e.ranks: e for e in world(make, {1: 80, 2: 100}).efficiencies if e.kind == "weak"}
    assert found[2].value == pytest.approx(0.8)
    assert found[2].speedup == pytest.approx(1.6)
    assert found[2].interval == pytest.approx((0.8, 0.8))
    assert (found[2].key_one, found[2].launches) == (make.step(1).key, 5)
    assert (found[1].value, found[1].serial_fraction) == (1.0, None)


def test_strong_efficiency_is_t1_over_p_tp(make):
    """The one batch shared by four ranks takes 25 ms instead of 80: 3.2 times faster, 0.8 of ideal."""
    found = world(make, {1: 80, 4: 25}, batch=lambda ranks: 512 // ranks).efficiencies
    (shared,) = [e for e in found if e.kind == "strong" and e.ranks == 4]
    assert (shared.value, shared.speedup) == pytest.approx((0.8, 3.2))
    assert shared.serial_fraction == pytest.approx((1 / 3.2 - 1 / 4) / (1 - 1 / 4))
    assert [e for e in found if e.kind == "weak" and e.ranks == 4] == []


def test_pairs_come_from_the_same_blocks(make):
    """A machine that slows down from block to block does not widen the efficiency."""
    drift = np.array([1.0, 1.2, 1.4, 1.6, 1.8]) * MS
    records = make.launches(make.step(1), 80 * drift, "cpu+shm")
    records += make.launches(make.step(2), 100 * drift, "cpu+shm")
    (e,) = [e for e in scaling(summarise(records)).efficiencies if e.ranks == 2]
    assert e.interval == pytest.approx((0.8, 0.8))


def test_other_subjects_and_other_layers_do_not_mix(make):
    """One rank of numpy is no baseline for two of cpu."""
    records = make.launches(make.step(1), NOISE * MS, "numpy+shm")
    records += make.launches(make.step(2), NOISE * MS, "cpu+shm")
    assert [e.ranks for e in scaling(summarise(records)).efficiencies] == [1, 1]


def test_a_wrong_step_has_no_efficiency(make):
    """No time, no efficiency."""
    records = make.launches(make.step(1), NOISE * MS, "cpu+shm")
    records += make.launches(make.step(2), NOISE * MS, "cpu+shm", status="wrong")
    assert [e.ranks for e in scaling(summarise(records)).efficiencies] == [1, 1]


@pytest.mark.parametrize("serial", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("ranks", [2, 8, 1000])
def test_karp_flatt_finds_the_serial_fraction_that_amdahl_was_given(serial, ranks):
    """The one is the other, solved."""
    assert karp_flatt(float(amdahl(ranks, serial)), ranks) == pytest.approx(serial)


def test_the_loss_is_named_by_cause_and_adds_up():
    """Ideal 80; on two ranks compute takes 88, the allreduce 10, waiting 2: 10 % + 12.5 % + 2.5 %."""
    found = loss({"compute": 80.0}, {"compute": 88.0, "communication": 10.0, "wait": 2.0}, 0.8)
    assert found == pytest.approx(
        {"compute slowed": 0.10, "communication exposed": 0.125, "waiting on the slowest": 0.025}
    )
    assert sum(found.values()) == pytest.approx(1 / 0.8 - 1)


def test_parts_that_do_not_add_up_to_the_step_are_scaled_to_it():
    """Medians of parts are not parts of medians; the causes still sum to the whole loss."""
    found = loss({"compute": 81.0, "wait": 1.0}, {"compute": 85.0, "communication": 9.0, "wait": 3.0}, 0.75)
    assert sum(found.values()) == pytest.approx(1 / 0.75 - 1)


def test_without_parts_no_cause_is_named():
    """Nothing is guessed."""
    assert loss({}, {"compute": 1.0}, 0.8) == {}
    assert loss({"compute": 1.0}, {}, 0.8) == {}


def test_three_worlds_are_not_fitted(make):
    """And the fit says what it lacks."""
    fits = world(make, {1: 80, 2: 85, 4: 95}).fits
    assert [(f.law, f.parameters, f.why) for f in fits] == [("usl", None, "3 worlds measured, a fit needs 4")]


def test_a_fit_finds_the_law_that_made_the_data(make):
    """Five worlds of USL with 3 % contention and 0.1 % coherency."""
    worlds = {p: 80 * p / float(usl(p, 0.03, 0.001)) for p in (1, 2, 4, 8, 16)}
    (fit,) = world(make, worlds).fits
    assert (fit.law, fit.kind, fit.points, fit.largest) == ("usl", "weak", 5, 16)
    assert fit.parameters == pytest.approx({"contention": 0.03, "coherency": 0.001}, rel=1e-3)


def test_amdahl_is_fitted_to_strong_scaling(make):
    """A tenth of the step is serial, up to eight ranks."""
    worlds = {p: 80 / float(amdahl(p, 0.1)) for p in (1, 2, 4, 8)}
    fits = world(make, worlds, batch=lambda ranks: 512 // ranks).fits
    strong = {f.law: f for f in fits if f.kind == "strong"}
    assert strong["amdahl"].parameters == pytest.approx({"serial": 0.1}, rel=1e-3)
    assert set(strong) == {"amdahl", "usl"}


def test_a_fit_reaches_four_times_as_far_as_it_was_measured(make):
    """64 ranks from 16 with an error; 65, 10,000 and 16 itself not at all."""
    rng = np.random.default_rng(1)
    worlds = {p: 80 * p / float(usl(p, 0.03, 0.001)) * rng.normal(1, 0.01) for p in (1, 2, 4, 8, 16)}
    found = world(make, worlds)
    near = project(found, "efficiency_weak", 64, "cpu+shm")
    assert near.interval[0] < near.value < near.interval[1]
    assert near.interval[0] < float(usl(64, 0.03, 0.001)) / 64 < near.interval[1]
    assert near.model == "USL fit of 5 worlds up to 16 ranks"
    for ranks in (16, 65, 10000):
        assert project(found, "efficiency_weak", ranks, "cpu+shm") is None
    assert project(found, "efficiency_strong", 64, "cpu+shm") is None
    assert project(found, "efficiency_weak", 64, "numpy+shm") is None
    assert project(Scaling(), "efficiency_weak", 64, "cpu+shm") is None
