"""The threat table names tests that there are."""

from __future__ import annotations

import re

import pytest
from pages import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_what_proves_a_counter_is_there(file: str, test: str) -> None:
    """A test that was renamed proves nothing to a reader of the page."""
    assert f"def {test}(" in (ROOT / "tests" / file).read_text()


def test_every_threat_has_its_proof_or_says_why_not() -> None:
    """No row ends in an empty cell."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    for row in rows:
        assert len(row) == 3
        assert re.search(r"`[\w/]+\.(py::\w+|c)`|not yet", row[2]), row[0]
