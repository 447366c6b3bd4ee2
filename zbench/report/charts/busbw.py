"""Bus bandwidth of collectives against message size, under what the probe says the memory can move."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from zbench.case import Case
from zbench.judge.summary import Summary
from zbench.report import series, style, words
from zbench.report.chart import Chart, Missing, Table
from zbench.report.lines import NO_FLOORS, Floors, draw_line, height_for, look_of, noise_caption, point

NAME = "busbw"
TITLE = "How well do collectives use the fabric?"
FACTORS = {
    "allreduce": "2(P-1)/P",
    **dict.fromkeys(("reduce_scatter", "allgather", "gather", "scatter", "alltoall", "alltoallv"), "(P-1)/P"),
    **dict.fromkeys(("bcast", "reduce", "scan", "exscan", "sendrecv"), "1"),
}
"""Bus bandwidth over algorithm bandwidth, as nccl-tests defines it; shown in the caption."""
COLUMNS = 3
"""Panels side by side, as many as a page is wide."""


def busbw(summaries: Sequence[Summary], floors: Floors = NO_FLOORS) -> Chart | Missing:
    """One panel per collective on the same axes, ranks told by line and fill."""
    points = [
        s
        for s in summaries
        if s.metric == "busbw" and s.status == "ok" and s.value is not None and s.case.size[0] > 0
    ]
    if not points:
        return Missing(NAME, TITLE, "no collective over data gave a right answer")
    name = series.namer(points)
    subjects = series.subjects(summaries, "fabric")
    worlds = sorted({s.ranks for s in points})
    points.sort(key=lambda s: (question(s.case), subjects.index(s.subject), s.ranks, s.case.size))
    lines = series.group(points, lambda s: (question(s.case), name(s), s.ranks))
    operations = sorted({question(s.case) for s in points})
    labels = {key: f"{key[1]}, {words.counted(key[2], 'rank')}" for key in lines}

    with style.house_style():
        most = max(sum(key[0] == operation for key in lines) for operation in operations)
        margin, height = style.margin_for(list(labels.values())), height_for(most, 2.85)
        figure, axes = style.panels(
            len(operations), margin, columns=COLUMNS, left=1.0, width=2.8, height=height, top=0.62
        )
        each = [value for s in points for value in (s.value or 0.0, *series.launch_values(s))]
        roofs = {
            operation: _roof([s for s in points if question(s.case) == operation]) for operation in operations
        }
        everything = [*each, *(y for roof in roofs.values() for _, y in roof)]
        for number, (operation, panel) in enumerate(zip(operations, axes, strict=True)):
            panel.set_title(operation)
            style.size_axis(panel, sorted({s.case.size[0] for s in points}), most_labels=5)
            style.log_unit_axis(panel, "B/s", low=min(everything) / 1.8, high=max(everything) * 2.2)
            if number % COLUMNS == 0:
                panel.set_ylabel("busbw  (higher is better)")
            else:
                panel.tick_params(labelleft=False)
            ends = []
            for key, members in lines.items():
                if key[0] != operation:
                    continue
                look = look_of(members[0], subjects, worlds.index(key[2]))
                draw_line(panel, list(map(point, members)), look, floors.get("fabric"))
                ends.append(
                    style.EndLabel(members[-1].case.size[0], members[-1].value or 0.0, labels[key], look)
                )
            if roofs[operation]:
                xs, ys = zip(*roofs[operation], strict=True)
                panel.plot(xs, ys, color=style.INK, linewidth=1.2, marker="_", markersize=8)
                panel.annotate(
                    "probe",
                    (xs[0], ys[0]),
                    (0, 4),
                    textcoords="offset points",
                    ha="left",
                    va="bottom",
                    color=style.MUTED,
                )
            style.label_ends(panel, ends)
        alt = (
            "Bus bandwidth: "
            + "; ".join(_best(labels[key], key[0], members) for key, members in lines.items())
            + "."
        )
        workloads = sorted({s.case.workload for s in points})
        caption = _caption(points, workloads) + noise_caption(floors, "fabric")
        caption += series.left_out(summaries, *workloads)
        return style.to_chart(figure, NAME, TITLE, alt, caption, _table(points, name))


def question(case: Case) -> str:
    """What is asked, but for size and ranks: the operation, and what is not by default, such as a skew."""
    asked = sorted(case.parameters.items())
    extra = [f"{key}={value}" for key, value in asked if key != "ranks" and case.default(key) != value]
    return " ".join([case.workload, *extra])


def _roof(points: Sequence[Summary]) -> list[tuple[int, float]]:
    """(size, B/s): the median bandwidth probe beside the bursts of that size."""
    probed = [(s.case.size[0], s.probe) for s in points if s.probe and s.probe_unit == "B/s"]
    return [
        (size, median(p for _, p in group))
        for size, group in sorted(series.group(probed, lambda pair: pair[0]).items())
    ]


def _best(label: str, operation: str, members: Sequence[Summary]) -> str:
    best = max(members, key=lambda s: s.value or 0.0)
    text = (
        f"{operation} on {label} reaches {words.si(best.value or 0, 'B/s')} "
        f"at {words.size(best.case.size[0])}"
    )
    if best.fraction_of_peak is not None and best.probe_unit == "B/s":
        text += f", {100 * best.fraction_of_peak:.0f} % of the probe"
    return text


def _caption(points: Sequence[Summary], operations: Sequence[str]) -> str:
    alike = series.group([op for op in operations if op in FACTORS], FACTORS.__getitem__)
    factors = "; ".join(f"{factor} for {', '.join(ops)}" for factor, ops in alike.items())
    roof = (
        " The probe line is the bandwidth probe beside the bursts of that size."
        if any(s.probe_unit == "B/s" for s in points)
        else " No bandwidth probe stood beside these bursts, so no roof is drawn."
    )
    return (
        f"{series.caption(points)} "
        f"busbw = size / time x factor ({factors}; P ranks), as in nccl-tests." + roof
    )


def _table(points: Sequence[Summary], name: series.Namer) -> Table:
    rows = [
        (
            s.case.workload,
            name(s),
            str(s.ranks),
            words.size(s.case.size[0]),
            ", ".join(value for _, value in sorted(s.variant.items())) or "-",
            *series.with_interval(s, 1e9),
            "-" if s.fraction_of_peak is None else f"{100 * s.fraction_of_peak:.1f}",
            str(s.launches),
        )
        for s in points
    ]
    return Table(
        (
            "collective",
            "subject",
            "ranks",
            "size",
            "variant",
            "busbw (GB/s)",
            "interval (GB/s)",
            "% of probe",
            "launches",
        ),
        tuple(rows),
    )
