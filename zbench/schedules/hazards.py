"""What can be seen in a step without running it: spans, peers, and actions that get in each other's way."""

from __future__ import annotations

from zbench.schedules.action import Action, Kind, Span, Step
from zbench.schedules.mistake import HAZARD, ScheduleError

_ADDS_IN_PLACE = (Kind.RECV_REDUCE, Kind.REDUCE, Kind.SCALE)
"""What may write where its first operand is: element for element, each is read before it is written."""


def check_step(rank: int, number: int, step: Step, ranks: int) -> None:
    """Raises ScheduleError: the actions of a step are concurrent, so none may write what another touches."""
    for action in step:
        wrong = _wrong(action, rank, ranks)
        if wrong:
            raise ScheduleError(wrong, rank, number, action, HAZARD)
    _check_overlaps(rank, number, step)


def _wrong(action: Action, rank: int, ranks: int) -> str:
    spans = action.sources if action.dst is None else (action.dst, *action.sources)
    for span in spans:
        if span.first < 0 or span.count < 1:
            return f"{span} is no span"
        if span.count != spans[0].count:
            return f"{span} and {spans[0]} are not the same blocks"
    peer = action.peer
    if peer is not None and (peer == rank or not 0 <= peer < ranks):
        return f"has no peer {peer} in a world of {ranks}"
    if action.dst is not None and action.dst.buffer == "in":
        return "writes its input"
    if action.dst in action.sources and not _adds_in_place(action):
        return "writes what it reads in the same step"
    return ""


def _adds_in_place(action: Action) -> bool:
    return action.kind in _ADDS_IN_PLACE and action.dst not in action.sources[1:]


def _check_overlaps(rank: int, number: int, step: Step) -> None:
    """In the order of their beginnings, a span may only meet those that end latest so far."""
    uses: list[tuple[Span, bool, Action]] = []
    for action in step:
        own = action.dst
        if own is not None:
            uses.append((own, True, action))
        for i, span in enumerate(action.sources):
            if span != own or i > 0:  # adding in place is one use, and a write
                uses.append((span, False, action))
    uses.sort(key=lambda use: (use[0].buffer, use[0].first))
    latest: dict[bool, tuple[Span, Action]] = {}
    for span, writes, action in uses:
        for kind in (True, False) if writes else (True,):
            before = latest.get(kind)
            if before is not None and before[0].buffer == span.buffer and span.first < before[0].end:
                _blame(rank, number, (span, writes, action), (before[0], kind, before[1]))
        mine = latest.get(writes)
        if mine is None or mine[0].buffer != span.buffer or span.end > mine[0].end:
            latest[writes] = (span, action)


def _blame(rank: int, number: int, one: tuple[Span, bool, Action], other: tuple[Span, bool, Action]) -> None:
    writer, second = (one, other) if one[1] else (other, one)
    does = "writes" if second[1] else "reads"
    raise ScheduleError(f"writes what {second[2]} {does} in the same step", rank, number, writer[2], HAZARD)
