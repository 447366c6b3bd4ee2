"""Cards of other people: whatever they do, the run ends in time, in one line, with nothing left."""

import os

import msgspec
import pytest

from tests.bad_days.conftest import CARD, PLUGINS, Place, one_line, readable
from zbench.case import Case
from zbench.errors import InvalidRun
from zbench.measure.launch import crew, serve
from zbench.measure.plan import Group
from zbench.subject import Subject

GEMM = Case("gemm", "fp32", (64, 64, 64), {"threads": 1})
METHODS = [
    "alloc",
    "write",
    "read",
    "view",
    "prepare",
    "variant",
    "describe",
    "probe",
    "telemetry",
    "run_rounds",
    "release",
]


def launch(card: str, option: str, patience_s: float = 60) -> None:
    """One launch of one burst of a card."""
    subject = Subject("card", f"bad.cards:{card}", option)
    order = {
        "type": "measure", "suite": "card", "subject": subject.label, "role": "measure",
        "subjects": [{"kind": "card", "name": subject.name, "option": option, "venv": None}],
        "ranks": 1, "block": 0, "launch": 0, "seed": 1, "burst_ns": 5_000_000, "rounds_max": 50,
        "table": {}, "cases": [msgspec.to_builtins(GEMM)],
    }  # fmt: skip
    with crew(Group("card", (subject,), 1, (GEMM,))) as members:
        list(serve(members, order, patience_s))


@pytest.fixture(autouse=True)
def _on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS), prepend=os.pathsep)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_raises_is_told_with_its_place(method: str) -> None:
    """File, line and function instead of a traceback."""
    with pytest.raises(
        InvalidRun, match=r"RuntimeError: the device has fallen off .*cards\.py:\d+, in _raise"
    ):
        launch("Raises", method)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("alloc=none", "failed during gemm"),
        ("read=short", "failed during gemm"),
        ("read=none", "failed during gemm"),
        ("variant=numbers", "told what no record can hold"),
        ("variant=text", "failed during gemm"),
        ("describe=object", "not JSON serializable"),
        ("probe=nan", "told what no record can hold"),
        ("probe=text", "failed during gemm"),
        ("run_rounds=short", "of shape"),
        ("run_rounds=floats", "where int64 ns"),
        ("run_rounds=none", "returned NoneType"),
    ],
)
def test_a_wrong_answer_is_told(what: str, told: str) -> None:
    """Nothing that no reader could read comes into the record."""
    with pytest.raises(InvalidRun, match=told):
        launch("Returns", what)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("exit", "ended with exit code 0 during gemm"),
        ("segfault", "was killed by SIGSEGV during gemm"),
        ("orphan", "was killed by SIGKILL"),
        ("close", "ended with exit code 1 during gemm"),
        ("deaf", "closed its control channel during gemm"),
        ("gibberish", "sent what is no message"),
    ],
)
def test_a_worker_that_ends_is_named(what: str, told: str) -> None:
    """Also where a child that it left keeps the control channel open."""
    with pytest.raises(InvalidRun, match=told):
        launch("Does", what)


def test_a_card_that_hangs_is_named() -> None:
    """After PATIENCE_S, which is shorter here."""
    with pytest.raises(InvalidRun, match=r"has said nothing for 2 s during gemm/.*it hangs"):
        launch("Does", "hang", patience_s=2)


def test_a_card_that_breaks_is_one_line_of_a_run(place: Place) -> None:
    """Exit 4, state invalid."""
    result = place.run("run", *CARD, "--card", "bad.cards:Raises:run_rounds", "--out", "out")
    assert result.returncode == 4
    assert "the device has fallen off the bus" in one_line(result.stderr)
    assert readable(place.out) == "invalid"


def test_a_card_that_cannot_be_made_is_refused_before_anything_is_measured(place: Place) -> None:
    """What its constructor says is the line."""
    result = place.run("run", *CARD, "--card", "bad.cards:Raises:__init__", "--out", "out")
    assert result.returncode == 2
    assert "no device 0" in one_line(result.stderr)
    assert not place.out.exists()


@pytest.mark.parametrize("what", ["children", "elsewhere"])
def test_what_does_not_hurt_is_measured(what: str, place: Place) -> None:
    """Children that it leaves end with it; it may change its directory."""
    result = place.run("run", *CARD, "--card", f"bad.cards:Odd:{what}", "--out", "out")
    assert readable(place.out) == "complete", result.stderr


def test_megabytes_of_chatter_do_not_reach_standard_output(place: Place) -> None:
    """They go where errors go, and nothing waits for anybody."""
    result = place.run("run", *CARD, "--card", "bad.cards:Odd:chatter", "--out", "out")
    assert "xxx" not in result.stdout
    assert len(result.stderr) > 1 << 20
    assert readable(place.out) == "complete"
