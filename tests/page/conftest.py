"""Chromium, axe-core and the pages that they look at. What is missing fails: a skip would read as a pass."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace as changed
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from zbench.records.schema import Imported, Sheet, Sitting
from zbench.report.findings import Findings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

EXAMPLE = Path(__file__).parents[2] / "results" / "example-quick"

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source: the file that ZBENCH_AXE names."""
    path = Path(os.environ.get("ZBENCH_AXE", ""))
    assert path.is_file(), "ZBENCH_AXE must name axe.min.js; `tox -e page` fetches it"
    return path.read_text("utf-8")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or the one that ZBENCH_CHROMIUM names."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("ZBENCH_CHROMIUM") or shutil.which("chromium")
    assert path, "no chromium: apt-get install chromium, or name one in ZBENCH_CHROMIUM"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """name -> the page: a rich run, the stored example, two runs on one page, a bad day."""
    from zbench.assess import assess, publish
    from zbench.judge.claims import load_claims
    from zbench.records import store
    from zbench.report.merge import merge

    synthetic = _synthetic()
    rich = synthetic.judged(synthetic.records(), synthetic.run())
    wrong = synthetic.judged(synthetic.spoilt(synthetic.records(), *synthetic.WRONG), synthetic.run())
    example = assess(EXAMPLE, *store.load(EXAMPLE), load_claims("zhenwu-10k"))
    found = {
        "rich": rich,
        "example": example,
        "merge": merge([example, rich], ["zbench", "report", "a", "b"]),
        "bad day": bad_day(wrong),
    }
    folder = tmp_path_factory.mktemp("pages")
    return {name: publish(findings, folder / name.replace(" ", "-")) for name, findings in found.items()}


def bad_day(findings: Findings) -> Findings:
    """Half of it imported, disturbed, resumed, killed, and with names that nobody made room for."""
    sheets = [
        replace(
            s,
            subject="nccl",
            sheet=Sheet("mean", s.median_ns or 1.0),
            launches=0,
            samples=0,
            interval_ns=None,
            value_interval=None,
            verified=None,
            launch_medians_ns=(),
        )
        for s in findings.summaries
        if s.case.workload in ("allreduce", "pingpong") and s.subject == "shm"
    ]
    name = "package.of.a.vendor.with.a.very.long.name:AcceleratorCardOfTheSecondGeneration"
    rest = [replace(s, subject=name) if s.subject == "numpy" else s for s in findings.summaries]
    sittings = [
        Sitting(why=why, started=f"2026-11-21T0{hour}:00:00+00:00", zbench="0.1.0", command=[], launches=5)
        for hour, why in enumerate(("run", "resume", "append"))
    ]
    run = replace(
        findings.run,
        state="running",
        cards=["cpu", name],
        imported=Imported(
            tool="nccl-tests", file="/a/very/long/path/" * 6 + "all_reduce.json", sha256="0" * 64
        ),
        disturbed=["another zbench run (pid 589) measures on this machine"],
        sittings=sittings,
        not_run={f"cpu gemm/fp32/{n}x{n}x{n}/threads=1": "no time was left for it" for n in range(64, 80)},
        time_limit_s=600.0,
        price_per_card_hour=1.5,
    )
    undecided = [
        replace(v, verdict="UNDECIDED", missing="about 12 launches in all, 7 more") for v in findings.verdicts
    ]
    return changed(
        findings,
        run=run,
        summaries=[*rest, *sheets],
        verdicts=undecided,
        notes=["by x"],
    )


def _synthetic() -> ModuleType:
    """The synthetic run of tests/report."""
    spec = spec_from_file_location("synthetic_run", Path(__file__).parents[1] / "report" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there for their annotations
    spec.loader.exec_module(module)
    return module


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud what the default `-m "not browser"` leaves out: a test that is not run is none."""
    left_out = sum("browser" in item.keywords for item in terminalreporter.stats.get("deselected", []))
    if left_out:
        terminalreporter.write_line(
            f"NOT RUN: {left_out} browser tests of the page; `tox -e page` runs them", yellow=True
        )
