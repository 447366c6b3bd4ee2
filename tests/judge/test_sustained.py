"""The end of a sustained run over its beginning, from rounds that were made up."""

import msgspec
import pytest

from zbench.judge.sustained import POINTS, Sustained, stretch, sustained
from zbench.records.schema import Sample, Telemetry

SECOND = 1_000_000_000
FIVE = [0.97, 0.971, 0.969, 0.9705, 0.97]


def run(make, ratios: list[float], minutes: float = 10, **fields: object) -> Sustained:
    """Launches of rounds of 1 s, whose last half is slower by these ratios."""
    half = round(minutes * 30)
    records = [
        make.record(make.GEMM, block, [SECOND] * half + [round(SECOND / ratio)] * half, **fields)
        for block, ratio in enumerate(ratios)
    ]
    (found,) = sustained(records)
    return found


def test_minute_ten_is_held_against_minute_one(make) -> None:
    """A rate that fell by 3 % in between."""
    found = run(make, [0.97])
    assert found.what == "minute 10 over minute 1"
    assert found.ratio == pytest.approx(0.97)


def test_a_shorter_run_is_named_as_what_it_is(make) -> None:
    """Its tenths, not minutes that it never had."""
    found = run(make, [0.9], minutes=1)
    assert found.what == "last tenth over first tenth (6.3 s each)"
    assert found.ratio == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("total_s", "what"), [(120, "minute 2 over"), (1799, "minute 30 over"), (60, "last")]
)
def test_minutes_are_counted_from_two_on(total_s: float, what: str) -> None:
    """Below that the first and the last would overlap."""
    assert stretch(total_s)[1].startswith(what)


def test_one_launch_shows_its_figure_and_decides_nothing(make) -> None:
    """Nobody knows how far another launch would be."""
    found = run(make, [0.5])
    assert (found.verdict, found.why, found.interval) == (
        "UNDECIDED",
        "1 launch carries no verdict, 5 do",
        None,
    )


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        (FIVE, "SLOWER"),
        ([1 / ratio for ratio in FIVE], "FASTER"),
        ([1.001, 0.999, 1.0, 1.0005, 0.9995], "SAME"),
        ([0.98, 1.0, 0.99, 0.985, 0.995], "UNDECIDED"),
        ([0.9, 0.9, 0.9, 1.0, 1.0], "UNDECIDED"),
    ],
    ids=["slower", "faster", "same", "within the margin", "modes"],
)
def test_five_launches_carry_a_verdict(make, ratios: list[float], verdict: str) -> None:
    """Beyond a margin of 1 % by the whole interval."""
    assert run(make, ratios).verdict == verdict


def test_wrong_answers_have_no_course(make) -> None:
    """As they have no rate."""
    assert sustained([make.record(make.GEMM, 0, [SECOND] * 60, verification=make.WRONG)]) == []


def test_a_course_keeps_every_round_in_a_bounded_number_of_points(make) -> None:
    """Their rates are those of the rounds: 2 GFLOP in a second, then in two."""
    record = make.record(make.GEMM, 0, [SECOND // 10] * 6000 + [SECOND // 5] * 6000, batch=1)
    (course,) = sustained([record])[0].courses
    assert 300 < len(course.points) <= POINTS
    assert course.points[0].value == pytest.approx(20e9)
    assert course.points[-1].value == pytest.approx(10e9)
    assert [point.at_s for point in course.points] == sorted(point.at_s for point in course.points)


def test_a_run_of_a_few_long_rounds_still_has_two_ends(make) -> None:
    """Where a round is longer than a tenth, the first and the last one."""
    (found,) = sustained([make.record(make.GEMM, 0, [SECOND, SECOND, 2 * SECOND])])
    assert found.ratio == pytest.approx(0.5)


def test_telemetry_goes_with_its_course(make) -> None:
    """For the panels below the rate."""
    told = Telemetry(
        method="made up", rate_hz=0, readings=1, window_ns=SECOND, samples=[Sample(at_ns=5, power_w=7)]
    )
    (found,) = sustained([msgspec.structs.replace(make.record(make.GEMM, 0, [SECOND] * 9), telemetry=told)])
    assert (found.courses[0].method, found.courses[0].samples) == ("made up", tuple(told.samples))
