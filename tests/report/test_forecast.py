"""The plan on one screen."""

import pytest

from zbench.measure.estimate import plan_s
from zbench.measure.plan import with_anchors
from zbench.report.forecast import MOST_REASONS, duration, forecast, render_forecast
from zbench.request import ask
from zbench.selection import select
from zbench.workloads.profiles import PROFILES

QUICK = PROFILES["quick"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (7200, "2.0 h")]
)
def test_a_duration_has_the_unit_that_is_read(seconds: float, text: str) -> None:
    """Seconds, minutes, hours."""
    assert text == duration(seconds)


def test_what_is_left_out_is_told_and_counted() -> None:
    """The first few by name, the rest as a number; the document holds all."""
    groups = with_anchors(select(ask(ranks=2)))
    refused = {f"cpu gemm/fp32/{n}": "no room" for n in range(MOST_REASONS + 3)}
    told = forecast(groups, refused, QUICK, 5, plan_s(groups, QUICK, 5, 2), 2, 2.0)
    screen = render_forecast(told, 100)
    assert told["left_out"] == refused
    assert screen.count("no room") == MOST_REASONS
    assert "... and 3 more" in screen
    assert f"price: {told['price']:.2f} for 2 cards" in screen


def test_one_extension_is_announced_where_it_may_come() -> None:
    """Five launches of a profile with verdicts; not of smoke, not of ten."""
    groups = select(ask(ranks=2))
    for profile, launches, told in ((QUICK, 5, True), (QUICK, 10, False), (PROFILES["smoke"], 5, False)):
        screen = render_forecast(forecast(groups, {}, profile, launches, 60.0, 2, None), 100)
        assert ("what stays undecided gets five more" in screen) is told
