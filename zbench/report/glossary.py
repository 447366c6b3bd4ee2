"""Words and formulas that the page explains; formulas name their source."""

from __future__ import annotations

GLOSSARY: tuple[tuple[str, str], ...] = (
    (
        "A/A floor",
        "The same subject launched twice in each block and compared with itself. Differences below it"
        " mean nothing.",
    ),
    (
        "algbw, busbw",
        "algbw = size / time. busbw = algbw x factor, so that wires compare whatever the number of "
        "ranks P: allreduce 2(P-1)/P, bcast 1 (nccl-tests).",
    ),
    (
        "alpha-beta fit",
        "t(n) = α + n/β: start-up time α, asymptotic bandwidth β (Hockney 1994), fitted by least "
        "relative error.",
    ),
    (
        "batch",
        "Executions in one timed interval, where one alone is too short for the clock. A sample is "
        "then their mean.",
    ),
    (
        "block",
        "One launch of every subject, in random order. Ratios pair launches of one block.",
    ),
    (
        "efficiency",
        "weak: T(1)/T(p) at equal work per rank. strong: T(1)/(p T(p)) at equal work in all.",
    ),
    (
        "GEMM rate",
        "2 m n k / t for C = A B with A of m x k and B of k x n.",
    ),
    (
        "interval",
        "Where the true value lies with the stated confidence. Student's t over the medians of "
        "launches, unless the table says otherwise; launches are what repeats, rounds inside one are "
        "not independent.",
    ),
    (
        "latency",
        "Point to point: half of a round trip. Otherwise one blocking operation.",
    ),
    (
        "launch",
        "A fresh set of processes and buffers for one subject.",
    ),
    (
        "noisy",
        "The probe beside a burst changed by more than 10 %. The result is shown all the same.",
    ),
    (
        "percent of peak",
        "Rate over the mean of the probes right before and after the burst; for a latency, the floor "
        "probe over it.",
    ),
    (
        "serial part",
        "e = (1/S - 1/p) / (1 - 1/p) with speed-up S on p ranks (Karp and Flatt 1990). Constant over "
        "p: serial work. Rising: overhead.",
    ),
    (
        "verdict",
        "MET or NOT MET only where the whole interval lies on one side of the claim and every "
        "condition of the claim holds here. UNDECIDED: the interval contains it. NOT TESTABLE: this "
        "run cannot settle it, whatever it measures. PROJECTED: a model's figure. NOT RUN: not "
        "measured.",
    ),
    (
        "verified",
        "Outputs were poisoned before the timed rounds and checked after them. A wrong answer has no "
        "time and no rate.",
    ),
)
