"""The tests here share `pages.py` and `metrics_page.py`."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud what the default `-m "not commands"` leaves out: a test that is not run is none."""
    left_out = sum("commands" in item.keywords for item in terminalreporter.stats.get("deselected", []))
    if left_out:
        terminalreporter.write_line(
            f"NOT RUN: the commands of {left_out} pages; `tox -e docs` runs them", yellow=True
        )
