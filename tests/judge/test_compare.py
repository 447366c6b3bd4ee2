"""Two stored runs: nothing is said of them that sessions of this machine could do by themselves."""

from __future__ import annotations

import numpy as np
import pytest

from zbench.judge.compare import compare_runs, overall, overall_of_blocks
from zbench.judge.ratios import same_name
from zbench.judge.summary import summarise
from zbench.measure.statistics import INTERVAL_ALPHA

MS = 1_000_000
NOISE = np.array([1.000, 1.002, 0.999, 1.001, 0.998])


def session(make, name, level=1.0, case=None, **fields):
    return make.kept(name, make.launches(case or make.GEMM, NOISE * level * MS), **fields)


def past(make, levels):
    return [session(make, f"past{i}", level) for i, level in enumerate(levels)]


QUIET = [1.0, 1.002, 0.998, 1.001, 0.999, 1.0]


@pytest.mark.parametrize(
    ("level", "verdict"), [(1.2, "SLOWER"), (0.8, "FASTER"), (1.001, "SAME"), (1.01, "UNDECIDED")]
)
def test_a_quiet_history_lets_two_runs_be_judged(make, level, verdict):
    """The verdict speaks of the newer run."""
    history = past(make, QUIET)
    (ratio,) = compare_runs(session(make, "new", level), history[0], history)
    assert (ratio.of, ratio.to, ratio.baseline, ratio.verdict) == ("cpu", "cpu", "past0", verdict)
    assert ratio.median == pytest.approx(level)
    assert ratio.interval[0] < ratio.median < ratio.interval[1]
    assert ratio.sessions == 6
    assert same_name(ratio)


def test_sessions_that_differ_hide_what_blocks_would_show(make):
    """10 % between sessions: 20 % is not to be seen, and the reason says what is."""
    history = past(make, [1.0, 1.1, 0.9, 1.05, 0.95])
    (ratio,) = compare_runs(session(make, "new", 1.2), history[0], history)
    assert ratio.verdict == "UNDECIDED"
    assert ratio.why == "sessions differ by 7.9 % here, too much to see 20.0 %: compare subjects in blocks"


def test_it_says_how_many_more_runs_would_decide(make):
    """Three runs of 2 % make an interval of 16 %; more of them would part it from a tenth."""
    history = past(make, [1.0, 1.02, 0.98])
    (ratio,) = compare_runs(session(make, "new", 1.12), history[0], history)
    assert ratio.verdict == "UNDECIDED"
    assert ratio.why == "sessions differ by 2.0 % here; about 2 more runs in the history would decide it"
    more = past(make, [1.0, 1.02, 0.98, 1.02, 0.98])
    assert compare_runs(session(make, "new", 1.12), more[0], more)[0].verdict == "SLOWER"


@pytest.mark.parametrize("runs", [0, 1, 2])
def test_without_three_runs_nothing_is_decided(make, runs):
    """And no interval is shown, since launches of one session say nothing of the next."""
    (ratio,) = compare_runs(session(make, "new", 2.0), session(make, "old"), past(make, QUIET[:runs]))
    assert (ratio.verdict, ratio.interval, ratio.p) == ("UNDECIDED", None, 1.0)
    assert f"holds {runs} runs" in ratio.why
    assert f"{3 - runs} more are needed" in ratio.why


def test_a_run_is_no_part_of_its_own_history(make):
    """Else a true change would widen what it must clear. Nor is a copy of it."""
    history = past(make, QUIET[:2])
    new = session(make, "new", 1.5)
    copy = session(make, "elsewhere", 1.5, created=new.run.created)
    (ratio,) = compare_runs(new, history[0], [*history, new, copy])
    assert ratio.sessions == 2
    assert "1 more are needed" in ratio.why


def test_another_machine_is_never_faster(make):
    """Whatever the figures: that is for blocks."""
    history = past(make, QUIET)
    other = session(make, "new", 0.1, machine=make.MACHINE | {"cpu": "Better CPU"})
    (ratio,) = compare_runs(other, history[0], history)
    assert ratio.verdict == "UNDECIDED"
    assert ratio.why.startswith("another machine (Example CPU, x86_64, 2 CPUs, 8 GiB)")
    nameless = session(make, "new", 0.1, fingerprints={})
    assert "was not recorded" in compare_runs(nameless, history[0], history)[0].why


def test_the_history_of_another_machine_tells_nothing(make):
    """Its sessions may be quieter than ours."""
    elsewhere = [
        session(make, f"past{i}", level, machine=make.MACHINE | {"cpu": "Better CPU"})
        for i, level in enumerate(QUIET)
    ]
    (ratio,) = compare_runs(session(make, "new", 2.0), session(make, "old"), elsewhere)
    assert (ratio.verdict, ratio.sessions) == ("UNDECIDED", 0)


def test_a_sustained_run_is_no_match_for_a_short_one(make):
    """The card is hotter; that is what the sustained run is for."""
    history = past(make, QUIET)
    (ratio,) = compare_runs(session(make, "new", 1.2, minutes=10.0), history[0], history)
    assert ratio.verdict == "UNDECIDED"
    assert ratio.why.startswith("a burst of minutes and one of a moment are not the same")


def test_few_launches_carry_no_verdict(make):
    """A smoke run against a full history."""
    history = past(make, QUIET)
    new = make.kept("new", make.launches(make.GEMM, NOISE[:2] * 2 * MS))
    (ratio,) = compare_runs(new, history[0], history)
    assert (ratio.verdict, ratio.why) == ("UNDECIDED", "2 launches carry no verdict, 5 do")


def test_a_new_variant_has_no_history(make):
    """Another algorithm answered: how much its sessions differ is not known."""
    history = past(make, QUIET)
    new = make.kept("new", make.launches(make.GEMM, NOISE * 2 * MS, variant={"isa": "avx2"}))
    (ratio,) = compare_runs(new, history[0], history)
    assert ratio.verdict == "UNDECIDED"
    assert "different variants" in ratio.why


def test_only_the_same_case_and_subject_meet_their_past(make):
    """Another subject is another history; another environment is not."""
    history = past(make, QUIET)
    other = make.kept("new", make.launches(make.GEMM, NOISE * MS, "numpy"))
    assert compare_runs(other, history[0], history) == []
    build = make.kept("new", make.launches(make.GEMM, NOISE * 2 * MS, "cpu@/new"))
    assert [ratio.verdict for ratio in compare_runs(build, history[0], history)] == ["SLOWER"]


def test_runs_are_compared_beside_their_probes(make):
    """Twice the time at half the roof is no change; and with one run that lacks a probe, times count."""

    def probed(name, slowdown):
        records = make.launches(make.GEMM, NOISE * slowdown * MS, probes=[make.probe(4e12 / slowdown)] * 5)
        return make.kept(name, records)

    history = [probed(f"past{i}", slowdown) for i, slowdown in enumerate((1.0, 1.5, 0.7, 1.1))]
    (ratio,) = compare_runs(probed("new", 2.0), history[0], history)
    assert (ratio.verdict, ratio.median) == ("SAME", pytest.approx(1.0))
    assert "beside its own probe" in ratio.method
    (ratio,) = compare_runs(probed("new", 2.0), history[0], [*history, session(make, "bare")])
    assert (ratio.verdict, ratio.median) == ("UNDECIDED", pytest.approx(2.0))


def test_a_true_step_in_the_history_is_no_spread(make):
    """A regression long ago must not hide the next one."""
    history = past(make, [1.0, 1.002, 0.998, 1.0, 1.502, 1.5, 1.498, 1.5])
    (ratio,) = compare_runs(session(make, "new", 1.65), history[-1], history)
    assert ratio.verdict == "SLOWER"


def test_a_noise_floor_within_the_session_is_the_margin(make):
    """What a machine does to itself within an hour is no difference between two days."""
    history = past(make, QUIET)
    new = session(make, "new", 1.05)
    assert compare_runs(new, history[0], history)[0].verdict == "SLOWER"
    (ratio,) = compare_runs(new, history[0], history, {"card": 0.06})
    assert (ratio.margin, ratio.verdict) == (0.06, "SAME")


SIGMA = 0.03
CASES = 4


def drawn(make, rng, name, shift=0.0):
    """A session: its own offset for each case, and launches that differ less than sessions do."""
    records = []
    for n in range(CASES):
        level = np.exp(shift + rng.normal(0, SIGMA))
        records += make.launches(make.gemm(100 + n), level * np.exp(rng.normal(0, 0.002, 5)) * 1e9)
    return make.kept(name, records)


@pytest.mark.parametrize("runs", [3, 8])
def test_equal_sessions_are_seldom_called_different(make, runs):
    """With 3 % between sessions: any false verdict in a family of four cases, in at most alpha of trials."""
    rng = np.random.default_rng(runs)
    trials, false, wide = 100, 0, 0
    for _ in range(trials):
        history = [drawn(make, rng, f"past{i}") for i in range(runs)]
        found = compare_runs(drawn(make, rng, "new"), history[-1], history)
        false += any(ratio.verdict in ("FASTER", "SLOWER") for ratio in found)
        wide += sum(ratio.interval[0] < 1 < ratio.interval[1] for ratio in found)
    assert false <= INTERVAL_ALPHA * trials
    assert wide >= (1 - 1.5 * INTERVAL_ALPHA) * trials * CASES


def test_a_true_change_is_found_through_a_history(make):
    """20 % where sessions differ by 3 %, with ten runs to know it from."""
    rng = np.random.default_rng(8)
    found = 0
    for _ in range(20):
        history = [drawn(make, rng, f"past{i}") for i in range(10)]
        slower = compare_runs(drawn(make, rng, "new", shift=np.log(1.4)), history[-1], history)
        found += sum(ratio.verdict == "SLOWER" for ratio in slower)
    assert found >= 0.9 * 20 * CASES


def test_the_mean_over_cases_has_the_spread_of_that_mean(make):
    """Cases of one session rise and fall together: four of them are no better than one."""
    rng = np.random.default_rng(9)

    def together(name, level):
        records = []
        for n in range(CASES):
            records += make.launches(make.gemm(100 + n), level * np.exp(rng.normal(0, 0.001, 5)) * 1e9)
        return make.kept(name, records)

    history = [together(f"past{i}", level) for i, level in enumerate((1.0, 1.1, 0.9, 1.05, 0.95))]
    found = overall(together("new", 1.2), history[0], history)
    assert found is not None
    assert found.cases == CASES
    assert found.ratio == pytest.approx(1.2, rel=0.01)
    assert found.interval[0] < 1.0
    assert overall(together("new", 1.2), history[0], history[:2]).interval is None


def test_the_mean_of_blocks_goes_by_blocks(make):
    """The geometric mean of a case at 1.2x and one at 1/1.2x is 1; blocks without all cases are left out."""
    records = []
    for case, factor in ((make.gemm(64), 1.2), (make.gemm(128), 1 / 1.2)):
        records += make.launches(case, NOISE * MS) + make.launches(case, NOISE[::-1] * factor * MS, "numpy")
    more = [make.record(make.gemm(64), 9, [MS] * 3), make.record(make.gemm(64), 9, [9 * MS] * 3, "numpy")]
    found = overall_of_blocks(summarise(records + more), "cpu", "numpy")
    assert found is not None
    assert (found.ratio, found.cases) == (pytest.approx(1.0, abs=0.002), 2)
    assert found.interval[0] < 1 < found.interval[1]
    assert overall_of_blocks(summarise(records), "cpu", "nothing") is None
