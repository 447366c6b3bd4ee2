"""One run from the request to the written report; both doors, `zbench run` and pytest, call this."""

from __future__ import annotations

from collections.abc import Callable

from zbench.assess import Result, assess, publish
from zbench.errors import InvalidRun
from zbench.judge.claims import load_claims
from zbench.judge.outcome import undecided_keys
from zbench.judge.summary import summarise
from zbench.measure.statistics import EXTENDED, LAUNCHES
from zbench.records import store
from zbench.session import Report, Request, measure, session


def run(request: Request, report: Report, complain: Callable[[str], None]) -> Result:
    """Measure, judge, extend once where that can decide something, and write charts and page.

    A measurement that breaks off is told to `complain` at once; its finished records are judged and
    reported, in state `invalid`. Raises UsageError before anything is measured.
    """
    claims = load_claims(request.claims)
    baseline = store.load(request.baseline) if request.baseline else None
    if baseline is not None:
        summarise(baseline[1])  # what cannot be read is told before anything is measured
    current = None
    try:
        with session(request) as current:
            measure(current, report, request.launches)
            found = assess(current.directory, current.run, current.records, claims)
            undecided = undecided_keys(found.verdicts, found.ratios)
            if undecided and request.launches == LAUNCHES:
                current.run.extended = sorted(undecided)
                measure(current, report, EXTENDED - LAUNCHES, only=sorted(undecided))
    except InvalidRun as error:
        if current is None:
            raise
        complain(str(error))
    found = assess(current.directory, current.run, current.records, claims, baseline, request.baseline)
    return Result(found, publish(found))
