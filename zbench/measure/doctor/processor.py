"""Clocks and cores: what makes the same code run at different speeds."""

from __future__ import annotations

from collections.abc import Callable

from zbench.measure.doctor.finding import Finding, careful, fine, invalid, unknown, write
from zbench.measure.doctor.machine import Machine
from zbench.measure.fingerprint import cpu_list

CPUS = "/sys/devices/system/cpu"
STEADY = "performance"
TRUSTED_CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page", "timebase")
"""Read without a system call, in ns."""
CLOCK_OF_TICKS = ("jiffies", "refined-jiffies")
"""They move every few ms."""


def governor(machine: Machine) -> Finding:
    topic, where = "frequency governor", f"{CPUS}/cpu*/cpufreq/scaling_governor"
    found = machine.texts(f"{CPUS}/cpu[0-9]*/cpufreq/scaling_governor")
    values = ", ".join(sorted(set(found.values())))
    if not found:
        return unknown(topic, "no cpufreq here", where, _who_decides(machine, "the clock"))
    if values == STEADY:
        return fine(topic, values, where)
    why = "the clock rises only after work has begun, so short cases look slow"
    return careful(topic, values, where, why, write(dict.fromkeys(found, STEADY)), write(found))


def boost(machine: Machine) -> Finding:
    """Intel's driver tells when turbo is off, all others when boost is on."""
    for where, on, off in ((f"{CPUS}/intel_pstate/no_turbo", "0", "1"), (f"{CPUS}/cpufreq/boost", "1", "0")):
        value = machine.text(where)
        if value == off:
            return fine("turbo", "off", where)
        if value is not None:
            why = "one busy core clocks higher than all, and heat lowers both"
            advice = "leave it on to judge a claim of speed; switch it off to compare two builds"
            return careful("turbo", "on", where, why, write({where: off}), write({where: on}), advice)
    why = _who_decides(machine, "the clock")
    return unknown("turbo", "neither intel_pstate nor cpufreq/boost here", CPUS, why)


def clock_limit(machine: Machine) -> Finding | None:
    """A ceiling below what the processor can do; nothing where there is no cpufreq."""
    limits = machine.numbers(f"{CPUS}/cpu[0-9]*/cpufreq/scaling_max_freq")
    own = machine.numbers(f"{CPUS}/cpu[0-9]*/cpufreq/cpuinfo_max_freq")
    tops = {path: own.get(path.replace("scaling_max", "cpuinfo_max"), 0) for path in limits}
    return _limit(
        "clock limit",
        limits,
        tops,
        f"{CPUS}/cpu*/cpufreq/scaling_max_freq",
        lambda khz: f"{khz / 1e6:.2f} GHz",
        "the processor is held below its own clock",
    )


def power_limit(machine: Machine) -> Finding:
    """RAPL's long-term limit against the largest that the package takes."""
    domains = "/sys/class/powercap/*/constraint_0_"
    limits = machine.numbers(f"{domains}power_limit_uw")
    most = machine.numbers(f"{domains}max_power_uw")
    tops = {path: most.get(path.replace("power_limit", "max_power"), 0) for path in limits}
    return _limit(
        "power limit",
        limits,
        tops,
        f"{domains}power_limit_uw",
        lambda microwatts: f"{microwatts / 1e6:.0f} W",
        "long bursts are slowed down to it, short ones are not",
    ) or unknown("power limit", "no powercap here", "/sys/class/powercap", _who_decides(machine, "the power"))


def _limit(
    topic: str, limits: dict[str, int], tops: dict[str, int], where: str, unit: Callable[[int], str], why: str
) -> Finding | None:
    """A limit against the most that is possible, each by file; 0 where that is not told."""
    if not limits:
        return None
    capped = {path: limit for path, limit in limits.items() if 0 < limit < tops[path]}
    if not capped:
        return fine(topic, ", ".join(dict.fromkeys(map(unit, limits.values()))), where)
    found = ", ".join(dict.fromkeys(f"{unit(capped[p])} of {unit(tops[p])}" for p in capped))
    return careful(topic, found, where, why, write({path: tops[path] for path in capped}), write(capped))


def throttled(machine: Machine) -> Finding | None:
    """How often heat has slowed a core since boot; nothing where the processor does not count it."""
    counts = machine.numbers(f"{CPUS}/cpu[0-9]*/thermal_throttle/core_throttle_count")
    if not counts:
        return None
    times = sum(counts.values())
    where = f"{CPUS}/cpu*/thermal_throttle/core_throttle_count"
    if not times:
        return fine("heat", "no core was throttled since boot", where)
    why = "long bursts get slower as the machine gets hot"
    advice = "see whether the number grows during a run; cool the machine, or measure shorter bursts"
    return careful("heat", f"throttled {times} times since boot", where, why, advice=advice)


def mains(machine: Machine) -> Finding | None:
    """Whether a laptop is plugged in; nothing where there is no such supply."""
    kinds = machine.texts("/sys/class/power_supply/*/type")
    supplies = [path.removesuffix("type") + "online" for path, kind in kinds.items() if kind == "Mains"]
    online = {path: value for path in supplies if (value := machine.text(path)) is not None}
    if not online:
        return None
    where = next(iter(online))
    if "1" in online.values():
        return fine("mains", "plugged in", where)
    why = "firmware saves power in ways that no setting shows"
    return careful("mains", "on battery", where, why, advice="plug it in")


def siblings(machine: Machine) -> Finding:
    """Whether two of the usable CPUs are one core."""
    topic, where = "SMT siblings", f"{CPUS}/cpu*/topology/thread_siblings_list"
    lists = machine.texts(f"{CPUS}/cpu[0-9]*/topology/thread_siblings_list")
    if not lists:
        return unknown(topic, "no topology here", where)
    cores = {machine.usable.intersection(cpu_list(text)) for text in lists.values()}
    shared = [core for core in cores if len(core) > 1]
    if shared:
        why = "two ranks or threads on one core share its units and slow each other"
        ones = ranges(sorted(min(core) for core in cores if core))
        found = f"{len(shared)} cores have two or more usable CPUs"
        return careful(topic, found, where, why, (f"taskset -c {ones} zbench run",))
    if virtual_flag(machine):
        why = "a hypervisor may place two of these CPUs on one core and not say so"
        return unknown(topic, "none are shown", where, why)
    return fine(topic, "each usable CPU is a core of its own", where)


def clock_source(machine: Machine) -> Finding:
    topic, folder = "clock source", "/sys/devices/system/clocksource/clocksource0"
    where, value = f"{folder}/current_clocksource", machine.text(f"{folder}/current_clocksource")
    offered = (machine.text(f"{folder}/available_clocksource") or "").split()
    if value is None:
        return unknown(topic, "not told", where)
    if value in TRUSTED_CLOCKS:
        return fine(topic, value, where)
    found = f"{value} (offered: {' '.join(offered) or 'not told'})"
    better = next((clock for clock in TRUSTED_CLOCKS if clock in offered), None)
    change = write({where: better}) if better else ()
    undo = write({where: value}) if better else ()
    advice = "" if better else "the kernel's log tells why: dmesg | grep -i clocksource"
    if value in CLOCK_OF_TICKS:
        return invalid(
            topic, found, where, "it moves every few ms: no round can be timed", change, undo, advice
        )
    why = "each reading is a system call of about a µs, in every round"
    return careful(topic, found, where, why, change, undo, advice)


def virtual(machine: Machine) -> Finding:
    topic, where = "virtual machine", "/proc/cpuinfo: hypervisor"
    flag, product = virtual_flag(machine), machine.text("/sys/class/dmi/id/product_name")
    name = f" ({product})" if product else ""
    if flag is None:
        return unknown(topic, f"this processor does not tell{name}", where)
    if not flag:
        return fine(topic, f"no{name}", where)
    why = "other guests share cores, caches, memory and heat, and cannot be seen from here"
    advice = "measure on the bare machine, or ask for a host of your own"
    return careful(topic, f"yes{name}", where, why, advice=advice)


def virtual_flag(machine: Machine) -> bool | None:
    """x86 processors tell; None where they do not."""
    for line in (machine.text("/proc/cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return "hypervisor" in value.split()
    return None


def ranges(cpus: list[int]) -> str:
    """[0, 1, 2, 5] -> `0-2,5`, as taskset takes it."""
    parts: list[list[int]] = []
    for cpu in cpus:
        if parts and cpu == parts[-1][-1] + 1:
            parts[-1].append(cpu)
        else:
            parts.append([cpu])
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _who_decides(machine: Machine, what: str) -> str:
    who = "the hypervisor's host" if virtual_flag(machine) else "firmware"
    return f"{who} decides about {what}, unseen from here"
