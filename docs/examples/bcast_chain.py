"""Broadcast along a chain: each rank passes every chunk on to the next one."""

from __future__ import annotations

from zbench.schedules.action import Action, Span, Steps, copy, recv, send


def steps(ranks: int, rank: int, root: int, chunks: int) -> Steps:
    """Counted from the root, a rank receives chunk after chunk from the one before it, and while it receives
    one it passes on the one before. Blocks: `chunks`.

    Cost: (p - 2 + c) (a + n/c b). With many chunks n b whatever p is: it wins where vectors are long and
    ranks are few. Source: Pjesivac-Grbovic et al., "Performance analysis of MPI collective operations",
    2007 (pipelined chain).
    """
    place = (rank - root) % ranks
    after = [(rank + 1) % ranks] if place + 1 < ranks else []
    if place == 0:
        for chunk in range(chunks):
            source = Span("in", chunk)
            yield (*(send(source, next_rank) for next_rank in after), copy(Span("out", chunk), source))
        return
    before = (rank - 1) % ranks
    for turn in range(chunks + bool(after)):
        step: list[Action] = []
        if turn > 0:
            step += [send(Span("out", turn - 1), next_rank) for next_rank in after]
        if turn < chunks:
            step.append(recv(Span("out", turn), before))
        yield tuple(step)
