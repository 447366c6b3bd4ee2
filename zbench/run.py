"""One run from the request to the written report; both doors, `zbench run` and pytest, call this."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from zbench import archive
from zbench.assess import Result, assess, publish
from zbench.errors import InvalidRun, TimeIsUp
from zbench.judge.baselines import Stored, load_baselines
from zbench.judge.claims import Claim, directory_of, load_claims
from zbench.judge.history import Kept
from zbench.judge.outcome import undecided_keys
from zbench.measure.statistics import EXTENDED, LAUNCHES
from zbench.request import Request
from zbench.search import search
from zbench.session import Report, Session, measure, session


def run(
    request: Request,
    report: Report,
    complain: Callable[[str], None],
    warn: Callable[[str], None] = lambda why: None,
) -> Result:
    """Measure, judge, extend once where that can decide something, and write charts and page.

    A measurement that breaks off, or whose time is up, is told to `complain` at once; its finished records
    are judged and reported, in state `invalid` or `partial`. What disturbs it without ending it is told to
    `warn`. Raises UsageError before anything is measured.
    """
    claims = load_claims(request.claims)
    given = [str(request.baseline)] if request.baseline else []
    baselines = load_baselines(claims, directory_of(request.claims), given)
    current = None
    try:
        with session(request, warn) as current:
            if request.search:
                search(current, report)
            measure(current, report, current.run.launches)
            _extend(current, claims, report)
    except (InvalidRun, TimeIsUp) as error:
        if current is None:
            raise
        complain(str(error))
    try:
        return _written_up(current, claims, baselines, given, warn)
    except KeyboardInterrupt:
        way_on = f"`zbench report {current.directory}` shows it"
        raise KeyboardInterrupt(f" in {current.directory}, which is measured; {way_on}") from None


def _written_up(
    current: Session,
    claims: Sequence[Claim],
    baselines: Mapping[str, Stored],
    given: Sequence[str],
    warn: Callable[[str], None],
) -> Result:
    history: list[Kept] = []
    if baselines:
        history, unreadable = archive.beside(*map(Path, given), current.directory)
        for why in unreadable:
            warn(f"left out of the history: {why}")
    found = assess(current.directory, current.run, current.records, claims, baselines, history)
    return Result(found, publish(found))


def _extend(current: Session, claims: Sequence[Claim], report: Report) -> None:
    """The one extension that is allowed; begun before, it is finished."""
    if current.request.sitting == "append" or current.request.launches != LAUNCHES:
        return
    if current.request.minutes is not None:
        return  # five launches of minutes were asked for, not ten
    if not current.run.extended:
        found = assess(current.directory, current.run, current.records, claims)
        every = current.request.compare
        current.run.extended = sorted(undecided_keys(found.verdicts, found.ratios, every))
    if current.run.extended:
        measure(current, report, EXTENDED, only=current.run.extended)
