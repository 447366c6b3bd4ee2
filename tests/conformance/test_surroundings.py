"""What a run stands on: files, libraries, and what may have put itself between."""

from __future__ import annotations

from pathlib import Path

import pytest

from zbench.cli import main
from zbench.conformance.surroundings import loaded, preloads, suite


def test_what_puts_itself_between_is_refused_from_l2_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SE-6: LD_PRELOAD, LD_AUDIT, and the file that preloads for every program. What is allowed is told."""
    monkeypatch.setenv("LD_PRELOAD", "libspy.so")
    words = ["--level", "L2", "--card", "cpu", "--test", "GE-21", "--dtype", "fp32"]
    assert main(["conform", *words]) == 2
    assert "LD_PRELOAD=libspy.so: puts itself between" in capsys.readouterr().err
    assert main(["conform", *words, "--allow-preload", "--out", str(tmp_path / "out")]) == 0
    assert main(["verify", str(tmp_path / "out")]) == 0
    assert "preloaded: LD_PRELOAD=libspy.so" in capsys.readouterr().out
    (tmp_path / "preload").write_text("/lib/spy.so\n")
    found = preloads({"LD_AUDIT": "a.so"}, tmp_path / "preload")
    assert found == ("LD_AUDIT=a.so", f"{tmp_path / 'preload'}: /lib/spy.so")
    assert preloads({"LD_PRELOAD": ""}, tmp_path / "none") == ()


class Local:
    """A subject of this file."""


def test_the_suite_and_the_libraries_of_a_process_are_known() -> None:
    """A digest of all files and one of the kernels; every mapped library by its path."""
    found = suite()
    assert [name for name in found if name.endswith(".so")] == ["_zbench.abi3.so"]
    assert all(len(sha256) == 64 for sha256 in found.values())
    assert any("libc" in path for path in loaded())
    assert str(Path(__file__)) in loaded(Local())
