"""What a reader makes of hostile documents, of the corpus and of small changes to it: a value or one line."""

from __future__ import annotations

import random
import signal
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import mutate
import pytest
import readers

CORPUS = Path(__file__).parent / "corpus"
MUTATIONS = 200
SLOW = {"run": 40, "records": 25, "arguments": 60}
"""Readers of which each call takes tens of milliseconds, and how many mutations they get."""
HANG_S = 10.0
"""Of CPU, not of a clock on the wall: ten times what a fuzzer allows, because this one shares its machine."""


@contextmanager
def bounded(name: str) -> Iterator[None]:
    """Ends what would not end; `name` is what to try again."""

    def end(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"{name}: still reading after {HANG_S:g} s of CPU")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, HANG_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def seeds(reader: str) -> list[Path]:
    return sorted((CORPUS / reader).iterdir())


@pytest.mark.parametrize("reader", readers.READERS)
def test_hostile_documents_are_taken_or_refused_in_one_line(reader: str) -> None:
    """Bottomless, endless, binary, beyond any number: no traceback, and no waiting."""
    for name, data in mutate.hostile():
        with bounded(f"{reader}: {name}"):
            readers.read(reader, data)


@pytest.mark.parametrize("reader", readers.READERS)
def test_the_corpus_is_read(reader: str) -> None:
    """At least one seed is taken, else its mutations would all end at the first line."""
    taken = []
    for seed in seeds(reader):
        with bounded(str(seed)):
            taken.append(readers.read(reader, seed.read_bytes()))
    assert any(taken)


@pytest.mark.parametrize("reader", readers.READERS)
def test_small_changes_are_taken_or_refused_in_one_line(reader: str) -> None:
    """From a seed, so that a finding comes again; `python tests/fuzz/fuzz.py` looks further."""
    rng = random.Random(zlib.crc32(reader.encode()))
    words, documents = mutate.dictionary(), [seed.read_bytes() for seed in seeds(reader)]
    for number in range(SLOW.get(reader, MUTATIONS)):
        data = mutate.mutated(rng.choice(documents), rng.choice(documents), words, rng)
        with bounded(f"{reader}: mutation {number}, {data!r}"):
            readers.read(reader, data)
