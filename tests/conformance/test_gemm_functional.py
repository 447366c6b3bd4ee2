"""Each test of products finds the fault that it is there for in another's card, and none in a good one."""

from __future__ import annotations

import ctypes
import importlib
import itertools
import math
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zbench.conformance.answer import _try
from zbench.conformance.catalogue import BY_ID
from zbench.conformance.declaration import Declaration
from zbench.conformance.gemm import (
    arguments,
    combinations,
    concurrency,
    environment,
    guards,
    powers,
    scalars,
    shapes,
    specials,
    strides,
    sweep,
)
from zbench.conformance.gemm.shapes import edges
from zbench.conformance.gemm.sizes import covering, orthogonal
from zbench.conformance.launches import Ask, conform
from zbench.conformance.products import Products
from zbench.subject import parse

PLUGINS = Path(__file__).parent / "plugins"
SMOKE = 0
MODULES = (
    arguments,
    combinations,
    concurrency,
    environment,
    guards,
    powers,
    scalars,
    shapes,
    specials,
    strides,
    sweep,
)
IDS = sorted(item.id for module in MODULES for item in module.ITEMS)
DTYPES = ("fp32", "fp16", "int8")
SURVIVED = {"GE-10": "*NaN"}
"""Attempts that do not end the process of a card that reads what it may not."""


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process and in those that it starts."""
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS), prepend=os.pathsep)
    monkeypatch.syspath_prepend(PLUGINS)


def asked(card: str, id: str, dtype: str, thorough: int = SMOKE, attempt: str = "*") -> Products:
    """What a test of the catalogue counted."""
    item = BY_ID[id]
    made: Any = getattr(importlib.import_module("broken.card"), card)()
    ask = Products(made, dtype, Declaration(1, card), item, 0, thorough, attempt)
    _, harness = _try(item, ask)
    assert not harness
    return ask


@pytest.mark.parametrize("id", IDS)
def test_a_good_card_passes(id: str) -> None:
    """Without anything that it does not offer, but threads, batches and prepacked weights."""
    for dtype in DTYPES:
        if not BY_ID[id].dtypes or dtype in BY_ID[id].dtypes:
            ask = asked("Good", id, dtype)
            status, why = ask.verdict()
            assert status == "PASS", f"{dtype}: {why}"
            assert ask.tried
            assert set(ask.lacks) <= {"weights=prepacked", "batch=3", "batch=5", "threads"}


@pytest.mark.parametrize(
    ("card", "id", "dtype", "says"),
    [
        ("LastColumn", "GE-01", "fp32", "elements are wrong, the first at"),
        ("EmptySum", "GE-02", "fp32", "1x1x0 beta=0: "),
        ("Dense", "GE-03", "fp32", r"nn b \+1"),
        ("Narrow", "GE-04", "int8", "a nn: "),
        ("Padding", "GE-05", "fp32", "c, with two rows and 1 columns around it"),
        ("Aligned", "GE-07", "fp32", r"a \+1"),
        ("ReadsC", "GE-08", "fp16", "C=quiet NaN"),
        ("Split", "GE-09", "fp32", "16x33x4097"),
        ("ReadsAB", "GE-10", "fp32", "A, B: NaN"),
        ("NoAlpha", "GE-11", "fp32", "alpha=0 beta=0: "),
        ("NoNan", "GE-12", "fp16", "=nan"),
        ("Skips", "GE-13", "fp32", "zeros in b, nan"),
        ("NoZero", "GE-14", "fp32", "expected zeros"),
        ("Clamps", "GE-22", "fp32", "elements are wrong"),
        ("Shared", "GE-33", "fp32", "2 threads"),
        ("Unchecked", "GE-35", "fp32", "of another dtype: it is not refused"),
        ("Saturates", "GE-36", "int8", "expected 16384, got 16383"),
        ("AddsOnce", "GE-43", "fp32", "beta=(1|-1|2|0.5) .* (again|in turn): "),
    ],
)
def test_a_fault_is_found_by_the_test_that_is_there_for_it(card: str, id: str, dtype: str, says: str) -> None:
    """Already where a sweep is least thorough, and the failure says what was tried."""
    status, why = asked(card, id, dtype, attempt=SURVIVED.get(id, "*")).verdict()
    assert status == "FAIL"
    assert re.search(says, why)


def test_a_read_beyond_an_operand_ends_the_process_and_is_told_with_its_command() -> None:
    """GE-06 is a crash of that one test; the next one is asked in a new process."""
    ask = Ask(parse("card", "broken.card:Beyond"), "L0", 0, tests=("GE-06", "GE-21"), dtypes=("fp32",))
    found = {outcome.id: outcome for outcome in conform(ask)}
    assert found["GE-06"].status == "CRASH"
    assert "--test GE-06" in found["GE-06"].repro
    assert found["GE-21"].status == "PASS"


@pytest.fixture
def rounded_to_nearest() -> Iterator[None]:
    """Afterwards, again."""
    yield
    ctypes.CDLL("libm.so.6").fesetround(0)


@pytest.mark.skipif(
    platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc", reason="a mode of x86-64, by glibc"
)
@pytest.mark.usefixtures("rounded_to_nearest")
def test_a_rounding_mode_that_is_left_behind_is_found() -> None:
    """GE-16: whatever is added next would be rounded otherwise."""
    status, why = asked("RoundsUp", "GE-16", "fp32").verdict()
    assert status == "FAIL"
    assert "a control word is" in why


def test_a_process_forked_after_products_must_not_wait_for_threads_it_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """GE-34 ends it, and says that it did not answer."""
    monkeypatch.setattr(concurrency, "CHILD_S", 1.0)
    ask = asked("OnAThread", "GE-34", "fp32", attempt="fork after products*")
    assert ask.verdict() == (
        "FAIL",
        "fork after products, threads=1: in the child: the forked process has not answered in 1 s",
    )


def test_what_becomes_of_zeros_below_zero_is_told() -> None:
    """GE-14 has an opinion on none of them."""
    facts = asked("Good", "GE-14", "fp32").facts
    assert facts["0 * -1, k=1"] in ("+0", "-0", "either")
    assert "underflow to -0, k=3" in facts


@pytest.mark.parametrize(("levels", "strength", "factors"), [(11, 2, 6), (11, 3, 6), (23, 2, 6)])
def test_sizes_meet_in_every_combination(levels: int, strength: int, factors: int) -> None:
    """Any two, or three, of the factors, once each."""
    rows = list(orthogonal(levels, strength, factors))
    for first in range(factors - strength + 1):
        met = {row[first : first + strength] for row in rows}
        met_apart = {(*row[: strength - 1], row[-1]) for row in rows}
        assert len(met) == len(met_apart) == len(rows) == levels**strength


@pytest.mark.parametrize("levels", [(11, 5, 2, 2, 6, 3, 2, 4, 3), (4, 1, 3), (2, 3), (5,)])
@pytest.mark.parametrize("strength", [2, 3])
def test_ways_meet_in_every_combination(levels: tuple[int, ...], strength: int) -> None:
    """Any two, or three, of the factors, however many values each has; in few rows."""
    rows = covering(levels, strength)
    together = min(strength, len(levels))
    for chosen in itertools.combinations(range(len(levels)), together):
        met = {tuple(row[factor] for factor in chosen) for row in rows}
        assert met == set(itertools.product(*(range(levels[factor]) for factor in chosen)))
    assert len(rows) <= 1.2 * math.prod(sorted(levels)[-together:])


def test_the_edges_are_those_of_the_cards_own_tile_and_blocks() -> None:
    """A card that tells none has none."""
    sizes = set(edges({"tile": "14x32", "blocks": "mc=120 kc=384 nb=256"}))
    assert {(13, 31, 1), (14, 32, 7), (29, 65, 64)} <= sizes
    assert {(5, 17, 383), (650, 300, 385), (260, 250, 769), (121, 400, 385), (300, 513, 385)} <= sizes
    assert (650, 300, 4097) not in edges({"blocks": "kc=4096"})
    assert not list(edges({"isa": "of nobody's"}))
