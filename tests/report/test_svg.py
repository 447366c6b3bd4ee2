"""Pictures: well-formed, named, and fit to share a page."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.report.conftest import NAMES, drawn
from zbench.report import svg
from zbench.report.chart import Chart, Missing


@pytest.mark.parametrize("index", range(len(NAMES)), ids=NAMES)
def test_svg_is_well_formed_and_named(charts: list[Chart | Missing], index: int) -> None:
    """The root carries role, title and description, and the description starts with the finding."""
    chart = drawn(charts[index])
    root = ElementTree.fromstring(chart.svg)
    texts = {element.get("id"): element.text for element in root}
    assert root.get("role") == "img"
    title, description = (root.get("aria-labelledby") or "").split()
    assert texts[title] == chart.title
    assert (texts[description] or "").startswith(chart.alt)
    assert chart.title.endswith("?")


def test_ids_are_unique_over_all_charts_and_every_reference_resolves(charts: list[Chart | Missing]) -> None:
    """Several pictures share one page, so no two may use an id and none may point into another."""
    seen: set[str] = set()
    for chart in map(drawn, charts):
        root = ElementTree.fromstring(chart.svg)
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(ids) == len(set(ids))
        assert not seen & set(ids)
        seen |= set(ids)
        for element in root.iter():
            for name, value in element.attrib.items():
                if name.endswith("href") and value.startswith("#"):
                    assert value[1:] in ids
                if "url(#" in value:
                    assert value.split("url(#")[1].split(")")[0] in ids


def test_inlined_picture_has_no_namespace_no_title_line_and_page_colours(
    charts: list[Chart | Missing],
) -> None:
    """In a page the heading is the title, and colours come from CSS variables."""
    chart = drawn(charts[1])
    text = svg.inline(chart.svg, {"#1b1f24": "--ink"}, 26.0)
    assert "http" not in text
    assert "var(--ink)" in text
    assert "#1b1f24" not in text
    assert f"{chart.name}-{svg.QUESTION}" not in text
    assert text.count(chart.title) == 1
