"""What tells the cases of one chart apart beside what its axes show: parameters, threads, kinds of shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from zbench.case import Case
from zbench.judge.summary import Summary
from zbench.report import words

PRECISIONS = ("fp64", "fp32", "tf32", "fp16", "bf16", "fp8e4m3", "fp8e5m2", "int8", "u8s8")
"""dtypes, widest first: the order of panels and categories."""


def real(summaries: Iterable[Summary]) -> list[Summary]:
    """Without those on zeros: what they show is a finding about power, never a result."""
    return [s for s in summaries if s.case.workload != "gemm" or s.case.get("data") == "random"]


def precision(dtype: str) -> tuple[int, str]:
    """To sort dtypes by; an unknown one comes last."""
    return (PRECISIONS.index(dtype) if dtype in PRECISIONS else len(PRECISIONS), dtype)


def lanes_text(count: int) -> str:
    """`2 threads`, `on the device`."""
    return words.counted(count, "thread") if count else "on the device"


def kinds(summaries: Iterable[Summary], beside: Sequence[str] = ()) -> tuple[Callable[[Summary], str], str]:
    """(what tells a summary's line, what all share): parameters in the key that the axes do not show.

    `cache=cold weights=prepacked` beside `cache=cold` is told as `weights=prepacked`; that all are cold is
    said once.
    """
    told = [_told(s.case, beside) for s in summaries]
    shared = set.intersection(*map(set, told)) if told else set()

    def kind(summary: Summary) -> str:
        return " ".join(part for part in _told(summary.case, beside) if part not in shared)

    return kind, " ".join(sorted(shared))


def _told(case: Case, beside: Sequence[str]) -> list[str]:
    parts = case.key.split("/")[3:]
    return [part for part in parts if part.partition("=")[0] not in ("threads", *beside)]
