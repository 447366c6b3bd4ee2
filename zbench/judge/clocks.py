"""Whether the clocks of a world agree, and what may be told of moments on different ranks because they do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from zbench.measure.clocks import USABLE, usable
from zbench.records.schema import Beginnings, Clocks, Record


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rounds that began at a named moment of the common clock, over all launches."""

    rounds: int
    late: int
    """Of which a rank heard too late; they are not in the figures."""
    skew_p50_ns: float
    """Median over launches."""
    skew_max_ns: float


class Agreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The clocks of one world over all launches; of each figure the worst."""

    subject: str
    ranks: int
    launches: int
    method: str
    shared: bool
    """Every offset and drift was 0 within its own error: it is one clock, or as good as one."""
    within_ns: float
    """No message of any launch lets two clocks lie further apart from rank 0's."""
    offset_ns: float
    error_ns: float
    drift_ppm: float
    drift_error_ppm: float
    residual_ns: float
    """Of the check at the end against what had been foretold."""
    worst_rank: int
    """Whose offset `offset_ns` is."""
    named: Named | None = None
    """None: an older zbench measured it."""


class CommonTimes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One case, as seen on a clock that all its ranks have in common."""

    key: str
    subject: str
    launches: int
    skew_p50_ns: float
    """Between the first and the last rank's start: median over launches of the median over rounds."""
    skew_max_ns: float
    span_ns: float
    """From the first start to the last end, likewise the median."""
    own_ns: float
    """The longest of the ranks' own durations: what is shown everywhere else."""
    why: str = ""
    """Why none of this may be told; empty where it may."""


def agreements(records: Iterable[Record]) -> list[Agreement]:
    """One for each subject and number of ranks whose clocks were measured. Pure."""
    worlds: dict[tuple[str, int], list[Clocks]] = defaultdict(list)
    for record in records:
        if record.status == "ok" and record.clocks is not None and record.clocks.ranks:
            worlds[record.subject, record.ranks].append(record.clocks)
    return [_agreement(*world, launches) for world, launches in worlds.items()]


def _agreement(subject: str, ranks: int, launches: Sequence[Clocks]) -> Agreement:
    clocks = [clock for launch in launches for clock in launch.ranks]
    furthest = max(clocks, key=lambda clock: abs(clock.offset_ns))
    drifting = max(clocks, key=lambda clock: abs(clock.drift_ppm))
    return Agreement(
        subject=subject,
        ranks=ranks,
        launches=len(launches),
        method=launches[0].method,
        shared=all(
            abs(clock.offset_ns) <= clock.offset_error_ns and abs(clock.drift_ppm) <= clock.drift_error_ppm
            for clock in clocks
        ),
        within_ns=max(abs(clock.offset_ns) + clock.offset_error_ns for clock in clocks),
        offset_ns=furthest.offset_ns,
        error_ns=max(clock.offset_error_ns for clock in clocks),
        drift_ppm=drifting.drift_ppm,
        drift_error_ppm=max(clock.drift_error_ppm for clock in clocks),
        residual_ns=max(clock.residual_max_ns for clock in clocks),
        worst_rank=furthest.rank,
        named=_named([launch.starts for launch in launches if launch.starts]),
    )


def _named(starts: Sequence[Beginnings]) -> Named | None:
    if not starts:
        return None
    return Named(
        rounds=sum(start.rounds for start in starts),
        late=sum(start.late for start in starts),
        skew_p50_ns=float(np.median([start.skew_p50_ns for start in starts])),
        skew_max_ns=max(start.skew_max_ns for start in starts),
    )


def common_times(records: Iterable[Record], clocks: Sequence[Agreement]) -> list[CommonTimes]:
    """Of every case of these worlds whose ranks told their stamps, in the order of the records. Pure."""
    agreement = {(each.subject, each.ranks): each for each in clocks}
    cases: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        timed = record.status == "ok" and record.role == "measure" and record.starts and record.samples_ns
        if timed and (record.subject, record.ranks) in agreement:
            cases[record.key, record.subject].append(record)
    return [_common(bursts, agreement[bursts[0].subject, bursts[0].ranks]) for bursts in cases.values()]


def _common(bursts: Sequence[Record], clocks: Agreement) -> CommonTimes:
    starts = [record.starts for record in bursts if record.starts]
    own_ns = float(np.median([np.median(record.samples_ns) for record in bursts]))
    return CommonTimes(
        key=bursts[0].key,
        subject=bursts[0].subject,
        launches=len(bursts),
        skew_p50_ns=float(np.median([start.skew_p50_ns for start in starts])),
        skew_max_ns=max(start.skew_max_ns for start in starts),
        span_ns=float(np.median([start.span_p50_ns for start in starts])),
        own_ns=own_ns,
        why=_dropped(clocks, own_ns),
    )


def _dropped(clocks: Agreement, round_ns: float) -> str:
    """Stamps stand in the record as each rank's clock told them, so a clock that is off spoils them all."""
    if not clocks.shared:
        return "the clocks of these ranks do not agree"
    if not usable(max(clocks.within_ns, clocks.residual_ns), round_ns):
        return f"the clocks are not known to {100 * USABLE:.0f} % of a round"
    return ""
