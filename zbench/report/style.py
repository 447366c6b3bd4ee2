"""How every chart looks: one palette, one type size, labels at the lines instead of legends.

Colours differ in lightness as well as hue (the smallest CIELAB distance among the first four is >= 18
for protan, deutan and tritan sight, >= 30 else), and marker and line style say the same again, so that
a chart reads in grey. Text is always ink, never a series' colour: small coloured text has no contrast.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from zbench.report import svg, words
from zbench.report.chart import Chart, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

INK, MUTED, RULE, PAPER = "#1b1f24", "#57606a", "#d5dae0", "#ffffff"
SERIES = ("#00508f", "#d95f02", "#14a085", "#c070b4", "#6b4a00", "#3d4650")
MARKERS = ("o", "s", "D", "^", "v", "P")

DARK = {
    INK: "#e9edf1",
    MUTED: "#a8b2bd",
    RULE: "#38414b",
    PAPER: "#171c22",
    **dict(zip(SERIES, ("#4f9be8", "#ff8f4d", "#6fe3c8", "#e8b9f2", "#b5933a", "#8b96a3"), strict=True)),
}
"""Colour of a chart -> the same on a dark page; SVG files on their own are always light."""
TOKENS = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    PAPER: "--card",
    **{colour: f"--series-{i + 1}" for i, colour in enumerate(SERIES)},
}
"""Colour of a chart -> CSS variable of the page that holds its light or dark value."""

TITLE_POINTS = 26.0
"""Height of the title line above the axes; a page cuts it off because it has the title as a heading."""
DOTS_LEFT_POINTS = 6.0
LABEL_GAP_POINTS = 11.5
"""Least distance between two labels at line ends: one line of 8.5 pt text."""

_RC: dict[str, Any] = {
    # One salt for all: ids depend on the drawing only, so that equal data give equal bytes.
    "svg.hashsalt": "zbench",
    # Text stays text: selectable, searchable, small. Laid out in DejaVu Sans, which is wider than what
    # replaces it elsewhere, so nothing overflows there.
    "svg.fonttype": "none",
    "text.parse_math": False,  # a path may hold a $
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.labelsize": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.which": "major",
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.5,
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
}

FONTS = "'DejaVu Sans', Verdana, system-ui, sans-serif"


@contextmanager
def house_style() -> Iterator[None]:
    """matplotlib under our settings and nobody else's (a user's matplotlibrc must not change a record)."""
    import logging

    # Where a font cache can be kept is not the business of whoever reads a verdict.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib

    settings: Any = _RC
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in inches, without pyplot's global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def panels(
    count: int,
    right: float,
    *,
    columns: int | None = None,
    left: float = 0.66,
    width: float = 2.75,
    height: float = 2.85,
    bottom: float = 0.5,
    top: float = 0.46,
) -> tuple[Figure, list[Axes]]:
    """`count` panels of equal size, row by row in `columns` (default: all side by side).

    `right` inches beside each are for its labels.
    """
    gap, head = 0.22, 0.34
    across = min(count, columns or count)
    down = math.ceil(count / across)
    total_width = left + across * (width + right) + (across - 1) * gap
    total_height = top + down * (height + bottom) + (down - 1) * head
    figure = new_figure(total_width, total_height)
    axes = [
        figure.add_axes(
            (
                (left + (i % across) * (width + right + gap)) / total_width,
                (bottom + (down - 1 - i // across) * (height + bottom + head)) / total_height,
                width / total_width,
                height / total_height,
            )
        )
        for i in range(count)
    ]
    return figure, axes


def to_chart(figure: Figure, name: str, title: str, alt: str, caption: str, table: Table) -> Chart:
    """The figure with its question above it, as a finished chart."""
    height = figure.get_figheight() * 72
    question = figure.text(
        0.012, 1 - 8 / height, title, ha="left", va="top", fontsize=11, fontweight="bold", color=INK
    )
    question.set_gid(svg.QUESTION)
    raw = io.StringIO()
    figure.savefig(raw, format="svg", metadata={"Date": None, "Creator": None})
    text = raw.getvalue().replace("'DejaVu Sans'", FONTS).replace('"DejaVu Sans"', FONTS)
    return Chart(name, title, svg.finish(text, name, title, f"{alt} {caption}"), alt, caption, table)


@dataclass(frozen=True)
class Look:
    """How one series is drawn; the second dimension (threads, weak or strong) is line and fill."""

    color: str
    marker: str
    linestyle: str | tuple[int, tuple[float, ...]] = "-"
    fillstyle: Literal["full", "none", "bottom"] = "full"

    def line(self) -> dict[str, Any]:
        return {"color": self.color, "linestyle": self.linestyle, **self.mark()}

    def mark(self) -> dict[str, Any]:
        return {
            "marker": self.marker,
            "fillstyle": "bottom" if self.fillstyle == "bottom" else "full",
            "markerfacecolor": PAPER if self.fillstyle == "none" else self.color,
            "markerfacecoloralt": PAPER,
            "markeredgecolor": self.color,
            "markeredgewidth": 1.3,
        }


FILLS: tuple[Literal["full", "none", "bottom"], ...] = ("full", "none", "bottom")
LINESTYLES: tuple[str | tuple[int, tuple[float, ...]], ...] = (
    "-",
    (0, (4, 2)),
    (0, (1, 1.5)),
    (0, (5, 1.5, 1, 1.5)),
)
TOLD = (0, (2, 3))
"""The line of a data sheet's figures."""


def look(series: int, second: int = 0) -> Look:
    """The look of the `series`-th subject in the `second`-th state of another dimension.

    Without colour a subject is told by marker and line, the second dimension by line and fill. Beyond the
    palette colours come again, but with other markers.
    """
    return Look(
        SERIES[series % len(SERIES)],
        MARKERS[(series + series // len(SERIES)) % len(MARKERS)],
        LINESTYLES[(series + second) % len(LINESTYLES)],
        FILLS[second % len(FILLS)],
    )


def hollow(look: Look) -> Look:
    """The same for a figure that was told and not measured."""
    return replace(look, linestyle=TOLD, fillstyle="none")


@dataclass(frozen=True)
class EndLabel:
    """A label for the end of a line, at (x, y) in data coordinates."""

    x: float
    y: float
    text: str
    look: Look | None = None


def label_ends(
    axes: Axes, labels: Sequence[EndLabel], gap_points: float = LABEL_GAP_POINTS, leaders: bool = True
) -> None:
    """Write the labels right of the axes at the height of their line, moved apart where they would touch.

    Each carries its marker and, where it had to move or its line ends early, a thin leader to its line.
    """
    if not labels:
        return
    box = placed_box(axes)
    scale = axes.figure.dpi / 72
    ends = [axes.transData.transform((label.x, label.y)) for label in labels]
    order = sorted(range(len(labels)), key=lambda i: (ends[i][1], labels[i].text))
    inset = (gap_points - LABEL_GAP_POINTS) / 2 * scale  # a label of two lines stays inside, too
    wanted = [float(ends[i][1]) for i in order]
    heights = spread(wanted, gap_points * scale, box.y0 + inset, box.y1 - inset)
    for i, height in zip(order, heights, strict=True):
        label = labels[i]
        y = (height - box.y0) / box.height
        start = ((ends[i][0] - box.x0) / box.width, (ends[i][1] - box.y0) / box.height)
        indent = 14 * scale / box.width
        if leaders:
            axes.plot(
                [start[0], 1 + indent * 0.55],
                [start[1], y],
                transform=axes.transAxes,
                color=MUTED,
                linewidth=0.5,
                clip_on=False,
                zorder=1,
            )
        if label.look is not None:
            axes.plot(
                [1 + indent],
                [y],
                transform=axes.transAxes,
                clip_on=False,
                linestyle="none",
                markersize=4.5,
                zorder=3,
                **label.look.mark(),
            )
        offset = indent * (1.5 if label.look is not None else 0.75)
        axes.text(1 + offset, y, label.text, transform=axes.transAxes, va="center", ha="left")


def placed_box(axes: Axes) -> Bbox:
    """Where the axes are, in pixels. Their transforms are not final before the limits are asked for; drawing
    the whole figure would do that, too, and takes a hundred times as long."""
    axes.get_xlim(), axes.get_ylim()
    return axes.get_window_extent()


def spread(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Sorted heights moved as little as needed so that neighbours are `gap` apart, kept in [low, high].

    Pool-adjacent: touching labels form a block centred on the mean of where they want to be.
    """
    blocks: list[tuple[float, int]] = []  # (mean of wanted heights, labels)
    for height in heights:
        blocks.append((height, 1))
        while len(blocks) > 1:
            (mean_a, count_a), (mean_b, count_b) = blocks[-2], blocks[-1]
            if mean_b - mean_a >= gap * (count_a + count_b) / 2:
                break
            total = count_a + count_b
            blocks[-2:] = [((mean_a * count_a + mean_b * count_b) / total, total)]
    placed = [mean + gap * (i - (count - 1) / 2) for mean, count in blocks for i in range(count)]
    if placed and placed[-1] > high:
        placed = [min(height, high - gap * (len(placed) - 1 - i)) for i, height in enumerate(placed)]
    if placed and placed[0] < low:
        placed = [max(height, low + gap * i) for i, height in enumerate(placed)]
    return placed


def margin_for(texts: Sequence[str]) -> float:
    """Inches that `label_ends` needs right of the axes for these texts, in DejaVu Sans 8.5 pt."""
    return 0.42 + 0.0755 * max((len(text) for text in texts), default=0)


def interval_bar(axes: Axes, x: float, low: float, high: float, color: str) -> None:
    """The 95 % interval of one point, behind its marker."""
    axes.plot([x, x], [low, high], color=color, linewidth=1.4, solid_capstyle="butt", zorder=2.2)


def dots(axes: Axes, xs: Sequence[float], ys: Sequence[float], color: str) -> None:
    """What the summary was made of: one small dot a launch, left of its marker so that none is hidden."""
    from matplotlib.transforms import ScaledTranslation

    beside = axes.transData + ScaledTranslation(-DOTS_LEFT_POINTS / 72, 0, axes.figure.dpi_scale_trans)
    look: dict[str, Any] = {
        "color": color,
        "alpha": 0.6,
        "marker": "o",
        "markersize": 2.6,
        "markeredgewidth": 0,
    }
    axes.plot(xs, ys, linestyle="none", zorder=2, transform=beside, **look)


def size_axis(axes: Axes, sizes_bytes: Sequence[int], most_labels: int = 8) -> None:
    """A log2 axis of message sizes with a labelled power of two every few."""
    low, high = math.log2(min(sizes_bytes)), math.log2(max(sizes_bytes))
    step = max(1, math.ceil((high - low) / most_labels))
    axes.set_xscale("log", base=2)
    ticks = [2.0**power for power in range(math.ceil(low), math.floor(high) + 1, step)]
    axes.set_xticks(ticks, [words.size(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    pad = max(0.35, (high - low) * 0.03)
    axes.set_xlim(2 ** (low - pad), 2 ** (high + pad))
    axes.set_xlabel("message size")


def log_unit_axis(
    axes: Axes, unit: str, which: str = "y", low: float | None = None, high: float | None = None
) -> None:
    """A log10 axis whose ticks carry SI prefixes, with 2 and 5 labelled where there is room."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis = axes.yaxis if which == "y" else axes.xaxis
    (axes.set_yscale if which == "y" else axes.set_xscale)("log")
    if low is not None and high is not None:
        (axes.set_ylim if which == "y" else axes.set_xlim)(low, high)
    bounds = axes.get_ylim() if which == "y" else axes.get_xlim()
    decades = math.log10(bounds[1] / bounds[0])
    axis.set_major_locator(LogLocator(base=10, subs=_subdivisions(decades), numticks=20))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: words.si(value, unit)))


def _subdivisions(decades: float) -> tuple[float, ...]:
    """Ticks inside a decade: as many as there is room for, so that no axis has fewer than two."""
    if decades < 0.9:
        return (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
    return (1.0, 2.0, 5.0) if decades < 2.6 else (1.0,)
