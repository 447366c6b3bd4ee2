"""Where an MPI is found, and what is told where there is none."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from tests.fabrics.mpi_here import EACH
from zbench.errors import UsageError
from zbench.fabrics.mpi import Mpi
from zbench.fabrics.mpi_installed import find


@pytest.mark.parametrize("option", EACH)
def test_the_mpi_of_the_system_is_found_by_its_mpiexec(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its names: the first mpiexec on the PATH, and the library of the same kind beside it."""
    wheel = find(option)
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib").mkdir()
    said = "mpirun (Open MPI) 5.0.11" if wheel.is_open_mpi else "HYDRA build details:"
    (tmp_path / "bin/mpiexec").write_text(f"#!/bin/sh\necho '{said}'\n")
    (tmp_path / "bin/mpiexec").chmod(0o755)
    (tmp_path / "lib/libmpi.so").write_text("INPUT(libmpi.so.12)")
    (tmp_path / "lib/libmpi.so.77").symlink_to(wheel.shared_object)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    found = find(None)
    assert found.command == tmp_path / "bin/mpiexec"
    assert found.shared_object.resolve() == wheel.shared_object
    assert found.is_open_mpi == wheel.is_open_mpi
    assert found.rank_variable == wheel.rank_variable


def test_an_mpi_that_is_missing_is_told_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra of zbench that brings it; and one that there is none of."""

    def none(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("zbench.fabrics.mpi_installed.distribution", none)
    with pytest.raises(UsageError, match=r"needs the package mpich >= 4, .*pip install 'zbench\[mpich\]'"):
        Mpi.seats(2, "mpich").__enter__()
    with pytest.raises(UsageError, match=r"mpi:opnmpi: no such MPI .*did you mean 'openmpi'"):
        Mpi.seats(2, "opnmpi").__enter__()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"no mpiexec on the PATH; .*'zbench\[openmpi\]'"):
        Mpi.seats(2).__enter__()


def test_a_command_that_is_no_mpis_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing that an MPI would say, or has no library beside it."""
    command = tmp_path / "bin/mpiexec"
    command.parent.mkdir()
    command.write_text("#!/bin/sh\necho something else\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent))
    with pytest.raises(UsageError, match="neither Open MPI's nor of MPICH's family"):
        find(None)
    command.write_text("#!/bin/sh\necho HYDRA build details\n")
    with pytest.raises(UsageError, match=r"no library of .*mpiexec lies beside it"):
        find(None)
