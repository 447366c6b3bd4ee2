"""The exit code, over every combination of what a run may have found."""

from __future__ import annotations

import datetime
from itertools import chain, combinations, product
from typing import get_args

import pytest

from zbench.judge.claims import Source
from zbench.judge.outcome import exit_code, undecided_keys
from zbench.judge.ratios import Comparison, Ratio
from zbench.judge.verdicts import Verdict, Word

WORDS = get_args(Word)
COMPARISONS = get_args(Comparison)


def verdict(word, undecided=()):
    return Verdict(
        claim="x",
        text="x",
        verdict=word,
        evidence=None,
        measured=None,
        measured_interval=None,
        operator="<=",
        claimed=1.0,
        unit="1",
        why="",
        missing="",
        assumed=(),
        source=Source("x", datetime.date(2026, 1, 1)),
        undecided_keys=tuple(undecided),
    )


def ratio(comparison, of="cpu@/old", to="cpu@/new", launches=5, baseline=""):
    return Ratio(
        suite="card",
        key=f"{of} {to}",
        of=of,
        to=to,
        median=1.0,
        interval=None,
        launches=launches,
        margin=0.01,
        p=1.0,
        verdict=comparison,
        baseline=baseline,
    )


def subsets(words):
    return list(chain.from_iterable(combinations(words, n) for n in range(len(words) + 1)))


def expected(words, comparisons, invalid, strict):
    """The list of the design, read aloud."""
    if invalid:
        return 4
    if "NOT MET" in words or "SLOWER" in comparisons:
        return 1
    if "UNDECIDED" in words or "UNDECIDED" in comparisons:
        return 3
    if strict and any(word in words for word in ("NOT TESTABLE", "NOT RUN", "PROJECTED")):
        return 3
    return 0


def test_the_first_that_applies():
    """All 4096 combinations of verdicts, comparisons, validity and strictness."""
    everything = product(subsets(WORDS), subsets(COMPARISONS), (False, True), (False, True))
    for words, comparisons, invalid, strict in everything:
        found = exit_code(map(verdict, words), map(ratio, comparisons), invalid, strict)
        assert found == expected(words, comparisons, invalid, strict), (words, comparisons, invalid, strict)


@pytest.mark.parametrize(
    ("words", "strict", "code"),
    [
        ([], False, 0),
        (["MET"], True, 0),
        (["MET", "NOT TESTABLE", "NOT RUN", "PROJECTED"], False, 0),
        (["MET", "NOT TESTABLE"], True, 3),
        (["NOT RUN"], True, 3),
        (["PROJECTED"], True, 3),
        (["MET", "UNDECIDED"], False, 3),
        (["UNDECIDED", "NOT MET"], False, 1),
    ],
)
def test_codes_by_hand(words, strict, code):
    """A few, spelled out."""
    assert exit_code(map(verdict, words), [], strict=strict) == code


@pytest.mark.parametrize(
    ("of", "to", "code"),
    [
        ("cpu", "cpu@/new", 1),
        ("cpu@/old", "cpu@/new", 1),
        ("shm:ring@/old", "shm:ring@/new", 1),
        ("cpu", "cpu:generic", 0),
        ("cpu", "numpy", 0),
        ("cpu@/old", "numpy@/old", 0),
    ],
)
def test_a_slower_peer_is_information_a_slower_build_is_a_regression(of, to, code):
    """What stands before the @ decides."""
    assert exit_code([], [ratio("SLOWER", of, to)]) == code


def test_what_more_launches_could_decide():
    """Claims that ask for it, and builds at five launches; not peers, not stored runs, not at ten."""
    comparisons = [
        ratio("UNDECIDED"),
        ratio("UNDECIDED", "cpu", "numpy"),
        ratio("UNDECIDED", "a", "a@/x", launches=10),
        ratio("UNDECIDED", "b", "b@/x", launches=2),
        ratio("UNDECIDED", "c", "c", baseline="results/old"),
        ratio("SAME", "d", "d@/x"),
    ]
    found = undecided_keys([verdict("UNDECIDED", ["k1", "k2"]), verdict("MET")], comparisons)
    assert found == {"k1", "k2", "cpu@/old cpu@/new"}


def test_in_a_comparison_peers_deserve_more_launches_too():
    """Who compares two things wants both decided; at ten launches nothing more is allowed."""
    comparisons = [ratio("UNDECIDED", "cpu", "numpy"), ratio("UNDECIDED", "a", "b", launches=10)]
    assert undecided_keys([], comparisons) == set()
    assert undecided_keys([], comparisons, every=True) == {"cpu numpy"}
