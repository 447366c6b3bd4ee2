"""`zbench draw`."""

from __future__ import annotations

from pathlib import Path

import pytest

from zbench.cli import main


def test_a_schedule_is_drawn_to_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Named after what it shows, unless told otherwise."""
    monkeypatch.chdir(tmp_path)
    assert main(["draw", "bcast/binomial", "--ranks", "5", "--root", "2"]) == 0
    assert "<svg" in (tmp_path / "bcast-binomial.svg").read_text()
    said = capsysbinary.readouterr().out.decode()
    assert said.startswith("bcast by binomial, 5 ranks, root 2: 4 messages in 2 rounds.")
    assert said.endswith("Chart  bcast-binomial.svg\n")
    assert main(["draw", "barrier/direct", "--out", "other.svg"]) == 0
    assert (tmp_path / "other.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["alreduce/ring"], "no operation 'alreduce' (did you mean 'allreduce'?)"),
        (["allreduce/rign"], "allreduce: no algorithm 'rign' (did you mean 'ring'?)"),
        (["allreduce"], "allreduce: no algorithm ''"),
        (["bcast/chain", "--root", "6"], "--root 6: a rank of 0 to 5"),
        (["pingpong/blocking", "--ranks", "1"], "--ranks 1: pingpong takes 2 at least"),
        (["alltoall/bruck", "--chunks", "2"], "--chunks 2: alltoall/bruck works in one piece"),
        (["bcast/chain", "--chunks", "0"], "--chunks 0: bcast/chain works in one piece"),
        (["allreduce/ring", "--ranks", "40"], "40 ranks are too many to draw"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, with the near miss."""
    assert main(["draw", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1
