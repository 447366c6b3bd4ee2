"""`zbench report`: charts and page of stored runs, judged again."""

from __future__ import annotations

import argparse
import errno
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zbench.errors import UsageError
from zbench.verbs.output import add_format, add_strict, show, warn
from zbench.verbs.run import add_baseline_card

if TYPE_CHECKING:
    from zbench.assess import Result
    from zbench.judge.baselines import Stored
    from zbench.judge.claims import Claim
    from zbench.records.schema import Run
    from zbench.report.findings import Findings

HELP = "write the charts and the page of stored runs again"
DESCRIPTION = (
    "Judge a stored run again with its own claims, and write its charts and its page into it. Several runs "
    "come on one page, told apart by letters: they are laid beside each other, and no ratio is made between "
    "them. Nothing is measured. Exit codes are those of `zbench run`."
)
PAGES = Path("zbench") / "reports"
"""In the user's state directory: pages that have no run of their own to lie in."""
READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
"""What writing into a directory of somebody else's ends in; any other error is one."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("runs", nargs="+", metavar="RUN", help="directory of a run")
    parser.add_argument("--out", metavar="DIR", help="write charts and page there (default: into the run)")
    parser.add_argument(
        "--claims", metavar="FILE", help="other claims: a file, or the name of a built-in one"
    )
    add_baseline_card(parser)
    add_format(parser)
    add_strict(parser)


def main(options: argparse.Namespace, command: list[str]) -> int:
    from zbench.assess import Result
    from zbench.report.merge import merge

    directories = [Path(name) for name in options.runs]
    for i, directory in enumerate(directories):
        if directory.resolve() in [earlier.resolve() for earlier in directories[:i]]:
            raise UsageError(f"{directory}: named twice; name each run once")
    if options.out is not None:
        check_out(Path(options.out), directories)
    if options.baseline_card == "":
        raise UsageError("--baseline-card is empty; leave it out, or say which (`zbench list datasheets`)")
    card = options.baseline_card or ""
    members = [judge_again(directory, options.claims or "", card) for directory in directories]
    found = members[0] if len(members) == 1 else merge(members, command)
    page = _publish(found, directories, Path(options.out) if options.out else None)
    show(found, options.format, page)
    codes = [_exit_code(Result(member, page), options.strict) for member in members]
    return next(code for code in (4, 1, 3, 0) if code in codes)


def _exit_code(result: Result, strict: bool) -> int:
    """As of a run; but where there were claims and none could be judged, nothing is fine."""
    found = result.findings
    lost = bool(found.run.claims and found.notes and not found.claims)
    return result.exit_code(strict) or (3 if lost else 0)


def judge_again(directory: Path, other: str, card: str = "") -> Findings:
    """A stored run with the claims and baselines it was measured with, or with `other` claims, or over
    another card of the catalogue.

    Raises UsageError.
    """
    from dataclasses import replace

    from zbench import archive
    from zbench.assess import assess
    from zbench.judge.claims import directory_of, load_claims
    from zbench.judge.datasheets import named
    from zbench.records import store

    run, records = store.load(directory)
    claims, note = (load_claims(other), f"by {other}") if other else _recorded_claims(directory, run)
    given = [run.baseline] if run.baseline else []
    baselines, lost = _baselines(claims, directory_of(other or run.claims), given)
    history = archive.beside(directory, *map(Path, given))[0] if baselines else []
    if card:
        note = "; ".join(filter(None, (note, f"over {named(card).title} (--baseline-card {card})")))
    found = assess(directory, run, records, claims, baselines, history, card)
    return replace(found, notes=[why for why in (note, lost) if why])


def _baselines(
    claims: Sequence[Claim], beside: Path, given: Sequence[str]
) -> tuple[Mapping[str, Stored], str]:
    """The baselines that can still be read; else none, and why."""
    from zbench.judge.baselines import load_baselines

    try:
        return load_baselines(claims, beside, given), ""
    except UsageError as error:
        return {}, f"without its baseline: {error}"


def _recorded_claims(directory: Path, run: Run) -> tuple[Sequence[Claim], str]:
    """The claims of a run: its own copy of the file, else the file it names; and what is not as it was."""
    from hashlib import sha256

    from zbench.judge.claims import claims_text, parse_claims
    from zbench.records.store import CLAIMS_FILE

    kept = directory / CLAIMS_FILE
    name = str(kept) if kept.exists() else run.claims
    if not name:
        return [], ""
    try:
        text = claims_text(name)
    except UsageError as error:
        return [], f"its claims are lost, so none is judged: {error}; name others with --claims"
    same = sha256(text.encode()).hexdigest() == run.claims_sha256
    changed = f"{name} has changed since it was measured, and is judged as it stands now"
    return parse_claims(text, name), "" if same else changed


def _publish(found: Findings, directories: Sequence[Path], out: Path | None) -> Path:
    """Charts and page into `out`, into the run, or where this user may write. Raises NotKept."""
    from zbench.assess import publish
    from zbench.errors import NotKept

    if out is not None or len(directories) > 1:
        return publish(found, out or _own_place(directories))
    try:
        return publish(found)
    except NotKept as error:
        cause = error.__cause__
        if not isinstance(cause, OSError) or cause.errno not in READ_ONLY:
            raise
    page = publish(found, _own_place(directories))
    warn(f"{directories[0]} cannot be written, so its charts and page are in {page.parent}")
    return page


def _own_place(directories: Sequence[Path]) -> Path:
    """A directory for pages that have no run to lie in; the same one for the same runs."""
    from hashlib import sha256

    from zbench.records.store import state_directory

    resolved = [directory.resolve() for directory in directories]
    digest = sha256("\0".join(map(str, resolved)).encode("utf-8", "surrogateescape")).hexdigest()
    return state_directory() / PAGES / f"{resolved[0].name}-{digest[:8]}"


def check_out(out: Path, directories: Sequence[Path]) -> None:
    """Raises UsageError where the page would go among files that are not of a report."""
    if len(directories) == 1 and out.resolve() == directories[0].resolve():
        return
    if (out / "run.json").exists():
        raise UsageError(f"--out {out}: is a run, with a page of its own; name another directory")
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / "report.html").exists())):
        raise UsageError(f"--out {out}: holds other things than a report; name a new directory")
