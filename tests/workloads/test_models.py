"""The model catalogue: the published shapes, read strictly, and the cases that they ask."""

from pathlib import Path

import pytest

from zbench.errors import UsageError
from zbench.workloads.models import (
    Model,
    attention_cases,
    built_in,
    feed_forward,
    gemm_cases,
    grouped_cases,
    linear_layers,
    load_models,
    model,
)

BILLIONS = {
    "qwen3-0.6b": 0.596,
    "qwen3-8b": 8.19,
    "qwen3-32b": 32.76,
    "qwen3-30b-a3b": 30.53,
    "qwen3-235b-a22b": 235.1,
    "llama-3.1-8b": 8.03,
    "llama-3.1-70b": 70.55,
    "llama-3.1-405b": 405.9,
    "deepseek-v3": 671.0,
}
"""Parameters as their publishers count them (model cards; DeepSeek-V3 without its prediction module)."""


def parameters(m: Model) -> int:
    """All weights of a model but the norms: what its layers come to."""
    around = sum(n * k for name, (n, k) in linear_layers(m).items() if name in ATTENTION)
    expert = sum(n * k for n, k in feed_forward(m.hidden, m.expert_ffn).values())
    dense = sum(n * k for n, k in feed_forward(m.hidden, m.ffn).values())
    sparse = m.layers - m.dense_layers if m.experts else 0
    experts = sparse * ((m.experts + m.shared_experts) * expert + m.experts * m.hidden)
    return m.layers * around + (m.layers - sparse) * dense + experts + m.vocab * m.hidden * (2 - m.tied)


ATTENTION = {"qkv", "o", "q_down", "q_up", "kv_down", "kv_up"}
WRONG = """
version = 1
[models.m]
source = "https://example.org/config.json"
hidden = 64
layers = 2
heads = 4
kv_heads = 2
head_dim = 16
vocab = 100
ffn = 128
"""


@pytest.mark.parametrize("name", sorted(BILLIONS))
def test_the_shapes_come_to_the_published_number_of_parameters(name: str) -> None:
    """One wrong figure in the file would show here."""
    assert BILLIONS[name] == pytest.approx(parameters(model(name)) / 1e9, rel=2e-3)


def test_every_model_of_the_catalogue_is_counted() -> None:
    """A model without a published count to hold it against would go unchecked."""
    assert set(BILLIONS) == set(built_in())


def test_layers_are_products_with_the_published_weights() -> None:
    """Queries, keys and values in one; gate and up side by side; each W stored as outputs x inputs."""
    layers = linear_layers(model("qwen3-8b"))
    assert layers == {
        "qkv": (6144, 4096),
        "o": (4096, 4096),
        "gate_up": (24576, 4096),
        "down": (4096, 12288),
        "lm_head": (151936, 4096),
    }


def test_latent_attention_goes_through_its_narrow_layers() -> None:
    """DeepSeek-V3: 1536 wide for queries, 512 for keys and values, 64 more for the rotary part."""
    layers = linear_layers(model("deepseek-v3"))
    assert [layers[name] for name in ("q_down", "q_up", "kv_down", "kv_up", "o")] == [
        (1536, 7168), (24576, 1536), (576, 7168), (32768, 512), (7168, 16384),
    ]  # fmt: skip
    assert layers["shared_gate_up"] == (4096, 7168)


def test_decoding_and_prefill_differ_in_the_tokens_at_once() -> None:
    """Weights come from memory; the head of the vocabulary is asked for last tokens only."""
    cases = gemm_cases(model("qwen3-0.6b"), "bf16", (1, 4096), {"threads": 2})
    keys = [case.key for case in cases]
    assert "gemm/bf16/1x151936x1024/cache=cold/threads=2/transb=t" in keys
    assert "gemm/bf16/4096x6144x1024/cache=cold/threads=2/transb=t" in keys
    assert not any("4096x151936" in key for key in keys)


def test_experts_are_asked_evenly_and_not() -> None:
    """A dense model has none."""
    keys = [case.key for case in grouped_cases(model("qwen3-30b-a3b"), "bf16", (64,), {})]
    assert keys == [
        "grouped_gemm/bf16/64x1536x2048/experts=128/top=8",
        "grouped_gemm/bf16/64x1536x2048/experts=128/skew=zipf/top=8",
        "grouped_gemm/bf16/64x2048x768/experts=128/top=8",
        "grouped_gemm/bf16/64x2048x768/experts=128/skew=zipf/top=8",
    ]
    assert grouped_cases(model("llama-3.1-8b"), "bf16", (64,), {}) == []


def test_attention_is_prefill_and_decoding() -> None:
    """Latent attention has heads of two widths and is left out."""
    keys = [case.key for case in attention_cases(model("qwen3-8b"), "bf16", (512,), ((4, 4096),), {})]
    assert keys == [
        "attention/bf16/1x32x512x512x128/kv_heads=8",
        "attention/bf16/4x32x1x4096x128/kv_heads=8",
    ]
    assert attention_cases(model("deepseek-v3"), "bf16", (512,), (), {}) == []


def test_an_unknown_model_gets_a_suggestion() -> None:
    """One line for the command line."""
    with pytest.raises(
        UsageError, match=r"--model qwen3-8: not in the catalogue \(did you mean 'qwen3-8b'\?\)"
    ):
        model("qwen3-8")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("version = 1", ""), "models.toml: version: expected 1, found nothing"),
        (("hidden = 64", "hidden = 0"), "models.m.hidden: 0 is not a size"),
        (("hidden = 64", "hidden = 64.5"), "hidden"),
        (("hidden = 64", "hiden = 64"), "hiden"),
        (("ffn = 128", "ffn = -1"), "models.m.ffn: -1 is not a size"),
        (("ffn = 128", ""), "neither a dense layer"),
        (("kv_heads = 2", "kv_heads = 3"), "models.m.kv_heads: 3 do not divide 4 heads"),
        (("ffn = 128", "experts = 4"), "models.m.experts: 4 need top_k"),
        (("https://example.org/config.json", "somewhere"), "models.m.source"),
        (("[models.m]", "[models.m"), "not TOML"),
    ],
)
def test_a_wrong_file_names_the_key(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    """File, model and key, in one line."""
    path = tmp_path / "models.toml"
    path.write_text(WRONG.replace(*change))
    with pytest.raises(UsageError) as caught:
        load_models(path)
    assert told in str(caught.value)
    assert str(caught.value).startswith("models.toml: ")
    assert "\n" not in str(caught.value)


def test_a_right_file_of_ones_own_is_read(tmp_path: Path) -> None:
    """And one that is not there is named."""
    path = tmp_path / "models.toml"
    path.write_text(WRONG)
    assert list(load_models(path)) == ["m"]
    with pytest.raises(UsageError, match=r"nowhere\.toml: no such file"):
        load_models(tmp_path / "nowhere.toml")
