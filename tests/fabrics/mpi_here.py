"""The MPIs whose wheels are installed here; a test of another is skipped, and says why."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

import pytest

from zbench.fabrics.mpi_installed import OPTIONS


def missing(option: str) -> bool:
    try:
        return not distribution(option).version
    except PackageNotFoundError:
        return True


EACH = [
    pytest.param(
        option,
        marks=pytest.mark.skipif(
            missing(option), reason=f"needs the wheel of {option}: pip install 'zbench[{option}]'"
        ),
    )
    for option in OPTIONS
]
