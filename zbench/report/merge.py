"""Several runs on one page: laid beside each other, never computed with each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace as changed
from itertools import count, product
from pathlib import Path
from string import ascii_uppercase
from typing import TypeVar

from msgspec.structs import replace

from zbench.judge.hostcards import HostCards
from zbench.judge.scaling import Scaling
from zbench.records.schema import Run
from zbench.report.findings import Findings

T = TypeVar("T")


def merge(runs: Sequence[Findings], command: Sequence[str]) -> Findings:
    """The runs as one, their subjects and claims told apart by a label: `cpu · A`, `cpu · B`.

    Ratios stay within their run: sessions differ by more than launches do, so none is made up between
    them. A suite's noise floor is the largest of the runs'. Nothing is judged again.
    """
    members = dict(zip(labels(), runs, strict=False))
    each = [_labelled(found, label) for label, found in members.items()]
    floors = sorted((aa for found in each for aa in found.floors.values()), key=lambda aa: aa.floor)
    return Findings(
        directory=Path(),
        run=_run(members, command),
        records=[record for found in each for record in found.records],
        summaries=_adjacent((s for found in each for s in found.summaries), lambda s: s.key),
        ratios=[ratio for found in each for ratio in found.ratios],
        claims=_adjacent((claim for found in each for claim in found.claims), lambda c: c.text),
        verdicts=_adjacent((verdict for found in each for verdict in found.verdicts), lambda v: v.text),
        floors={aa.suite: aa for aa in floors},
        scaling=Scaling(
            [e for found in each for e in found.scaling.efficiencies],
            [fit for found in each for fit in found.scaling.fits],
            [projection for found in each for projection in found.scaling.projections],
        ),
        guidelines=[relation for found in each for relation in found.guidelines],
        peers=[group for found in each for group in found.peers],
        worlds=[world for found in each for world in found.worlds],
        datasheets={subject: sheet for found in each for subject, sheet in found.datasheets.items()},
        sustained=_adjacent((s for found in each for s in found.sustained), lambda s: s.key),
        hostcards=HostCards(
            tuple(line for found in each for line in found.hostcards.lineups),
            tuple(d for found in each for d in found.hostcards.disturbances),
        ),
        votes=_adjacent((one for found in each for one in found.votes), lambda one: one.key),
        pairs=_adjacent((one for found in each for one in found.pairs), lambda one: one.key),
        clocks=[clocks for found in each for clocks in found.clocks],
        starts=_adjacent((times for found in each for times in found.starts), lambda times: times.key),
        impacts=_adjacent((impact for found in each for impact in found.impacts), lambda i: i.key),
        members=members,
    )


def labels() -> Iterator[str]:
    """A to Z, then AA, AB and so on."""
    return ("".join(letters) for length in count(1) for letters in product(ascii_uppercase, repeat=length))


def _labelled(found: Findings, label: str) -> Findings:
    """The run with every subject and claim under its label."""

    def mark(name: str) -> str:
        return f"{name} · {label}" if name else name

    scaling = found.scaling
    return changed(
        found,
        records=[replace(record, subject=mark(record.subject)) for record in found.records],
        summaries=[replace(s, subject=mark(s.subject)) for s in found.summaries],
        sustained=[replace(s, subject=mark(s.subject)) for s in found.sustained],
        hostcards=HostCards(
            tuple(
                replace(line, members=tuple(replace(m, subject=mark(m.subject)) for m in line.members))
                for line in found.hostcards.lineups
            ),
            tuple(replace(d, subject=mark(d.subject)) for d in found.hostcards.disturbances),
        ),
        votes=[replace(each, subject=mark(each.subject)) for each in found.votes],
        pairs=[replace(each, subject=mark(each.subject)) for each in found.pairs],
        clocks=[replace(clocks, subject=mark(clocks.subject)) for clocks in found.clocks],
        starts=[replace(times, subject=mark(times.subject)) for times in found.starts],
        impacts=[replace(impact, subject=mark(impact.subject)) for impact in found.impacts],
        ratios=[replace(ratio, of=mark(ratio.of), to=mark(ratio.to)) for ratio in found.ratios],
        claims=[replace(claim, id=mark(claim.id)) for claim in found.claims],
        verdicts=[replace(v, claim=mark(v.claim), subject=mark(v.subject)) for v in found.verdicts],
        guidelines=[
            replace(r, guideline=mark(r.guideline), subject=mark(r.subject)) for r in found.guidelines
        ],
        peers=[replace(group, subject=mark(group.subject)) for group in found.peers],
        worlds=[replace(world, subject=mark(world.subject)) for world in found.worlds],
        datasheets={mark(subject): sheet for subject, sheet in found.datasheets.items()},
        floors={suite: replace(aa, subject=mark(aa.subject)) for suite, aa in found.floors.items()},
        scaling=Scaling(
            [replace(e, subject=mark(e.subject)) for e in scaling.efficiencies],
            [replace(fit, subject=mark(fit.subject)) for fit in scaling.fits],
            [replace(projection, subject=mark(projection.subject)) for projection in scaling.projections],
        ),
    )


def _adjacent(items: Iterable[T], by: Callable[[T], str]) -> list[T]:
    """What is about the same thing side by side, in the order of first appearance."""
    items = list(items)
    order = {name: i for i, name in reversed(list(enumerate(map(by, items))))}
    return sorted(items, key=lambda item: order[by(item)])


def _run(members: Mapping[str, Findings], command: Sequence[str]) -> Run:
    """What can be said of all at once; the rest stands with each member."""
    runs = [found.run for found in members.values()]
    first = runs[0]
    return replace(
        first,
        created=min(run.created for run in runs),
        command=list(command),
        profile=first.profile if len({run.profile for run in runs}) == 1 else "several profiles",
        cards=[f"{card} · {label}" for label, found in members.items() for card in found.run.cards],
        fabrics=[f"{name} · {label}" for label, found in members.items() for name in found.run.fabrics],
        launches=min(run.launches for run in runs),
        fingerprints={key: facts for run in runs for key, facts in run.fingerprints.items()},
        state="complete",
        why="",
    )
