"""All that a report is drawn from: what was recorded, and what was judged of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zbench.judge.choices import World
from zbench.judge.claims import Claim
from zbench.judge.clocks import Agreement, CommonTimes
from zbench.judge.congestion import Impact
from zbench.judge.datasheets import DataSheet
from zbench.judge.guidelines import Relation
from zbench.judge.hostcards import HostCards
from zbench.judge.pairs import PairMap
from zbench.judge.peers import Group
from zbench.judge.power import Gain
from zbench.judge.ratios import AA, Ratio
from zbench.judge.scaling import Scaling
from zbench.judge.stragglers import Votes
from zbench.judge.summary import Summary
from zbench.judge.sustained import Sustained
from zbench.judge.verdicts import Verdict
from zbench.records.schema import Record, Run


@dataclass(frozen=True)
class Findings:
    """One run, or several put together by `merge`. The report measures and judges nothing; it shows."""

    directory: Path
    run: Run
    records: Sequence[Record]
    summaries: Sequence[Summary]
    ratios: Sequence[Ratio] = ()
    claims: Sequence[Claim] = ()
    verdicts: Sequence[Verdict] = ()
    floors: Mapping[str, AA] = field(default_factory=dict)
    """suite -> the A/A noise floor."""
    scaling: Scaling = field(default_factory=Scaling)
    guidelines: Sequence[Relation] = ()
    """What the guidelines among the claims say of each case of each fabric."""
    peers: Sequence[Group] = ()
    """The first card against the best of the others; none where one card was measured."""
    worlds: Sequence[World] = ()
    """Fabrics by number of ranks: which algorithm ran and why, and the fitted cost models."""
    datasheets: Mapping[str, DataSheet] = field(default_factory=dict)
    """Subject -> what is published of it, where the catalogue names its device."""
    gains: Sequence[Gain] = ()
    """What zeros gained over random data."""
    sustained: Sequence[Sustained] = ()
    """Of a run by the minute: how its cases lasted."""
    hostcards: HostCards = field(default_factory=HostCards)
    """Of a run of each card of the host: which is slow, and how much they disturb each other."""
    pairs: Sequence[PairMap] = ()
    """All pairs of ranks, where they were measured: which link or rank is slow."""
    votes: Sequence[Votes] = ()
    """Of each collective, which ranks were last how often."""
    clocks: Sequence[Agreement] = ()
    """Whether the clocks of each world agree, where that was asked."""
    starts: Sequence[CommonTimes] = ()
    """What they tell of rounds, where they do."""
    impacts: Sequence[Impact] = ()
    """How much ranks are slowed by the traffic of others."""
    notes: Sequence[str] = ()
    """What a reader must know of how this was judged."""
    members: Mapping[str, Findings] = field(default_factory=dict)
    """label -> each run on its own, where this is a merge of several; else empty."""

    @property
    def parts(self) -> Mapping[str, Findings]:
        """label -> each run on its own; a single run has no label."""
        return self.members or {"": self}
