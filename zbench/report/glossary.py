"""Words and formulas that the page explains; formulas name their source."""

from __future__ import annotations

from zbench.judge.hostcards import CARDS_MIN, EFFECT_MIN, MAD_SCALE, OUTLIER_Z
from zbench.judge.metrics import METRICS
from zbench.measure.statistics import INTERVAL_ALPHA
from zbench.report.findings import Findings

TERMS: tuple[tuple[str, str], ...] = (
    (
        "A/A floor, noise band",
        "The same subject launched twice in each block and compared with itself: the far end of the interval "
        "of that ratio. Differences below it mean nothing; charts draw it as a band around a line.",
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
        "alpha-beta-gamma model",
        "t = rounds α + bytes moved β + bytes reduced γ: the time of a collective algorithm by its closed "
        "form (Hockney 1994; Thakur, Rabenseifner and Gropp 2005), with constants fitted to those that ran.",
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
        "card hours",
        "Time from start to end of the run x cards kept busy at once (the ranks of the largest world). "
        "Cost = card hours x price.",
    ),
    (
        "efficiency",
        "weak: T(1)/T(p) at equal work per rank. strong: T(1)/(p T(p)) at equal work in all.",
    ),
    (
        "evidence",
        "MEASURED: here, under the conditions of the claim. MEASURED ON A SLICE: here, where a condition or "
        "the scale of the claim is missing. PROJECTED: a model's figure. DATA SHEET: told by someone else, "
        "without samples.",
    ),
    (
        "energy efficiency",
        "Operations of the timed rounds over the energy drawn in exactly these: the difference of an energy "
        "counter, else the trapezoids under power readings. Not told where the steps in which that figure "
        "advances are more than 10 % of it. A host's energy includes whatever else runs there.",
    ),
    (
        "GEMM rate",
        "2 m n k / t for C = A B with A of m x k and B of k x n.",
    ),
    (
        "LogGP",
        "Latency L, overhead o, gap between messages g and gap per byte G of a pair of ranks (Alexandrov and "
        "others 1995), from half a ping-pong and from windows of messages as Netgauge does.",
    ),
    (
        "interval",
        f"Where the true value lies with {100 * (1 - INTERVAL_ALPHA):.0f} % confidence: exp(mean ± t s / √L) "
        "over the logarithms of the medians of L launches (Student's t, L - 1 degrees of freedom), unless "
        "the table says otherwise. Launches are what repeats; rounds inside one are not independent.",
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
        "margin",
        "Measured over claimed: `8 % above the claim`, `12x below the claim`. Which side holds is said by "
        "the claim's operator.",
    ),
    (
        "modified z",
        f"(share - median) / ({MAD_SCALE} MAD), with MAD the median distance from the median: a z that an "
        "outlier does not move (Iglewicz and Hoaglin 1993). "
        f"Of {CARDS_MIN} cards or more one is slow beyond {OUTLIER_Z}, of hundreds beyond more, where it is "
        f"also {100 * EFFECT_MIN:.0f} % under the middle.",
    ),
    (
        "more launches",
        "The interval of L launches has a half-width h on a logarithmic scale and narrows with √L: it leaves "
        "the claimed value out from about L (h / ln(measured / claimed))² launches, if the figures stay.",
    ),
    (
        "noisy",
        "The probe beside a burst changed by more than 10 %. The result is shown all the same.",
    ),
    (
        "percent of data sheet",
        "Rate over the dense peak that the maker publishes for that dtype, bandwidth over the published one; "
        "only of a device that the catalogue names (`zbench list datasheets`).",
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
        "sustained",
        "A case timed for minutes (--minutes): the rate of its last minute over that of its first, after a "
        "warm-up of 3 s; of less than two minutes the last tenth over the first. One launch decides nothing.",
    ),
    (
        "throttled",
        "The card said, while it was timed or right after, that something held it back: power, heat, a board "
        "limit. The burst is flagged and kept.",
    ),
    (
        "together",
        "Cards of a host at work at the same time, each on the whole case (`together=8` in a key). Its rate "
        "over that alone tells what the others take from a card: power, memory, links.",
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


def glossary(findings: Findings) -> list[tuple[str, str]]:
    """The terms, and the definition of each metric that was measured or claimed, by name."""
    used = {s.metric for s in findings.summaries} | {claim.metric for claim in findings.claims}
    metrics = [METRICS[name] for name in used & METRICS.keys()]
    defined = [(f"metric {metric.name}", f"{metric.definition} ({metric.unit})") for metric in metrics]
    return sorted([*TERMS, *defined], key=lambda entry: entry[0].lower())
