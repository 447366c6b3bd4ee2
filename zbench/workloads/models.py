"""Layer shapes of published language models, and the cases that they ask. Read strictly.

Every linear layer is y = x W^T with W stored as published (outputs x inputs), m the tokens that are computed
at once: the sequences of a batch while decoding, the tokens of a prompt in prefill.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from zbench.case import Case
from zbench.errors import UsageError, suggest
from zbench.handwritten import one_line, require_version, table_of, text_of

VERSION = 1
BUILT_IN = Path(__file__).with_name("models.toml")
HEAD_TOKENS_MAX = 64
"""The head of the vocabulary is asked for the last token of a sequence only: never of a whole prompt."""

Parameters = dict[str, int | str]


class Latent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Multi-head latent attention: queries, and keys with values, go through a narrow layer."""

    query_rank: int
    kv_rank: int
    rope_dim: int


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model's layers; the names are explained in models.toml."""

    source: str
    """The published configuration."""
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    tied: bool = False
    """The head of the vocabulary is the embedding."""
    ffn: int = 0
    dense_layers: int = 0
    experts: int = 0
    top_k: int = 0
    expert_ffn: int = 0
    shared_experts: int = 0
    latent: Latent | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    models: dict[str, Model]


def load_models(path: Path = BUILT_IN) -> dict[str, Model]:
    """Name -> model. Raises UsageError that names the file, the model and the key."""
    try:
        table = table_of(text_of(path, "a model catalogue"), path.name)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    require_version(table, VERSION, path.name)
    try:
        models = msgspec.convert(table, _File).models
    except msgspec.ValidationError as error:
        raise UsageError(one_line(f"{path.name}: {error}")) from None
    for name, model in models.items():
        if complaint := _complaint(model):
            raise UsageError(f"{path.name}: models.{name}.{complaint}")
    return models


def _complaint(model: Model) -> str:
    """The first key that cannot be right, or an empty string."""
    fields = msgspec.structs.asdict(model)
    for name in ("hidden", "layers", "heads", "kv_heads", "head_dim", "vocab"):
        if fields[name] < 1:
            return f"{name}: {fields[name]} is not a size"
    for name in ("ffn", "dense_layers", "experts", "top_k", "expert_ffn", "shared_experts"):
        if fields[name] < 0:
            return f"{name}: {fields[name]} is not a size"
    if not model.source.startswith("https://"):
        return f"source: {model.source!r} is not where it was published"
    if model.heads % model.kv_heads:
        return f"kv_heads: {model.kv_heads} do not divide {model.heads} heads"
    if model.experts and not (1 <= model.top_k <= model.experts and model.expert_ffn):
        return f"experts: {model.experts} need top_k of 1 to {model.experts} and expert_ffn"
    if not model.experts and not model.ffn:
        return "ffn: neither a dense layer (ffn) nor experts"
    return ""


@cache
def built_in() -> dict[str, Model]:
    return load_models()


def model(name: str) -> Model:
    """The model of this name. Raises UsageError."""
    if name not in built_in():
        raise UsageError(f"--model {name}: not in the catalogue{suggest(name, built_in())}")
    return built_in()[name]


def attention_layers(model: Model) -> dict[str, tuple[int, int]]:
    """Name -> (outputs n, inputs k) of the linear layers around attention."""
    wide = model.heads * model.head_dim
    out = {"o": (model.hidden, wide)}
    if model.latent is None:
        return {"qkv": (wide + 2 * model.kv_heads * model.head_dim, model.hidden)} | out
    latent = model.latent
    return {
        "q_down": (latent.query_rank, model.hidden),
        "q_up": (wide + model.heads * latent.rope_dim, latent.query_rank),
        "kv_down": (latent.kv_rank + latent.rope_dim, model.hidden),
        "kv_up": (2 * wide, latent.kv_rank),
    } | out


def feed_forward(hidden: int, inner: int) -> dict[str, tuple[int, int]]:
    """Of a gated feed-forward part, gate and up side by side (Shazeer 2020, "GLU variants")."""
    return {"gate_up": (2 * inner, hidden), "down": (hidden, inner)} if inner else {}


def linear_layers(model: Model) -> dict[str, tuple[int, int]]:
    """Name -> (n, k) of every linear layer that all tokens go through; the router is too small to matter."""
    shared = feed_forward(model.hidden, model.shared_experts * model.expert_ffn)
    return (
        attention_layers(model)
        | feed_forward(model.hidden, model.ffn)
        | {f"shared_{name}": shape for name, shape in shared.items()}
        | {"lm_head": (model.vocab, model.hidden)}
    )


def gemm_cases(model: Model, dtype: str, tokens: Sequence[int], parameters: Parameters) -> list[Case]:
    """The linear layers for each number of tokens, weights from memory: a model is larger than any cache."""
    asked = parameters | {"transb": "t", "cache": "cold"}
    cases = [
        Case("gemm", dtype, (m, n, k), asked)
        for name, (n, k) in linear_layers(model).items()
        for m in tokens
        if name != "lm_head" or m <= HEAD_TOKENS_MAX
    ]
    return list({case.key: case for case in cases}.values())


def grouped_cases(model: Model, dtype: str, tokens: Sequence[int], parameters: Parameters) -> list[Case]:
    """The routed experts for each number of tokens, loaded evenly and not; none of a dense model."""
    routed: Parameters = {"experts": model.experts, "top": model.top_k}
    return [
        Case("grouped_gemm", dtype, (m, n, k), parameters | routed | {"skew": skew})
        for n, k in feed_forward(model.hidden, model.expert_ffn).values()
        for m in tokens
        for skew in ("even", "zipf")
    ]


def attention_cases(
    model: Model,
    dtype: str,
    prompts: Sequence[int],
    decode: Sequence[tuple[int, int]],
    parameters: Parameters,
) -> list[Case]:
    """Prefill of one prompt of each length; decoding of (sequences, tokens that each holds already).

    None where attention is latent: its heads have other widths for keys than for values, and decoding
    multiplies in the compressed space, which is another operation.
    """
    if model.latent is not None:
        return []
    sizes = [(1, model.heads, length, length, model.head_dim) for length in prompts]
    sizes += [(batch, model.heads, 1, held, model.head_dim) for batch, held in decode]
    return [Case("attention", dtype, size, parameters | {"kv_heads": model.kv_heads}) for size in sizes]
