"""What the doctor makes of the files of a machine: real files under a root of the test's own."""

from __future__ import annotations

import resource
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zbench.measure.doctor import Finding, Machine, Moment, diagnose, this_machine
from zbench.measure.doctor.machine import between, snapshot

CPUS = "sys/devices/system/cpu"
CLOCK = "sys/devices/system/clocksource/clocksource0"
PAGES = "sys/kernel/mm/transparent_hugepage"
IDLE = Moment(busy={0: 0.0, 1: 0.0}, steal=0.0, steal_since_boot=0.0)
QUIET = {
    "proc/cpuinfo": "processor : 0\nflags : fpu sse avx512f\n",
    "proc/loadavg": "0.01 0.02 0.03 1/99 1234\n",
    "proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
    "proc/self/cgroup": "0::/\n",
    "proc/sys/kernel/numa_balancing": "0\n",
    "sys/fs/cgroup/cgroup.procs": "",
    "sys/devices/system/node/node0/cpulist": "0-1\n",
    f"{CPUS}/online": "0-1\n",
    f"{CPUS}/intel_pstate/no_turbo": "1\n",
    f"{CLOCK}/current_clocksource": "tsc\n",
    f"{CLOCK}/available_clocksource": "tsc hpet acpi_pm\n",
    f"{PAGES}/enabled": "always [madvise] never\n",
    f"{PAGES}/defrag": "always defer defer+madvise [madvise] never\n",
    "sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw": "95000000\n",
    "sys/class/powercap/intel-rapl:0/constraint_0_max_power_uw": "95000000\n",
} | {
    f"{CPUS}/cpu{n}/{name}": text
    for n in (0, 1)
    for name, text in {
        "cpufreq/scaling_governor": "performance\n",
        "cpufreq/scaling_max_freq": "3600000\n",
        "cpufreq/cpuinfo_max_freq": "3600000\n",
        "topology/thread_siblings_list": f"{n}\n",
        "thermal_throttle/core_throttle_count": "0\n",
    }.items()
}
"""A machine of two cores on which there is nothing to object to."""


def quiet(root: Path, changed: dict[str, str | None] | None = None) -> Machine:
    """The quiet machine, with some files changed; None takes a file away."""
    for name, text in (QUIET | (changed or {})).items():
        if text is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    return Machine(root, IDLE, frozenset({0, 1}), shm_bytes=8 << 30)


def of(machine: Machine, topic: str) -> Finding:
    """The doctor's finding of one topic."""
    return next(finding for finding in diagnose(machine) if finding.topic == topic)


def run_here(command: str, root: Path) -> None:
    """One of the doctor's commands, on the test's files instead of the machine's."""
    subprocess.run(
        ["bash", "-c", command.replace("sudo ", "").replace(" /", f" {root}/")],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def test_nothing_to_object_to(tmp_path: Path) -> None:
    """A quiet bare machine is fine in every topic, and that is said of each."""
    findings = diagnose(quiet(tmp_path))
    assert {finding.level for finding in findings} == {"fine"}
    assert len(findings) >= 20


def test_what_cannot_be_seen_is_never_fine(tmp_path: Path) -> None:
    """A root without any file, as in a bare sandbox."""
    levels = {f.topic: f.level for f in diagnose(Machine(tmp_path, IDLE, frozenset({0, 1})))}
    hidden = ("frequency governor", "turbo", "power limit", "SMT siblings", "clock source", "CPU quota")
    hidden += ("virtual machine", "memory", "swap", "huge pages")
    assert {topic: levels[topic] for topic in hidden} == dict.fromkeys(hidden, "unknown")


CAREFUL: list[tuple[str, dict[str, str | None], str]] = [
    (
        "frequency governor",
        {f"{CPUS}/cpu1/cpufreq/scaling_governor": "powersave\n"},
        "performance, powersave",
    ),
    ("turbo", {f"{CPUS}/intel_pstate/no_turbo": "0\n"}, "on"),
    ("turbo", {f"{CPUS}/intel_pstate/no_turbo": None, f"{CPUS}/cpufreq/boost": "1\n"}, "on"),
    ("clock limit", {f"{CPUS}/cpu1/cpufreq/scaling_max_freq": "1200000\n"}, "1.20 GHz of 3.60 GHz"),
    (
        "power limit",
        {"sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw": "45000000\n"},
        "45 W of 95 W",
    ),
    ("clock source", {f"{CLOCK}/current_clocksource": "hpet\n"}, "hpet"),
    ("huge pages", {f"{PAGES}/enabled": "[always] madvise never\n"}, "always"),
    ("huge pages", {f"{PAGES}/enabled": "always madvise [never]\n"}, "never"),
    ("huge pages, defrag", {f"{PAGES}/defrag": "[always] defer madvise never\n"}, "always"),
    (
        "NUMA balancing",
        {"proc/sys/kernel/numa_balancing": "1\n", "sys/devices/system/node/node1/cpulist": "\n"},
        "2 memory nodes",
    ),
]


ONE_CORE: dict[str, str | None] = {f"{CPUS}/cpu{n}/topology/thread_siblings_list": "0-1\n" for n in (0, 1)}
BATTERY: dict[str, str | None] = {
    "sys/class/power_supply/AC/type": "Mains\n",
    "sys/class/power_supply/AC/online": "0\n",
}


def settings(root: Path) -> dict[Path, str]:
    """What each file is set to; of a kernel's list of choices the one in brackets."""
    texts = {path: path.read_text().strip() for path in root.rglob("*") if path.is_file()}
    return {path: text.partition("[")[2].partition("]")[0] or text for path, text in texts.items()}


@pytest.mark.parametrize(("topic", "changed", "told"), CAREFUL)
def test_a_setting_is_named_and_its_commands_work(
    topic: str, changed: dict[str, str | None], told: str, tmp_path: Path
) -> None:
    """The change mends it; the undo brings back, file by file, exactly what was found."""
    machine = quiet(tmp_path, changed)
    found, finding = settings(tmp_path), of(machine, topic)
    assert finding.level == "careful"
    assert told in finding.found
    assert finding.why
    for command in finding.change:
        run_here(command, tmp_path)
    assert settings(tmp_path) != found
    if not topic.startswith("huge pages"):  # a plain file shows no choices, as the kernel's does
        assert of(machine, topic).level == "fine"
    for command in finding.undo:
        run_here(command, tmp_path)
    assert settings(tmp_path) == found


@pytest.mark.parametrize(
    ("topic", "changed", "level", "told"),
    [
        ("SMT siblings", ONE_CORE, "careful", "1 core"),
        ("virtual machine", {"proc/cpuinfo": "flags : fpu hypervisor\n"}, "careful", "yes"),
        ("virtual machine", {"proc/cpuinfo": "Features : fp asimd\n"}, "unknown", "does not tell"),
        ("steal time", {"proc/cpuinfo": "flags : fpu hypervisor\n"}, "unknown", "none told"),
        ("SMT siblings", {"proc/cpuinfo": "flags : fpu hypervisor\n"}, "unknown", "none are shown"),
        ("heat", {f"{CPUS}/cpu0/thermal_throttle/core_throttle_count": "7\n"}, "careful", "7 times"),
        ("clock source", {f"{CLOCK}/current_clocksource": "refined-jiffies\n"}, "invalid", "refined-jiffies"),
        ("CPU quota", {"sys/fs/cgroup/cpu.max": "50000 100000\n"}, "invalid", "0.5 CPUs"),
        ("CPU quota", {"sys/fs/cgroup/cpu.max": "150000 100000\n"}, "careful", "1.5 CPUs"),
        ("CPU quota", {"sys/fs/cgroup/cpu.max": "200000 100000\n"}, "fine", "2 CPUs"),
        ("usable CPUs", {f"{CPUS}/online": "0-7\n"}, "careful", "2 of 8 online (0-1)"),
        ("swap", {"proc/meminfo": "SwapTotal: 4194304 kB\nSwapFree: 2097152 kB\n"}, "careful", "2.0 GiB"),
        ("memory", {"proc/meminfo": "MemAvailable: 65536 kB\n"}, "invalid", "0.1 GiB"),
        ("mains", BATTERY, "careful", "battery"),
    ],
)
def test_what_no_command_of_ours_can_mend(
    topic: str, changed: dict[str, str | None], level: str, told: str, tmp_path: Path
) -> None:
    """Said with what was read, how bad it is, and in words what to do."""
    finding = of(quiet(tmp_path, changed), topic)
    assert finding.level == level, finding
    assert told in finding.found
    assert level in ("fine", "unknown") or finding.advice or finding.change


def with_load(**busy: float) -> dict[str, Moment]:
    return {"moment": replace(IDLE, busy={int(cpu[3:]): share for cpu, share in busy.items()})}


@pytest.mark.parametrize(
    ("topic", "fields", "level", "told"),
    [
        ("other zbench runs", {"neighbours": [77]}, "careful", "pid 77"),
        ("other load", with_load(cpu0=0.6, cpu1=0.0), "careful", "0.60 of 2"),
        ("other load", with_load(cpu0=0.9, cpu1=0.9), "invalid", "1.80 of 2"),
        ("other load", with_load(cpu7=1.0), "fine", "0.00 of 2"),
        ("steal time", {"moment": replace(IDLE, steal=0.03)}, "careful", "3.0 %"),
        ("usable CPUs", {"usable": frozenset({1})}, "careful", "1 of 2 online (1)"),
        ("memory", {"needed_bytes": 100 << 30}, "careful", "8.0 GiB"),
        ("/dev/shm", {"shm_bytes": 64 << 20}, "careful", "64 MiB"),
        ("/dev/shm", {"shm_bytes": None}, "careful", "there is none"),
        ("open files", {"open_files": 64}, "invalid", "64"),
        ("open files", {"open_files": resource.RLIM_INFINITY}, "fine", "no limit"),
        ("locked memory", {"locked_bytes": 65536}, "fine", "64 KiB"),
        ("environment", {"environment": {"OMP_PLACES": "cores", "HOME": "/"}}, "careful", "OMP_PLACES=cores"),
    ],
)
def test_what_the_system_tells_this_process(
    topic: str, fields: dict[str, Any], level: str, told: str, tmp_path: Path
) -> None:
    """Limits, load, neighbours, environment; a variable that changes nothing is not shown."""
    finding = of(replace(quiet(tmp_path), **fields), topic)
    assert finding.level == level, finding
    assert told in finding.found
    assert "HOME" not in finding.found


def test_locked_memory_matters_beside_an_rdma_card(tmp_path: Path) -> None:
    """Only a fabric that registers its buffers needs it."""
    machine = quiet(tmp_path, {"sys/class/infiniband/mlx5_0/node_type": "1: CA\n"})
    finding = of(replace(machine, locked_bytes=65536), "locked memory")
    assert finding.level == "careful"
    assert "mlx5_0" in finding.why
    assert finding.undo == ("sudo prlimit --pid $$ --memlock=65536",)


def test_the_environment_comes_back_as_it_was(tmp_path: Path) -> None:
    """Values with spaces and quotes included."""
    odd = "a 'b' $HOME"
    machine = replace(quiet(tmp_path), environment={"MKL_DEBUG": odd, "OMP_X": "1"})
    finding = of(machine, "environment")
    shell = f'{finding.change[0]}; {finding.undo[0]}; printf %s "$MKL_DEBUG"'
    told = subprocess.run(["bash", "-c", shell], check=True, capture_output=True, text=True).stdout
    assert told == odd


def test_the_worst_comes_first(tmp_path: Path) -> None:
    """Invalid, careful, unknown, fine."""
    machine = quiet(tmp_path, {"proc/cpuinfo": "flags : hypervisor\n", f"{CPUS}/cpufreq/boost": "1\n"})
    levels = [finding.level for finding in diagnose(replace(machine, open_files=10))]
    assert list(dict.fromkeys(levels)) == ["invalid", "careful", "unknown", "fine"]


def stat(root: Path, ticks: list[str], processes: dict[int, int]) -> Path:
    """A /proc with lines of /proc/stat and CPU ticks by process."""
    root.mkdir()
    (root / "stat").write_text("cpu  1 1 1\n" + "".join(f"cpu{i} {each}\n" for i, each in enumerate(ticks)))
    for pid, taken in processes.items():
        (root / str(pid)).mkdir()
        fields = ["0"] * 40
        fields[9] = str(taken)  # behind state and parent
        (root / str(pid) / "stat").write_text(f"{pid} (eater) S 1 {' '.join(fields)}\n")
    return root


def test_a_moment_is_the_difference_of_two_looks(tmp_path: Path) -> None:
    """user nice system idle iowait irq softirq steal: waiting for a disk is idle, stolen time is not busy."""
    before = stat(tmp_path / "a", ["100 0 0 900 0 0 0 0 0", "0 0 0 1000 0 0 0 0 0"], {5: 10, 6: 10})
    after = stat(tmp_path / "b", ["150 0 0 930 10 0 0 10 0", "0 0 0 1100 0 0 0 0 0"], {5: 60, 7: 500})
    moment = between(snapshot(before), snapshot(after), 1.0)
    assert moment.busy == pytest.approx({0: 0.5, 1: 0.0})
    assert moment.steal == pytest.approx(10 / 200)
    assert moment.steal_since_boot == pytest.approx(10 / 2200)
    assert [(name, pytest.approx(0.5)) for name in ["eater (pid 5)"]] == list(moment.busiest)


def test_this_machine_can_be_looked_at() -> None:
    """The real files; whatever they hold, every finding has its evidence, and what is not fine its reason."""
    findings = diagnose(this_machine(2, 1))
    assert len({finding.topic for finding in findings}) == len(findings) >= 15
    for finding in findings:
        assert finding.found, finding
        assert finding.where, finding
        assert finding.why or finding.level in ("fine", "unknown"), finding
