"""`zbench run card --each`: all cards of a host, one by one and all at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from zbench.case import Case
from zbench.errors import UsageError
from zbench.measure.plan import Group, answers, missing, unit
from zbench.records import store
from zbench.records.schema import Record
from zbench.request import ask, siblings
from zbench.selection import select
from zbench.subject import parse
from zbench.workloads.card_cases import Place, card_cases, few

PLUGINS = Path(__file__).parent / "cards/plugins"
FOUR = "siblings.cards:Four"
LABELS = [f"{FOUR}:{i}" for i in range(4)]
CASE = "gemm/fp32/512x512x512/*"


def zbench(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zbench.cli", *arguments]
    environment = {k: v for k, v in os.environ.items() if k != "ZBENCH_ISA"} | {"PYTHONPATH": str(PLUGINS)}
    return subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def measured(place: Path, card: str, *arguments: str) -> tuple[dict[str, Any], list[Record]]:
    """The JSON document of a smoke run of one case, and its records."""
    out = place / "run"
    words = ("--card", card, "--each", "--profile", "smoke", "--case", CASE, "--out", str(out))
    ended = zbench(place, "run", "card", *words, "--format", "json", *arguments)
    assert ended.stdout, ended.stderr
    return json.loads(ended.stdout), store.load(out)[1]


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[Record]]:
    place = tmp_path_factory.mktemp("four")
    return (place, *measured(place, FOUR))


def test_every_card_is_measured_alone_and_with_all_others(
    four: tuple[Path, dict[str, Any], list[Record]],
) -> None:
    """In each block a record for each card both ways, all verified; the keys tell which is which."""
    _, document, records = four
    ways = {(r.block, r.subject, r.case.together) for r in records if r.role == "measure"}
    assert ways == {(block, label, n) for block in (0, 1) for label in LABELS for n in (1, 4)}
    # on cores that all of them fight for, a process may be put aside in each of its spans: invalid then
    assert {r.status for r in records} <= {"ok", "invalid"}
    assert all(r.verification and r.verification.passed for r in records)
    assert all(("/together=4" in r.key) == (r.case.together == 4) for r in records)
    assert all(case["verified"] for case in document["cases"])


def test_all_at_once_is_at_the_same_time(four: tuple[Path, dict[str, Any], list[Record]]) -> None:
    """One launch of four processes, each with the fingerprint of its own device."""
    place, _, records = four
    run = store.load(place / "run")[0]
    at_once = [r for r in records if r.case.together == 4]
    assert len({r.launch for r in at_once}) == 2
    told = {r.subject: run.fingerprints[r.fingerprint]["subjects"]["card"]["device"] for r in at_once}
    assert told == {label: f"number {i}" for i, label in enumerate(LABELS)}
    assert run.each
    assert run.cards == LABELS


def test_the_report_lays_the_cards_side_by_side(
    four: tuple[Path, dict[str, Any], list[Record]],
) -> None:
    """Both ways in document, page, screen and chart; two launches decide nothing about any card."""
    place, document, _ = four
    told = document["hostcards"]
    assert [(case["together"], [c["subject"] for c in case["cards"]]) for case in told["cases"]] == [
        (1, LABELS),
        (4, LABELS),
    ]
    assert {card["verdict"] for case in told["cases"] for card in case["cards"]} == {"UNDECIDED"}
    trusted = {case["subject"] for case in document["cases"] if case["value"]}
    assert trusted >= {d["subject"] for d in told["disturbances"]}
    assert all(d["together"] == 4 and d["ratio"] > 0 for d in told["disturbances"])
    assert (told["slow"], document["ratios"]) == ([], [])
    assert "Cards of this host" in (place / "run/report.html").read_text()
    assert (place / "run/charts/hostcards.svg").exists()
    screen = zbench(place, "report", "run")
    assert "cards all at once" in " ".join(screen.stdout.split())


def test_a_run_that_was_cut_off_is_finished(tmp_path: Path) -> None:
    """--append adds a block of both ways; the run remembers that it is of each card."""
    measured(tmp_path, FOUR, "--launches", "1")
    ended = zbench(tmp_path, "run", "--append", "run", "--format", "json")
    assert ended.stdout, ended.stderr
    run, records = store.load(tmp_path / "run")
    assert (run.each, run.launches) == (True, 2)
    assert len([r for r in records if r.case.together == 4]) == 8


def test_a_card_that_cannot_is_named_and_spares_the_others_their_wait(tmp_path: Path) -> None:
    """All at once is skipped and says whose fault it is; alone the others stand."""
    _, records = measured(tmp_path, "siblings.cards:Lame")
    lame = "siblings.cards:Lame:2"
    assert {r.subject for r in records if r.status == "skipped" and r.case.together == 1} == {lame}
    at_once = [r for r in records if r.case.together == 4]
    assert {(r.status, r.why) for r in at_once} == {("skipped", f"{lame}: no memory left")}


def test_a_wrong_card_spoils_no_other(tmp_path: Path) -> None:
    """Also at once each card answers for itself; the exit code says that one was wrong."""
    _, records = measured(tmp_path, "siblings.cards:Wrong", "--launches", "1")
    assert {r.subject for r in records if r.status == "wrong"} == {"siblings.cards:Wrong:1"}
    right = {r.subject for r in records if r.verification and r.verification.passed and r.case.together == 4}
    assert right == {f"siblings.cards:Wrong:{i}" for i in (0, 2, 3)}


def test_a_kind_of_one_card_says_so_and_is_measured(tmp_path: Path) -> None:
    """The cpu card has no siblings: nothing to run together."""
    document, records = measured(tmp_path, "cpu")
    assert any("there is one of this kind on this host, cpu" in told for told in document["remarks"])
    assert {(r.subject, r.case.together) for r in records} == {("cpu", 1)}


def test_few_cases_tell_cards_apart() -> None:
    """The largest product of each dtype and one stream, on the whole card."""
    found = [case.key for case in few(card_cases("quick", Place((1, 2), 32 << 20)))]
    assert found == [
        "gemm/fp32/2048x2048x2048/threads=2",
        "gemm/fp64/2048x2048x2048/threads=2",
        "gemm/bf16/1024x1024x1024/threads=2",
        "gemm/int8/1024x1024x1024/threads=2",
        "read/fp64/134217728/threads=2",
    ]


def test_both_ways_belong_to_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that holds a case alone but not together has to be measured again: ratios pair within it."""
    monkeypatch.syspath_prepend(PLUGINS)
    groups = select(ask(cards=[FOUR], each=True, profile="smoke", cases=[CASE]))
    assert [group.together for group in groups] == [1, 1, 1, 1, 4]
    alone, at_once = groups[0].cases[0], groups[-1].cases[0]
    assert (at_once.alone, unit("card", at_once)) == (alone, unit("card", alone))
    whole = set[Any]().union(*map(answers, groups))
    assert len(whole) == 8
    assert missing(groups, {0: whole}, 1) == []
    assert missing(groups, {0: whole - answers(groups[-1])}, 1) == [groups]


def test_siblings_come_from_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card with a number stands for its kind; a card whose class tells nothing stands for itself."""
    monkeypatch.syspath_prepend(PLUGINS)
    assert [card.label for card in siblings(parse("card", f"{FOUR}:2"))] == LABELS
    assert [card.label for card in siblings(parse("card", "cpu:generic"))] == ["cpu:generic"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"suites": ["fabric"]}, "--each is of cards: leave out fabric"),
        ({"search": True}, "leave out --search"),
        ({"minutes": 1.0}, "leave out --minutes"),
        ({"model": "qwen3-8b"}, "leave out --model"),
        ({"cards": ["cpu", "numpy"]}, "one kind of card: name one of cpu, numpy"),
        ({"cards": ["siblings.cards:Twice"]}, r"expected options, each once, found \['0', '0'\]"),
    ],
)
def test_what_does_not_go_with_each_is_wrong_usage(
    words: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said before anything is measured."""
    monkeypatch.syspath_prepend(PLUGINS)
    with pytest.raises(UsageError, match=told):
        ask(each=True, **words)


def test_a_group_of_cards_is_told_from_a_card_with_a_fabric() -> None:
    """Ranks of a world answer as one, cards of a host each for itself."""
    cards = tuple(parse("card", name) for name in ("cpu", "numpy"))
    case = Case("gemm", "fp32", (64, 64, 64), {"together": 2})
    at_once = Group("card", cards, 1, (case,))
    world = Group("scaling", (cards[0], parse("fabric", "shm")), 2, ())
    assert (at_once.together, at_once.workers, at_once.answering) == (2, 2, ("cpu", "numpy"))
    assert (world.together, world.workers, world.answering) == (1, 2, ("cpu+shm",))
