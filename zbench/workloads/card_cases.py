"""The cases of `suites/card`, profile by profile: what each asks of a card in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES, RESULTS
from zbench.native.stream import levels
from zbench.workloads import workload
from zbench.workloads.models import Model, attention_cases, built_in, gemm_cases, grouped_cases
from zbench.workloads.slots import SLOTS
from zbench.workloads.stream import ARRAYS, CACHES, in_memory

Parameters = dict[str, int | str]
MIB = 1 << 20

STREAM_OVER_CACHE = 4
"""An array is at least this many last-level caches (STREAM's run rules), so that memory is measured."""
STREAM_MIN_BYTES, STREAM_MAX_BYTES = 64 * MIB, 1024 * MIB
DEVICE_SCALE = 4
"""An accelerator is some hundred times a host core: a square GEMM of n times 4, work times 64, takes it about
as long and fills it as well."""

CLASSIC = ("fp32", "fp64")
NARROW = ("bf16", "int8")
"""What is asked of every card beside them, in brief."""
EVERY = ("tf32", "bf16", "fp16", "fp8e4m3", "int8", "u8s8")
"""All others that a GEMM has."""
WIDE_RESULT = ("bf16", "fp16")
"""Also asked with C in fp32, which is what some libraries return only."""

LLM_DTYPE = "bf16"
"""What the models of the catalogue compute in."""
LLM_TOKENS = {"smoke": (1,), "quick": (1, 8, 64, 512)}
LLM_EVERY = (1, 8, 16, 64, 512, 4096)
"""Tokens at once: sequences decoded together, then prompts."""
SMALL_MODEL, SMALL_MIXTURE = "qwen3-0.6b", "qwen3-30b-a3b"
EXPERT_SHARE = 8
"""Of the mixture's experts a host card holds this part, as one of eight cards would: all are too many."""
PROMPTS, DECODE = (512, 2048), ((1, 4096), (16, 4096))
"""Attention: tokens of a prompt; (sequences, tokens that each holds already)."""

WEIGHTS = 4096
"""n = k of a layer in `limits` and `full`: 16 to 64 MiB, more than any core's own caches."""
DECODE_TOKENS = (1, 8, 16, 64, 512)
SMALL = (8, 16, 32, 64)
COPIED_BYTES = (8, 4 << 10, 64 << 10, MIB, 64 * MIB, 1024 * MIB)
"""From what only latency bounds to what only bandwidth does."""
COPIED_BRIEFLY = 64 * MIB
"""Long enough that a link's bandwidth shows: a ms or more."""
BATCH_BYTES = MIB
"""Operands of a batch of small products, about what one core's own cache holds."""
BATCH = 1000


@dataclass(frozen=True)
class Place:
    """What of a card decides the cases that it is asked."""

    threads: tuple[int, ...] = ()
    """Host threads that cases name; none: a device of its own."""
    last_level_cache_bytes: int = 0
    peers: tuple[int, ...] = ()
    """Other cards of this host that it copies to (`Card.peers`)."""
    caches: Mapping[str, int] = field(default_factory=dict)
    """Of the host's CPU, by level (`cpu.caches`), where that is what computes."""

    @property
    def each(self) -> list[Parameters]:
        """Parameters for every count of threads."""
        return [{"threads": threads} for threads in self.threads] or [{}]

    @property
    def whole(self) -> Parameters:
        """Parameters for the whole card."""
        return self.each[-1]

    @property
    def scale(self) -> int:
        return 1 if self.threads else DEVICE_SCALE


def stream_bytes(last_level_cache_bytes: int) -> int:
    """Bytes of one stream array: the power of two that no cache can hold."""
    size = STREAM_MIN_BYTES
    while size < STREAM_OVER_CACHE * last_level_cache_bytes and size < STREAM_MAX_BYTES:
        size *= 2
    return size


def squares(
    dtypes: Iterable[str], sizes: Sequence[int], where: Iterable[Parameters], scale: int, **more: int | str
) -> list[Case]:
    where = list(where)
    return [
        Case("gemm", dtype, (n * scale,) * 3, parameters | more)
        for dtype in dtypes
        for n in sizes
        for parameters in where
    ]


def layer(
    dtypes: Iterable[str], width: int, tokens: Sequence[int], where: Parameters, **more: int | str
) -> list[Case]:
    """y = x W^T with W of width x width, for each number of tokens."""
    return [
        Case("gemm", dtype, (m, width, width), where | {"transb": "t"} | more)
        for dtype in dtypes
        for m in tokens
    ]


def streams(kernels: Iterable[str], place: Place, where: Parameters) -> list[Case]:
    size = stream_bytes(place.last_level_cache_bytes)
    return [Case(kernel, "fp64", (size,), where) for kernel in kernels]


def streams_in_caches(kernels: Iterable[str], place: Place) -> list[Case]:
    """One thread in each cache of a host's CPU, all of them in the one that they share: of their own each has
    as much as one alone, and a pass over those takes no longer than the barriers of a round."""
    return [
        Case(kernel, "fp64", (size,), {"threads": threads, "cache": level})
        for kernel in kernels
        for threads in (place.threads if place.caches else ())
        for level, size in levels(
            place.caches, place.last_level_cache_bytes, ARRAYS[kernel] * SLOTS, threads
        ).items()
        if level in (CACHES if threads == 1 else CACHES[-1:])
    ]


def copies(place: Place, sizes: Sequence[int]) -> list[Case]:
    """Between a card with a memory of its own and its host, on the card, and to each peer; none of a card in
    the host's memory. The smallest is also asked one at a time: that is the latency."""
    if place.threads:
        return []
    hosts: tuple[Parameters, ...] = ({}, {"memory": "pinned"})
    peers: tuple[int | str, ...] = ("none", *place.peers)
    ways = [(name, where) for name in ("copy_h2d", "copy_d2h") for where in hosts]
    ways += [("copy_d2d", {"peer": peer}) for peer in peers]
    blocking: Parameters = {"blocking": "yes"}
    return [
        *(Case(name, "byte", (size,), where) for name, where in ways for size in sizes),
        *(Case(name, "byte", (sizes[0],), where | blocking) for name, where in ways),
    ]


def brief_copies(place: Place) -> list[Case]:
    """What each way can move: from and to pinned memory, on the card, to each peer."""
    return [case for case in copies(place, (COPIED_BRIEFLY,)) if case.get("blocking") == "no"]


def small_batch(n: int, dtype: str) -> int:
    """Products of n x n whose operands and results take about BATCH_BYTES."""
    one = n * n * (2 * NUMPY_DTYPES[dtype].itemsize + NUMPY_DTYPES[RESULTS[dtype][0]].itemsize)
    return max(1, BATCH_BYTES // one)


def smoke(place: Place) -> list[Case]:
    """Every path once, in seconds."""
    return [
        *squares(CLASSIC, (256, 512), place.each, place.scale),
        *squares(("bf16", "int8"), (256,), [place.whole], place.scale),
        *layer(("bf16",), 512, (1,), place.whole),
        *streams(("triad",), place, place.whole),
    ]


def quick(place: Place) -> list[Case]:
    """A first look: sizes in two precisions, one in two narrow ones, decoding warm, cold and prepacked."""
    return [
        *squares(CLASSIC, (256, 512, 1024, 2048), place.each, place.scale),
        *squares(NARROW, (1024,), [place.whole], place.scale),
        *layer(("bf16",), 2048, (1,), place.whole),
        *layer(("bf16",), 2048, (1,), place.whole, cache="cold"),
        *layer(("bf16",), 2048, (8,), place.whole, weights="prepacked"),
        *streams(ARRAYS, place, place.whole),
        *brief_copies(place),
    ]


def full(place: Place) -> list[Case]:
    """All that the suite knows."""
    whole, scale = place.whole, place.scale
    sizes = (64, 128, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)
    shapes = ((2048, 2048, 128), (128, 128, 8192), (8192, 256, 256), (1023, 1021, 1019), (77, 2049, 333))
    turned: tuple[Parameters, ...] = ({"transa": "t"}, {"transb": "t"}, {"transa": "t", "transb": "t"})
    small, mixture = built_in()[SMALL_MODEL], built_in()[SMALL_MIXTURE]
    return [
        *squares(CLASSIC, sizes, place.each, scale),
        *squares(EVERY, (256, 512, 1024, 2048, 4096), [whole], scale),
        *squares(WIDE_RESULT, (1024, 4096), [whole], scale, out="fp32"),
        *(Case("gemm", dtype, shape, whole) for dtype in ("fp32", "bf16") for shape in shapes),
        *(Case("gemm", "fp32", (1024, 1024, 1024), whole | turn) for turn in turned),
        *squares(("fp32", "bf16"), SMALL, [whole], 1, batch=BATCH),
        *layer(("fp32", "bf16", "int8"), WEIGHTS, DECODE_TOKENS, whole, cache="cold"),
        *layer(("fp32", "bf16", "int8"), WEIGHTS, DECODE_TOKENS, whole, cache="cold", weights="prepacked"),
        *cold_against_warm(place),
        *squares(("fp32", "bf16"), (2048,), [whole], scale, data="zeros"),
        *streams(ARRAYS, place, whole),
        *streams(ARRAYS, place, place.each[0]),
        *streams_in_caches(ARRAYS, place),
        *copies(place, COPIED_BYTES),
        *of_model(small, LLM_EVERY, place),
        *experts(mixture, (64, 512), place),
    ]


def cold_against_warm(place: Place) -> list[Case]:
    """Equal cases but for the state of the caches: a product that reuses its operands, two that do not."""
    pairs = squares(("fp32", "bf16"), (512,), [place.whole], 1)
    pairs += layer(("fp32", "bf16"), 1024, (1, 8), place.whole)
    return [
        Case(c.workload, c.dtype, c.size, c.parameters | {"cache": state})
        for c in pairs
        for state in ("warm", "cold")
    ]


def limits(place: Place) -> list[Case]:
    """What docs/performance.md is made of: every precision against its roof and its peers."""
    wide = {"out": "fp32"}
    return [
        *squares(CLASSIC, (256, 512, 1024, 2048, 4096), place.each, place.scale),
        *squares(("bf16", "fp16", "int8", "u8s8"), (1024, 2048), place.each, place.scale),
        *squares(WIDE_RESULT, (1024, 2048), place.each, place.scale, **wide),
        *(
            case
            for tokens, weights in (((1, 64, 512), "plain"), ((1, 8, 16), "prepacked"))
            for dtype, more in (("fp32", {}), ("bf16", {}), ("bf16", wide), ("int8", {}), ("u8s8", {}))
            for case in layer((dtype,), WEIGHTS, tokens, place.each[0], cache="cold", weights=weights, **more)
        ),
        *(
            Case("gemm", dtype, (n, n, n), where | {"batch": small_batch(n, dtype)})
            for dtype in CLASSIC
            for n in SMALL
            for where in place.each
        ),
        *streams(ARRAYS, place, place.whole),
        *streams(("read",), place, place.each[0]),  # the roof of the layers
    ]


def of_model(model: Model, tokens: Sequence[int], place: Place) -> list[Case]:
    """A model's linear layers, experts and attention."""
    return [
        *gemm_cases(model, LLM_DTYPE, tokens, place.whole),
        *(grouped_cases(model, LLM_DTYPE, tokens, place.whole) if model.experts else ()),
        *attention_cases(model, LLM_DTYPE, PROMPTS, DECODE, place.whole),
    ]


def experts(model: Model, tokens: Sequence[int], place: Place) -> list[Case]:
    """What one of EXPERT_SHARE cards computes that hold a mixture between them, a device all of it."""
    share = EXPERT_SHARE if place.threads else 1
    routed: Parameters = {"experts": model.experts // share, "top": max(1, model.top_k // share)}
    return [
        Case(c.workload, c.dtype, c.size, c.parameters | routed)
        for c in grouped_cases(model, LLM_DTYPE, tokens, place.whole)
    ]


def few(cases: Sequence[Case]) -> list[Case]:
    """What tells one card of a host from another: of each dtype the product with the most work, and the
    traffic of its memory by the first kernel that the profile has."""
    work = workload("gemm")
    products = [c for c in cases if c.workload == "gemm" and c.get("batch") == 1 and c.is_result]
    largest: dict[str, Case] = {}
    for case in products:
        best = largest.get(case.dtype)
        if best is None or (work.flops(case), case.threads) > (work.flops(best), best.threads):
            largest[case.dtype] = case
    memory = [case for case in cases if in_memory(case)]
    return [*largest.values(), *memory[:1]]


CARD_CASES: dict[str, Callable[[Place], list[Case]]] = {
    "smoke": smoke,
    "quick": quick,
    "full": full,
    "limits": limits,
}
"""Profile -> what it asks of a card."""


def card_cases(profile: str, place: Place, model: Model | None = None) -> list[Case]:
    """The cases of a profile; with a model, its shapes in their place. Each key once, no default said."""
    if model is None:
        cases = CARD_CASES[profile](place)
    else:
        cases = of_model(model, LLM_TOKENS.get(profile, LLM_EVERY), place)
    return list({case.key: plain(case) for case in cases}.values())


def plain(case: Case) -> Case:
    """Without parameters that have their default value."""
    said = {name: value for name, value in case.parameters.items() if case.default(name) != value}
    return Case(case.workload, case.dtype, case.size, said)
