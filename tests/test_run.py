"""From the request to the verdict, with real measurements of small cases."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zbench.errors import TimeIsUp, UsageError
from zbench.records import store
from zbench.request import Request, ask, go_on
from zbench.run import run
from zbench.session import measure, session

CLAIMS = """
version = 1
[[claim]]
id = "a-thousand-times"
text = "a thousand times faster than with the algorithm that is forced"
source = { publisher = "a test", date = 2026-01-01 }
metric = "busbw"
case = "allreduce/*"
operator = ">="
value = "1000"
of = "candidate"
settles = "both in the same blocks"
"""


def silent(done: int, planned: int, text: str) -> None:
    pass


def brief(tmp_path: Path, **asked: Any) -> Request:
    """One small case at profile quick, whose launches carry verdicts, with bursts of 20 ms."""
    request = ask(
        suites=["card"], cases=["gemm/fp32/256x256x256/threads=1"], out=str(tmp_path / "out"), **asked
    )
    return replace(request, profile=replace(request.profile, burst_s=0.02))


def test_a_second_subject_makes_a_ratio_claim_testable(tmp_path: Path) -> None:
    """Nobody is a thousand times faster than a ring, however busy the machine: NOT MET, and exit 1."""
    claims = tmp_path / "claims.toml"
    claims.write_text(CLAIMS)
    request = brief(tmp_path, fabrics=["shm", "shm:ring"], claims=str(claims))
    request = replace(request, suites=("fabric",), cases=("allreduce/fp32/8/ranks=2",), ranks=2)
    result = run(request, silent, print)
    (verdict,) = result.findings.verdicts
    assert verdict.verdict == "NOT MET", [(s.status, s.why) for s in result.findings.summaries]
    assert result.exit_code() == 1
    assert {record.block for record in result.findings.records} >= set(range(5))


def test_a_card_that_recognises_a_size_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SE-4: who names a size of their own beside one of the benchmark's sees that only the latter is fast."""
    plugins = Path(__file__).parent / "cards/plugins"
    monkeypatch.setenv("PYTHONPATH", str(plugins), prepend=os.pathsep)
    monkeypatch.syspath_prepend(plugins)
    request = brief(tmp_path, cards=["recognises.cards:Recognises"], claims="guidelines")
    # Rounds enough for three spans: of one, a launch is invalid where it was put aside once.
    request = replace(request, profile=replace(request.profile, burst_s=0.2))
    sizes = ("gemm/fp32/256x256x256/threads=1", "gemm/fp32/261x259x257/threads=1")
    found = run(replace(request, cases=sizes), silent, print).findings
    (verdict,) = (each for each in found.verdicts if each.claim == "smooth-products")
    assert verdict.verdict == "NOT MET", [(s.key, s.status, s.why) for s in found.summaries]
    assert "gemm/fp32/261x259x257/threads=1 over gemm/fp32/256x256x256/threads=1" in verdict.why


def test_a_forced_algorithm_is_told_from_a_measured_one(tmp_path: Path) -> None:
    """Nothing was tried, and the table says so."""
    request = brief(tmp_path, fabrics=["shm"], algorithm="ring")
    request = replace(request, suites=("fabric",), cases=("allreduce/fp32/8/ranks=2",), ranks=2, launches=1)
    found = run(request, silent, print).findings
    table = found.run.tables["shm ranks=2"]
    assert (table.forced, table.median_ns, table.chosen) == ("ring", {}, {"allreduce/fp32/8/ranks=2": "ring"})
    (world,) = found.worlds
    (choice,) = world.choices
    assert choice.why == "forced by --algorithm"
    assert world.model.why


def test_an_extension_measures_only_what_is_undecided(tmp_path: Path) -> None:
    """Further blocks of one key: the blocks go on counting, and no launch number comes twice."""
    request = replace(brief(tmp_path), cases=("gemm/fp32/256*", "gemm/fp64/256*"))
    key = "gemm/fp64/256x256x256/threads=1"
    with session(request) as current:
        measure(current, silent, 2)
        measure(current, silent, 3, only=[key])
    records = [record for record in current.records if record.role == "measure"]
    assert {record.block for record in records if record.key == key} == {0, 1, 2}
    assert {record.block for record in records if record.key != key} == {0, 1}
    launches = {(record.launch, record.block, record.role) for record in current.records}
    assert len(launches) == len({launch for launch, _, _ in launches})


CASES = ("gemm/fp32/256x256x256/threads=1", "gemm/fp64/256x256x256/threads=1")


def launches_of(directory: Path, role: str = "measure") -> dict[str, int]:
    """Key -> launches that answered it."""
    _, records = store.load(directory)
    found = [record for record in records if record.role == role]
    return {key: len({r.launch for r in found if r.key == key}) for key in sorted({r.key for r in found})}


def cut_off(tmp_path: Path, after: int) -> Path:
    """A run that was interrupted after so many records."""
    request = replace(brief(tmp_path), cases=CASES, launches=2)
    done = 0

    def interrupt(finished: int, planned: int, text: str) -> None:
        nonlocal done
        done = finished
        if finished == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), session(request) as current:
        measure(current, interrupt, 2)
    return current.directory


@pytest.mark.parametrize("after", [0, 1, 3, 5])
def test_a_resumed_run_has_every_launch_it_was_planned_with(tmp_path: Path, after: int) -> None:
    """Wherever it was cut off. A case that its block holds only in part is measured again in a whole one."""
    directory = cut_off(tmp_path, after)
    before = (directory / store.RECORDS_FILE).read_bytes()
    result = run(go_on("resume", directory, command=["zbench", "run", "--resume"]), silent, print)
    assert result.findings.run.state == "complete"
    assert (directory / store.RECORDS_FILE).read_bytes().startswith(before)
    assert all(2 <= count <= 3 for count in launches_of(directory).values())
    assert set(launches_of(directory)) == set(CASES)
    assert [sitting.why for sitting in store.load(directory)[0].sittings] == ["run", "resume"]


def test_a_resumed_run_pairs_only_within_a_sitting(tmp_path: Path) -> None:
    """No block holds records of two sittings."""
    directory = cut_off(tmp_path, 3)
    _, early = store.load(directory)
    run(go_on("resume", directory), silent, print)
    _, records = store.load(directory)
    late = {record.block for record in records[len(early) :]}
    assert not late & {record.block for record in early}


def test_a_line_that_was_cut_off_does_not_spoil_the_next(tmp_path: Path) -> None:
    """The writer was killed in the middle of it: resuming starts on a line of its own."""
    directory = cut_off(tmp_path, 3)
    path = directory / store.RECORDS_FILE
    path.write_bytes(path.read_bytes()[:-40])
    run(go_on("resume", directory), silent, print)
    assert all(count >= 2 for count in launches_of(directory).values())


def test_a_complete_run_is_not_resumed(tmp_path: Path) -> None:
    """It says what can be done with it instead."""
    run(replace(brief(tmp_path), launches=1), silent, print)
    with pytest.raises(UsageError, match="complete; `zbench report` shows it, --append adds launches"):
        go_on("resume", tmp_path / "out")


def test_appended_launches_are_counted_and_told(tmp_path: Path) -> None:
    """One launch, then two more: three in all, in two sittings."""
    run(replace(brief(tmp_path), launches=1), silent, print)
    result = run(go_on("append", tmp_path / "out", launches=2), silent, print)
    assert launches_of(tmp_path / "out") == {CASES[0]: 3}
    assert result.findings.run.launches == 3
    assert [sitting.launches for sitting in result.findings.run.sittings] == [1, 3]


def test_looks_without_end_are_refused(tmp_path: Path) -> None:
    """Ten launches are the most that may be come to by appending."""
    run(replace(brief(tmp_path), launches=1), silent, print)
    with pytest.raises(UsageError, match="start a new run"):
        go_on("append", tmp_path / "out", launches=10)


def test_a_run_of_another_machine_is_not_resumed(tmp_path: Path) -> None:
    """Two machines' launches are no sample of anything."""
    directory = cut_off(tmp_path, 1)
    stored, _ = store.load(directory)
    for machine in stored.fingerprints.values():
        machine["cpu"] = "Another CPU"
    store.write_run(directory, stored)
    with pytest.raises(UsageError, match="measured on another machine: cpu 'Another CPU'"):
        run(go_on("resume", directory), silent, print)


def test_a_run_that_is_being_measured_is_not_resumed(tmp_path: Path) -> None:
    """Two writers would mix their blocks."""
    directory = cut_off(tmp_path, 1)
    with store.locked(directory), pytest.raises(UsageError, match="being measured right now"):
        run(go_on("resume", directory), silent, print)


def test_time_that_is_up_leaves_a_partial_run_that_can_be_resumed(tmp_path: Path) -> None:
    """The estimate fits the limit, the machine does not keep to it: no further launch is begun."""
    request = replace(brief(tmp_path), launches=2, time_limit_s=60.0)
    told: list[str] = []
    with pytest.raises(TimeIsUp), session(request) as current:
        current.deadline = 0.0
        measure(current, silent, 2)
    stored, records = store.load(current.directory)
    assert (stored.state, records) == ("partial", [])
    assert "zbench run --resume" in stored.why
    result = run(go_on("resume", current.directory), silent, told.append)
    assert (result.findings.run.state, told) == ("complete", [])


def test_a_run_keeps_the_claims_it_is_judged_by(tmp_path: Path) -> None:
    """The file that was named may change or vanish."""
    claims = tmp_path / "claims.toml"
    claims.write_text(CLAIMS)
    run(replace(brief(tmp_path, claims=str(claims)), launches=1), silent, print)
    assert (tmp_path / "out" / store.CLAIMS_FILE).read_text() == CLAIMS


def test_a_customer_chooses_the_seed_and_sees_that_answers_were_checked(tmp_path: Path) -> None:
    """The seed that was asked for makes the data; what checking took stands beside what it found."""
    found = run(replace(brief(tmp_path, seed=7), launches=1), silent, print).findings
    assert found.run.seed == 7
    for record in found.records:
        assert record.verification is not None
        assert record.verification.passed
        assert record.verification.elapsed_ns > 0
