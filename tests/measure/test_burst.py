"""One burst, driven by a bench whose time is made up: no clock decides these tests."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Condition
from types import SimpleNamespace

import numpy as np
import pytest

from zbench.case import Case
from zbench.measure.bench import Bench, Span, Timing
from zbench.measure.burst import (
    ROUNDS_MIN,
    VERIFY_SLOTS,
    Lengths,
    Pilot,
    Policy,
    TooSlow,
    burst,
    lengths,
    merge,
    span_count,
    verify,
)
from zbench.meters.base import Meter, Reading
from zbench.workloads.base import Array

POLICY = Policy(burst_ns=1_000_000, rounds_max=100)
CASE = Case("copy", "fp64", (80,))


class FakeBench(Bench):
    """A copy that takes `execution_ns` by its own account, and copies what `answer` makes of it."""

    def __init__(self, execution_ns: int, answer: float = 0.0, slots: int = 2) -> None:
        super().__init__(CASE, 0, list(range(1, slots + 1)))
        self.execution_ns, self.answer = execution_ns, answer
        self.slots = [{"a": np.zeros(10), "out": np.zeros(10)} for _ in self.seeds]
        self.fill()
        self.log: list[str] = []
        self.invalid = ""
        self.now_ns = 0

    def run(self, rounds: int, batch: int) -> Timing:
        self.log.append(f"run {rounds}x{batch}")
        self.now_ns += rounds * batch * self.execution_ns
        for execution in range(rounds * batch):
            slot = self.slots[execution % len(self.slots)]
            slot["out"][:] = slot["a"] + self.answer
        return Timing(np.full(rounds, self.execution_ns * batch, np.int64))

    def clock(self) -> int:
        return self.now_ns

    def validate(self, spans: Sequence[Span]) -> str:
        return self.invalid

    def read(self, slot: int, name: str) -> Array:
        return np.array(self.slots[slot][name])

    def write(self, slot: int, name: str, data: Array) -> None:
        if name == "out" and slot == 0:
            self.log.append("poison" if np.isnan(data).all() else "write")
        self.slots[slot][name][:] = data

    def probe(self) -> tuple[str, float]:
        self.log.append("probe")
        return "B/s", 10.0

    def variant(self) -> dict[str, str]:
        return {"isa": "made up"}

    def release(self) -> None:
        pass


def test_an_execution_that_the_clock_can_see_is_not_batched() -> None:
    """Percentiles of operations need batch = 1."""
    assert lengths(Pilot(10_000, 10_000, 10_000), 20, POLICY, None) == Lengths(
        batch=1, warmup_rounds=20, rounds=80
    )


def test_an_execution_too_short_for_the_clock_is_batched() -> None:
    """Reading the clock may cost at most 5 % of a round."""
    assert lengths(Pilot(100, 100, 100), 20, POLICY, None).batch == 4


def test_a_slow_execution_still_gives_a_median() -> None:
    """Longer than the burst: the least number of rounds."""
    assert lengths(Pilot(1e9, 1e9, 1e9), 20, POLICY, None) == Lengths(
        batch=1, warmup_rounds=0, rounds=ROUNDS_MIN
    )


def test_samples_are_capped_by_the_profile() -> None:
    """Every sample is written down, so their number has a limit."""
    assert lengths(Pilot(1, 1, 1), 0, POLICY, None).rounds == POLICY.rounds_max


def test_a_burst_goes_pilot_probe_warmup_poison_rounds_probe() -> None:
    """The order is the protocol: nothing but the rounds stands between the two probes' bursts."""
    bench = FakeBench(10_000)
    record = burst(bench, POLICY, 20.0, verify_seed=1, clock=bench.clock)
    rounds = ["poison", "run 27x1", "poison", "run 27x1", "poison", "run 26x1"]
    assert bench.log == ["run 1x1", "run 500x1", "probe", "run 20x1", *rounds, "probe"]
    assert record["status"] == "ok"
    assert record["samples_ns"] == [10_000] * 80
    assert record["verification"]["checked"] == 2
    assert record["verification"]["of"] == 80
    assert record["probe"] == {"unit": "B/s", "before": 10.0, "after": 10.0}


class Wattmeter(Meter):
    """Tells 100 W by the bench's own clock, and 50 J more for each pause; notes each reading."""

    method = "made up"

    def __init__(self, bench: FakeBench) -> None:
        self.bench = bench

    def read(self) -> Reading:
        self.bench.log.append("read")
        paused = self.bench.log.count("poison")
        return Reading(energy_j=100 * self.bench.now_ns / 1e9 + 50 * paused, throttle=("too hot",))


def test_a_meter_is_read_right_around_the_timed_rounds() -> None:
    """Never during them, not in the warm-up, and what is drawn while data is rewritten does not count."""
    bench = FakeBench(10_000)
    record = burst(bench, POLICY, 20.0, verify_seed=1, clock=bench.clock, meter=Wattmeter(bench))
    spans = [["poison", "read", f"run {rounds}x1", "read"] for rounds in (27, 27, 26)]
    assert bench.log[4:-1] == [*spans[0], *spans[1], *spans[2]]
    told = record["telemetry"]
    assert (told["method"], told["rate_hz"], told["window_ns"]) == ("made up", 0.0, 800_000)
    assert told["energy_j"] == pytest.approx(100 * 800_000 / 1e9)


def test_a_burst_under_throttling_is_flagged_and_kept() -> None:
    """Dropping it would leave the cool ones alone; the reader is told, and sees the figure."""
    bench = FakeBench(10_000)
    record = burst(bench, POLICY, 20.0, verify_seed=1, clock=bench.clock, meter=Wattmeter(bench))
    assert (record["status"], len(record["samples_ns"])) == ("ok", 80)
    assert record["telemetry"]["throttle"] == {"too hot": 3}


def test_a_sustained_burst_lasts_as_long_as_it_was_asked_to() -> None:
    """A minute in rounds of 50 ms and spans of a second, warmed up for three, without a pause in it."""
    bench = FakeBench(1_000_000)
    policy = Policy(burst_ns=60_000_000_000, rounds_max=12_000, sustained=True)
    record = burst(bench, policy, 20.0, verify_seed=1, clock=bench.clock, meter=Wattmeter(bench))
    spans = ["run 20x50", "read"] * 60
    assert bench.log[2:] == ["probe", "run 60x50", "poison", "read", *spans, "probe"]
    assert record["telemetry"]["energy_j"] == pytest.approx(100 * 60)
    assert (record["batch"], record["samples_ns"]) == (50, [50_000_000] * 1200)
    assert record["verification"]["of"] == 60_000
    assert [sample["at_ns"] for sample in record["telemetry"]["samples"]] == [
        second * 1_000_000_000 for second in range(1, 61)
    ]


def test_a_sustained_burst_of_long_executions_leaves_an_answer_in_every_slot() -> None:
    """Though a span begins at the first slot, and one execution is longer than a span need be."""
    bench = FakeBench(2_000_000_000)
    policy = Policy(burst_ns=20_000_000_000, rounds_max=12_000, sustained=True)
    record = burst(bench, policy, 20.0, verify_seed=1, clock=bench.clock)
    assert (record["status"], record["samples_ns"]) == ("ok", [2_000_000_000] * 10)
    assert (record["verification"]["checked"], record["telemetry"]) == (2, None)


def test_a_wrong_answer_makes_the_record_wrong() -> None:
    """It keeps its samples; readers refuse to derive a rate from it."""
    bench = FakeBench(10_000, answer=1.0)
    record = burst(bench, POLICY, 20.0, verify_seed=1, clock=bench.clock)
    assert record["status"] == "wrong"
    assert "10 of 10 elements are wrong" in record["why"]
    assert len(record["samples_ns"]) == 80


def test_times_that_cannot_be_trusted_make_the_record_invalid() -> None:
    """A card that tells other times than the harness sees is not believed."""
    bench = FakeBench(10_000)
    bench.invalid = "the rounds add up to something else"
    record = burst(bench, POLICY, 20.0, verify_seed=1, clock=bench.clock)
    assert (record["status"], record["why"]) == ("invalid", bench.invalid)


def test_a_case_that_would_never_end_is_refused() -> None:
    """One execution of many bursts' length is told, not waited for."""
    bench = FakeBench(1_000_000_000)
    with pytest.raises(TooSlow, match=r"one execution takes 1\.0 s"):
        burst(bench, POLICY, 20.0, verify_seed=1, clock=bench.clock)


def test_a_collectives_sample_is_its_slowest_ranks() -> None:
    """And who was slowest is counted."""
    ranks = [Timing(np.array([5, 9, 4])), Timing(np.array([7, 2, 6]))]
    samples, parts, slowest = merge(ranks)
    assert samples.tolist() == [7, 9, 6]
    assert parts == {}
    assert slowest == [1, 2]


def test_a_steps_parts_add_up_to_its_time() -> None:
    """Compute is the mean over ranks, wait what the slowest adds, communication the rest."""
    ranks = [
        Timing(np.array([100]), {"compute": np.array([60]), "communication": np.array([40])}),
        Timing(np.array([101]), {"compute": np.array([80]), "communication": np.array([21])}),
    ]
    samples, parts, slowest = merge(ranks)
    assert samples.tolist() == [101]
    assert {name: part.tolist() for name, part in parts.items()} == {
        "compute": [70],
        "wait": [10],
        "communication": [21],
    }
    assert slowest == [0, 1]


def test_ranks_whose_clocks_cost_differently_agree_on_one_plan() -> None:
    """Two ranks that batched differently would wait for each other for ever."""
    everyone: list[list[bytes]] = [[], []]

    def share_as(rank: int) -> Callable[[bytes], list[bytes]]:
        def share(data: bytes) -> list[bytes]:
            everyone[rank].append(data)
            turn = len(everyone[rank])
            with heard:
                heard.notify_all()
                heard.wait_for(lambda: all(len(told) >= turn for told in everyone), timeout=10)
            return [told[turn - 1] for told in everyone]

        return share

    heard = Condition()
    with ThreadPoolExecutor(2) as pool:
        costs = [20.0, 200.0]
        benches = [FakeBench(100), FakeBench(100)]
        futures = [
            pool.submit(burst, bench, POLICY, costs[rank], 1, share_as(rank), bench.clock)
            for rank, bench in enumerate(benches)
        ]
        first, second = (future.result(timeout=30) for future in futures)
    assert first["batch"] == second["batch"] == 40


def test_an_answer_remembered_by_slot_is_wrong() -> None:
    """Inputs change places before the timed rounds: what was computed in the warm-up is no answer to them."""
    bench = FakeBench(10_000)
    remembered = [slot["a"].copy() for slot in bench.slots]

    def remember(rounds: int, batch: int) -> Timing:
        for slot, answer in zip(bench.slots, remembered, strict=True):
            slot["out"][:] = answer
        bench.now_ns += rounds * batch * bench.execution_ns
        return Timing(np.full(rounds, bench.execution_ns * batch, np.int64))

    bench.run = remember  # type: ignore[method-assign]
    assert burst(bench, POLICY, 20.0, verify_seed=1, clock=bench.clock)["status"] == "wrong"


def test_absurdly_short_times_do_not_make_a_burst_endless() -> None:
    """A batch is bounded by our own clock, too."""
    told_1_ns = Pilot(told_ns=1, elapsed_ns=100_000, own_ns=100_000)
    assert lengths(told_1_ns, 20, POLICY, None) == Lengths(batch=1, warmup_rounds=2, rounds=8)


def test_many_slots_are_gone_over_in_one_part() -> None:
    """A part that ended before the last slot would leave poison there, and the first ones in a cache."""
    plan = Lengths(batch=1, warmup_rounds=0, rounds=99)
    assert [span_count(plan, slots) for slots in (2, 33, 34, 130)] == [3, 3, 1, 1]
    assert span_count(Lengths(batch=4, warmup_rounds=0, rounds=99), 130) == 3
    assert span_count(Lengths(batch=1, warmup_rounds=0, rounds=23), 2) == 1


@pytest.mark.parametrize("slots", [2, 50, 200])
def test_however_many_slots_there_are_those_that_ran_are_verified(slots: int) -> None:
    """Fewer rounds than slots, or fewer rounds a part: no poison is taken for a wrong answer."""
    bench = FakeBench(10_000, slots=slots)
    record = burst(bench, POLICY, clock_cost_ns=20, verify_seed=1, clock=bench.clock)
    assert record["status"] == "ok", record["why"]
    assert record["verification"]["checked"] == min(slots, VERIFY_SLOTS)


@pytest.mark.parametrize(("left_ns", "why"), [(31, ""), (29, "round 1: a rank left before all had entered")])
def test_a_barrier_is_held_to_what_each_rank_saw(left_ns: int, why: str) -> None:
    """Of a round the first entry and the last leave are stamped: of ten barriers in it one could be told."""
    bench = SimpleNamespace(
        case=Case("barrier", "byte", (0,), {"ranks": 2}),
        slots=[],
        workload=SimpleNamespace(method="order", memory_bytes=lambda case: 0),
        verify=lambda slots, rng: ([], 0),
    )
    stamps = [[[0, 12], [20, left_ns]], [[10, 13], [30, 33]]]
    timings = [Timing(np.diff(each)[:, 0], stamps_ns=np.array(each)) for each in stamps]
    found = verify(bench, 20, timings, 1, lambda data: [data, data])  # type: ignore[arg-type]
    assert (found["passed"], found["why"]) == (not why, why)
    assert (found["checked"], found["of"]) == (2, 20)
