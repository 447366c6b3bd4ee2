"""What the pages say is what the code says: excerpts, links, the generated page, the examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from metrics_page import BYTES, FLOPS, page
from pages import PAGES, ROOT, blocks

from zbench.case import Case
from zbench.workloads import WORKLOADS

MOST_COLUMNS = 130
SIZES = {
    "gemm": (3, 5, 7),
    "grouped_gemm": (3, 5, 7),
    "attention": (2, 3, 1, 5, 7),
    "step": (3, 5, 7),
    "read": (800,),
    "copy": (800,),
    "triad": (800,),
}
LETTERS = {1: "n", 3: "mnk", 5: "bhqsd"}
"""What the page calls a size, by the length of it."""
ROUTED = {"experts": 2, "top": 2}
"""Of a grouped GEMM."""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Files exist, and so do the headings that are pointed at."""
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), f"{path.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)", linked.read_text(), re.MULTILINE)
            slugs = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
            assert anchor in slugs, f"{path.name}: {target}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_excerpts_stand_in_their_files(path: Path) -> None:
    """A block whose first line names a file is an excerpt of it, word for word."""
    for block in blocks(path):
        first, _, rest = block.text.partition("\n")
        named = re.fullmatch(r"# ([\w./-]+\.(?:py|toml))", first)
        if block.language in ("python", "toml") and named and (ROOT / named[1]).exists():
            if named[1].startswith("zbench/"):
                continue  # what is to be added; tests/docs/test_examples.py adds it
            assert rest in (ROOT / named[1]).read_text(), f"{path.name}:{block.line}: not in {named[1]}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_lines_are_short_enough_to_read_as_text(path: Path) -> None:
    """Tables excepted, which cannot be folded, and commands, which are to be copied."""
    inside = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        inside ^= line.startswith("```")
        if not inside and not line.startswith(("|", "![")):
            assert len(line) <= MOST_COLUMNS, f"{path.name}:{number} has {len(line)} columns"


def test_every_page_is_linked_from_the_readme() -> None:
    """Nobody finds a page that nothing leads to."""
    readme = (ROOT / "README.md").read_text()
    for path in PAGES[2:]:
        assert f"(docs/{path.name})" in readme, path.name


def test_the_metrics_page_is_what_the_code_says() -> None:
    """`python tests/docs/metrics_page.py > docs/metrics.md` writes it anew."""
    assert (ROOT / "docs/metrics.md").read_text() == page()


@pytest.mark.parametrize("name", list(WORKLOADS))
def test_the_formulas_of_the_metrics_page_hold(name: str) -> None:
    """Evaluated for a case, they give what the work model gives."""
    workload, size = WORKLOADS[name], SIZES.get(name, (0,) if name == "barrier" else (800,))
    dtype = "fp64" if workload.suite == "card" else "fp32"
    parameters = {"ranks": 2} if workload.suite != "card" else {"threads": 1}
    case = Case(name, dtype, size, parameters | (ROUTED if name == "grouped_gemm" else {}))
    letters = dict(zip(LETTERS[len(size)], size, strict=True)) | {"t": ROUTED["top"]}
    flops = FLOPS.get(name, "0").replace(" ", "*")
    assert workload.flops(case) == eval(flops, {}, letters)
    if "once" in BYTES.get(name, "n"):
        assert workload.bytes(case) == workload.memory_bytes(case)
    else:
        assert workload.bytes(case) == eval(BYTES.get(name, "n").replace(" ", "*"), {}, letters)
