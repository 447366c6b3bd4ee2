"""Conformance at L0: the first test that wants any outcome of a subject asks for all of them."""

from collections.abc import Callable
from functools import cache

import pytest

from zbench.conformance.item import Outcome
from zbench.conformance.launches import Ask, conform
from zbench.conformance.status import BAD, HARNESS_ERROR, NOT_SUPPORTED
from zbench.subject import SCHEDULES, parse

Judge = Callable[[str, str, str], None]


@pytest.fixture(scope="session")
def judge() -> Judge:
    """(card, fabric or schedules; its name; id of a test): fails with what is wrong and the commands that
    show it again; skips, with the reason, what the subject does not offer."""

    @cache
    def outcomes(kind: str, spec: str) -> list[Outcome]:
        subject = SCHEDULES if kind == "schedules" else parse(kind, spec)
        return list(conform(Ask(subject, "L0", seed=0)))

    def judged(kind: str, spec: str, id: str) -> None:
        found = [each for each in outcomes(kind, spec) if each.id == id]
        wrong = [each for each in found if each.status in BAD or each.status == HARNESS_ERROR]
        if wrong:
            told = [f"{each.status} {each.scope}: {each.why}\n    again: {each.repro}" for each in wrong]
            pytest.fail("\n".join(told), pytrace=False)
        if all(each.status == NOT_SUPPORTED for each in found):
            pytest.skip("; ".join(dict.fromkeys(each.why for each in found)) or "not asked of this subject")

    return judged


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Subjects as `--zbench-card` and `--zbench-fabric` name them."""
    for kind, ours in (("card", "cpu"), ("fabric", "shm")):
        if kind in metafunc.fixturenames:
            metafunc.parametrize(kind, metafunc.config.getoption(f"zbench_{kind}") or [ours])
