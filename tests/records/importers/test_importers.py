"""Files of other tools, read as they stand: what becomes of each figure, and what is said of the rest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zbench.errors import UsageError
from zbench.judge.summary import Summary, summarise
from zbench.records.importers import IMPORTERS
from zbench.records.importers.base import Asked, Told, make_run
from zbench.records.schema import Record, Run

FILES = Path(__file__).parent / "files"
NOTHING = Asked()


def told(form: str, name: str, asked: Asked = NOTHING) -> Told:
    return IMPORTERS[form]((FILES / name).read_text(), name, asked)


def run_of(form: str, text: str, asked: Asked = NOTHING) -> tuple[Run, list[Record]]:
    return make_run(IMPORTERS[form](text, "file", asked), asked, Path("file"), text.encode(), ["zbench"])


def figures(form: str, text: str, asked: Asked = NOTHING) -> dict[str, Summary]:
    return {summary.key: summary for summary in summarise(run_of(form, text, asked)[1])}


NCCL = (FILES / "nccl-tests.json").read_text()
OSU = (FILES / "osu.txt").read_text()


def edited(change: Callable[[dict[str, Any]], object]) -> str:
    """The JSON of nccl-tests with something changed."""
    document = json.loads(NCCL)
    change(document)
    return json.dumps(document)


def test_nccl_tests_tells_bus_bandwidth() -> None:
    """The same figure that the tool prints: 67.1 GB/s for 64 MiB in 1 ms on two ranks."""
    found = figures("nccl-tests", NCCL)
    assert list(found) == ["allreduce/fp32/8/ranks=2", "allreduce/fp32/67108864/ranks=2"]
    large = found["allreduce/fp32/67108864/ranks=2"]
    assert (large.value, large.unit, large.verified) == (pytest.approx(67.108864e9), "B/s", True)
    assert large.sheet is not None
    assert (large.subject, large.sheet.statistic, large.median_ns) == ("nccl", "mean", 1e6)
    assert large.variant == {"memory": "device", "nccl": "2.27.3", "issued": "back to back"}


def test_nccl_tests_tells_what_it_leaves_out() -> None:
    """Results in place and other reductions, each counted."""
    assert told("nccl-tests", "nccl-tests.json").left_out == Counter(
        {"in place, where zbench measures out of place": 2, "redop prod, where zbench sums": 1}
    )


def test_nccl_tests_tells_its_hosts() -> None:
    """Two of them, so that a claim across hosts can be judged; the variables of the environment stay away."""
    run, records = run_of("nccl-tests", NCCL)
    assert [facts["host"] for facts in run.fingerprints.values()] == ["node-a", "node-b"]
    assert (run.profile, run.state, run.ranks, run.fabrics) == ("imported", "complete", 2, ["nccl"])
    assert records[0].fingerprint in run.fingerprints
    assert "HOME" not in str(run)
    assert run.imported is not None
    assert (run.imported.tool, len(run.imported.sha256)) == ("nccl-tests", 64)


def test_nccl_tests_counts_the_ranks_of_each_process() -> None:
    """A process lists its first device only: two of them with four devices each are eight ranks."""

    def four_each(document: dict[str, Any]) -> None:
        document["config"]["ngpus"] = 4
        document["config"]["devices"][1]["rank"] = 4

    assert "allreduce/fp32/8/ranks=8" in figures("nccl-tests", edited(four_each))


def test_nccl_tests_wrong_elements_have_no_rate() -> None:
    """Its column of wrong elements becomes the verification; without a check there is none."""

    def wrong(document: dict[str, Any]) -> None:
        document["results"][0]["out_of_place"]["nwrong"] = 3.0
        document["results"][1]["out_of_place"]["nwrong"] = None

    first, second = figures("nccl-tests", edited(wrong)).values()
    assert (first.status, first.value, first.verified) == ("wrong", None, False)
    assert first.why == "3 elements are wrong"
    assert (second.status, second.verified) == ("ok", None)


def test_nccl_tests_samples_are_one_launch() -> None:
    """With per-iteration times there are samples, and a data sheet's figure no longer."""

    def timed(document: dict[str, Any]) -> None:
        document["results"][0]["out_of_place_per_iter"] = {"p50_us": 2.0, "times_us": [2.0, 3.0, 1.5]}

    first, second = run_of("nccl-tests", edited(timed))[1]
    assert (first.samples_ns, first.sheet) == ([2000, 3000, 1500], None)
    assert second.sheet is not None
    assert [s.launches for s in summarise([first, second])] == [1, 0]


def test_nccl_tests_samples_of_several_operations_are_none() -> None:
    """Where operations were timed together, a time is not that of one."""

    def together(document: dict[str, Any]) -> None:
        document["config"]["aggregated_iterations"] = 10
        document["results"][0]["out_of_place_per_iter"] = {"times_us": [2.0, 3.0]}

    assert run_of("nccl-tests", edited(together))[1][0].sheet is not None


def test_nccl_tests_broadcast_moves_bytes() -> None:
    """Whatever the elements are called, so that it meets zbench's own case."""

    def broadcast(document: dict[str, Any]) -> None:
        document["args"] = ["broadcast_perf_mpi"]

    assert "bcast/byte/8/ranks=2" in figures("nccl-tests", edited(broadcast))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            lambda d: d.update(args=["all_gather_perf"]),
            "all_gather_perf is no case of zbench; these are: all_red",
        ),
        (lambda d: d.update(args=[]), "does not tell its program (args)"),
        (lambda d: d.pop("results"), "Object missing required field `results`"),
        (
            lambda d: d["results"][1].update(size="big"),
            "Expected `int`, got `str` - at `$.results[",
        ),
        (
            lambda d: d["results"][1].update(type="fp33"),
            "results[1]: dtype 'fp33' is not understood (did you",
        ),
        (
            lambda d: d["config"].update(devices=[]),
            "does not tell the number of ranks; say it with --ranks N",
        ),
        (lambda d: d["results"][1].update(size=10**400), "' is no allreduce"),
        (lambda d: d.update(results=[]), "nothing of nccl-tests that zbench has a case for: no result in it"),
        (
            lambda d: [row["out_of_place"].update(time="nan") for row in d["results"]],
            "zbench has a case for: 2 x in place, where zbench measures out of place; 2 x no time of the GPU",
        ),
    ],
)
def test_nccl_tests_files_that_are_none(change: Callable[[dict[str, Any]], object], what: str) -> None:
    """Another operation, another dtype, damaged, empty."""
    with pytest.raises(UsageError) as error:
        run_of("nccl-tests", edited(change))
    assert what in str(error.value)
    assert "\n" not in str(error.value)


def test_nccl_tests_unfinished_json() -> None:
    """A test that was killed leaves it open; text is the other form of its output."""
    with pytest.raises(UsageError, match="truncated; a test that was killed leaves it unfinished"):
        run_of("nccl-tests", NCCL[:-400])
    with pytest.raises(UsageError, match="file:1: not JSON; run the test with -J FILE"):
        run_of("nccl-tests", "# nThread 1 nGpus 1 minBytes 8\n")


def test_ranks_that_the_file_tells_are_not_overruled() -> None:
    """A typing error must not become a figure of another world."""
    with pytest.raises(UsageError, match="tells of 2 ranks; leave out --ranks 4"):
        run_of("nccl-tests", NCCL, Asked(ranks=4))


@pytest.mark.parametrize(
    ("key", "value", "statistic"),
    [
        ("pingpong/byte/8/ranks=2", 3.0e-6, "median"),
        ("unidirectional/byte/8/ranks=2", 4.0e6, "mean"),
        ("bidirectional/byte/4194304/ranks=2", 45e9, "mean"),
        ("message_rate/byte/8/ranks=2", 2e6, "mean"),
        ("allreduce/fp32/1048576/ranks=16", 1048576 / 500e-6 * 2 * 15 / 16, "mean"),
        ("bcast/byte/65536/ranks=16", 65536 / 40e-6, "mean"),
        ("barrier/byte/0/ranks=16", 8e-6, "mean"),
    ],
)
def test_osu_tells_what_it_prints(key: str, value: float, statistic: str) -> None:
    """Latencies, bandwidths and rates come out as they stand; of collectives it is the bus bandwidth."""
    found = figures("osu", OSU, Asked(ranks=16))[key]
    assert found.sheet is not None
    assert (found.value, found.sheet.statistic) == (pytest.approx(value), statistic)


def test_osu_keeps_the_other_statistics_of_a_row() -> None:
    """Tails, and least and most over ranks, in ns of one execution: a ping-pong is two latencies."""
    found = figures("osu", OSU, Asked(ranks=16))
    assert found["pingpong/byte/8/ranks=2"].sheet.others_ns == {"mean": 6200, "p90": 6400, "p99": 9000}
    assert found["allreduce/fp32/4/ranks=16"].sheet.others_ns == {"min": 9000, "max": 12000}


def test_osu_tells_what_it_leaves_out() -> None:
    """Nothing disappears: other tests, pairs, columns, half a line, what a batch system wrote between."""
    assert told("osu", "osu.txt", Asked(ranks=16)).left_out == Counter(
        {
            "lines that belong to no table": 2,
            "column mb/s": 1,
            "figures of 4 pairs together, where zbench measures one": 1,
            "column iterations": 2,
            "line 42, of 1 figures for 2 columns": 1,
            "OSU Allgather Latency Test, of which zbench has no case": 1,
        }
    )


def test_osu_tells_where_the_bytes_lie() -> None:
    """`-d cuda D D` is not host memory."""
    found = figures("osu", OSU, Asked(ranks=16))
    assert found["pingpong/byte/8/ranks=2"].variant == {"memory": "host", "osu": "7.4"}
    assert found["bidirectional/byte/4194304/ranks=2"].variant == {"memory": "device", "osu": "5.9"}
    mixed = OSU.replace("Receive Buffer on DEVICE (D)", "Receive Buffer on HOST (H)")
    found = figures("osu", mixed, Asked(ranks=16))
    assert found["bidirectional/byte/4194304/ranks=2"].variant["memory"] == "host and device"


def test_osu_validation_becomes_verification() -> None:
    """Fail is a wrong answer, whatever its bandwidth."""
    found = figures("osu", OSU, Asked(ranks=16))
    assert found["unidirectional/byte/8/ranks=2"].verified is True
    assert found["unidirectional/byte/4194304/ranks=2"].status == "wrong"
    assert found["pingpong/byte/8/ranks=2"].verified is None


LATENCY = "# OSU MPI Latency Test v7.4\n# Size       Avg Latency(us)\n8 3.0\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "file:1: no header of an OSU benchmark, such as '# OSU MPI Latency Test v7.4'"),
        ("hello\nworld\n", "file:1: no header of an OSU benchmark"),
        ("# Size Latency (us)\n8 3.0\n", "file:2: figures before any '# OSU MPI ... Test' header"),
        ("# OSU MPI Latency Test v7.4\n8 3.0\n", "file:2: figures before the line that names their columns"),
        (LATENCY.replace("(us)", "(ms)"), "file:2: column 'avglatency(ms)' is not understood"),
        (LATENCY.replace("3.0", "3,0"), "file:3: '3,0' is no figure"),
        (LATENCY.replace("8 3.0\n", ""), "nothing of osu that zbench has a case for: no result in it"),
        (
            LATENCY.replace("3.0", "0.00"),
            "zbench has a case for: 1 x figures of 0, below what the tool prints",
        ),
        (LATENCY.replace("Latency Test", "Scatter Latency Test"), "1 x OSU Scatter Latency Test, of which"),
        (
            LATENCY.replace("Latency Test", "Barrier Latency Test"),
            "file:3: does not tell the number of ranks",
        ),
        (
            LATENCY.replace("# Size", "# Datatype: MPI_COMPLEX.\n# Size"),
            "file:4: dtype 'MPI_COMPLEX' is not understood",
        ),
    ],
)
def test_osu_files_that_are_none(text: str, what: str) -> None:
    """File and line, and what is not understood."""
    with pytest.raises(UsageError) as error:
        run_of("osu", text)
    assert what in str(error.value)
    assert "\n" not in str(error.value)


def test_osu_without_a_hash_and_with_another_systems_ends_of_lines() -> None:
    """Some launchers eat the one, some editors write the other."""
    assert "pingpong/byte/8/ranks=2" in figures("osu", LATENCY.replace("# ", "  ").replace("\n", "\r\n"))


def test_the_first_of_two_equal_results_is_kept() -> None:
    """A test that was run twice into one file must not count twice."""
    run, records = run_of("osu", LATENCY + LATENCY.replace("3.0", "9.0"))
    assert [record.sheet.time_ns for record in records if record.sheet] == [6000.0]
    assert run.not_run == {"osu: told again; the first one is kept": "1 x told again; the first one is kept"}


def test_mamf_tells_its_shapes() -> None:
    """A line a shape, rewritten in place; mean and fastest are kept beside the median."""
    found = figures("mamf", (FILES / "mamf-2.txt").read_text())
    assert list(found) == ["gemm/bf16/1024x1024x1024", "gemm/bf16/4096x4096x4096"]
    large = found["gemm/bf16/4096x4096x4096"]
    assert (large.value, large.unit, large.subject) == (pytest.approx(702e12), "FLOP/s", "torch")
    assert large.variant == {"device": "NVIDIA H100 80GB HBM3", "torch": "2.7.0"}
    flops = 2 * 4096**3
    assert large.sheet is not None
    assert large.sheet.others_ns == pytest.approx({"mean": flops / 700e3, "min": flops / 720e3})


def test_mamf_headlines_are_kept_apart_from_the_scouts() -> None:
    """The best burst and what is sustained are not the same thing as a line of the search."""
    _, records = run_of("mamf", (FILES / "mamf-4.txt").read_text())
    assert [(r.key, r.variant.get("ran"), r.sheet.statistic) for r in records if r.sheet] == [
        ("gemm/bf16/3072x2816x20480", None, "median"),
        ("gemm/bf16/3072x2816x20480", "boost burst", "min"),
        ("gemm/bf16/3072x2816x8192", "sustained", "mean"),
    ]
    assert told("mamf", "mamf-4.txt").left_out == Counter(
        {
            "lines of the search itself (screens and confirmations)": 2,
            "a mean over shapes, which is no case": 2,
        }
    )


OLD = "** Dtype: torch.float16\nThe best outcome was 250.0TFLOPS @ 6912x16384x2048 (MxNxK) (tried 9 shapes)\n"


def test_mamf_of_its_first_version() -> None:
    """It told the fastest iteration only, which stands for no median."""
    (found,) = figures("mamf", OLD).values()
    assert found.sheet is not None
    assert (found.key, found.sheet.statistic) == ("gemm/fp16/6912x16384x2048", "min")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "file:1: no result of mamf-finder"),
        (OLD.replace("TFLOPS", "GFLOPS"), "file:2: the unit is not understood; mamf-finder writes TFLOPS"),
        (OLD.replace("float16", "float13"), "dtype 'torch.float13' is not understood"),
        (OLD.partition("\n")[2], "does not tell the dtype; say it with --dtype"),
        (OLD.replace("250.0", "0.0"), "zbench has a case for: 1 x figures of 0, below what the tool prints"),
    ],
)
def test_mamf_files_that_are_none(text: str, what: str) -> None:
    """Empty, another unit, another dtype, none."""
    with pytest.raises(UsageError) as error:
        run_of("mamf", text)
    assert what in str(error.value)


def test_what_the_user_says_fills_what_the_file_does_not() -> None:
    """A name for the card, and a dtype."""
    run, records = run_of("mamf", OLD.partition("\n")[2], Asked(subject="h20", dtype="bf16"))
    assert (run.cards, run.fabrics, records[0].subject) == (["h20"], [], "h20")
    assert records[0].key == "gemm/bf16/6912x16384x2048"
