"""The fault matrix: some of its cells for real, its judgements, and that it catches what it is for."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zbench.conformance.catalogue import BY_ID
from zbench.conformance.faults import traces
from zbench.conformance.faults.cell import BUSY, GONE_S, Seen, complaints, doubts
from zbench.conformance.faults.matrix import ITEMS, NEXT_RUN, outcome
from zbench.conformance.faults.plot import FAULTS, MOMENTS, VICTIMS, Plot, plot_of
from zbench.conformance.faults.traces import Traces, also
from zbench.conformance.faults.trials import deaths, false_alarms, quantile
from zbench.conformance.item import Outcome
from zbench.conformance.status import BAD, FAIL, PASS
from zbench.errors import UsageError
from zbench.measure import launch
from zbench.records import store
from zbench.report.faults import fault_lines
from zbench.subject import Subject, parse

SHM = Subject("fabric", "shm")
PLUGINS = Path(__file__).with_name("plugins")

SMOKE = (
    ("sigkill", "rendezvous", "neighbour"),
    ("sigkill", "mid-op", "root"),
    ("sigkill", "results", "root"),
    ("exit-0", "finalise", "last"),
    ("exception", "before-op", "last"),
    ("no-memory", "between-ops", "neighbour"),
    ("stop-1s", "mid-op", "last"),
    ("slow", "before-op", "root"),
)
"""Each moment, each victim, each kind of end: what `zbench conform --level L4` plays 280 of."""


def test_the_matrix_is_whole() -> None:
    """Every fault at every moment is a test of the catalogue, with an id that stays."""
    ids = {f"FA-{fault}-{moment}" for fault in FAULTS if fault != "none" for moment in MOMENTS}
    assert {item.id for item in ITEMS} == ids
    assert len(ids) == 72
    assert ids <= BY_ID.keys()
    assert {item.level for item in ITEMS} == {"L4"}
    assert not any(item.smoke for item in ITEMS)


def played(fault: str, moment: str, attempt: str, subject: Subject = SHM) -> Outcome:
    return outcome(BY_ID[f"FA-{fault}-{moment}"], subject, 3, 0, "L4", attempt)


@pytest.mark.parametrize(("fault", "moment", "victim"), SMOKE, ids=map("-".join, SMOKE))
def test_a_world_with_a_fault_ends_or_goes_on_as_it_must(fault: str, moment: str, victim: str) -> None:
    """Whoever is gone is named, whoever is only late is not, and nothing is left."""
    found = played(fault, moment, victim)
    assert found.status not in BAD, found.why
    assert (found.tried, found.facts["passed"], found.facts["left"]) == (1, "1", "0")
    rank = VICTIMS[victim] % 3
    assert FAULTS[fault].must == "goes on" or f"rank {rank} of shm" in found.facts[victim]


def test_the_run_after_a_fault_is_clean() -> None:
    """As each test of the matrix ends."""
    assert played("sigkill", "mid-op", NEXT_RUN).status == PASS


def test_what_is_left_behind_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has gone into a session of its own, and a temporary file."""
    monkeypatch.setattr(traces, "GONE_S", 1.0)
    monkeypatch.syspath_prepend(PLUGINS)
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS), prepend=os.pathsep)
    found = played("sigterm", "rendezvous", "root", parse("fabric", "leaky.fabric:Leaky"))
    for pid in re.findall(r"process (\d+)", found.why):
        os.kill(int(pid), signal.SIGKILL)
    assert found.status == FAIL
    assert "left behind: process " in found.why
    assert "left-0 in TMPDIR" in found.why


def test_a_file_in_shared_memory_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a process has it open: then it may be in use."""
    monkeypatch.setattr(traces, "GONE_S", 0.1)
    before = traces.traces()
    with (
        tempfile.NamedTemporaryFile(dir=traces.SHARED) as held,
        tempfile.NamedTemporaryFile(dir=traces.SHARED, delete=False) as left,
    ):
        left.close()
        found = traces.left_since(before).shared
        os.unlink(left.name)
    assert Path(left.name).name in found
    assert Path(held.name).name not in found


def test_files_of_others_are_not_held_against_a_launch() -> None:
    """What the same launch leaves again is its own, under whatever new name; processes count at once."""
    nothing: frozenset[str] = frozenset()
    first = Traces(frozenset({7}), nothing, frozenset({"mpich_shm_1", "__KMP_REGISTERED_LIB_2_0"}))
    second = Traces(frozenset({8}), nothing, frozenset({"mpich_shm_3", "zbench-fuzz-a"}))
    assert also(first, second) == Traces(frozenset({7, 8}), nothing, frozenset({"mpich_shm_3"}))


def test_a_launch_without_patience_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that gives up a rank which is stopped for a moment: R2 is there for it."""
    monkeypatch.setattr(launch, "STOPPED_S", 0.0)
    found = played("stop-1s", "mid-op", "last")
    assert found.status == FAIL
    assert "false alarm: rank 2 of shm" in found.why
    assert found.facts["false_alarms"] == "1"


def plot(fault: str) -> Plot:
    return Plot(fault, "mid-op", 1, "/nowhere", SHM)


def seen(why: str = "", named_s: float = 0.0, **fields: Any) -> Seen:
    return Seen(why, named_s, True, 0, **fields)


@pytest.mark.parametrize(
    ("fault", "what", "said"),
    [
        ("sigkill", seen("rank 1 of shm was killed", 0.1), ""),
        ("sigkill", seen("rank 0 of shm failed: rank 1 has ended", 0.1), ""),
        ("sigkill", seen("rank 11 of shm was killed", 0.1), "rank 1 is not named"),
        ("sigkill", seen("something failed", 0.1), "rank 1 is not named"),
        ("sigkill", seen("rank 1 was killed", BUSY * GONE_S + 1), "named after 11.0 s"),
        ("sigkill", seen(), "the run counts as good"),
        ("sigkill", seen("rank 1 was killed", 0.1, left=["process 7"]), "left behind: process 7"),
        ("stop", seen("rank 1 was stopped", 6.0), ""),
        ("stop-1s", seen("rank 1 was stopped", 0.5), "false alarm: rank 1 was stopped"),
        ("slow", seen(), ""),
        ("sigterm", seen(), ""),
        ("sigterm", replace(seen(), expected=2), "0 of 2 results"),
    ],
)
def test_what_is_held_against_a_world(fault: str, what: Seen, said: str) -> None:
    """Silence, a wrong name, lateness, a false alarm, and what is left."""
    found = complaints(plot(fault), what)
    assert [said in each for each in found] == ([True] if said else [])


def test_lateness_is_doubtful_before_it_is_wrong() -> None:
    """A busy machine is no failure."""
    assert doubts(plot("sigkill"), seen("rank 1 was killed", GONE_S + 1)) == ["named after 3.0 s"]
    assert doubts(plot("sigkill"), seen("rank 1 was killed", GONE_S / 2)) == []


@pytest.mark.parametrize("fabric", ["shm", "shm:private", "torch:gloo", "leaky.fabric:Leaky"])
def test_a_plot_is_read_as_it_was_written(fabric: str) -> None:
    """Through the option of a plug-in, so that ranks anywhere get it."""
    told = replace(plot("slow"), fabric=parse("fabric", fabric))
    assert plot_of(told.subject.option) == told


@pytest.mark.parametrize("option", [None, "sigkill", "sigkil,mid-op,0,/tmp,shm", "sigkill,now,0,/tmp,shm"])
def test_an_option_that_is_no_plot_is_refused(option: str | None) -> None:
    """With what is expected."""
    with pytest.raises(UsageError, match="faulty:Faulty"):
        plot_of(option)


def test_a_run_by_the_command_line_with_a_fault_in_it_is_invalid(tmp_path: Path) -> None:
    """Exit code 4, the rank in the last line, and a result that says that it is invalid."""
    subject = replace(plot("sigkill"), place=str(tmp_path)).subject.label
    command = [sys.executable, "-m", "zbench.cli", "run", "fabric", "--fabric", subject, "--ranks", "3"]
    command += ["--case", "barrier*", "--launches", "1", "--profile", "smoke", "--out", str(tmp_path / "out")]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 4, ended.stderr
    assert "rank 1 of " in ended.stderr.splitlines()[-1]
    assert store.load(tmp_path / "out")[0].state == "invalid"


def test_killed_ranks_are_named_to_all_others() -> None:
    """R1, with few trials: by whom it is told, not when."""
    assert [each.named for each in deaths(3, 3, seed=1)] == [True] * 3


def test_stopped_ranks_are_not_blamed() -> None:
    """R2, with few trials, four ranks to a core of two."""
    assert list(false_alarms(3, 8, seed=1)) == [""] * 3


def test_a_quantile_is_one_of_the_values() -> None:
    """p99 of a thousand is the 990th, that of few the last."""
    values = [float(i) for i in range(1, 1001)]
    assert [quantile(values, share) for share in (0.5, 0.99, 1.0)] == [500.0, 990.0, 1000.0]
    assert quantile([1.0, 2.0], 0.99) == 2.0


def test_the_report_adds_the_cells_up() -> None:
    """Those that passed, how soon ranks were named, alarms and leftovers; nothing where none was played."""
    facts = {"passed": "3", "named_ms": "4 20 8", "false_alarms": "0", "left": "1"}
    one = Outcome("FA-sigkill-mid-op", "shm", "fabric", "P=3", FAIL, "L4", 4, 1, facts=facts)
    text = " ".join(fault_lines([one, one], 80))
    assert "shm: 6 of 8 cells of the fault matrix passed." in text
    assert "Of 6 ranks that were gone half were named within 8 ms, all within 20 ms." in text
    assert "2 processes, descriptors or files left behind" in text
    assert fault_lines([Outcome("CO-01", "shm", "fabric", "P=3", PASS, "L4", 4)], 80) == []
