"""NVML: the bits in words, units, what a device lacks; and a machine that has no such device."""

import sys
from typing import Any

import pytest

from zbench.meters.base import Reading
from zbench.meters.nvml import REFRESH_S, Nvml, no_nvml, nvml_meter, refresh_s, throttling


class NotSupported(Exception):
    """As pynvml's NVMLError."""


class Library:
    """pynvml's functions for one device, in NVML's units: mJ, mW, MHz, °C."""

    NVMLError = NotSupported
    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0
    reasons = 0x4 | 0x1

    def nvmlDeviceGetTotalEnergyConsumption(self, device: str) -> int:
        return 1_500_000

    def nvmlDeviceGetPowerUsage(self, device: str) -> int:
        return 698_000

    def nvmlDeviceGetClockInfo(self, device: str, which: int) -> int:
        return {1: 1755, 2: 2619}[which]

    def nvmlDeviceGetTemperature(self, device: str, which: int) -> int:
        return 64

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, device: str) -> int:
        return self.reasons


class Old(Library):
    """Without a counter of energy."""

    def nvmlDeviceGetTotalEnergyConsumption(self, device: str) -> int:
        raise NotSupported("Not Supported")


def test_figures_come_in_base_units() -> None:
    """J, W and Hz, whatever NVML counts in; an older library has one name for the reasons."""
    expected = Reading(1500.0, 698.0, 1755e6, 2619e6, 64.0, ("software power cap",))
    assert Nvml(Library(), "device").read() == expected


def test_what_a_device_does_not_support_is_left_out_and_told() -> None:
    """None, never a guess from the power."""
    meter = Nvml(Old(), "device")
    assert meter.read().energy_j is None
    assert meter.read().power_w == 698.0
    assert meter.absent == {"energy_j": "Not Supported"}


def test_the_step_of_the_energy_counter_is_measured() -> None:
    """It differs from chip to chip by five times, and decides over which windows energy can be told."""
    now = iter(range(10_000))  # ms
    assert refresh_s(lambda: next(now) // 20, lambda: next(now) / 1000) == pytest.approx(0.02, abs=0.003)
    assert refresh_s(lambda: 7, lambda: next(now) / 1000) == REFRESH_S


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (0, ()),
        (0x1 | 0x2 | 0x100, ()),
        (0x8 | 0x40, ("hardware slowdown", "hardware thermal slowdown")),
        (1 << 20, ("reason 0x100000",)),
    ],
)
def test_reasons_that_hold_the_card_back_are_told(bits: int, words: tuple[str, ...]) -> None:
    """Idle and clocks that somebody set are none; a bit from the future is told by its number."""
    assert throttling(bits) == words


def test_without_the_package_there_is_no_meter_and_a_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert nvml_meter(0) is None
    assert no_nvml(0) == "nvidia-ml-py is not installed: pip install 'zbench[nvml]'"


def test_the_package_without_such_a_device_tells_why() -> None:
    """With no driver NVML's own words; with one, no device has this UUID."""
    pynvml: Any = pytest.importorskip("pynvml", reason="the extra `nvml` is not installed")
    uuid = "00000000-0000-0000-0000-000000000000"
    assert nvml_meter(uuid) is None
    with pytest.raises(pynvml.NVMLError) as error:
        pynvml.nvmlInit()
        pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    assert no_nvml(uuid) == f"NVML: {error.value}"
