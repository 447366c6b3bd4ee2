"""A request from words: checked before anything is measured."""

import pytest

from zbench.errors import UsageError
from zbench.native.cpu import usable_cpus
from zbench.request import ask, parse_duration, started_alone
from zbench.selection import select


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90.0), ("90 s", 90.0), ("10min", 600.0), ("10 m", 600.0), ("1.5 h", 5400.0), (" 2h ", 7200.0)],
)
def test_a_time_limit_is_a_number_with_its_unit(text: str, seconds: float) -> None:
    """As people write it."""
    assert seconds == parse_duration(text)


@pytest.mark.parametrize("text", ["10", "ten min", "0s", "-5min", "1e3s", "10 days", "1h30m", "inf s", "٣s"])
def test_anything_else_is_refused(text: str) -> None:
    """A bare number could be seconds or minutes."""
    with pytest.raises(UsageError, match="--time-limit"):
        parse_duration(text)


@pytest.mark.parametrize("price", [-1.0, float("nan"), float("inf")])
def test_a_price_is_a_price(price: float) -> None:
    """Nothing negative, nothing endless."""
    with pytest.raises(UsageError, match="--price-per-card-hour"):
        ask(price_per_card_hour=price)


@pytest.mark.parametrize("seed", [-1, 1 << 32])
def test_a_seed_is_a_whole_number_of_32_bits(seed: int) -> None:
    """What a customer may choose is said, and 0 is one of them."""
    with pytest.raises(UsageError, match=r"--seed -?\d+: a whole number from 0 to 4294967295"):
        ask(seed=seed)
    assert ask(seed=0).seed == 0


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan"), float("inf"), 100_000.0])
def test_minutes_are_some_and_no_more_than_a_day(minutes: float) -> None:
    """A burst that never ends, or never begins, is a typing error."""
    with pytest.raises(UsageError, match=r"--minutes .*: more than 0, at most 1440 \(a day\)"):
        ask(minutes=minutes)


def test_a_sustained_run_is_one_launch_of_cards() -> None:
    """Ten minutes are spent on one long look, unless more are asked for."""
    request = ask(minutes=10)
    assert (request.suites, request.launches) == (("card",), 1)
    assert (request.profile.burst_s, request.profile.sustained) == (600, True)
    assert ask(minutes=10, launches=5).launches == 5


def test_a_sustained_run_of_a_fabric_is_refused() -> None:
    """Said by name, and what to do."""
    with pytest.raises(UsageError, match="--minutes is of cards: leave out fabric, scaling"):
        ask(minutes=10, suites=["card", "fabric", "scaling"])


def test_without_a_case_the_largest_gemm_is_sustained() -> None:
    """One of each card, on all threads."""
    groups = select(ask(minutes=10, cards=["cpu", "numpy"]))
    assert [[case.key for case in group.cases] for group in groups] == [
        [f"gemm/fp32/2048x2048x2048/threads={max(1, usable_cpus())}"]
    ] * 2


@pytest.mark.parametrize("name", ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS", "WORLD_SIZE"])
def test_a_launcher_that_starts_it_many_times_over_is_told(name: str) -> None:
    """Each copy would measure everything, and all would disturb each other."""
    with pytest.raises(UsageError, match=f"started 8 times over \\({name}=8\\)"):
        started_alone({name: "8"})
    started_alone({name: "1"})
    started_alone({})


def test_a_model_is_one_of_the_catalogue_and_a_question_to_cards() -> None:
    """Checked before anything is measured."""
    assert ask(model="llama-3.1-8b").model == "llama-3.1-8b"
    with pytest.raises(UsageError, match=r"did you mean 'llama-3\.1-8b'"):
        ask(model="llama-3.1-8")
    with pytest.raises(UsageError, match="cases of the card suite, which is not asked"):
        ask(model="llama-3.1-8b", suites=["fabric"])
