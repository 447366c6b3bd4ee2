"""Lines and the noise around them."""

from __future__ import annotations

import msgspec

from zbench.report import style
from zbench.report.findings import Findings
from zbench.report.lines import Point, draw_line


def test_the_band_is_as_wide_as_the_floor(findings: Findings) -> None:
    """Below y / (1 + floor) or above y (1 + floor) a difference means something."""
    with style.house_style():
        _, (axes,) = style.panels(1, 1.0)
        floor = msgspec.structs.replace(findings.floors["card"], floor=0.25)
        draw_line(axes, [Point(1, 10.0), Point(2, 20.0)], style.look(0), floor)
        (band,) = axes.collections
    corners = {tuple(map(float, corner)) for corner in band.get_paths()[0].vertices}
    assert corners == {(1, 8.0), (1, 12.5), (2, 16.0), (2, 25.0)}
