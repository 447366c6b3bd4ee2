"""Devices of torch: which are here, which one a name means, and what each says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the card torch is tested where torch is: pip install 'zbench[torch]'")

import torch

from tests.cards.torch_here import CPU, as_device, gemm, verified
from zbench.cards import torch_devices as devices
from zbench.cards.torch import Torch
from zbench.case import Case
from zbench.errors import UsageError


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
