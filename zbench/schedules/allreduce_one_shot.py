"""Allreduce in one exchange: everyone sends everything to everyone."""

from __future__ import annotations

from zbench.schedules.action import Span, Steps, copy, recv, reduce, send


def steps(ranks: int, rank: int, root: int, chunks: int) -> Steps:
    """All vectors go to all ranks; each adds them in the order of ranks, so all get equal bits.

    With several chunks one follows the other. Blocks: `chunks`; `tmp` holds the vector p times.
    Cost: a + (p - 1) (n b + n g). Source: the one-shot allreduce of NVIDIA TensorRT-LLM and
    DeepSpeed (PR 5571).
    """
    others = [(rank + i) % ranks for i in range(1, ranks)]
    for chunk in range(chunks):
        own, out = Span("in", chunk), Span("out", chunk)
        if not others:
            yield (copy(out, own),)
            continue
        rows = [own if r == rank else Span("tmp", r * chunks + chunk) for r in range(ranks)]
        yield (
            *(send(own, other) for other in others),
            *(recv(rows[other], other) for other in others),
        )
        yield (reduce(out, tuple(rows)),)
