"""How much memory may be taken, and which places are free."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbench.fabrics.memory import Area, available_bytes

GIB = 1 << 30


def system(root: Path, cgroup: str, files: dict[str, str]) -> tuple[Path, Path]:
    """A made-up /proc with 8 GiB available and a made-up /sys/fs/cgroup."""
    proc, groups = root / "proc", root / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n")
    (proc / "self/cgroup").write_text(cgroup)
    groups.mkdir()
    for name, text in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(text)
    return proc, groups


def group(limit: str, used: int, reclaimable: int) -> dict[str, str]:
    return {
        "memory.max": f"{limit}\n",
        "memory.current": f"{used}\n",
        "memory.stat": f"anon 5\ninactive_file {reclaimable}\n",
    }


def test_without_a_limit_the_machine_decides(tmp_path: Path) -> None:
    """`max` is no limit."""
    files = {f"job/{name}": text for name, text in group("max", GIB, 0).items()}
    assert available_bytes(*system(tmp_path, "0::/job\n", files)) == 8 * GIB


def test_a_groups_limit_counts_what_is_left_of_it(tmp_path: Path) -> None:
    """Pages of files that the kernel can drop are room."""
    files = {f"job/{name}": text for name, text in group(str(4 * GIB), 3 * GIB, GIB).items()}
    assert available_bytes(*system(tmp_path, "0::/job\n", files)) == 2 * GIB


def test_a_limit_above_the_own_group_counts(tmp_path: Path) -> None:
    """The least room of all groups on the way up."""
    outer = {f"outer/{name}": text for name, text in group(str(GIB), GIB // 2, 0).items()}
    inner = {f"outer/inner/{name}": text for name, text in group("max", 0, 0).items()}
    assert available_bytes(*system(tmp_path, "0::/outer/inner\n", outer | inner)) == GIB // 2


def test_in_a_container_the_limit_lies_at_the_mount(tmp_path: Path) -> None:
    """The path in /proc is the host's and does not exist inside."""
    files = group(str(2 * GIB), GIB, 0)
    assert available_bytes(*system(tmp_path, "0::/docker/abc\n", files)) == GIB


def test_the_first_version_of_control_groups(tmp_path: Path) -> None:
    """Its files have other names."""
    files = {
        "memory/job/memory.limit_in_bytes": str(3 * GIB),
        "memory/job/memory.usage_in_bytes": str(GIB),
        "memory/job/memory.stat": "total_inactive_file 0\n",
    }
    assert available_bytes(*system(tmp_path, "5:cpu:/x\n4:memory:/job\n", files)) == 2 * GIB


def test_an_exhausted_group_has_no_room(tmp_path: Path) -> None:
    """Never a negative one."""
    assert available_bytes(*system(tmp_path, "0::/\n", group(str(GIB), 2 * GIB, 0))) == 0


def test_this_machine_has_some() -> None:
    """The real files can be read."""
    assert available_bytes() > 0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5 * 4096)), max_size=40))
def test_places_never_overlap_and_all_come_back(requests: list[tuple[bool, int]]) -> None:
    """Whatever is taken and given in whatever order."""
    total = 64 * 4096
    area, taken = Area(total, 4096), []
    for take, size in requests:
        if take:
            try:
                place = area.take(size)
            except MemoryError:
                continue
            assert place[0] % 4096 == 0
            assert place[1] >= max(size, 1)
            assert all(place[0] >= o + n or o >= place[0] + place[1] for o, n in taken)
            taken.append(place)
        elif taken:
            area.give(*taken.pop(size % len(taken)))
    for place in taken:
        area.give(*place)
    assert area.take(total) == (0, total)


def test_a_full_area_says_so() -> None:
    """With the bytes that were wanted."""
    area = Area(4096, 4096)
    area.take(1)
    with pytest.raises(MemoryError, match="no 4096 bytes in one piece"):
        area.take(1)
