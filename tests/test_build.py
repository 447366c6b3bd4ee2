"""Whoever doubts the digests of a certificate builds the wheel again."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILT_OF = ("CMakeLists.txt", "LICENSE", "README.md", "csrc", "pyproject.toml", "suites", "zbench")
WHEN = "1767225600"
"""2026-01-01: a wheel holds times of files, and its builder says which (reproducible-builds.org)."""


def built(folder: Path) -> dict[str, str]:
    """The wheel's name -> its SHA-256, of a copy of the tree in this folder."""
    for name in BUILT_OF:
        source, target = ROOT / name, folder / name
        ignored = shutil.ignore_patterns("__pycache__", "*.so")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target, ignore=ignored) if source.is_dir() else shutil.copy(source, target)
    words = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder / "out", folder]
    subprocess.run(words, env=os.environ | {"SOURCE_DATE_EPOCH": WHEN}, check=True)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "out").iterdir()}


@pytest.mark.skipif("ZBENCH_TEST_BUILD" not in os.environ, reason="builds twice: set ZBENCH_TEST_BUILD=1")
def test_two_builds_are_the_same_to_the_byte(tmp_path: Path) -> None:
    """In folders of different names and depths."""
    first, second = built(tmp_path / "one"), built(tmp_path / "two" / "deeper")
    assert len(first) == 1
    assert first == second
