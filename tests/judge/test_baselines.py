"""Data sheets and stored runs on the other side of a claim: what they settle, and what they do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zbench.assess import assess
from zbench.case import Case
from zbench.errors import UsageError
from zbench.judge.baselines import load_baselines
from zbench.judge.claims import parse_claims
from zbench.judge.summary import summarise
from zbench.records import store
from zbench.records.schema import Imported, Run, Sheet

MS = 1_000_000
NOISE = np.array([1.000, 1.002, 0.999, 1.001, 0.998])
REDUCE = Case("allreduce", "fp32", (1_000_000,), {"ranks": 2})
"""1 ms is 1 GB/s, of the bus too: the factor of two ranks is 1."""


def claim(**fields: str):
    given = {
        "metric": "busbw",
        "case": "allreduce/*",
        "operator": ">=",
        "value": "1 GB/s",
        "settles": "what settles it",
    } | fields
    to = given.pop("to", "")
    lines = [f'{key} = "{value}"' for key, value in given.items()] + ([f"to = {to}"] if to else [])
    return parse_claims(
        'version = 1\n[[claim]]\nid = "x"\ntext = "x"\nsource = { publisher = "x", date = 2026-01-01 }\n'
        + "\n".join(lines),
        "test.toml",
    )


def a_run(fabric: str, imported: bool = False) -> Run:
    return Run(
        zbench="0",
        created="2026-01-01T00:00:00+00:00",
        command=[],
        profile="imported" if imported else "quick",
        seed=0,
        suites=["fabric"],
        cards=[],
        fabrics=[fabric],
        ranks=2,
        launches=1 if imported else 5,
        imported=Imported(tool="osu", file="x", sha256="") if imported else None,
        state="complete",
    )


def sheet(make, time_ns: float, statistic: str = "mean", subject: str = "mpi", **others: float):
    """What an importer leaves: one record, no samples, no check."""
    told = Sheet(statistic, time_ns, others)
    return [make.record(REDUCE, 0, [], subject, sheet=told, verification=None)]


def verdict(claims, records, *baselines, fabric: str = "shm", imported: bool = False):
    """`baselines`: (name, fabric, whether it was imported, records)."""
    stored = {name: (a_run(theirs, sheets), kept) for name, theirs, sheets, kept in baselines}
    (found,) = assess(Path("run"), a_run(fabric, imported), records, claims, stored).verdicts
    return found


def test_a_data_sheet_does_not_pretend_to_be_measured(make):
    """A figure without launches, samples, interval or check."""
    (found,) = summarise(sheet(make, MS))
    assert (found.value, found.median_ns, found.status) == (pytest.approx(1e9), MS, "ok")
    assert (found.launches, found.samples, found.interval_ns, found.value_interval) == (0, 0, None, None)
    assert (found.verified, found.confidence, found.launch_medians_ns) == (None, None, ())
    assert found.method == "data sheet: mean"


def test_a_data_sheet_settles_a_claim_that_lets_it(make):
    """By its point, either way; the evidence says what it is."""
    for value, word in (("0.9 GB/s", "MET"), ("1.1 GB/s", "NOT MET")):
        found = verdict(
            claim(value=value, evidence="DATA SHEET"), sheet(make, MS), fabric="mpi", imported=True
        )
        assert (found.verdict, found.evidence) == (word, "DATA SHEET")
        assert (found.measured, found.measured_interval) == (pytest.approx(1e9), None)
        assert "a data sheet figure, with no interval of its own" in found.why


@pytest.mark.parametrize("evidence", ["MEASURED", "MEASURED ON A SLICE", "PROJECTED"])
def test_a_data_sheet_settles_no_other_claim(make, evidence):
    """The figure is still told."""
    found = verdict(claim(evidence=evidence), sheet(make, MS / 2), fabric="mpi", imported=True)
    assert (found.verdict, found.evidence, found.measured) == ("NOT TESTABLE", "DATA SHEET", 2e9)
    assert "the data sheet of mpi allreduce/fp32/1000000/ranks=2: 2.00 GB/s, 2x above the claim" in found.why
    assert "this is a data sheet figure, not measured under the same protocol" in found.why


@pytest.mark.parametrize(
    ("asked", "statistic", "others", "time_ns"),
    [
        ("median", "median", {"mean": 3.0 * MS}, 2.0 * MS),
        ("mean", "median", {"mean": 3.0 * MS}, 3.0 * MS),
        ("p50", "mean", {}, 2.0 * MS),
        ("p99", "median", {"p99": 4.0 * MS}, 4.0 * MS),
    ],
)
def test_the_statistic_that_the_claim_asks_for(make, asked, statistic, others, time_ns):
    """A mean may stand for a median where nothing else is told, never a tail for the middle."""
    told = claim(metric="latency", operator="<=", value="5 ms", statistic=asked, evidence="DATA SHEET")
    found = verdict(told, sheet(make, 2.0 * MS, statistic, **others), fabric="mpi", imported=True)
    assert (found.verdict, found.measured) == ("MET", pytest.approx(time_ns / 1e9))


@pytest.mark.parametrize(("asked", "told"), [("p99", "mean"), ("median", "min"), ("mean", "max")])
def test_a_statistic_that_the_sheet_does_not_tell(make, asked, told):
    """Neither met nor failed."""
    claims = claim(metric="latency", operator="<=", value="5 ms", statistic=asked, evidence="DATA SHEET")
    found = verdict(claims, sheet(make, MS, told), fabric="mpi", imported=True)
    assert (found.verdict, found.measured) == ("NOT TESTABLE", None)
    assert f"the data sheet tells no {asked}, only {told}" in found.why


@pytest.mark.parametrize("to", ["", '{ run = "osu" }', '{ card = "mpi" }', '{ subject = "mpi" }'])
def test_a_ratio_over_a_data_sheet(make, to):
    """Whether the claim names the run, its subject or nothing; the interval is that of the measured side."""
    mine = make.launches(REDUCE, NOISE * MS, "shm")
    theirs = ("osu", "mpi", True, sheet(make, 2 * MS))
    found = verdict(claim(of="candidate", value="1.9", to=to, evidence="DATA SHEET"), mine, theirs)
    assert (found.verdict, found.evidence) == ("MET", "DATA SHEET")
    assert found.measured == pytest.approx(2, rel=0.01)
    low, high = found.measured_interval
    assert 1.98 < low < 2 < high < 2.02
    near = claim(of="candidate", value="2", to=to, evidence="DATA SHEET")
    assert verdict(near, mine, theirs).verdict == "UNDECIDED"
    found = verdict(claim(of="candidate", value="1.9", to=to), mine, theirs)
    assert (found.verdict, found.measured) == ("NOT TESTABLE", pytest.approx(2, rel=0.01))
    assert "the baseline is a data sheet figure, not measured under the same protocol" in found.why


def test_a_ratio_of_times_over_a_data_sheet(make):
    """Of a latency the quotient stands the other way round."""
    theirs = ("osu", "mpi", True, sheet(make, 2 * MS))
    times = claim(of="candidate", metric="latency", operator="<=", value="0.6", evidence="DATA SHEET")
    found = verdict(times, make.launches(REDUCE, NOISE * MS, "shm"), theirs)
    assert (found.verdict, found.measured) == ("MET", pytest.approx(0.5, rel=0.01))


def test_few_launches_over_a_data_sheet_decide_nothing(make):
    """The measured side is held to its own rules."""
    theirs = ("osu", "mpi", True, sheet(make, 2 * MS))
    told = claim(of="candidate", value="1.1", evidence="DATA SHEET")
    assert verdict(told, make.launches(REDUCE, NOISE[:2] * MS, "shm"), theirs).verdict == "UNDECIDED"


def test_what_was_measured_beside_comes_before_what_is_stored(make):
    """A claim without a baseline takes the peer of the same blocks."""
    mine = make.launches(REDUCE, NOISE * MS, "shm") + make.launches(REDUCE, 3 * NOISE * MS, "shm:ring")
    run = a_run("shm")
    run.fabrics.append("shm:ring")
    stored = {"osu": (a_run("mpi", True), sheet(make, 2 * MS))}
    (found,) = assess(Path("run"), run, mine, claim(of="candidate", value="2.5"), stored).verdicts
    assert (found.verdict, found.evidence) == ("MET", "MEASURED")


def test_two_sessions_of_different_subjects_are_undecided(make):
    """Measured both, but not in the same blocks."""
    theirs = ("old", "mpi", False, make.launches(REDUCE, 2 * NOISE * MS, "mpi"))
    found = verdict(claim(of="candidate", value="1.1"), make.launches(REDUCE, NOISE * MS, "shm"), theirs)
    assert (found.verdict, found.measured) == ("UNDECIDED", pytest.approx(2, rel=0.01))
    assert "measured in different sessions" in found.why


def test_samples_of_another_tool_are_one_launch_of_its_own_protocol(make):
    """They carry no verdict, as a baseline or alone."""
    told = make.launches(REDUCE, [2 * MS], "nccl", verification=None)
    baseline = ("osu", "nccl", True, told)
    mine = make.launches(REDUCE, NOISE * MS, "shm")
    found = verdict(claim(of="candidate", value="1.1"), mine, baseline)
    assert (found.verdict, found.why) == ("UNDECIDED", "osu measured in one launch, under its own protocol")
    assert verdict(claim(), told, fabric="nccl", imported=True).verdict == "UNDECIDED"


def test_a_wrong_answer_of_another_tool_has_no_rate(make):
    """Its own check failed."""
    wrong = [make.record(REDUCE, 0, [], "nccl", sheet=Sheet("mean", MS), verification=make.WRONG)]
    (found,) = summarise(wrong)
    assert (found.status, found.value, found.verified) == ("wrong", None, False)
    assert verdict(claim(evidence="DATA SHEET"), wrong, fabric="nccl", imported=True).verdict == "UNDECIDED"


def test_an_imported_run_does_not_claim_to_know_its_hosts(make):
    """Where the file tells no host, neither `on one host` nor `across hosts` holds."""
    settled = claim(evidence="DATA SHEET", value="0.9 GB/s")
    for path in ("on one host", "across hosts"):
        (one,) = settled
        asked = [
            type(one)(**{f: getattr(one, f) for f in one.__struct_fields__} | {"conditions": {"path": path}})
        ]
        found = verdict(asked, sheet(make, MS), fabric="mpi", imported=True)
        assert (found.verdict, "(here not known)" in found.why) == ("NOT TESTABLE", True)


def test_baselines_are_found_beside_the_claims_file(make, tmp_path: Path):
    """A path in the file is relative to it; one given on the command line is not loaded twice."""
    directory = tmp_path / "theirs"
    store.write_run(store.create(directory), a_run("mpi", True))
    for record in sheet(make, MS):
        store.append(directory, record)
    claims = claim(of="candidate", value="2", to='{ run = "theirs" }')
    assert list(load_baselines(claims, tmp_path)) == ["theirs"]
    assert list(load_baselines(claims, tmp_path, [str(directory)])) == ["theirs"]
    assert list(load_baselines([], tmp_path, [str(directory)])) == [str(directory)]
    with pytest.raises(UsageError, match="elsewhere/theirs: not a run"):
        load_baselines(claims, tmp_path / "elsewhere")
