"""Rows of each expert: whole numbers that every reader of a case computes alike."""

import pytest

from zbench.case import Case
from zbench.routing import count_matrix, counts


def rows(m: int, experts: int, top: int, skew: str = "even") -> list[int]:
    case = Case("grouped_gemm", "bf16", (m, 8, 8), {"experts": experts, "top": top, "skew": skew})
    return counts(case)


@pytest.mark.parametrize("skew", ["even", "zipf"])
@pytest.mark.parametrize(
    ("m", "experts", "top"), [(64, 16, 1), (7, 128, 8), (512, 128, 8), (1, 4, 4), (100, 3, 2)]
)
def test_every_choice_of_every_token_is_a_row(m: int, experts: int, top: int, skew: str) -> None:
    """m top rows in all; no expert is chosen twice by one token; the busiest comes first."""
    found = rows(m, experts, top, skew)
    assert sum(found) == m * top
    assert len(found) == experts
    assert max(found) <= m
    assert sorted(found, reverse=True) == found


def test_even_rows_differ_by_one_at_most() -> None:
    """56 rows over 16 experts."""
    assert rows(56, 16, 1) == [4] * 8 + [3] * 8


def test_zipf_gives_the_second_half_of_what_the_first_gets() -> None:
    """1, 1/2, 1/3, 1/4 of 1200 tokens."""
    assert rows(1200, 4, 1, "zipf") == [576, 288, 192, 144]


@pytest.mark.parametrize(
    ("skew", "ranks", "row"),
    [("zipf", 4, [576, 288, 192, 144]), ("zipf", 3, [655, 327, 218]), ("even", 3, [400] * 3)],
)
def test_every_rank_sends_the_first_one_most(skew: str, ranks: int, row: list[int]) -> None:
    """1, 1/2, 1/3, ... of 1200 elements from each rank, whoever it is."""
    case = Case("alltoallv", "fp32", (4800,), {"ranks": ranks, "skew": skew})
    assert count_matrix(case) == [row] * ranks


def test_an_expert_that_all_tokens_choose_has_a_row_of_each() -> None:
    """8 of 128: the law alone would ask the first of them more than once a token."""
    found = rows(512, 128, 8, "zipf")
    assert found[0] == 512
    assert found[1] < 512


def test_more_choices_than_experts_are_refused() -> None:
    """Before anything is allocated."""
    with pytest.raises(ValueError, match="each token chooses 9 of 8 experts"):
        rows(64, 8, 9)
