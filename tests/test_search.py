"""The search before a run: recorded, frozen, and what it found measured afresh."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from zbench.errors import UsageError
from zbench.records import store
from zbench.request import ask, go_on
from zbench.run import run
from zbench.session import session
from zbench.workloads import mamf


def silent(done: int, planned: int, text: str) -> None:
    pass


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search over small shapes."""
    monkeypatch.setattr(mamf, "COARSE", (64, 128))
    monkeypatch.setattr(mamf, "STEPS", (32,))


@pytest.mark.usefixtures("narrow")
def test_what_is_found_is_measured_like_any_case(tmp_path: Path) -> None:
    """On every card, whichever found it; pilots are kept as what they are, and leave no records."""
    request = ask(
        profile="smoke", suites=["card"], cards=["cpu", "numpy"], cases=["gemm/fp32/256*threads=1"],
        search=True, claims="none", out=str(tmp_path / "out"),
    )  # fmt: skip
    found = run(request, silent, print).findings
    searches = found.run.searches
    assert set(searches) == {"cpu", "numpy"}
    chosen = {search["chosen"]["fp32"] for search in searches.values()}
    for search in searches.values():
        rates = search["pilot_rates"]
        assert 8 <= len(rates) <= 14
        assert search["chosen"]["fp32"] == max(sorted(rates), key=lambda key: rates[key])
    for subject in ("cpu", "numpy"):
        keys = {record.key for record in found.records if record.subject == subject}
        assert keys == {*chosen, "gemm/fp32/256x256x256/threads=1"}


@pytest.mark.usefixtures("narrow")
def test_a_search_is_frozen(tmp_path: Path) -> None:
    """A run that is gone on with searches nothing again, and asks what was found then."""
    request = ask(
        profile="smoke", suites=["card"], cases=["gemm/fp32/256*threads=1"], search=True, launches=1,
        claims="none", out=str(tmp_path / "out"),
    )  # fmt: skip
    first = run(request, silent, print).findings
    heard: list[str] = []
    more = go_on("append", first.directory, launches=1)
    assert more.search
    run(more, lambda done, planned, text: heard.append(text), print)
    again, records = store.load(first.directory)
    assert again.searches == first.run.searches
    assert not any("searching" in text for text in heard)
    (key,) = again.searches["cpu"]["chosen"].values()
    assert {record.block for record in records if record.key == key} == {0, 1}


def test_without_a_search_nothing_is_added(tmp_path: Path) -> None:
    """The default."""
    request = ask(
        profile="smoke", suites=["card"], cases=["gemm/fp32/256*threads=1"], out=str(tmp_path / "out")
    )
    with session(replace(request, launches=1)) as current:
        assert current.run.searches == {}
        assert not current.run.search


def test_a_search_is_a_question_to_cards() -> None:
    """Told before anything is measured."""
    with pytest.raises(UsageError, match="--search looks for the fastest shape of cards"):
        ask(search=True, suites=["fabric"])
