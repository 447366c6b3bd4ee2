"""Point-to-point bandwidth against message size: one way, both ways, and one message at a time."""

from __future__ import annotations

from collections.abc import Sequence

from zbench.judge.summary import Summary
from zbench.report import series, style, words
from zbench.report.chart import Chart, Missing, Table
from zbench.report.lines import NO_FLOORS, Floors, Point, draw_line, height_for, look_of, noise_caption

NAME = "bandwidth"
TITLE = "How fast do messages of each size move?"
KINDS = {"unidirectional": "one way", "bidirectional": "both ways", "pingpong": "ping-pong"}


def bytes_per_s(summary: Summary, ns: float | None = None) -> float:
    """Bandwidth at a point's median time, or at `ns`; of a ping-pong: size over half a round trip."""
    time_ns = summary.median_ns if ns is None else ns
    return summary.case.size[0] / (time_ns or 1.0) * 1e9


def bandwidth(summaries: Sequence[Summary], floors: Floors = NO_FLOORS) -> Chart | Missing:
    """Each fabric's lines on logarithmic axes; the kind of transfer is told by line and fill."""
    points = [s for s in series.of_workload(summaries, *KINDS) if s.case.size[0] > 0 and s.median_ns]
    if not any(s.case.workload != "pingpong" for s in points):
        return Missing(NAME, TITLE, "no unidirectional or bidirectional transfer gave a right answer")
    name = series.namer(points)
    subjects, kinds = series.subjects(summaries, "fabric"), list(KINDS)
    points.sort(key=lambda s: (subjects.index(s.subject), s.ranks, kinds.index(s.case.workload), s.case.size))
    lines = series.group(points, lambda s: (name(s), s.ranks, s.case.workload))
    several = len({s.ranks for s in points}) > 1
    labels = {key: f"{key[0]}, {KINDS[key[2]]}" + (f", {key[1]} ranks" if several else "") for key in lines}

    with style.house_style():
        margin, height = style.margin_for(list(labels.values())), height_for(len(lines), 3.2)
        figure, (axes,) = style.panels(1, margin, width=4.9, height=height, left=1.0)
        style.size_axis(axes, sorted({s.case.size[0] for s in points}))
        values = [bytes_per_s(s, ns) for s in points for ns in (s.median_ns, *s.launch_medians_ns)]
        style.log_unit_axis(axes, "B/s", low=min(values) / 1.6, high=max(values) * 1.6)
        axes.set_ylabel("bandwidth  (higher is better)")
        ends = []
        for key, members in lines.items():
            look = look_of(members[0], subjects, kinds.index(key[2]))
            draw_line(axes, list(map(_point, members)), look, floors.get("fabric"))
            ends.append(style.EndLabel(members[-1].case.size[0], bytes_per_s(members[-1]), labels[key], look))
        style.label_ends(axes, ends)
        alt = "Bandwidth: " + "; ".join(_best(labels[key], members) for key, members in lines.items()) + "."
        caption = (
            f"{series.caption(points)} "
            "One way and both ways keep a window of messages in flight; both ways counts both "
            "directions; a ping-pong has one message under way: size over half a round trip."
            + noise_caption(floors, "fabric")
            + series.left_out(summaries, *KINDS)
        )
        return style.to_chart(figure, NAME, TITLE, alt, caption, _table(points, name))


def _point(s: Summary) -> Point:
    interval = None
    if s.interval_ns and all(s.interval_ns):
        low, high = (bytes_per_s(s, ns) for ns in s.interval_ns)
        interval = low, high
    return Point(s.case.size[0], bytes_per_s(s), interval, [bytes_per_s(s, ns) for ns in s.launch_medians_ns])


def _best(label: str, members: Sequence[Summary]) -> str:
    best = max(members, key=bytes_per_s)
    return f"{label} reaches {words.si(bytes_per_s(best), 'B/s')} at {words.size(best.case.size[0])}"


def _table(points: Sequence[Summary], name: series.Namer) -> Table:
    rows = []
    for s in points:
        interval = "-"
        if s.interval_ns and all(s.interval_ns):
            low, high = sorted(bytes_per_s(s, ns) / 1e9 for ns in s.interval_ns)
            interval = f"{words.figure(low)} to {words.figure(high)}"
        rows.append(
            (
                name(s),
                str(s.ranks),
                KINDS[s.case.workload],
                words.size(s.case.size[0]),
                words.figure(bytes_per_s(s) / 1e9),
                interval,
                str(s.launches),
            )
        )
    return Table(
        ("subject", "ranks", "kind", "size", "bandwidth (GB/s)", "interval (GB/s)", "launches"),
        tuple(rows),
    )
