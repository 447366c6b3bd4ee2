"""What a card on a device says of itself, asked in a process that ends: the one that plans a run opens no
context on a device, which would hold memory there while workers measure and be of no use to forks.

`python -m zbench.inquiry` is the other end.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

import msgspec

from zbench.errors import UsageError, ZbenchError
from zbench.limits import environment
from zbench.subject import Subject

PATIENCE_S = 600.0
"""The import of a large framework from a cold network disk takes minutes; beyond that it hangs."""


class Answer(msgspec.Struct, frozen=True):
    operations: dict[str, tuple[str, ...]] = {}
    last_level_cache_bytes: int = 0
    peers: tuple[int, ...] = ()
    refused: str = ""
    """Why it is no card, in one line; the rest then tells nothing."""


@cache
def inquire(card: Subject) -> Answer:
    """Asked once. Raises UsageError for whatever the card raises: not such a device, a method missing, ..."""
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "zbench.inquiry"],
            input=msgspec.json.encode(card),
            stdout=subprocess.PIPE,
            env=environment(),
            cwd="/",  # as launches do: a checkout would hide the package
            timeout=PATIENCE_S,
        )
        answer = msgspec.json.decode(ended.stdout, type=Answer)
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"card {card.label}: says nothing of itself for {PATIENCE_S:g} s: it hangs"
        ) from None
    except msgspec.MsgspecError:
        how = f"its process ended with exit code {ended.returncode}, or said what cannot be understood"
        raise UsageError(f"card {card.label}: {how}") from None
    if answer.refused:
        raise UsageError(answer.refused)
    return answer


def _answer(card: Subject) -> Answer:
    try:
        device = card.load()(card.option)
        return Answer(device.operations(), device.last_level_cache_bytes, device.peers)
    except ZbenchError as error:
        return Answer(refused=str(error))
    except Exception as error:  # whatever a plug-in raises
        return Answer(refused=f"card {card.label}: {type(error).__name__}: {error}")


def main() -> None:
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that chatters must not spoil the answer
    card = msgspec.json.decode(sys.stdin.buffer.read(), type=Subject)
    os.write(out, msgspec.json.encode(_answer(card)))


if __name__ == "__main__":
    main()
