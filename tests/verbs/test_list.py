"""`zbench list` as a person meets it: real processes, tables that fit, one line for what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zbench.judge.claims import built_in, load_claims
from zbench.judge.metrics import METRICS
from zbench.schedules.table import ALGORITHMS
from zbench.workloads.models import load_models

WHAT = ("cards", "fabrics", "cases", "models", "claims", "datasheets", "algorithms", "metrics", "tests")
HOSTILE = {
    "raises.py": "raise RuntimeError('the driver\\nis too old')\n",
    "leaves.py": "import sys\nprint('noise on standard output')\nsys.exit(3)\n",
    "lacks.py": "import no_such_library\n",
    "odd.py": "Card = 7\n",
    "fails.py": (
        "from zbench.cards.host import HostCard\n"
        "class Card(HostCard):\n"
        "    def __init__(self, option=None): raise OSError('no such device')\n"
        "    def operations(self): return {}\n"
        "    def prepare(self, case, slots): ...\n"
        "    def enqueue(self, plan, slot): ...\n"
    ),
}
"""A vendor's modules, each wrong in its own way."""


def zbench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zbench.cli", *arguments],
        env=os.environ | environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def vendor(tmp_path: Path) -> str:
    """An installed package whose cards all fail; the path to it."""
    for name, text in HOSTILE.items():
        (tmp_path / name).write_text(text)
    info = tmp_path / "vendor-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vendor\nVersion: 1.2\n")
    names = [name.removesuffix(".py") for name in HOSTILE]
    points = "".join(f"{name} = {name}:Card\n" for name in names)
    (info / "entry_points.txt").write_text(f"[zbench.cards]\n{points}")
    return str(tmp_path)


def test_cards_that_fail_are_listed_with_what_they_raised(vendor: str) -> None:
    """Never a traceback; the others are listed all the same, and the document stays a document."""
    result = zbench("list", "cards", "--format", "json", PYTHONPATH=vendor)
    assert result.returncode == 0
    assert "Traceback" not in result.stderr
    cards = {card["name"]: card for card in json.loads(result.stdout)["cards"]}
    assert cards["cpu"]["loads"]
    assert {"fp32", "fp64", "bf16", "int8"} <= set(cards["cpu"]["operations"]["gemm"])
    assert {cards[name.removesuffix(".py")]["loads"] for name in HOSTILE} == {False}
    assert cards["raises"]["why"].endswith("RuntimeError: the driver is too old; install what it needs")
    assert "no_such_library" in cards["lacks"]["why"]
    assert "not a subclass" in cards["odd"]["why"]
    assert "no such device" in cards["fails"]["why"]
    assert (cards["raises"]["package"], cards["raises"]["version"]) == ("vendor", "1.2")
    assert "noise on standard output" in result.stderr
    table = zbench("list", "cards", PYTHONPATH=vendor)
    assert "does not load" in table.stdout
    assert "Traceback" not in table.stderr


def test_naming_such_a_card_is_one_line_too(vendor: str) -> None:
    """Whatever its module raises, and before anything is measured."""
    result = zbench("run", "--card", "raises", PYTHONPATH=vendor)
    assert result.returncode == 2
    assert "card raises is known but does not load: RuntimeError: the driver" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("columns", [40, 100])
def test_tables_fit_the_terminal_in_ascii(what: str, columns: int) -> None:
    """40 and 100 columns, in the C locale."""
    result = zbench("list", what, COLUMNS=str(columns), LC_ALL="C", PYTHONIOENCODING="ascii")
    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii()
    assert max(map(len, result.stdout.splitlines())) <= columns
    assert len(result.stdout.splitlines()) > 2


def test_the_lists_are_complete() -> None:
    """Every model, claims file, algorithm and metric that there is."""
    listed = {what: json.loads(zbench("list", what, "--format", "json").stdout)[what] for what in WHAT[3:]}
    assert {row["name"]: row["source"] for row in listed["models"]} == {
        name: model.source for name, model in load_models().items()
    }
    assert {row["file"] for row in listed["claims"]} == set(built_in())
    assert len(listed["algorithms"]) == sum(map(len, ALGORITHMS.values()))
    assert [row["name"] for row in listed["metrics"]] == list(METRICS)


def test_cases_have_their_work_and_memory() -> None:
    """2mnk for a GEMM; only what the glob selects; in the ranks asked for."""
    result = zbench("list", "cases", "--profile", "smoke", "--case", "gemm/fp32/256*1", "--format", "json")
    (case,) = json.loads(result.stdout)["cases"]
    assert (case["key"], case["metric"]) == ("gemm/fp32/256x256x256/threads=1", "rate")
    assert (case["flops"], case["bytes"]) == (2 * 256**3, 3 * 4 * 256**2)
    assert case["memory_bytes"] > case["bytes"]
    ranks = zbench("list", "cases", "--ranks", "3", "--case", "barrier/*")
    assert "barrier/byte/0/ranks=3" in ranks.stdout


def test_one_claims_file_is_told_in_full(tmp_path: Path) -> None:
    """Built in by name or by path: text, limit, conditions, and what settles it."""
    words = " ".join(zbench("list", "claims", "zhenwu-10k").stdout.split())
    for claim in load_claims("zhenwu-10k"):
        for text in (claim.id, claim.text, claim.settles, claim.value):
            assert " ".join(text.split()) in words
    broken = tmp_path / "mine.toml"
    broken.write_text("version = 1\n[[claim]]\nid = 'x'\n")
    result = zbench("list", "claims", str(broken))
    assert result.returncode == 2
    assert "claim[0]" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["cards", "zhenwu-10k"], "takes no FILE"),
        (["metrics", "--ranks", "0"], "takes no --ranks"),
        (["cases", "--profile", "quik"], "did you mean 'quick'?"),
        (["cases", "--case", "gem/*"], "did you mean 'gemm'?"),
        (["claims", "zhenwu"], "did you mean 'zhenwu-10k'?"),
        (["crads"], "invalid choice: 'crads'"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], told: str) -> None:
    """Exit code 2, nothing on standard output."""
    result = zbench("list", *arguments)
    assert result.returncode == 2
    assert told in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_data_sheets_tell_every_figure_with_its_source_and_confidence() -> None:
    """What is unknown is absent in the document and called unknown in the table; what is disputed says so."""
    rows = json.loads(zbench("list", "datasheets", "--format", "json").stdout)["datasheets"]
    cards = {row["name"]: row for row in rows}
    assert cards["h20"]["peak"]["bf16"] == {
        "value": 148e12,
        "unit": "FLOP/s",
        "confidence": "medium",
        "sources": ["tweaktown", "cctv"],
        "note": "",
    }
    assert cards["zhenwu810e"]["peak"] == {}
    assert cards["a100"]["absent"] == ["fp8"]
    table = zbench("list", "datasheets").stdout
    assert "dense peak, T/s: unknown" in table
    assert "confidence: low: one page has 96 GB" in table
