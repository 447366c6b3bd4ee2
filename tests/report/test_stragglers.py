"""Who was last, on screen, page and in the spreadsheet."""

from __future__ import annotations

import csv
import io
import re

from msgspec.structs import replace

from tests.report.conftest import judged, records, run
from zbench.records.schema import Record
from zbench.report import stragglers
from zbench.report.document import documents
from zbench.report.findings import Findings
from zbench.report.page import render_page
from zbench.report.spreadsheet import render_csv
from zbench.report.terminal import render_screen

KEY = "allreduce/fp32/4194304/ranks=4"
"""Whose last but one rank is 2."""


def with_votes(share: float | None = None) -> Findings:
    """A run whose last but one rank is last in this share of the rounds; None: as often as all others."""

    def vote(record: Record) -> Record:
        if record.suite != "fabric" or record.ranks < 2 or record.status != "ok":
            return record
        rounds, ranks = len(record.samples_ns), record.ranks
        each = rounds // ranks if share is None else round((1 - share) * rounds) // (ranks - 1)
        counts = [each] * ranks
        counts[ranks - 2] += rounds - sum(counts)
        return replace(record, slowest_rank=counts)

    return judged([vote(record) for record in records()], run())


def test_the_screen_names_a_straggler_and_nobody_else() -> None:
    """One or two lines where a rank is last far too often; nothing where none is."""
    found, clean = with_votes(0.9), with_votes()
    assert any(each.straggler for each in found.votes)
    assert re.search(r"was last in 9\d % of the rounds", " ".join(render_screen(found).split()))
    assert "was last" not in render_screen(clean)


def test_the_page_has_all_of_them() -> None:
    """With percentiles of the rounds, also where no rank is a straggler."""
    clean = with_votes()
    page = render_page(clean, [])
    assert 'id="last"' in page
    assert stragglers.TITLE in page
    rows = stragglers.rows(clean.summaries, clean.votes)
    assert {row[0] for row in rows} == {each.key for each in clean.votes}
    assert any(row[3] != "-" for row in rows)
    assert 'id="last"' not in render_page(judged(records(), run()), [])


def test_spreadsheet_and_document_tell_the_same() -> None:
    """Of every collective."""
    found = with_votes(0.9)
    table = {row["case"]: row for row in csv.DictReader(io.StringIO(render_csv(found)))}
    assert (table[KEY]["last_rank"], table[KEY]["straggler"]) == ("2", "yes")
    told = {each["key"]: each for each in documents(found)["last"]}
    assert told[KEY]["straggler"] is True
    assert sum(told[KEY]["last"]) > 0
