"""From the request to the verdict, with real measurements of small cases."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zbench.errors import UsageError
from zbench.run import run
from zbench.session import Request, ask, fitting, measure, select, session

CLAIMS = """
version = 1
[[claim]]
id = "as-fast-as-itself"
text = "plain C is as fast as the packed kernel"
source = { publisher = "a test", date = 2026-01-01 }
metric = "rate"
case = "gemm/*"
operator = "<="
value = "1.0"
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
    """The packed kernel is faster than plain C by far: that they are equal is NOT MET, and exits with 1."""
    claims = tmp_path / "claims.toml"
    claims.write_text(CLAIMS)
    result = run(brief(tmp_path, cards=["cpu", "cpu:generic"], claims=str(claims)), silent, print)
    (verdict,) = result.findings.verdicts
    assert verdict.verdict == "NOT MET", [(s.status, s.why) for s in result.findings.summaries]
    assert result.exit_code() == 1
    assert {record.block for record in result.findings.records} >= set(range(5))


def test_an_extension_measures_only_what_is_undecided(tmp_path: Path) -> None:
    """Further blocks of one key: the blocks go on counting, and no launch number comes twice."""
    request = replace(brief(tmp_path), cases=("gemm/fp32/256*", "gemm/fp64/256*"))
    key = "gemm/fp64/256x256x256/threads=1"
    with session(request) as current:
        measure(current, silent, 2)
        measure(current, silent, 1, only=[key])
    records = [record for record in current.records if record.role == "measure"]
    assert {record.block for record in records if record.key == key} == {0, 1, 2}
    assert {record.block for record in records if record.key != key} == {0, 1}
    launches = {(record.launch, record.block, record.role) for record in current.records}
    assert len(launches) == len({launch for launch, _, _ in launches})


def test_the_default_request_is_the_embedded_default() -> None:
    """Card cpu, fabric shm, and both together."""
    groups = select(ask())
    assert {group.subject for group in groups} == {"cpu", "shm", "cpu+shm"}
    assert {group.suite for group in groups} == {"card", "fabric", "scaling"}


def test_a_glob_selects_cases_of_all_suites() -> None:
    """`*` crosses slashes; groups without a case are gone."""
    groups = select(ask(cases=["*/ranks=2"]))
    assert all(case.key.endswith("ranks=2") for group in groups for case in group.cases)
    assert {group.suite for group in groups} == {"fabric", "scaling"}


def test_what_does_not_fit_in_memory_is_refused_and_named() -> None:
    """The rest is measured; each refusal says how much it would need."""
    kept, refused = fitting(select(ask(suites=["fabric"])), 1 << 30)
    assert any("67108864" in key for key in refused)
    assert all("GiB" in why for why in refused.values())
    assert all(case.size[0] < 67108864 for group in kept for case in group.cases)


def test_a_world_whose_processes_do_not_fit_is_refused() -> None:
    """Before any of them is started."""
    with pytest.raises(UsageError, match="ask for at most 12 ranks"):
        fitting(select(ask(suites=["fabric"], ranks=64)), 1 << 30)
