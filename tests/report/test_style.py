"""Looks: labels that never touch, colours that stay apart."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from zbench.report import style

# Machado, Oliveira, Fernandes 2009, severity 1
SIGHT = {
    "full": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def linear(color: str) -> NDArray[np.float64]:
    parts = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = matrix @ np.clip(rgb, 0, 1) / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(a: str, b: str) -> float:
    light = sorted(float(linear(color) @ [0.2126, 0.7152, 0.0722]) for color in (a, b))
    return (light[1] + 0.05) / (light[0] + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("sight", SIGHT)
def test_first_four_colours_stay_apart(sight: str, theme: str) -> None:
    """A CIELAB distance of 18 is far beyond a just noticeable difference (about 2)."""
    colors = [color if theme == "light" else style.DARK[color] for color in style.SERIES[:4]]
    points = [lab(SIGHT[sight] @ linear(color)) for color in colors]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(points, 2)) >= 18


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_is_enough_for_marks_and_for_text(theme: str) -> None:
    """WCAG 2.2: 3:1 for graphics (1.4.11), 4.5:1 for text (1.4.3)."""

    def themed(color: str) -> str:
        return color if theme == "light" else style.DARK[color]

    assert min(contrast(themed(color), themed(style.PAPER)) for color in style.SERIES) >= 3
    assert min(contrast(themed(color), themed(style.PAPER)) for color in (style.INK, style.MUTED)) >= 4.5


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12).map(sorted))
def test_spread_labels_never_touch_and_keep_their_order(heights: list[float]) -> None:
    """Neighbours are a gap apart, inside the bounds where these leave room for all."""
    placed = style.spread(heights, 5.0, 0.0, 100.0)
    assert len(placed) == len(heights)
    assert all(b - a >= 5.0 - 1e-9 for a, b in itertools.pairwise(placed))
    assert placed[0] >= -1e-9
    assert placed[-1] <= 100 + 1e-9


def test_spread_moves_nothing_that_has_room() -> None:
    """Labels stand at their line where they can."""
    assert style.spread([10.0, 20.0, 40.0], 5.0, 0.0, 100.0) == [10.0, 20.0, 40.0]


def test_series_differ_in_marker_and_the_second_dimension_in_line_and_fill() -> None:
    """In grey a subject is told by its marker, threads by line style and fill."""
    assert len({style.look(i).marker for i in range(len(style.SERIES))}) == len(style.SERIES)
    one, two = style.look(0, 0), style.look(0, 1)
    assert one.color == two.color
    assert one.linestyle != two.linestyle
    assert one.mark() != two.mark()
    assert len({str(style.look(i).linestyle) for i in range(4)}) == 4


def test_no_two_of_many_series_look_alike() -> None:
    """A merge of runs has more series than there are colours."""
    looks = {(look.color, look.marker) for look in map(style.look, range(30))}
    assert len(looks) == 30


def test_equal_bytes_in_another_process_with_another_hash_seed_and_settings(tmp_path: Path) -> None:
    """Neither PYTHONHASHSEED nor a user's matplotlibrc reaches the picture."""
    (tmp_path / "matplotlibrc").write_text("axes.facecolor: red\nfont.size: 30\n")
    script = (
        "from zbench.report.chart import Table\n"
        "from zbench.report.style import house_style, look, panels, to_chart\n"
        "with house_style():\n"
        "    figure, (axes,) = panels(1, 1.0)\n"
        "    axes.plot([1, 2], [1, 2], **look(0).line())\n"
        "    print(to_chart(figure, 'x', 'x?', 'x', 'x', Table((), ())).svg)\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed, **settings},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed, settings in (("1", {}), ("2", {"MATPLOTLIBRC": str(tmp_path)}))
    }
    assert len(outputs) == 1
