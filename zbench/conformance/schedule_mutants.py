"""Schedules that each break one rule, made from right ones. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from zbench.schedules.action import Action, Kind, Span, Step, copy, reduce, signal, wait
from zbench.schedules.mistake import DEADLOCK, DEFINED, HAZARD, MATCH, ONCE, ONE_ORDER
from zbench.schedules.operation import OPERATIONS, Operation, Who, held

World = list[list[Step]]
Mutate = Callable[[World, Operation, int], "World | None"]
"""(right world, operation, blocks) -> a broken one; None where there is nothing of the kind to break."""

ASIDE = 1000
"""A place in `tmp`, in vectors, that no schedule uses."""
COSTS = "SY-7"


def lost(right: World, operation: Operation, blocks: int) -> World | None:
    """The last result that a rank writes lands elsewhere."""
    for rank, steps in enumerate(right):
        for number in reversed(range(len(steps))):
            if any(reads_out(action) for step in steps[number + 1 :] for action in step):
                break
            for at, action in enumerate(steps[number]):
                if action.dst is not None and action.dst.buffer == "out":
                    aside = Span("tmp", action.dst.first + ASIDE * blocks, action.dst.count)
                    return replaced(right, rank, number, at, action._replace(dst=aside))
    return None


def reads_out(action: Action) -> bool:
    return any(source.buffer == "out" for source in action.sources)


def doubled(right: World, operation: Operation, blocks: int) -> World | None:
    """The last rank adds its operand to the finished sum once more."""
    last = Who(len(right), len(right) - 1, len(right) - 1)
    own = held(operation.writes(Who(len(right), last.rank, 0)), last, blocks)
    if not operation.sums or not own:
        return None
    out, mine = Span("out", own.start), Span("in", own.start)
    if operation is OPERATIONS["exscan"]:  # its sum lacks its own operand: nothing is counted twice
        return None
    return with_step(right, last.rank, (reduce(out, (out, mine)),))


def unentered(right: World, operation: Operation, blocks: int) -> World | None:
    """A barrier in which nobody waits for the first rank."""
    if operation is not OPERATIONS["barrier"]:
        return None
    return [
        [tuple(each for each in step if rank and each.peer) for step in steps]
        for rank, steps in enumerate(right)
    ]


def early(right: World, operation: Operation, blocks: int) -> World | None:
    """A rank begins by reading its result."""
    for rank in range(len(right)):
        own = held(operation.writes(Who(len(right), rank, 0)), Who(len(right), rank, 0), blocks)
        if own:
            broken = [list(steps) for steps in right]
            broken[rank].insert(0, (copy(Span("tmp", own.start + ASIDE * blocks), Span("out", own.start)),))
            return broken
    return None


def overwritten(right: World, operation: Operation, blocks: int) -> World | None:
    """Something else is written where a step already writes."""
    for rank, steps in enumerate(right):
        for number, step in enumerate(steps):
            for action in step:
                if action.dst is not None:
                    other = copy(action.dst, Span("tmp", ASIDE * blocks, action.dst.count))
                    broken = [list(each) for each in right]
                    broken[rank][number] = (*step, other)
                    return broken
    return None


def outlasted(right: World, operation: Operation, blocks: int) -> World:
    """A rank reads a place whole, and a part of it as well, and writes behind that part."""

    def aside(first: int, count: int = 1) -> Span:
        return Span("tmp", ASIDE * blocks + first, count)

    whole, part = copy(aside(10, 3), aside(0, 3)), copy(aside(20), aside(1))
    return with_step(right, 0, (whole, part, copy(aside(2), aside(30))))


def unmatched(right: World, operation: Operation, blocks: int) -> World:
    """A message more, that nobody takes."""
    return with_step(right, 0, (signal(1),))


def misdirected(right: World, operation: Operation, blocks: int) -> World | None:
    """A last signal goes to the wrong rank, which has ended, while the right one waits for it."""
    return with_step(with_step(right, 0, (signal(2),)), 1, (wait(0),))


def circle(right: World, operation: Operation, blocks: int) -> World:
    """Everybody waits for the next rank before it answers the one before."""
    ranks = len(right)
    return [[*steps, (wait((i + 1) % ranks),), (signal((i - 1) % ranks),)] for i, steps in enumerate(right)]


def reordered(right: World, operation: Operation, blocks: int) -> World | None:
    """One rank adds the same operands in another order, for itself alone: what it sends on would be the same
    everywhere again."""
    for rank, steps in enumerate(right):
        for number, step in enumerate(steps):
            if any(reads_out(action) for later in steps[number + 1 :] for action in later):
                continue
            for at, action in enumerate(step):
                if (
                    action.kind is Kind.REDUCE
                    and len(action.sources) > 2
                    and action.dst not in action.sources
                ):
                    turned = (*action.sources[1:], action.sources[0])
                    return replaced(right, rank, number, at, action._replace(sources=turned))
    return None


def roundabout(right: World, operation: Operation, blocks: int) -> World:
    """A round of signals more, of which nothing depends."""
    ranks = len(right)
    return [[*steps, (signal((i + 1) % ranks), wait((i - 1) % ranks))] for i, steps in enumerate(right)]


def replaced(right: World, rank: int, number: int, at: int, action: Action) -> World:
    broken = [list(steps) for steps in right]
    step = broken[rank][number]
    broken[rank][number] = (*step[:at], action, *step[at + 1 :])
    return broken


def with_step(right: World, rank: int, step: Step) -> World:
    broken = [list(steps) for steps in right]
    broken[rank].append(step)
    return broken


def dropped(right: World) -> Iterator[tuple[str, World]]:
    """Every message without its sender, then without its receiver, one at a time; and where it was."""
    for rank, steps in enumerate(right):
        for number, step in enumerate(steps):
            for at, action in enumerate(step):
                if action.peer is not None:
                    broken = [list(each) for each in right]
                    broken[rank][number] = (*step[:at], *step[at + 1 :])
                    yield f"{action} of rank {rank}, step {number}", broken


BREAK: dict[str, dict[str, Mutate]] = {
    ONCE: {
        "a result that lands elsewhere": lost,
        "an operand counted twice": doubled,
        "a barrier that waits for all but one": unentered,
    },
    DEFINED: {"a result read before it is there": early},
    HAZARD: {
        "two writes to one place": overwritten,
        "a write where the longer of two reads ends": outlasted,
    },
    MATCH: {"a message that nobody takes": unmatched, "a message to the wrong rank": misdirected},
    DEADLOCK: {"a circle of ranks that wait": circle},
    ONE_ORDER: {"a sum in another order": reordered},
    COSTS: {"a round too many": roundabout},
}
"""Rule -> what breaks it."""
