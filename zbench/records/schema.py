"""What one burst leaves behind, strictly typed and versioned.

Format history (readers migrate older versions, refuse newer ones):
  1  first
  2  Record: sheet (a figure without samples, from another tool); Run: cases, baseline, sittings, time
     limit, price, plan, disturbed, imported. Since then, absent from older files: Record: telemetry, pairs,
     clocks, starts, congestion; Verification: elapsed_ns; Run: minutes, each; Choices: cases, forced
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from zbench.case import Case

VERSION = 2

MOST_SAMPLES = 200
"""Of telemetry kept in one record: more points than a chart of some hundred pixels can tell apart."""


class Probe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reference probe right before and after the burst: what bounds the case, on this card."""

    unit: str
    """FLOP/s or B/s (a roof: higher is better) or ns (a floor: lower is better)."""
    before: float
    after: float

    @property
    def value(self) -> float:
        return (self.before + self.after) / 2


class Verification(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the answers of the timed rounds were right, and what the check can see."""

    method: str
    checked: int
    """Executions whose output was verified, of `of` that were timed."""
    of: int
    passed: bool
    smallest_error: float
    """The smallest absolute error in one element that the check can see; 0 means bit equality."""
    why: str = ""
    elapsed_ns: int = 0
    """Of checking on rank 0, behind the timed rounds; 0: not told."""


class Sheet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure that another tool told, without its samples: evidence DATA SHEET, never MEASURED."""

    statistic: Literal["mean", "median", "min", "max", "unknown"]
    time_ns: float
    """Of one execution of the case, as a sample would be with batch 1."""
    others_ns: dict[str, float] = {}
    """Further statistics of the same time, where the tool told them: mean, median, min, max, p90, p99, ..."""


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What a meter told at one moment of the timed rounds; what it could not tell is None."""

    at_ns: int
    """Timed so far, pauses between spans left out: the place in `samples_ns`, added up."""
    power_w: float | None = None
    clock_hz: float | None = None
    memory_clock_hz: float | None = None
    temperature_c: float | None = None
    throttle: list[str] = []


class Telemetry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Power, clocks and temperature during the timed rounds, and the energy of exactly these."""

    method: str
    rate_hz: float
    """At which a thread read; 0: read only before and after each span of rounds."""
    readings: int
    """Taken during or right after timed rounds; `samples` keeps some of them."""
    window_ns: int
    """Of all timed spans, by the harness' clock: what `energy_j` was drawn in."""
    energy_j: float | None = None
    energy_from: Literal["", "counter", "power"] = ""
    """power: no counter, so the trapezoids under the power readings."""
    energy_error: float = 0.0
    """By what share of it the energy may be off, because counters and power figures advance in steps."""
    throttle: dict[str, int] = {}
    """Why the card was held back -> in how many of the readings. It flags the burst and drops nothing."""
    samples: list[Sample] = []
    """At most `MOST_SAMPLES` of the readings, in order: first, last, extremes, and others evenly."""
    why: str = ""
    """What ended the telemetry early, or spoiled it."""


class PairTimes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every two ranks took that met in this burst; `samples_ns` is the middle pair's."""

    pairs: list[tuple[int, int]]
    """Who began or sent, and the other."""
    median_ns: list[float]
    """Of each pair's rounds, as they stand in `samples_ns`: of `batch` executions."""
    p99_ns: list[float | None]
    """Upper bound; None: too few rounds for one."""
    hosts: list[str]
    """Of each rank."""
    cores: list[int]
    """Likewise, the only one that it may run on; -1: several."""


class RankClock(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rank's clock minus that of rank 0. Errors are bounds that no message breaks, no deviations."""

    rank: int
    at_ns: int
    """When, on its own clock, `offset_ns` is of."""
    offset_ns: float
    offset_error_ns: float
    drift_ppm: float
    drift_error_ppm: float
    plain_offset_ns: float
    """From the last messages alone, without a drift: SKaMPI's."""
    plain_error_ns: float
    residual_p50_ns: float
    """How far the check at the end lay from what offset and drift had foretold."""
    residual_max_ns: float
    checks: int
    """Moments that were checked."""


class Beginnings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Barriers that began at a named moment of the common clock, as this clock has it on every rank."""

    rounds: int
    late: int
    """Rounds of which a rank heard too late; the figures are of the others."""
    skew_p50_ns: float
    skew_max_ns: float
    span_p50_ns: float
    """From the first start to the last end."""


class Clocks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The clocks of a world."""

    method: str
    """HCA3."""
    rounds: int
    """Messages each way at one moment."""
    ranks: list[RankClock]
    """All but rank 0."""
    starts: Beginnings | None = None


class Starts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How rounds lay on the clocks of all ranks, as these told them: true where the clocks agree."""

    skew_p50_ns: float
    """From the first rank's start to the last one's."""
    skew_max_ns: float
    span_p50_ns: float
    """From the first start to the last end."""


class Congestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What victims took with and without congestors beside them. A round holds `Record.batch` executions."""

    victims: list[int]
    """Ranks of the world, as ranks 0, 1, ... of the victims' case."""
    congestors: list[int]
    congestor_batch: int
    """Their executions in a loaded round."""
    idle_ns: list[int]
    """Rounds with all congestors at rest: the longest of the victims' own durations."""
    loaded_ns: list[int]
    """Rounds beside them."""
    uncovered: list[int] = []
    """Of `loaded_ns`, those in which a congestor began late or ended before the victims had."""
    oversubscribed: bool = False
    """Ranks shared cores."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One burst: one case inside one launch of one subject."""

    version: int = VERSION
    suite: Literal["card", "fabric", "scaling"]
    key: str
    case: Case
    subject: str
    variant: dict[str, str] = {}
    role: Literal["measure", "anchor", "twin"] = "measure"
    """`anchor`: the second launch of the first subject in a block, for the A/A noise floor; `twin`: of a
    self-test, every case once more."""
    block: int
    launch: int
    """Number of the launch in this run; equal only for bursts of processes that ran at the same time."""
    order: int
    """Position of the burst inside its launch."""
    ranks: int = 1
    batch: int = 1
    """Executions per round."""
    slots: int = 1
    warmup_rounds: int = 0
    samples_ns: list[int] = []
    """Total time of each round; for several ranks the maximum over ranks."""
    parts_ns: dict[str, list[int]] = {}
    """Where a round's time went, one figure a round (step: compute, wait, communication)."""
    slowest_rank: list[int] = []
    """Rounds in which each rank was the slowest, by rank."""
    pairs: PairTimes | None = None
    """None: the case is not about pairs."""
    probe: Probe | None = None
    clock_cost_ns: float = 0.0
    telemetry: Telemetry | None = None
    """None: the subject has no meter, or an older zbench measured it."""
    verification: Verification | None = None
    sheet: Sheet | None = None
    """Instead of samples."""
    starts: Starts | None = None
    clocks: Clocks | None = None
    """Instead of samples, of the case `clocks`."""
    congestion: Congestion | None = None
    """Likewise, of a case of congestion."""
    status: Literal["ok", "invalid", "wrong", "skipped"] = "ok"
    """invalid: the timing cannot be trusted; wrong: the answer was; skipped: not run, see `why`."""
    why: str = ""
    fingerprint: str = ""
    """Key of `Run.fingerprints`."""
    started: str = ""
    """UTC, ISO 8601."""


class Choices(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which algorithm a world runs for which case, frozen before its first launch."""

    cases: list[str] = []
    """Keys that were asked. One that has no choice has a single algorithm, or runs its library's."""
    chosen: dict[str, str]
    """Key -> algorithm."""
    median_ns: dict[str, dict[str, float]]
    """Key -> algorithm -> median time of an execution with nothing else under way: one launch of trials."""
    forced: str = ""
    """By `--algorithm`: nothing was measured."""
    hash: str
    """Of what was chosen and what was measured; in older files of the former only."""


class Sitting(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One time that somebody measured for this run: the first, and each --resume or --append."""

    why: Literal["run", "resume", "append"]
    started: str
    """UTC, ISO 8601."""
    ended: str = ""
    """Empty: it was killed, or it is still measuring."""
    zbench: str
    command: list[str]
    launches: int
    """What it was to bring the run to."""


class Imported(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the figures of an imported run come from."""

    tool: str
    """nccl-tests, osu, mamf-finder."""
    file: str
    sha256: str


class Run(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """run.json: what was asked, on what machine, and how it ended."""

    version: int = VERSION
    zbench: str
    created: str
    command: list[str]
    profile: str
    seed: int
    suites: list[str]
    cards: list[str]
    fabrics: list[str]
    ranks: int
    launches: int
    cases: list[str] = []
    """Globs that selected the cases; none: all."""
    model: str = ""
    """Of the catalogue, whose shapes the card suite asked instead of the profile's."""
    search: bool = False
    """The shape at which each card multiplies fastest was looked for first."""
    time_limit_s: float | None = None
    minutes: float | None = None
    """Of each burst, in a sustained run."""
    each: bool = False
    """`cards` are all of one kind on this host, measured one by one and all at once."""
    price_per_card_hour: float | None = None
    """In whatever currency was meant."""
    baseline: str = ""
    """A stored run to compare with, as it was named."""
    baseline_card: str = ""
    """A card of the catalogue that ratio claims without a baseline are over."""
    plan_sha256: str = ""
    """Of the plan file, where one was given."""
    sittings: list[Sitting] = []
    disturbed: list[str] = []
    """What else was seen measuring on this machine meanwhile, once each."""
    imported: Imported | None = None
    claims: str = ""
    """Name or path of the claims file."""
    claims_sha256: str = ""
    fingerprints: dict[str, dict[str, Any]] = {}
    tables: dict[str, Choices] = {}
    """`fabric ranks=N` -> its measured algorithm table."""
    searches: dict[str, dict[str, Any]] = {}
    """Per card: the shapes that were tried, the rates of their pilots, and which was chosen in each dtype."""
    extended: list[str] = []
    """Keys that were measured in further blocks, because their claims or ratios were undecided."""
    ended: str = ""
    """UTC, ISO 8601."""
    state: Literal["running", "complete", "partial", "invalid"] = "running"
    why: str = ""
    not_run: dict[str, str] = {}
    """`subject key` -> why it was not run. A skip is never a pass."""
