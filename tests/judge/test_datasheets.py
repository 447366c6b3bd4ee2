"""The catalogue of cards: what is published stays as published, and nothing is guessed."""

from __future__ import annotations

import pytest

from zbench.errors import UsageError
from zbench.judge.datasheets import bound, datasheets, named, of_device, of_subjects, parse, share, sources
from zbench.judge.summary import summarise

H200 = {"subjects": {"card": {"device": "NVIDIA H200", "driver": "580"}}}
NOISE = (1.000, 1.002, 0.999, 1.001, 0.998)


def row(**fields: str) -> str:
    """A file of one card, with these fields instead of, or beside, what it needs."""
    given = {
        "name": '"x1"',
        "title": '"Maker X1"',
        "matches": '["Maker X1 80GB"]',
        "confidence": '"high"',
        "sources": '["page"]',
        "peak": '{ bf16 = "100 TFLOP/s" }',
    } | fields
    lines = "\n".join(f"{key} = {value}" for key, value in given.items())
    return f'version = 1\n[sources]\npage = "a page"\n[[card]]\n{lines}\n'


def test_every_figure_has_a_source_that_the_file_names() -> None:
    """And every named source is used by one."""
    figures = [
        figure
        for sheet in datasheets().values()
        for figure in (*sheet.peak.values(), *sheet.achieved.values(), sheet.memory, sheet.link, sheet.power)
        if figure
    ]
    used = {source for figure in figures for source in figure.sources}
    assert used == set(sources())


@pytest.mark.parametrize(
    ("card", "dtype", "rate"),
    [
        ("a100", "bf16", 312e12),
        ("h100", "bf16", 989e12),
        ("h200", "fp8e4m3", 1979e12),
        ("h200", "u8s8", 1979e12),
        ("h20", "bf16", 148e12),
        ("h20", "fp64", 1e12),
        ("b200", "fp8e5m2", 4500e12),
        ("mi300x", "fp32", 163.4e12),
        ("gaudi3", "fp16", 459e12),
        ("ascend950dt", "bf16", 486e12),
    ],
)
def test_rates_are_dense_and_found_by_the_dtype_of_a_case(card: str, dtype: str, rate: float) -> None:
    """Both kinds of fp8 are one figure of a data sheet, and so is int8 of either sign."""
    figure = named(card).rate(dtype)
    assert figure is not None
    assert figure.value == pytest.approx(rate)


@pytest.mark.parametrize(
    ("card", "dtype"), [("zhenwu810e", "bf16"), ("gaudi3", "int8"), ("b200", "fp64"), ("ascend910b", "bf16")]
)
def test_what_nobody_published_is_unknown_and_never_zero(card: str, dtype: str) -> None:
    """A derived or measured figure does not take the place of a peak."""
    assert named(card).rate(dtype) is None
    assert dtype not in named(card).absent


def test_a_disputed_figure_says_what_disputes_it() -> None:
    """Both figures of the 910C are named, and neither is trusted."""
    figure = named("ascend910c").rate("bf16")
    assert figure is not None
    assert figure.confidence == "low"
    assert "780" in figure.note
    assert "752" in figure.note


def test_a_device_is_matched_letter_by_letter() -> None:
    """A PCIe variant, a slice or a sibling has another peak, and gets no line rather than a wrong one."""
    assert of_device("NVIDIA H200") is named("h200")
    for other in (
        "NVIDIA H200 NVL",
        "nvidia h200",
        "H200",
        "NVIDIA H100 PCIe",
        "NVIDIA H200 MIG 1g.18gb",
        "",
    ):
        assert of_device(other) is None


def test_a_subject_has_the_data_sheet_of_the_device_it_describes(make) -> None:
    """A card that describes no known device has none, and neither has one that launches disagree on."""
    records = make.launches(make.GEMM, [1e6], "torch:cuda", fingerprint="f1")
    records += make.launches(make.GEMM, [1e6], "cpu", fingerprint="f2")
    run = make.kept("a", records).run
    run.fingerprints = {"f1": H200, "f2": {"subjects": {"card": {"isa": "avx512"}}}}
    assert of_subjects(run, records) == {"torch:cuda": named("h200")}
    moved = make.launches(make.GEMM, [1e6], "torch:cuda", fingerprint="f2")
    assert of_subjects(run, records + moved) == {}


def test_the_share_is_of_the_peak_of_the_dtype_or_of_the_bandwidth(make) -> None:
    """2 TFLOP/s of 66.9 in fp32; of what has no figure there is no share."""
    (gemm,) = summarise(make.launches(make.GEMM, [1e6 * n for n in NOISE]))
    sheets = {"cpu": named("h200")}
    assert share(sheets, gemm) == pytest.approx(2e12 / 66.9e12, rel=0.01)
    assert share({}, gemm) is None
    assert share({"cpu": named("zhenwu810e")}, gemm) is None
    stream = make.GEMM.__class__("read", "fp64", (1 << 30,), {"threads": 1})
    (read,) = summarise(make.launches(stream, [1e6 * n for n in NOISE]))
    assert bound(named("h200"), read) is named("h200").bandwidth
    cached = stream.__class__("read", "fp64", (1 << 12,), {"threads": 1, "cache": "l1"})
    (read,) = summarise(make.launches(cached, NOISE))
    assert bound(named("h200"), read) is None
    (message,) = summarise(make.launches(make.PINGPONG, [1e3], "shm"))
    assert bound(named("h200"), message) is None


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"sparse": '"1 TFLOP/s"'}, "x.toml: card x1: .*unknown field `sparse`"),
        ({"peak": '{ bf61 = "1 TFLOP/s" }'}, "x.toml: card x1: peak.bf61: unknown precision .*'bf16'"),
        ({"peak": '{ bf16 = "100 TFLOPS" }'}, "x.toml: card x1: peak.bf16: '100 TFLOPS': unknown unit"),
        ({"peak": '{ bf16 = "100 GB/s" }'}, "peak.bf16: '100 GB/s' is not a value in FLOP/s"),
        ({"peak": '{ int8 = "100 TFLOP/s" }'}, "peak.int8: '100 TFLOP/s' is not a value in OP/s"),
        ({"peak": '{ bf16 = "0 TFLOP/s" }'}, "peak.bf16: '0 TFLOP/s': not a figure; write 'unknown'"),
        ({"peak": "{ bf16 = 100 }"}, "x.toml: card x1: peak"),
        ({"memory": '"80"'}, "x.toml: card x1: memory: '80' is not a value in B"),
        ({"power": '"700 watts"'}, "x.toml: card x1: power: '700 watts': unknown unit"),
        ({"confidence": '"certain"'}, "x.toml: card x1: confidence: .*'certain'"),
        ({"sources": '["paeg"]'}, "x.toml: card x1: peak.bf16: no source 'paeg' .*'page'"),
        ({"sources": "[]"}, "x.toml: card x1: peak.bf16: '100 TFLOP/s' has no source"),
        ({"matches": '"NVIDIA H200"'}, "x.toml: card x1: matches: "),
    ],
)
def test_what_is_wrong_is_named_with_its_file_card_key_and_value(fields: dict[str, str], told: str) -> None:
    """In one line."""
    with pytest.raises(UsageError, match=told) as raised:
        parse(row(**fields), "x.toml")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version = 2", "x.toml: version: expected 1, found 2"),
        ("version = 1\ncards = []", "x.toml: cards: unknown key"),
        ("version = 1\nversion = 1", "x.toml: not TOML"),
        (row() + row().split("\n", 3)[3], "name: taken by an earlier card"),
        (
            row() + row(name='"x2"').split("\n", 3)[3],
            "card x2: matches: 'Maker X1 80GB' is x1's already",
        ),
    ],
)
def test_the_file_as_a_whole(text: str, told: str) -> None:
    """No card twice, and no device that could be two."""
    with pytest.raises(UsageError, match=told):
        parse(text, "x.toml")


def test_a_card_that_is_not_there_is_answered_with_what_is_near() -> None:
    """And with how to see all."""
    with pytest.raises(UsageError, match=r"no card 'h2O' .*did you mean 'h20'\?.*zbench list datasheets"):
        named("h2O")
