"""How far apart ranks began, from made-up stamps."""

import numpy as np

from zbench.measure.bench import Timing
from zbench.measure.starts import starts


def timing(stamps: list[tuple[int, int]] | None) -> Timing:
    return Timing(np.zeros(1, np.int64), stamps_ns=None if stamps is None else np.array(stamps))


def test_skew_and_span_are_over_all_ranks_of_a_round() -> None:
    """Three rounds of two ranks: apart by 2, 0 and 40."""
    found = starts([timing([(0, 10), (20, 30), (50, 60)]), timing([(2, 11), (20, 35), (90, 95)])])
    assert found == {"skew_p50_ns": 2.0, "skew_max_ns": 40.0, "span_p50_ns": 15.0}


def test_one_rank_starts_with_nobody() -> None:
    """Nor do cards, which have no stamps."""
    assert starts([timing([(0, 10)])]) is None
    assert starts([timing(None), timing(None)]) is None
