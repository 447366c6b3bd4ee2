"""The host's own meters: energy of its packages (RAPL), clocks and temperature of its CPUs.

All of it are files of Linux. What is not there, or not for this user to read, is absent and says why.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from zbench.meters.base import Meter, Reading

RAPL_REFRESH_S = 0.001
"""The counters advance about once a ms (Intel SDM volume 3, "RAPL interfaces")."""
SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "scpi_sensors")
"""Drivers under hwmon that tell a CPU's temperature."""
ZONES = ("x86_pkg_temp", "cpu-thermal", "cpu_thermal", "cpu0-thermal", "soc-thermal")
"""Thermal zones that are a CPU's, where no driver of `SENSORS` is there."""
THROTTLED = {"core_throttle_count": "core too hot", "package_throttle_count": "package too hot"}
"""Counters under thermal_throttle -> what it means that one has grown."""

Tell = Callable[[], float]


class Counter:
    """An energy counter that wraps around, as one that only grows."""

    def __init__(self, path: Path, range_uj: int) -> None:
        self.path, self.range_uj = path, range_uj
        self.last = self._now()
        self.grown_uj = 0

    def _now(self) -> int:
        return int(self.path.read_text())

    def read_j(self) -> float:
        """Joules since it was opened. Two wraps between two readings cannot be told from one."""
        now = self._now()
        self.grown_uj += now - self.last + (self.range_uj if now < self.last else 0)
        self.last = now
        return self.grown_uj / 1e6


def current_cpu() -> int:
    """The CPU that this thread runs on (proc(5), stat, field 39)."""
    return int(Path("/proc/thread-self/stat").read_text().rpartition(")")[2].split()[36])


class HostMeter(Meter):
    """Energy of all packages, the clock of the CPU that it is read on, the highest temperature, throttling.

    Whoever reads it has just computed, so that CPU's clock is that of the work; idle CPUs tell others. No
    thread reads it while something is timed: on a small host that thread would be what is measured.
    """

    rate_hz = 0.0
    refresh_s = RAPL_REFRESH_S

    def __init__(self, root: Path = Path("/"), here: Callable[[], int] = current_cpu) -> None:
        energy, clock, heat = _energy(root), _clock(root, here), _heat(root)
        found = {"energy": energy, "clock": clock, "temperature": heat}
        self.method = " + ".join(each[0] for each in found.values() if not isinstance(each, str)) or "none"
        self.absent: Mapping[str, str] = {name: each for name, each in found.items() if isinstance(each, str)}
        self.energy, self.clock, self.heat = (
            None if isinstance(each, str) else each[1] for each in found.values()
        )
        self.counts = {
            count: name
            for cpu in sorted(os.sched_getaffinity(0))
            for file, name in THROTTLED.items()
            if (count := root / f"sys/devices/system/cpu/cpu{cpu}/thermal_throttle" / file).exists()
        }
        self.throttled = self._throttled()

    def read(self) -> Reading:
        energy_j = self.energy() if self.energy else None
        before, self.throttled = self.throttled, self._throttled()
        return Reading(
            energy_j=energy_j,
            clock_hz=(self.clock() or None) if self.clock else None,
            temperature_c=(self.heat() or None) if self.heat else None,
            throttle=tuple(name for name, count in self.throttled.items() if count > before[name]),
        )

    def _throttled(self) -> dict[str, int]:
        """What it means -> how often it has happened."""
        found = dict.fromkeys(self.counts.values(), 0)
        for path, name in self.counts.items():
            found[name] += int(path.read_text())
        return found


def host_meter(root: Path = Path("/")) -> HostMeter | None:
    """The meter of this host; None where it can tell nothing."""
    meter = HostMeter(root)
    return None if meter.method == "none" and not meter.counts else meter


def _energy(root: Path) -> tuple[str, Tell] | str:
    """RAPL's package domains together, or why there are none. Other domains are parts of a package, or its
    memory, which not every system tells."""
    counters = []
    for zone in sorted((root / "sys/class/powercap").glob("intel-rapl:*")):
        try:
            if not (zone / "name").read_text().startswith("package"):
                continue
            counters.append(Counter(zone / "energy_uj", int((zone / "max_energy_range_uj").read_text())))
        except (OSError, ValueError) as error:
            return f"{zone / 'energy_uj'}: {getattr(error, 'strerror', None) or error}"
    if not counters:
        return "no RAPL package domain (a virtual machine has none)"
    return "rapl", lambda: sum(counter.read_j() for counter in counters)


def _clock(root: Path, here: Callable[[], int]) -> tuple[str, Tell] | str:
    """cpufreq's current frequency of the CPU that we are on, else /proc/cpuinfo's."""

    def cpufreq() -> float:
        return 1e3 * _number(root / f"sys/devices/system/cpu/cpu{here()}/cpufreq/scaling_cur_freq")

    def cpuinfo() -> float:
        return 1e6 * _megahertz(_text(root / "proc/cpuinfo"), here())

    if cpufreq():
        return "cpufreq", cpufreq
    if not cpuinfo():
        return "neither cpufreq nor /proc/cpuinfo tells a clock"
    lines = _text(root / "proc/cpuinfo").splitlines()
    virtual = any("hypervisor" in line.split() for line in lines if line.startswith("flags"))
    return "cpuinfo (constant in a virtual machine)" if virtual else "cpuinfo", cpuinfo


def _megahertz(text: str, cpu: int) -> float:
    """ "cpu MHz" of this CPU; 0 where it is not told."""
    for block in text.split("\n\n"):
        pairs = dict(_pair(line) for line in block.splitlines() if ":" in line)
        if pairs.get("processor") == str(cpu):
            return float(pairs.get("cpu MHz", 0.0))
    return 0.0


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _heat(root: Path) -> tuple[str, Tell] | str:
    """The hottest of the CPUs' sensors."""
    for name, pattern, drivers, kind in (
        ("hwmon", "sys/class/hwmon/hwmon*", SENSORS, "name"),
        ("thermal", "sys/class/thermal/thermal_zone*", ZONES, "type"),
    ):
        folders = [folder for folder in sorted(root.glob(pattern)) if _text(folder / kind) in drivers]
        files = [file for folder in folders for file in sorted(folder.glob("temp*_input"))]
        files += [folder / "temp" for folder in folders if (folder / "temp").exists()]
        if files := [file for file in files if _number(file)]:
            return name, lambda files=files: max(map(_number, files)) / 1e3
    return "no sensor of a CPU under hwmon or thermal"


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _number(path: Path) -> float:
    """0 where there is none."""
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return 0.0
