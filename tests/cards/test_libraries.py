"""Libraries of installed wheels: found by what their package says it installed, or told how to get."""

from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from cffi import FFI

from zbench.cards.blis import Blis
from zbench.cards.libraries import LibraryCard, Plan, bound, installed, opened, shared_library
from zbench.cards.mkl import Mkl
from zbench.cards.numpy import Numpy
from zbench.case import Case
from zbench.errors import Unsupported, UsageError


def wheel(site: Path, name: str, version: str, files: dict[str, str]) -> None:
    """An installed package that holds these files and says so."""
    info = f"{name}-{version}.dist-info"
    written = {**files, f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}
    for path, text in written.items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text(text)
    (site / info / "RECORD").write_text("".join(f"{path},,\n" for path in [*written, f"{info}/RECORD"]))


def test_a_package_that_is_missing_is_told_with_the_way_to_get_it() -> None:
    """The extra of zbench that brings it."""
    with pytest.raises(UsageError, match=r"zbench-lacks-this >= 3\.1, which is missing; .*'zbench\[mkl\]'"):
        installed("zbench-lacks-this", (3, 1), "mkl")


@pytest.mark.parametrize(("card", "name", "old"), [(Mkl, "mkl", "2024.2.2"), (Blis, "blis", "1.1.99")])
def test_a_package_that_is_too_old_is_told(
    card: type[LibraryCard], name: str, old: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is here, what is needed, and how to get it."""
    wheel(tmp_path, name, old, {})
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match=rf"here is {old}; .*pip install 'zbench\[{name}\]'"):
        card()


@pytest.mark.parametrize("version", ["2025.0.0", "2026.2"])
def test_a_new_enough_package_is_taken(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The least version itself, and any after it."""
    wheel(tmp_path, "mkl", version, {})
    monkeypatch.syspath_prepend(tmp_path)
    assert installed("mkl", (2025,), "mkl").version == version


def test_an_incomplete_installation_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MKL itself would end the process when it misses one of its parts."""
    wheel(tmp_path, "mkl", "2025.0.0", {"libmkl_rt.so.2": "", "libmkl_core.so.2": ""})
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match=r"mkl 2025\.0\.0 holds no libmkl_intel_lp64.*force-reinstall"):
        Mkl()


def test_the_file_is_the_one_the_package_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its version's suffix; not one that merely begins alike, nor one that is gone."""
    files = {"libmkl_rt_more.so": "", "libmkl_rt.so.9.1": "no library"}
    wheel(tmp_path, "mkl", "2025.0.0", files)
    monkeypatch.syspath_prepend(tmp_path)
    package = distribution("mkl")
    found = shared_library(package, "libmkl_rt", "mkl")
    assert found == tmp_path / "libmkl_rt.so.9.1"
    with pytest.raises(UsageError, match=r"card mkl: .*libmkl_rt\.so\.9\.1"):
        opened(FFI(), found, "mkl")
    found.unlink()
    with pytest.raises(UsageError, match="holds no libmkl_rt;"):
        shared_library(package, "libmkl_rt", "mkl")


@pytest.mark.parametrize("size", [(0, 4, 5), (4, 0, 5), (4, 5, 0)])
def test_products_of_no_elements_are_refused(size: tuple[int, int, int]) -> None:
    """They have no rate."""
    with pytest.raises(Unsupported, match="no gemm of no elements"):
        Numpy().prepare(Case("gemm", "fp32", size), [])


def test_rounds_take_the_slots_in_turn() -> None:
    """Round i runs executions i * batch and following, each on the slot after the last one's."""
    seen: list[int] = []
    plan = Plan([bound(seen.append, slot) for slot in range(3)])
    times = Numpy().run_rounds(plan, 4, 2)
    assert seen == [0, 1, 2, 0, 1, 2, 0, 1]
    assert (times.dtype, times.shape) == (np.dtype(np.int64), (4,))
    assert (times >= 0).all()


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"a": np.zeros((5, 4))}, "a is .*the case needs"),
        ({"b": np.zeros((3, 7), np.int64)}, "b is int64, the case needs fp64"),
        ({"c": np.zeros((7, 5))}, "c is .*the case needs"),
        ({"c": np.broadcast_to(0.0, (5, 7))}, "c must be writeable"),
    ],
)
def test_operands_that_are_not_the_cases_are_refused(wrong: dict[str, np.ndarray], error: str) -> None:
    """numpy would convert and broadcast, and C interfaces read on."""
    slot = {"a": np.zeros((5, 3)), "b": np.zeros((3, 7)), "c": np.zeros((5, 7))} | wrong
    with pytest.raises((TypeError, ValueError), match=error):
        Numpy().prepare(Case("gemm", "fp64", (5, 7, 3)), [slot])


def test_a_result_in_the_place_of_an_operand_is_refused() -> None:
    """Rather than computed from what has been overwritten."""
    a = np.zeros((4, 4))
    with pytest.raises(ValueError, match="c overlaps a"):
        Numpy().prepare(Case("gemm", "fp64", (4, 4, 4)), [{"a": a, "b": np.zeros((4, 4)), "c": a}])
