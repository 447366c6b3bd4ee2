"""The host's meters, from trees as Linux lays them out under /sys and /proc."""

import os
from pathlib import Path

import pytest

from zbench.meters.host import HostMeter, current_cpu, host_meter

CPU = 1
CPUINFO = "processor\t: 0\ncpu MHz\t\t: 2000.0\nflags\t\t: fpu{}\n\nprocessor\t: 1\ncpu MHz\t\t: 3000.0\n\n"


def put(root: Path, files: dict[str, object]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"{text}\n")


def rapl(zone: str, name: str, energy_uj: int, range_uj: int = 1_000_000) -> dict[str, object]:
    folder = f"sys/class/powercap/{zone}"
    return {
        f"{folder}/name": name,
        f"{folder}/energy_uj": energy_uj,
        f"{folder}/max_energy_range_uj": range_uj,
    }


def test_energy_is_that_of_all_packages(tmp_path: Path) -> None:
    """Cores and memory are parts of a package or told by few systems: they are not added."""
    put(tmp_path, rapl("intel-rapl:0", "package-0", 100) | rapl("intel-rapl:1", "package-1", 200))
    put(tmp_path, rapl("intel-rapl:0:0", "core", 50) | rapl("intel-rapl:0:1", "dram", 60))
    meter = HostMeter(tmp_path, lambda: CPU)
    before = meter.read().energy_j
    put(tmp_path, rapl("intel-rapl:0", "package-0", 400_100) | rapl("intel-rapl:1", "package-1", 200_200))
    put(tmp_path, rapl("intel-rapl:0:0", "core", 700_000))
    after = meter.read().energy_j
    assert (before, after) == (0.0, pytest.approx(0.6))
    assert meter.method == "rapl"


def test_a_counter_that_wraps_around_goes_on(tmp_path: Path) -> None:
    """From 0.9 of its range over its end to 0.1: 0.2 of it, twice."""
    put(tmp_path, rapl("intel-rapl:0", "package-0", 900_000))
    meter = HostMeter(tmp_path, lambda: CPU)
    told = []
    for energy_uj in (100_000, 900_000, 100_000):
        put(tmp_path, rapl("intel-rapl:0", "package-0", energy_uj))
        told.append(meter.read().energy_j)
    assert told == pytest.approx([0.2, 1.0, 1.2])


def test_energy_that_cannot_be_read_is_absent_and_says_why(tmp_path: Path) -> None:
    """A directory in its place, as root reads whatever the mode says; never a guess from the rest."""
    put(tmp_path, rapl("intel-rapl:0", "package-0", 100) | rapl("intel-rapl:1", "package-1", 200))
    counter = tmp_path / "sys/class/powercap/intel-rapl:1/energy_uj"
    counter.unlink()
    counter.mkdir()
    put(tmp_path, {"proc/cpuinfo": CPUINFO.format("")})
    meter = HostMeter(tmp_path, lambda: CPU)
    assert meter.read().energy_j is None
    assert "intel-rapl:1/energy_uj: Is a directory" in meter.absent["energy"]


def test_the_clock_is_that_of_the_cpu_that_has_computed(tmp_path: Path) -> None:
    """Idle CPUs tell other clocks; whoever reads the meter has just been at work."""
    for cpu, khz in ((0, 1_000_000), (1, 3_000_000), (2, 9_000_000)):
        put(tmp_path, {f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq": khz})
    meter = HostMeter(tmp_path, lambda: CPU)
    assert (meter.method, meter.read().clock_hz) == ("cpufreq", 3e9)


def test_this_thread_runs_on_one_of_its_cpus() -> None:
    """As the kernel tells it, pinned to each in turn."""
    usable = os.sched_getaffinity(0)
    try:
        for cpu in usable:
            os.sched_setaffinity(0, {cpu})
            assert current_cpu() == cpu
    finally:
        os.sched_setaffinity(0, usable)


@pytest.mark.parametrize(
    ("flag", "method"), [("", "cpuinfo"), (" hypervisor", "cpuinfo (constant in a virtual machine)")]
)
def test_without_cpufreq_the_clock_is_that_of_cpuinfo(tmp_path: Path, flag: str, method: str) -> None:
    """Which is a constant in a virtual machine, and says so."""
    put(tmp_path, {"proc/cpuinfo": CPUINFO.format(flag)})
    meter = HostMeter(tmp_path, lambda: CPU)
    assert (meter.method, meter.read().clock_hz) == (method, 3e9)


def test_temperature_is_the_hottest_sensor_of_a_cpu(tmp_path: Path) -> None:
    """A disk's sensor beside them is none; thermal zones serve where hwmon has no driver of a CPU."""
    put(tmp_path, {"sys/class/hwmon/hwmon0/name": "nvme", "sys/class/hwmon/hwmon0/temp1_input": 90_000})
    zones = "sys/class/thermal/thermal_zone"
    put(tmp_path, {f"{zones}0/type": "acpitz", f"{zones}0/temp": 99_000})
    put(tmp_path, {f"{zones}1/type": "x86_pkg_temp", f"{zones}1/temp": 51_000})
    thermal = HostMeter(tmp_path, lambda: CPU)
    assert (thermal.method, thermal.read().temperature_c) == ("thermal", 51.0)
    put(tmp_path, {"sys/class/hwmon/hwmon1/name": "coretemp", "sys/class/hwmon/hwmon1/temp1_input": 61_000})
    put(tmp_path, {"sys/class/hwmon/hwmon1/temp2_input": 64_500})
    hwmon = HostMeter(tmp_path, lambda: CPU)
    assert (hwmon.method, hwmon.read().temperature_c) == ("hwmon", 64.5)


def test_a_core_that_was_too_hot_is_throttling_once(tmp_path: Path) -> None:
    """The counters tell what happened since the reading before."""
    usable = max(os.sched_getaffinity(0))
    count = f"sys/devices/system/cpu/cpu{usable}/thermal_throttle/core_throttle_count"
    put(tmp_path, {count: 7, "proc/cpuinfo": CPUINFO.format("")})
    meter = HostMeter(tmp_path, lambda: CPU)
    told = [meter.read().throttle]
    put(tmp_path, {count: 9})
    told += [meter.read().throttle, meter.read().throttle]
    assert told == [(), ("core too hot",), ()]


def test_a_host_that_tells_nothing_has_no_meter(tmp_path: Path) -> None:
    """Rather than one whose every figure is missing."""
    assert host_meter(tmp_path) is None


def test_this_host_says_of_everything_what_it_tells_or_why_not() -> None:
    """Whatever machine runs this test."""
    meter = HostMeter()
    told = meter.read()
    figures = {"energy": told.energy_j, "clock": told.clock_hz, "temperature": told.temperature_c}
    assert {name for name, figure in figures.items() if figure is None} == set(meter.absent)
    assert all(meter.absent.values())
