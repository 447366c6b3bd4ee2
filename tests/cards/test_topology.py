"""Where a device hangs in its host: read from trees as Linux has them, and from NVML's own answers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from zbench.cards.topology import located, nvml_links, pci_address

ADDRESS = "0000:17:00.0"
SERVER = {
    "numa_node": "1\n",
    "local_cpulist": "32-63,96-127\n",
    "current_link_speed": "32.0 GT/s PCIe\n",
    "current_link_width": "16\n",
    "max_link_speed": "32.0 GT/s PCIe\n",
    "max_link_width": "16\n",
}


def system(root: Path, device: dict[str, str], distances: dict[int, str]) -> Path:
    """As /sys, with one device and the NUMA nodes' distances."""
    place = root / "bus/pci/devices" / ADDRESS
    place.mkdir(parents=True)
    for name, text in device.items():
        (place / name).write_text(text)
    for node, text in distances.items():
        folder = root / f"devices/system/node/node{node}"
        folder.mkdir(parents=True)
        (folder / "distance").write_text(text)
    return root


def test_a_server_tells_node_and_link(tmp_path: Path) -> None:
    """In short strings, as a fingerprint takes them."""
    assert located(ADDRESS, system(tmp_path, SERVER, {0: "10 21\n", 1: "21 10\n"})) == {
        "numa": "1",
        "numa_distances": "21 10",
        "local_cpus": "32-63,96-127",
        "link": "PCIe 5.0 x16 of x16",
    }


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"current_link_width": "8"}, "PCIe 5.0 x8 of x16"),
        ({"current_link_speed": "2.5 GT/s PCIe"}, "PCIe 1.0 x16 of PCIe 5.0 x16"),
        ({"current_link_speed": "8 GT/s", "max_link_speed": "8 GT/s"}, "PCIe 3.0 x16 of x16"),
        ({"current_link_speed": "128.0 GT/s PCIe"}, "128.0 GT/s x16 of PCIe 5.0 x16"),
        ({"max_link_speed": "Unknown"}, "PCIe 5.0 x16"),
        ({"max_link_width": "255"}, "PCIe 5.0 x16"),
    ],
)
def test_a_link_is_told_as_it_runs_of_what_it_could(
    tmp_path: Path, changed: dict[str, str], expected: str
) -> None:
    """In PCI Express' own versions, over all of Linux' spellings."""
    assert located(ADDRESS, system(tmp_path, SERVER | changed, {}))["link"] == expected


@pytest.mark.parametrize(
    "device",
    [
        {},
        {"numa_node": "-1\n", "current_link_speed": "Unknown\n", "current_link_width": "0\n"},
        {"numa_node": "", "current_link_speed": "", "current_link_width": "63"},
        {"numa_node": "-1", "current_link_width": "16"},
    ],
)
def test_what_a_system_does_not_tell_is_absent(tmp_path: Path, device: dict[str, str]) -> None:
    """As in virtual machines; never a node 0 that nobody told."""
    assert located(ADDRESS, system(tmp_path, device, {0: "10"})) == {}


def test_a_device_that_the_system_does_not_list_is_absent(tmp_path: Path) -> None:
    """And a system without PCI."""
    assert located(ADDRESS, tmp_path) == {}


def test_an_address_is_spelled_as_linux_does() -> None:
    """Of properties as torch.cuda has them; others tell none."""
    told = SimpleNamespace(pci_domain_id=0, pci_bus_id=0xC1, pci_device_id=0)
    assert pci_address(told) == "0000:c1:00.0"
    assert pci_address(SimpleNamespace(pci_bus_id=1)) is None
    assert pci_address(None) is None


class NotSupported(Exception):
    """As pynvml's NVMLError."""


class Library:
    """pynvml's functions for a host of three devices; the third may not be seen by this user."""

    NVMLError = NotSupported
    NVML_NVLINK_MAX_LINKS = 6
    names = ("GPU-a", "GPU-b", "GPU-c")
    addresses = ("00000000:17:00.0", b"00000000:C1:00.0", "00000000:E1:00.0")
    level = 50

    def nvmlInit(self) -> None: ...

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:
        if uuid not in self.names:
            raise NotSupported("Not Found")
        return self.names.index(uuid)

    def nvmlDeviceGetCount(self) -> int:
        return 3

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index == 2:
            raise NotSupported("Insufficient Permissions")
        return index

    def nvmlDeviceGetPciInfo(self, device: int) -> SimpleNamespace:
        return SimpleNamespace(busId=self.addresses[device])

    def nvmlDeviceGetTopologyCommonAncestor(self, one: int, other: int) -> int:
        assert one != other
        return self.level

    def nvmlDeviceGetNvLinkState(self, device: int, link: int) -> int:
        if link > 3:
            raise NotSupported("Invalid Argument")
        return int(link != 3)

    def nvmlDeviceGetNvLinkRemotePciInfo(self, device: int, link: int) -> SimpleNamespace:
        return SimpleNamespace(busId=self.addresses[1 if link < 2 else 2])


class Reticent(Library):
    """Which does not tell where its links lead."""

    def nvmlDeviceGetNvLinkRemotePciInfo(self, device: int, link: int) -> SimpleNamespace:
        return SimpleNamespace(busId="")


class WithoutLinks(Library):
    """PCI Express only."""

    level = 30

    def nvmlDeviceGetNvLinkState(self, device: int, link: int) -> int:
        raise NotSupported("Not Supported")


class WithoutDriver(Library):
    def nvmlInit(self) -> None:
        raise NotSupported("Driver Not Loaded")


def test_links_are_counted_by_their_other_end() -> None:
    """Those that are up; a UUID as torch tells it, without NVML's prefix."""
    assert nvml_links("a", Library()) == {
        "nvlink": "2 to 0000:c1:00.0, 1 to 0000:e1:00.0",
        "beside": "0000:c1:00.0: across NUMA nodes",
    }


def test_links_that_lead_nobody_knows_where_are_counted() -> None:
    """As in a virtual machine, whose driver hides the switch."""
    assert nvml_links("a", Reticent())["nvlink"] == "3 to an unknown device"


def test_devices_without_links_tell_what_lies_between_them() -> None:
    """The nearest that they have in common."""
    assert nvml_links("GPU-b", WithoutLinks()) == {"beside": "0000:17:00.0: one host bridge"}


@pytest.mark.parametrize(("uuid", "library"), [("z", Library()), ("a", WithoutDriver())])
def test_what_nvml_does_not_know_is_absent(uuid: str, library: Library) -> None:
    """No such device, no driver."""
    assert nvml_links(uuid, library) == {}
