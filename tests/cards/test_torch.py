"""torch as a card: what it offers is right, what it lacks is told, and the clock is the device's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the card torch is tested where torch is: pip install 'zbench[torch]'")

import torch

from zbench.cards import torch_devices as devices
from zbench.cards import torch_evidence as evidence
from zbench.cards import torch_layers as layers
from zbench.cards import torch_products as products
from zbench.cards import torch_timing as timing
from zbench.cards.torch import Torch
from zbench.cards.torch_buffers import DTYPES, array_of, overwrite, tensor_of
from zbench.cards.torch_errors import refusals
from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES, RESULTS
from zbench.errors import Unsupported, UsageError
from zbench.measure.bench import CardBench
from zbench.measure.burst import Policy, burst

CPU = Torch("cpu")
OFFERED = CPU.operations()["gemm"]
BRIEF = Policy(burst_ns=20_000_000, rounds_max=100)


class HostEvent:
    """An event of a device that is the host: it marks when the host came by."""

    def __init__(self, enable_timing: bool = False) -> None:
        self.enable_timing, self.recorded_ns = enable_timing, 0

    def record(self) -> None:
        self.recorded_ns = perf_counter_ns()

    def synchronize(self) -> None:
        assert self.recorded_ns

    def elapsed_time(self, end: HostEvent) -> float:
        return (end.recorded_ns - self.recorded_ns) / 1e6


def as_device() -> Torch:
    """The card as it is on a device of its own, which here happens to be the CPU: tensors and events."""
    card = Torch("cpu")
    card.on_host = False
    card.ring = [HostEvent(enable_timing=True) for _ in range(timing.RING_EVENTS)]
    return card


CARDS = [CPU, as_device()]
IDS = ["host", "device"]


def verified(card: Torch, case: Case, slots: int = 2) -> dict[str, str]:
    """Run a case as the harness does, let it check every slot, and return how it answered."""
    bench = CardBench(card, case, seeds=list(range(1, slots + 1)))
    try:
        bench.run(3, 2)
        bench.rotate()
        bench.poison()
        assert bench.run(3, slots).samples_ns.shape == (3,)
        for slot in range(slots):
            assert bench.check(slot, np.random.default_rng(0)).why == ""
        return bench.variant()
    finally:
        bench.release()


def gemm(dtype: str, size: tuple[int, int, int] = (37, 41, 43), **parameters: int | str) -> Case:
    return Case("gemm", dtype, size, {"threads": 1, **parameters})


def refused(card: Torch, case: Case) -> pytest.ExceptionInfo[Unsupported]:
    with pytest.raises(Unsupported) as told:
        CardBench(card, case, seeds=[1, 2])
    return told


@pytest.mark.parametrize("card", CARDS, ids=IDS)
@pytest.mark.parametrize("dtype", OFFERED)
@pytest.mark.parametrize("transa", ["n", "t"])
@pytest.mark.parametrize("transb", ["n", "t"])
def test_every_dtype_is_multiplied_in_every_orientation(
    card: Torch, dtype: str, transa: str, transb: str
) -> None:
    """The harness' own check decides."""
    variant = verified(card, gemm(dtype, transa=transa, transb=transb))
    assert variant["out"] == "preallocated"


@pytest.mark.parametrize("dtype", sorted(set(OFFERED) - {"int8"}))
def test_batches_are_multiplied_side_by_side(dtype: str) -> None:
    """As one strided operation."""
    verified(CPU, gemm(dtype, batch=3, transb="t"))


@pytest.mark.parametrize("dtype", sorted(set(OFFERED) & set(products.PREPACKED)))
def test_prepacked_weights_follow_what_is_written(dtype: str) -> None:
    """Inputs change places before they are timed: weights that were packed before would be the wrong ones."""
    variant = verified(CPU, gemm(dtype, transb="t", weights="prepacked"))
    assert variant["weights"] == "packed by onednn"
    assert variant["out"] == "allocated"


def test_a_result_that_torch_allocates_is_read_until_something_is_written_over_it() -> None:
    """Otherwise poison would go unnoticed."""
    bench = CardBench(CPU, gemm("fp32", transb="t", weights="prepacked"), seeds=[1, 2])
    bench.run(2, 1)
    assert np.isfinite(bench.read(0, "c")).all()
    bench.poison()
    assert np.isnan(bench.read(0, "c")).all()
    bench.release()


@pytest.mark.parametrize("card", CARDS, ids=IDS)
@pytest.mark.parametrize("kernel", ["read", "copy", "triad"])
def test_streams_leave_exact_results(card: Torch, kernel: str) -> None:
    """Of every kernel."""
    verified(card, Case(kernel, "fp64", (8 * 1001,), {"threads": 1}))


LAYERS = sorted(set(OFFERED) & set(layers.DTYPES_OF_LAYERS))


@pytest.mark.parametrize("card", CARDS, ids=IDS)
@pytest.mark.parametrize("dtype", LAYERS)
@pytest.mark.parametrize(
    ("size", "parameters"),
    [
        ((2, 4, 33, 33, 16), {}),
        ((2, 4, 33, 33, 16), {"causal": "no"}),
        ((2, 4, 33, 33, 16), {"kv_heads": 2}),
        ((2, 4, 1, 70, 16), {"kv_heads": 1}),
        ((1, 4, 8, 70, 16), {"kv_heads": 2}),
        ((1, 2, 8, 70, 16), {"causal": "no"}),
    ],
    ids=["prefill", "whole", "grouped", "decode", "chunk", "cross"],
)
def test_attention_sees_what_it_should(
    card: Torch, dtype: str, size: tuple[int, ...], parameters: dict[str, int | str]
) -> None:
    """The last query all keys, each one before it one fewer; torch's own mask begins at the other end."""
    variant = verified(card, Case("attention", dtype, size, {"threads": 1, **parameters}))
    assert variant["backend"] in {"flash_attention", "math", "efficient_attention", "cudnn_attention"}
    assert variant["out"] == "allocated"


@pytest.mark.parametrize("card", CARDS, ids=IDS)
@pytest.mark.parametrize("dtype", LAYERS)
@pytest.mark.parametrize("skew", ["even", "zipf"])
def test_each_expert_has_its_own_weights(card: Torch, dtype: str, skew: str) -> None:
    """As one operation where torch has it here, else one after the other; the record says which."""
    case = Case("grouped_gemm", dtype, (24, 32, 48), {"threads": 1, "experts": 8, "top": 2, "skew": skew})
    assert verified(card, case)["experts"] in {"grouped", "loop"}


@pytest.mark.parametrize("dtype", LAYERS)
def test_experts_one_after_the_other_where_they_cannot_be_grouped(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that lacks the grouped operation still answers, into the memory it was given."""

    def lacking(*operands: Any, **options: Any) -> None:
        raise NotImplementedError("Could not run 'aten::_grouped_mm' with arguments from this backend")

    monkeypatch.setattr(torch, "_grouped_mm", lacking)
    case = Case("grouped_gemm", dtype, (24, 32, 48), {"threads": 1, "experts": 8, "top": 2, "skew": "zipf"})
    variant = verified(CPU, case)
    assert (variant["experts"], variant["out"]) == ("loop", "preallocated")


@pytest.mark.parametrize(
    ("case", "lacks"),
    [
        (gemm("fp8e4m3", transb="t"), "no fp8e4m3 gemm"),
        (gemm("u8s8"), "no u8s8 gemm"),
        (gemm("bf16", out="fp32"), "torch on cpu"),
        (gemm("int8", batch=2), "no batch"),
        (gemm("fp64", transb="t", weights="prepacked"), "prepacked"),
        (gemm("int8", transb="t", weights="prepacked"), "prepacked"),
        (gemm("fp32", weights="prepacked"), "transb=t"),
        (gemm("fp32", transb="t", batch=2, weights="prepacked"), "transb=t"),
        (Case("gemm", "fp32", (8, 8, 8), {"threads": 10_000}), "10000 threads"),
        (Case("copy", "fp32", (800,)), "no fp32 copy"),
        (Case("attention", "fp64", (1, 1, 8, 8, 8)), "no fp64 attention"),
        (Case("attention", "fp32", (1, 1, 8, 4, 8)), "the first would see none"),
        (Case("grouped_gemm", "bf16", (8, 8, 8), {"experts": 4, "top": 1, "out": "fp32"}), "out=fp32"),
    ],
)
def test_what_it_lacks_is_told(case: Case, lacks: str) -> None:
    """Never an unnoticed upcast or fallback."""
    assert lacks in str(refused(CPU, case).value)


def test_a_device_has_no_threads_to_count() -> None:
    """Its cases do not say any."""
    assert "2 threads" in str(refused(as_device(), Case("gemm", "fp32", (8, 8, 8), {"threads": 2})).value)
    assert Torch.threaded("cpu")


def test_fp8_is_refused_in_orientations_that_would_need_a_copy() -> None:
    """torch._scaled_mm takes A by rows and B by columns."""
    case = gemm("fp8e4m3", (16, 16, 16))
    slot = {name: torch.zeros(16, 16, dtype=DTYPES["fp8e4m3"]) for name in "ab"}
    slot["c"] = torch.zeros(16, 16, dtype=torch.bfloat16)
    with pytest.raises(Unsupported, match="transb=t"):
        products.product(case, slot)


@pytest.mark.parametrize("dtype", products.FP8)
@pytest.mark.parametrize("out", ["bf16", "fp32"])
def test_fp8_products_are_scaled_by_one(dtype: str, out: str) -> None:
    """torch computes them on the CPU, too, by converting: enough to see that the call is the right one."""
    a, b = np.arange(16 * 32).reshape(16, 32) % 3 - 1, np.arange(48 * 32).reshape(48, 32) % 5 - 2
    slot = {"a": torch.empty(16, 32, dtype=DTYPES[dtype]), "b": torch.empty(48, 32, dtype=DTYPES[dtype])}
    slot["c"] = torch.empty(16, 48, dtype=DTYPES[out])
    for name, values in (("a", a), ("b", b)):
        overwrite(slot[name], values.astype(NUMPY_DTYPES[dtype]))
    products.product(Case("gemm", dtype, (16, 48, 32), {"transb": "t", "out": out}), slot)()
    assert np.array_equal(array_of(slot["c"]).astype(np.int64), a @ b.T)


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name != "byte"])
def test_every_bit_survives_the_round_trip(dtype: str) -> None:
    """NaN payloads and signs of zero, too."""
    kind = NUMPY_DTYPES[dtype]
    bits = np.random.default_rng(0).integers(0, 256, (24, 16 * kind.itemsize), np.uint8)
    data = bits.view(kind)
    for card in CARDS:
        buffer = card.alloc(data.shape, dtype)
        card.write(buffer, data)
        found = card.read(buffer)
        assert found.dtype == kind
        assert np.array_equal(found.view(np.uint8), bits)
    assert np.array_equal(array_of(tensor_of(data)).view(np.uint8), bits)


def test_nothing_is_broadcast_or_converted_on_the_way() -> None:
    """A row written over a matrix would be a wrong input that every answer agrees with."""
    tensor = torch.zeros(4, 4)
    with pytest.raises(ValueError, match="shape"):
        overwrite(tensor, np.ones((1, 4), np.float32))
    with pytest.raises(TypeError, match="float64"):
        overwrite(tensor, np.ones((4, 4)))


@pytest.mark.parametrize(
    ("slot", "error"),
    [
        ({"a": (8, 8), "b": (8, 8), "c": (8, 7)}, ValueError),
        ({"a": (8, 9), "b": (8, 8), "c": (8, 8)}, ValueError),
        ({"a": (8, 8), "b": (8,), "c": (8, 8)}, ValueError),
    ],
)
def test_buffers_of_another_case_are_refused(
    slot: dict[str, tuple[int, ...]], error: type[Exception]
) -> None:
    """Before torch is asked, which would resize an output that does not fit."""
    buffers = {name: CPU.alloc(shape, "fp32") for name, shape in slot.items()}
    with pytest.raises(error, match="the case needs"):
        CPU.prepare(gemm("fp32", (8, 8, 8)), [buffers])
    with pytest.raises(TypeError, match="the case needs fp64"):
        CPU.prepare(gemm("fp64", (8, 8, 8)), [{name: CPU.alloc((8, 8), "fp32") for name in "abc"}])


def test_memory_that_runs_out_is_told() -> None:
    """So that the run goes on with the rest."""
    for card in CARDS:
        with pytest.raises(MemoryError):
            card.alloc((1 << 22, 1 << 22), "fp64")


def test_what_torch_raises_says_what_to_do_with_the_case() -> None:
    """A full device gives back what torch keeps and goes on with smaller cases; a lost one with none."""
    given_back: list[str] = []

    class Module:
        def empty_cache(self) -> None:
            given_back.append("cache")

    with pytest.raises(MemoryError, match="gemm: CUDA out of memory"), refusals("gemm", Module()):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 80 GiB.\nMore advice")
    assert given_back == ["cache"]
    with pytest.raises(MemoryError), refusals("gemm", torch.cpu):
        torch.empty(1 << 50)
    with (
        pytest.raises(Unsupported, match=r"^gemm: m needs to be greater than 16$"),
        refusals("gemm", Module()),
    ):
        raise RuntimeError("m needs to be greater than 16\nException raised from ...")
    with pytest.raises(Unsupported, match="not in torch"), refusals("gemm", Module()):
        torch._no_such_product()
    with pytest.raises(torch.AcceleratorError), refusals("gemm", Module()):
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    assert given_back == ["cache"]


@pytest.mark.parametrize(
    "option", ["nosuchdevice", "cuda:x", "cpu:1", "meta", "cuda:999", "cpu:256", "torch_os"]
)
def test_an_unknown_or_absent_device_is_refused(option: str) -> None:
    """And those that are here are named."""
    with pytest.raises(UsageError, match="here are cpu"):
        Torch(option)


def test_siblings_are_all_devices_of_the_kind() -> None:
    """By number, whichever of them is named; the CPU is one."""
    assert list(Torch.siblings("cpu")) == ["cpu"]
    found = [option for option in devices.present() if option != "cpu"]
    for option in found:
        assert list(Torch.siblings(option)) == found


def test_without_an_option_it_is_what_torch_finds() -> None:
    """Its accelerator, or else the CPU; both are offered by name."""
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    assert Torch().device.type == (found.type if found else "cpu")
    assert "cpu" in Torch.options


def test_the_cpu_says_who_computes() -> None:
    """A figure without its library's name and version could not be laid beside anything."""
    described = CPU.describe()
    assert described["torch"] == torch.__version__
    assert described["blas"]
    variant = verified(CPU, gemm("fp32"))
    assert variant["library"] == described["blas"]
    assert variant["timing"] == "host"
    assert verified(as_device(), Case("gemm", "fp32", (8, 8, 8)))["timing"] == "events"


def test_a_device_says_where_it_hangs(tmp_path: Path) -> None:
    """Its PCI address, and what the system knows of that; of a device without one, nothing."""

    class Properties:
        name = "Example Device"
        pci_domain_id, pci_bus_id, pci_device_id = 0, 0x17, 0

    class Module:
        @staticmethod
        def get_device_properties(device: torch.device) -> type[Properties]:
            return Properties

    place = tmp_path / "bus/pci/devices/0000:17:00.0"
    place.mkdir(parents=True)
    (place / "numa_node").write_text("1\n")
    told = devices.described(torch.device("cuda", 3), Module, tmp_path)
    assert told == {"device": "cuda:3", "name": "Example Device", "pci": "0000:17:00.0", "numa": "1"}
    assert devices.described(torch.device("mps", 0), object(), tmp_path) == {"device": "mps:0"}


def test_bf16_without_instructions_of_its_own_says_so() -> None:
    """oneDNN converts, and is slow at it: a reader must see why."""
    if "bf16" not in OFFERED:
        pytest.skip("oneDNN has no bf16 for this CPU")
    assert ("products" in verified(CPU, gemm("bf16"))) == evidence.converted("bf16")


THREADS = """
import json, sys
from pathlib import Path
from zbench.cards.torch import Torch
from zbench.case import Case
from zbench.measure.bench import CardBench

def ticks():
    tasks = Path("/proc/self/task").iterdir()
    return {task.name: int((task / "stat").read_text().rpartition(")")[2].split()[11]) for task in tasks}

case = Case("gemm", "fp32", (768, 768, 768), {"threads": int(sys.argv[1])})
bench = CardBench(Torch("cpu"), case, [1, 2])
before = ticks()
bench.run(60, 1)
spent = [after - before.get(name, 0) for name, after in ticks().items()]
print(json.dumps({"busy": sum(each > max(spent) / 5 for each in spent), "told": bench.variant()["threads"]}))
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_as_many_threads_compute_as_the_case_says(threads: int) -> None:
    """Seen by the system, in a process that was free to take more."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one CPU: nothing could compute beside the first thread")
    done = subprocess.run(
        [sys.executable, "-c", THREADS, str(threads)], capture_output=True, text=True, check=True, cwd="/"
    )
    assert json.loads(done.stdout) == {"busy": threads, "told": str(threads)}


def test_an_argument_that_this_version_lacks_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.mm has had `out_dtype` since 2.8 only."""

    def older(a: torch.Tensor, b: torch.Tensor, *, out: torch.Tensor) -> torch.Tensor:
        return torch.matmul(a, b, out=out)

    monkeypatch.setattr(torch, "mm", older)
    assert "out_dtype" in str(refused(CPU, gemm("bf16", out="fp32")).value)


def test_fp32_is_fp32_and_no_tf32_stays_on() -> None:
    """The switch is torch's own and global: whoever asks for tf32 must leave it as it was."""
    case = gemm("fp32", (8, 8, 8))
    torch.set_float32_matmul_precision("high")
    bench = CardBench(CPU, case, seeds=[1, 2])
    assert torch.get_float32_matmul_precision() == "highest"
    products.sums_of_fp32("tf32")
    assert torch.get_float32_matmul_precision() == "high"
    bench.release()
    assert torch.get_float32_matmul_precision() == "highest"


def test_tf32_is_offered_only_where_products_are_rounded_to_it() -> None:
    """A library that ignores the switch would be fp32 under another name."""
    products.sums_of_fp32("tf32")
    try:
        assert ("tf32" in OFFERED) == evidence.rounds_to_tf32(torch.device("cpu"))
    finally:
        products.sums_of_fp32("fp32")


def test_an_operation_that_is_done_elsewhere_is_not_the_devices() -> None:
    """Plug-ins hand to the CPU what they lack, with a warning only."""
    import warnings

    with pytest.raises(Unsupported, match="elsewhere"), evidence.on_the_device_itself():
        warnings.warn("The operator 'aten::mm' will fall back to run on the CPU", stacklevel=1)


def test_rounds_on_the_device_are_the_time_between_events() -> None:
    """However many there are, events take turns, and none is read before it has been reached."""

    class Device:
        """Each execution takes 3 ms of a device that runs behind its host."""

        now_ms, reached = 0.0, 0.0

    class Event:
        at = -1.0

        def record(self) -> None:
            self.at = Device.now_ms

        def synchronize(self) -> None:
            Device.reached = max(Device.reached, self.at)

        def elapsed_time(self, end: Event) -> float:
            assert end.at <= Device.reached
            return end.at - self.at

    ran: list[int] = []

    def execution(slot: int) -> int:
        Device.now_ms += 3
        ran.append(slot)
        return slot

    queue = timing.Queue([lambda: execution(0), lambda: execution(1), lambda: execution(2)])
    ring = [Event() for _ in range(4)]
    for rounds in (0, 1, 3, 4, 5, 50):
        ran.clear()
        times = timing.on_device(queue, rounds, 2, lambda: None, ring)
        assert times.tolist() == [6_000_000] * rounds
        assert times.dtype == np.int64
        assert ran == [i % 3 for i in range(2 * rounds)]
    assert queue.latest == [0, 1, 2]


def test_rounds_on_the_host_wait_for_the_device() -> None:
    """Nothing is stamped that has only been launched."""
    log: list[str] = []
    queue = timing.Queue([lambda: log.append("a"), lambda: log.append("b")])
    times = timing.on_host(queue, 2, 3, lambda: log.append("wait"))
    assert log == ["wait", "a", "b", "a", "wait", "b", "a", "b", "wait"]
    assert times.shape == (2,)
    assert (times >= 0).all()


@pytest.mark.parametrize("broken", [None, "raises", "backwards"])
def test_events_that_do_not_time_are_not_used(broken: str | None) -> None:
    """The host's clock is then; some devices have events that only order."""

    class Event(HostEvent):
        def elapsed_time(self, end: HostEvent) -> float:
            if broken == "raises":
                raise RuntimeError("not created with timing")
            return -1.0 if broken == "backwards" else super().elapsed_time(end)

    class Module:
        pass

    assert timing.events(Module(), lambda: None) is None
    Module.Event = Event  # type: ignore[attr-defined]
    assert (timing.events(Module(), lambda: None) is None) == bool(broken)


@pytest.mark.parametrize("card", CARDS, ids=IDS)
def test_what_timing_costs_is_measured_as_rounds_are(card: Torch) -> None:
    """A round of nothing costs something, and short executions are batched by it."""
    cost = card.clock_cost_ns()
    assert cost > 0
    bench = CardBench(card, Case("gemm", "fp32", (16, 16, 16)), seeds=[1, 2])
    record = burst(bench, BRIEF, cost, verify_seed=1)
    bench.release()
    assert record["verification"]["passed"]  # whether clocks agree is up to what else this machine does
    assert record["clock_cost_ns"] == cost


def test_a_device_probes_only_what_bounds_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bandwidth for what streams; for what computes torch has no roof to offer."""
    card = as_device()
    monkeypatch.setattr("zbench.cards.torch.devices.UNKNOWN_CACHE_BYTES", 1 << 20)
    for kernel in ("read", "copy", "triad"):
        probed = card.probe(Case(kernel, "fp64", (8000,)))
        assert probed is not None
        assert probed[0] == "B/s"
        assert probed[1] > 0
    assert card.probe(gemm("fp32")) is None


def test_the_host_probes_what_its_kernels_can() -> None:
    """The same roofs as for every card of the host."""
    probed = CPU.probe(gemm("fp32"))
    assert probed is not None
    assert probed[0] == "FLOP/s"


ACCELERATED = pytest.mark.skipif(
    not torch.accelerator.is_available(), reason="torch finds no accelerator here: its own path is not tested"
)


@ACCELERATED
def test_an_accelerator_answers_what_it_offers() -> None:
    """Every workload and dtype, in shapes that matrix units take; rightly, or not at all."""
    card = Torch()
    assert not Torch.threaded(None)
    offered = card.operations()
    assert "fp32" in offered["gemm"]
    for dtype in offered["gemm"]:
        assert verified(card, Case("gemm", dtype, (64, 48, 96), {"transb": "t"}), slots=3)["library"]
        for parameters in ({}, {"transa": "t"}, {"batch": 3}, {"out": "fp32"}, {"weights": "prepacked"}):
            if parameters.get("out", "fp32") in RESULTS[dtype]:
                with suppress(Unsupported):
                    verified(card, Case("gemm", dtype, (64, 48, 96), parameters))
    for kernel in {"read", "copy", "triad"} & offered.keys():
        verified(card, Case(kernel, "fp64", (8 << 20,)))
        assert card.probe(Case(kernel, "fp64", (8 << 20,)))
    for dtype in offered.get("attention", ()):
        verified(card, Case("attention", dtype, (2, 8, 128, 128, 64), {"kv_heads": 2}))
        verified(card, Case("attention", dtype, (2, 8, 1, 128, 64), {"kv_heads": 2}))
        verified(card, Case("attention", dtype, (2, 8, 16, 128, 64)))
        verified(card, Case("grouped_gemm", dtype, (64, 64, 128), {"experts": 8, "top": 2, "skew": "zipf"}))
    assert card.last_level_cache_bytes >= 1 << 20
    assert card.describe()["device"] == str(card.device)


@ACCELERATED
def test_an_accelerators_times_are_believed() -> None:
    """By the harness' own clock, for an execution far below a launch's cost and one far above it."""
    card = Torch()
    for size in ((64, 64, 64), (4096, 4096, 4096)):
        bench = CardBench(card, Case("gemm", "fp32", size), seeds=[1, 2])
        policy = Policy(burst_ns=500_000_000, rounds_max=1000)
        record = burst(bench, policy, card.clock_cost_ns(), verify_seed=1)
        bench.release()
        assert record["status"] == "ok", record["why"]


@ACCELERATED
def test_an_accelerator_keeps_every_bit_and_survives_being_full() -> None:
    """As the host does."""
    card = Torch()
    for dtype in {*card.operations()["gemm"], "int32", "byte"}:
        bits = np.random.default_rng(0).integers(0, 256, (24, 128), np.uint8)
        buffer = card.alloc(bits.view(NUMPY_DTYPES[dtype]).shape, dtype)
        card.write(buffer, bits.view(NUMPY_DTYPES[dtype]))
        assert np.array_equal(card.read(buffer).view(np.uint8), bits)
    with pytest.raises(MemoryError):
        card.alloc((1 << 20, 1 << 20), "fp32")
    verified(card, Case("gemm", "fp32", (64, 64, 64)))


def test_it_runs_from_the_command_line(tmp_path: Path) -> None:
    """The smoke profile, every product of it."""
    command = [sys.executable, "-m", "zbench.cli", "run", "card", "--card", "torch:cpu", "--profile", "smoke"]
    done = subprocess.run(
        [*command, "--case", "gemm/*", "--out", "run"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode in (0, 4), (
        done.stdout + done.stderr
    )  # 4: this machine was too busy to believe clocks
    lines = (tmp_path / "run" / "records.jsonl").read_text().splitlines()
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert {record["subject"] for record in records} == {"torch:cpu"}
    measured = [record for record in records if record["status"] != "skipped"]
    assert measured
    assert all(record["verification"]["passed"] for record in measured)
