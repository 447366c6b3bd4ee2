"""The map of all pairs."""

from __future__ import annotations

import pytest

from tests.judge.test_pairs import nobody, records
from tests.report.conftest import drawn, svg_texts
from zbench.judge.pairs import pair_maps
from zbench.report import pairs
from zbench.report.chart import Missing
from zbench.report.charts.pairs import pair_map


@pytest.mark.parametrize("ranks", [3, 12, 64])
def test_a_map_of_any_size_is_drawn_with_its_table(ranks: int) -> None:
    """Figures stand in the cells while there is room; of many pairs the slowest are in the table."""
    chart = drawn(pair_map(pair_maps(records(ranks, nobody, launches=1))))
    links = ranks * (ranks - 1) // 2
    assert len(chart.table.rows) == min(links, pairs.TABLE_PAIRS)
    assert ("slowest pairs" in chart.caption) == (links > pairs.TABLE_PAIRS)
    figures = [text for text in svg_texts(chart) if text in ("490", "500", "510")]
    assert bool(figures) or ranks > 12 or ranks == 3


def test_the_slow_one_is_told_in_words_and_framed() -> None:
    """For whoever does not see the picture."""
    found = pair_maps(records(8, lambda a, b: 2.0 if 3 in (a, b) else 1.0))
    chart, clean = drawn(pair_map(found)), drawn(pair_map(pair_maps(records(8, nobody))))
    assert "slow: rank 3: 1.97x the time of the middle pair" in chart.alt
    assert "none is named slow" in clean.alt
    assert chart.svg.lower().count("#d95f02") == clean.svg.lower().count("#d95f02") + 2
    ((key, text),) = pairs.brief(found)
    assert key == "pairs_latency/byte/8/ranks=8 of shm"
    assert "SLOW rank 3: " in text
    assert "none is slow" in pairs.brief(pair_maps(records(8, nobody)))[0][1]


def test_what_is_not_judged_stands_in_the_caption() -> None:
    """And on the terminal."""
    found = pair_maps(records(4, nobody))
    assert "Not judged: only 6 of the 10 pairs on one host" in drawn(pair_map(found)).caption
    assert "not judged: only 6 of the 10 pairs" in pairs.brief(found)[0][1]


def test_without_pairs_there_is_no_map() -> None:
    """With the reason."""
    assert isinstance(pair_map([]), Missing)
