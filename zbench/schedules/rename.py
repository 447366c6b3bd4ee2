"""The same steps for other ranks, blocks and buffers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from zbench.schedules.action import Action, Kind, Span, Step, Steps, arcs, copy, scale


def renamed(
    steps: Iterable[Step],
    ranks: Sequence[int] | None = None,
    place: Callable[[Span], Span] = lambda span: span,
) -> Steps:
    """Rank i becomes ranks[i] and a span place(span); what would copy itself, and empty steps, vanish."""
    for step in steps:
        actions = tuple(
            Action(
                action.kind,
                action.peer if action.peer is None or ranks is None else ranks[action.peer],
                None if action.dst is None else place(action.dst),
                tuple(place(span) for span in action.sources),
            )
            for action in step
        )
        actions = tuple(each for each in actions if not _copies_itself(each))
        if actions:
            yield actions


def _copies_itself(action: Action) -> bool:
    return action.kind is Kind.COPY and action.sources == (action.dst,)


def rotated(steps: Iterable[Step], ranks: int, root: int, blocks: int, parts: bool) -> Steps:
    """The schedule of rank r - root for rank r, so that what rank 0 did is the root's to do.

    Where blocks are `parts` of ranks they turn, too, and what lies around the vector's end goes in two.
    It is the same schedule by other names, so that what is proved for root 0 is proved for every root.
    """
    if root == 0:
        yield from steps
        return
    ring = [(rank + root) % ranks for rank in range(ranks)]
    if not parts:
        yield from renamed(steps, ring)
        return
    for step in steps:
        yield tuple(
            piece for action in step for piece in _turned(action, root * (blocks // ranks), blocks, ring)
        )


def _turned(action: Action, by: int, blocks: int, ring: Sequence[int]) -> list[Action]:
    spans = [_turned_span(span, by, blocks) for span in (action.dst, *action.sources) if span is not None]
    peer = None if action.peer is None else ring[action.peer]
    if not spans:
        return [action._replace(peer=peer)]
    written = action.dst is not None
    return [
        Action(action.kind, peer, piece[0] if written else None, piece[written:])
        for piece in zip(*spans, strict=True)
    ]


def _turned_span(span: Span, by: int, blocks: int) -> list[Span]:
    row, first = divmod(span.first, blocks)
    return [
        piece._replace(first=piece.first + row * blocks)
        for piece in arcs(span.buffer, first + by, span.count, blocks)
    ]


def in_place(steps: Iterable[Step]) -> Steps:
    """`in` is where it belongs inside `out`."""
    return renamed(steps, place=lambda span: span._replace(buffer="out") if span.buffer == "in" else span)


def from_copy(steps: Sequence[Step], operand: Span | None, blocks: int, scaled: bool = False) -> Steps:
    """First the operand goes to a row of `tmp` of its own, divided by the number of ranks where `scaled`; the
    steps then read it there. None: this rank has none."""
    used = [span for step in steps for action in step for span in (action.dst, *action.sources) if span]
    row = -(-max((span.end for span in used if span.buffer == "tmp"), default=0) // blocks) * blocks
    if operand is not None:
        yield ((scale if scaled else copy)(Span("tmp", row + operand.first, operand.count), operand),)
    yield from renamed(
        steps,
        place=lambda span: Span("tmp", row + span.first, span.count) if span.buffer == "in" else span,
    )
