"""`zbench selftest`: the installation works; the same thing twice is seldom called two."""

from __future__ import annotations

import json

import pytest

from zbench.cli import main

SMALL = ["selftest", "--aa", "card", "--case", "gemm/fp32/256*threads=1", "--case", "gemm/fp64/256*threads=1"]


def test_it_computes_and_moves_data(tmp_path, monkeypatch, capsys):
    """Two answers checked, the kernels named, nothing kept."""
    monkeypatch.chdir(tmp_path)
    assert main(["selftest"]) == 0
    screen = capsys.readouterr().out
    assert screen.startswith("kernels: ")
    assert "gemm/fp32/256x256x256/threads=1 of cpu: right" in screen
    assert "allreduce/fp32/8/ranks=" in screen
    assert "OK: it computes" in screen
    assert list(tmp_path.iterdir()) == []


def test_a_session_is_measured_kept_and_reported_again(tmp_path, monkeypatch, capsys):
    """Every case has a twin in every block; `--from` says the same from the record."""
    monkeypatch.chdir(tmp_path)
    code = main([*SMALL, "--pairs", "3", "--out", "out", "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    assert code in (0, 1, 4)  # what the machine makes of it
    assert (found["sessions"], found["blocks_left"], found["bursts"]) == (2, 0, 50)
    assert found["pairs"] + 2 * found["bad"] >= 4
    records = [json.loads(line) for line in (tmp_path / "out" / "records.jsonl").read_text().splitlines()]
    roles = [(record["block"], record.get("role", "measure"), record["key"]) for record in records]
    assert len(set(roles)) == len(roles) == 10 * (2 + 2 + 1)
    launches = {(record["launch"], record.get("role", "measure")) for record in records}
    assert len(launches) == 30
    assert main(["selftest", "--aa", "--from", "out", "--format", "json"]) == code
    assert json.loads(capsys.readouterr().out) == found
    assert main(["selftest", "--aa", "--from", "out"]) == code
    assert "False FASTER or SLOWER" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--pairs", "9"], "--pairs belongs to --aa"),
        (["--from", "runs/a"], "--from belongs to --aa"),
        (["--aa", "--from", "runs/a"], "runs/a: not an A/A session"),
        (["--aa", "--from", "nowhere"], "nowhere: not a run"),
        (["--aa", "--pairs", "0"], "--pairs 0: at least 1"),
        (["--aa", "crad"], "no suite 'crad'"),
        (["--aa", "--card", "cpuu"], "no card 'cpuu'"),
        ([*SMALL[1:], "--pairs", "5000"], "of 2 cases that takes 12500 blocks, 1000 are the most"),
    ],
)
def test_wrong_usage_is_one_line(keep, arguments, why, tmp_path, monkeypatch, capsys):
    """Exit code 2, and nothing is measured."""
    keep("a", {"256": 1.0})
    monkeypatch.chdir(tmp_path)
    assert main(["selftest", *arguments]) == 2
    assert why in (told := capsys.readouterr().err)
    assert len(told.strip().splitlines()) == 1
    assert not (tmp_path / "results").exists()
