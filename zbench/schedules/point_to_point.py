"""Point-to-point traffic between ranks 0 and 1; the others have nothing to do.

`chunks` is the number of messages in a window, each a block of its own: a message that was sent before
still stands in the receiver's cache. A ping-pong has one block.
"""

from __future__ import annotations

from fractions import Fraction

from zbench.schedules.action import Span, Steps, recv, send, signal, wait
from zbench.schedules.cost import Cost

IN, OUT = Span("in", 0), Span("out", 0)


def pingpong(ranks: int, rank: int, chunks: int) -> Steps:
    """There and back, `chunks` times; the half round trip is the latency.

    Cost: 2 (a + n b). Source: OSU micro-benchmarks, osu_latency.
    """
    for _ in range(chunks):
        if rank == 0:
            yield (send(IN, 1),)
            yield (recv(OUT, 1),)
        elif rank == 1:
            yield (recv(OUT, 0),)
            yield (send(OUT, 0),)


def pingpong_cost(ranks: int, chunks: int) -> Cost:
    return Cost(2 * chunks, Fraction(chunks))


def unidirectional(ranks: int, rank: int, chunks: int) -> Steps:
    """A window of messages from rank 0 to rank 1, then an acknowledgement.

    Cost: 2 a + chunks n b. Source: OSU micro-benchmarks, osu_bw.
    """
    if rank == 0:
        yield tuple(send(Span("in", i), 1) for i in range(chunks))
        yield (wait(1),)
    elif rank == 1:
        for i in range(chunks):
            yield (recv(Span("out", i), 0),)
        yield (signal(0),)


def unidirectional_cost(ranks: int, chunks: int) -> Cost:
    """The vector is the whole window. Its messages are all under way before the first is taken."""
    return Cost(chunks + 1, Fraction(1))


def bidirectional(ranks: int, rank: int, chunks: int) -> Steps:
    """Both ranks send a window to each other, message by message in both directions at once.

    Cost: chunks (a + n b). Source: OSU micro-benchmarks, osu_bibw, whose sends are not paired.
    """
    if rank < 2:
        for i in range(chunks):
            yield send(Span("in", i), 1 - rank), recv(Span("out", i), 1 - rank)


def bidirectional_cost(ranks: int, chunks: int) -> Cost:
    return Cost(chunks, Fraction(1))
