"""All that a report is drawn from: what was recorded, and what was judged of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zbench.judge.claims import Claim
from zbench.judge.ratios import AA, Ratio
from zbench.judge.scaling import Scaling
from zbench.judge.summary import Summary
from zbench.judge.verdicts import Verdict
from zbench.records.schema import Record, Run


@dataclass(frozen=True)
class Findings:
    """One run. Nothing here is measured or judged by the report; it only shows it."""

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
