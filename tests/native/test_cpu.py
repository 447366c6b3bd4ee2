"""Which instruction set is used, and how many CPUs there are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zbench.errors import UsageError
from zbench.native import cpu


def test_the_best_instruction_set_is_the_default(monkeypatch):
    """Without ZBENCH_ISA, or with an empty one, the first of isas() that tests have executed is used."""
    for value in (None, ""):
        monkeypatch.delenv("ZBENCH_ISA", raising=False)
        if value is not None:
            monkeypatch.setenv("ZBENCH_ISA", value)
        assert cpu.isa() == next(name for name in cpu.isas() if cpu.EXECUTED[name])


def test_the_environment_forces_one(monkeypatch):
    """Every set that the CPU has can be forced."""
    for name in cpu.isas():
        monkeypatch.setenv("ZBENCH_ISA", name)
        assert cpu.isa() == name


def test_an_unverified_one_is_used_only_where_it_is_forced(monkeypatch):
    """What no test has executed is offered and marked, and passed over by default."""
    monkeypatch.setattr(cpu, "isas", lambda: ("amx", "avx512_bf16", "avx512_vnni", "portable"))
    monkeypatch.delenv("ZBENCH_ISA", raising=False)
    assert cpu.isa() == "avx512_vnni"
    monkeypatch.setenv("ZBENCH_ISA", "amx")
    assert cpu.isa() == "amx"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("amx", "amx (unverified)"),
        ("avx512_bf16", "avx512_bf16 (unverified)"),
        ("avx2", "avx2"),
        ("neon", "neon"),
    ],
)
def test_labels_tell_what_is_unverified(name, label):
    """In variants and descriptions."""
    assert cpu.label(name) == label


def test_an_unknown_one_is_refused_with_the_near_miss(monkeypatch):
    """A typing error is told in one line that names what was meant."""
    monkeypatch.setenv("ZBENCH_ISA", "avx22")
    with pytest.raises(UsageError, match=r"ZBENCH_ISA=avx22: .*'avx2'"):
        cpu.isa()


def test_one_that_this_cpu_lacks_is_refused(monkeypatch):
    """The message names what the CPU has."""
    monkeypatch.setattr(cpu, "isas", lambda: ("portable",))
    monkeypatch.setenv("ZBENCH_ISA", "avx512")
    with pytest.raises(UsageError, match=r"ZBENCH_ISA=avx512: this CPU lacks it; it has portable"):
        cpu.isa()


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_cgroup_v2_limits_of_the_group_and_its_parents(tmp_path):
    """Each level may limit, by a fraction of a CPU too."""
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/jobs/one\n",
            "sys/fs/cgroup/jobs/cpu.max": "400000 100000\n",
            "sys/fs/cgroup/jobs/one/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/cpu.max": "50000 100000\n",
        },
    )
    groups = root / "sys/fs/cgroup"
    assert cpu.cgroup_quotas(root) == {groups / "jobs/one": 1.5, groups / "jobs": 4.0, groups: 0.5}


def test_cgroup_v1_limits(tmp_path):
    """Only the hierarchy with the cpu controller counts, and -1 sets no limit."""
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "3:cpuset:/x\n2:cpu,cpuacct:/jobs\n0::/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu/jobs/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu/jobs/cpu.cfs_period_us": "100000\n",
        },
    )
    assert cpu.cgroup_quotas(root) == {root / "sys/fs/cgroup/cpu/jobs": 3.0}


def test_no_cgroups_set_no_limit(tmp_path):
    """A system without /proc/self/cgroup, or with `max` everywhere, limits nothing."""
    assert cpu.cgroup_quotas(tmp_path) == {}
    root = write(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"})
    assert cpu.cgroup_quotas(root) == {}


def test_usable_cpus_are_within_the_affinity_mask():
    """At least one, and never more than the mask holds."""
    assert 1 <= cpu.usable_cpus() <= len(os.sched_getaffinity(0))
