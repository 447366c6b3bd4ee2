"""Every call for memory fails once: it is told as what it is, and the next attempt is right."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
COMPILER = shutil.which("cc")
MOST = 100
"""More calls than any of these makes."""
STEPS = {
    "a packed product": "with Gemm('fp32', 300, 300, 300, threads=3) as gemm: multiply(gemm)",
    "a packed product of narrow results": (
        "with Gemm('bf16', 300, 300, 300, out='bf16', threads=2) as gemm: gemm.variant"
    ),
    "a small product": "with Gemm('fp32', 9, 9, 9) as gemm: gemm.variant",
    "a product of few rows": "with Gemm('fp32', 2, 300, 300, transb=True, threads=2) as gemm: gemm.variant",
    "weights packed beforehand": "with Gemm('fp32', 2, 300, 300, prepacked=True) as gemm: gemm.variant",
    "a stream": "with Stream('read', 5000, 2, cpu.isa()) as plan: plan.run_rounds([(ones, total)], 1)",
    "a segment": "shm.Segment(fd, 0, False, 1.0)",
    "a plan": "coll.Plan(np.zeros(0, ACTION), 'byte', 1, [{}])",
}
SCRIPT = """\
import ctypes, os, sys
import numpy as np
from zbench.native import coll, cpu, shm
from zbench.native.gemm import Gemm
from zbench.native.stream import Stream
from zbench.schedules.compile import ACTION

fail_at = ctypes.CDLL(sys.argv[1]).fail_at
ones, total = np.ones(5000), np.zeros(1)
fd = shm.create(2, 1 << 20)

def multiply(gemm):
    a, b, c = np.ones((3, 300, 300), np.float32)
    gemm.run(1, a, b, 0, c)
    assert (c == 300).all()

for call in range({most}):
    fail_at(call)
    try:
        {step}
    except MemoryError:
        continue
    finally:
        fail_at(-1)
    break
print(call)
{step}
"""


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("failing") / "failing.so"
    words = ["-shared", "-fPIC", "-Wall", "-Werror", "-o", str(library), str(HERE / "failing.c"), "-ldl"]
    subprocess.run([str(COMPILER), *words], check=True)
    return library


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="its names for what malloc does")
@pytest.mark.skipif(COMPILER is None, reason="no C compiler here")
@pytest.mark.skipif(
    "san.so" in os.environ.get("LD_PRELOAD", ""), reason="sanitizers have a malloc of their own"
)
@pytest.mark.parametrize("what", STEPS)
def test_every_call_for_memory_may_fail(failing: Path, tmp_path: Path, what: str) -> None:
    """A MemoryError for each, no crash; when none fails any more, all is as it should be."""
    script = SCRIPT.format(most=MOST, step=STEPS[what])
    done = subprocess.run(
        [sys.executable, "-c", script, str(failing)],
        cwd=tmp_path,
        env={**os.environ, "LD_PRELOAD": str(failing)},
        text=True,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert 1 <= int(done.stdout) < MOST
