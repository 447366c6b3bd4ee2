"""What a reader must know of a run before its figures: broken off, disturbed, put together, not ours."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence

from zbench.judge.power import Gain
from zbench.records.schema import Run
from zbench.report import hostcards, pairs, words
from zbench.report.findings import Findings

LISTED = 3
"""Of cases or reasons in one remark; the rest is counted, and stands among the cases and conditions."""


def remarks(findings: Findings) -> list[tuple[str, str]]:
    """(what, why) for all that must stand above the verdicts, most serious first, run by run in a merge."""
    return [
        (f"{f'Run {label}' if label else 'This run'} {what}.", why)
        for label, part in findings.parts.items()
        for what, why in _of(part)
    ]


def _of(findings: Findings) -> list[tuple[str, str]]:
    run, found = findings.run, _ending(findings)
    bad = [f"{s.key} of {s.subject}" for s in findings.summaries if s.bad]
    if bad:
        found.append((f"has {words.counted(len(bad), 'wrong or invalid case')}", _listed(bad)))
    if run.imported:
        tool, file = run.imported.tool, run.imported.file
        why = f"its figures are those of {tool}, from {file}: evidence DATA SHEET, no answer was checked here"
        found.append(("is imported", why))
    if slow := hostcards.slow(findings.hostcards):
        found.append((f"found {words.counted(len(slow), 'slow card')}", _listed(list(slow.values()))))
    if links := [f"{pairs.suspect(s, m)} in {m.key}" for m in findings.pairs for s in m.suspects]:
        found.append(("found slow ranks or pairs of ranks", _listed(links)))
    if run.each and len(run.cards) == 1:
        found.append(("is of one card", f"there is one of this kind on this host, {run.cards[0]}"))
    if slowed := [s for s in findings.summaries if s.watched and s.watched.throttle]:
        reasons = [f"{s.key} of {s.subject} ({', '.join(s.watched.throttle)})" for s in slowed if s.watched]
        found.append((f"was throttled in {words.counted(len(slowed), 'case')}", _listed(reasons)))
    if run.disturbed:
        found.append(("was disturbed", f"meanwhile on this machine: {_listed(run.disturbed)}"))
    if len(run.sittings) > 1:
        told = ", ".join(f"{sitting.why} {words.moment(sitting.started)}" for sitting in run.sittings)
        why = f"{told}; launches of different sittings may differ by more than those of one"
        found.append((f"was measured in {len(run.sittings)} sittings", why))
    if run.not_run:
        reasons = [f"{why} ({count}x)" for why, count in Counter(run.not_run.values()).most_common()]
        found.append((f"leaves out {_left_out(run)}{_limit(run)}", _listed(reasons)))
    if run.searches:
        found.append(("looked for each card's fastest shape first", _searched(findings)))
    if findings.gains:
        zeros = [f"{gain.key} of {gain.subject}: {_gain(gain)}" for gain in findings.gains]
        found.append(("timed zeros beside random data, for no result", _listed(zeros)))
    return found + [("is judged again", note) for note in findings.notes]


def _searched(findings: Findings) -> str:
    """What was found, at the rate that it was then measured with; never at that of its pilot."""
    told = []
    for card, search in findings.run.searches.items():
        for key in search["chosen"].values():
            rates = [s for s in findings.summaries if (s.subject, s.key) == (card, key) and s.trusted]
            value = words.value(rates[0].value, rates[0].unit) if rates and rates[0].value else "no figure"
            told.append(f"{card} {key}: {value}")
        told.append(f"of {words.counted(len(search['pilot_rates']), 'pilot')} on {card}")
    return "; ".join(told)


def _gain(gain: Gain) -> str:
    """`zeros run 15 % faster [12, 18 %]: power, not arithmetic`."""
    percent = 100 * (gain.median - 1)
    if gain.interval is None:
        return (
            f"zeros run {abs(percent):.1f} % {'faster' if percent > 0 else 'slower'}, one launch: undecided"
        )
    low, high = (100 * (end - 1) for end in gain.interval)
    span = f"[{low:.1f}, {high:.1f} %]"
    if low <= 0 <= high:
        return f"zeros make no difference that can be told {span}"
    word = "faster" if percent > 0 else "slower"
    return f"zeros run {abs(percent):.1f} % {word} {span}: power, not arithmetic"


def _ending(findings: Findings) -> list[tuple[str, str]]:
    """How it ended, where it did not end well."""
    run = findings.run
    kept = f"{words.counted(len(findings.records), 'finished burst')} kept"
    goes_on = f"`zbench run --resume {shlex.quote(str(findings.directory))}` goes on"
    told = {
        "invalid": ("is invalid", run.why or "its measurement cannot be trusted"),
        "partial": ("is partial", f"{run.why or 'it broke off'}; {kept}, {goes_on}"),
        "running": ("has not ended", f"{run.why or 'killed, or still measuring'}; {kept}, {goes_on}"),
    }
    return [told[run.state]] if run.state in told else []


def _left_out(run: Run) -> str:
    """`3 cases and 2 kinds of case`: what a subject does not offer at all is told by the kind."""
    kinds = sum(name.endswith("/*") for name in run.not_run)
    counts = ((len(run.not_run) - kinds, "case"), (kinds, "kind"))
    return " and ".join(words.counted(n, what) for n, what in counts if n) + " of case" * (kinds > 0)


def _limit(run: Run) -> str:
    return "" if run.time_limit_s is None else f", in a time limit of {words.duration(run.time_limit_s)}"


def _listed(items: Sequence[str]) -> str:
    more = len(items) - LISTED
    return "; ".join(items[:LISTED]) + (f"; and {more} more" if more > 0 else "")
