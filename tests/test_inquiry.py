"""A device is asked what it has in a process of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zbench.errors import UsageError
from zbench.inquiry import inquire
from zbench.request import ask
from zbench.selection import operations, place_of, select, validate
from zbench.subject import Subject
from zbench.workloads.card_cases import Place

DEVICES = """
import os
from zbench.cards.base import Card
from zbench.cards.cpu import Cpu
class Opened(Cpu):
    peers = (1,)
    last_level_cache_bytes = 50 << 20
    @classmethod
    def threaded(cls, option): return False
    def __init__(self, option=None):
        super().__init__()
        print("a driver's greeting")
        os.system("echo as loud as that")
        with open(os.environ["OPENED_LOG"], "a") as log:
            print(os.getpid(), file=log)
class Gone(Opened):
    def operations(self): raise RuntimeError("the device fell off the bus")
class Dead(Opened):
    def operations(self): os._exit(7)
class Abstract(Card):
    @classmethod
    def threaded(cls, option): return False
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where devices write which process has opened them."""
    (tmp_path / "inquired").mkdir()
    (tmp_path / "inquired" / "devices.py").write_text(DEVICES)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("OPENED_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def test_all_that_a_plan_needs_is_asked_elsewhere_and_once(log: Path) -> None:
    """Cases, place and operations come of one answer; this process opens nothing."""
    card = Subject("card", "inquired.devices:Opened")
    validate([card])
    assert place_of(card) == Place((), 50 << 20, (1,))
    assert set(operations([card])[card.label]) == {"gemm", "read", "copy", "triad"}
    assert select(ask(suites=["card"], cards=[card.label]))
    (opened,) = map(int, log.read_text().split())
    assert opened != os.getpid()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Gone", "card inquired.devices:Gone: RuntimeError: the device fell off the bus"),
        ("Dead", "card inquired.devices:Dead: its process ended with exit code 7"),
        ("Abstract", "card inquired.devices:Abstract: TypeError: .*abstract"),
    ],
)
def test_a_device_that_fails_is_told_in_one_line(log: Path, name: str, told: str) -> None:
    """Whatever it raises, and however its process ends."""
    with pytest.raises(UsageError, match=told) as caught:
        inquire(Subject("card", f"inquired.devices:{name}"))
    assert "\n" not in str(caught.value)
