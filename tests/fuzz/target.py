"""`python target.py READER SECONDS FOLDER`: mutates a reader's corpus, guided by coverage where atheris is.

Findings, the corpus that grew and the tally (tally.json) are left in FOLDER. A finding does not end the
process: it is told once for each place that it comes from.
"""

from __future__ import annotations

import json
import random
import resource
import signal
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from types import FrameType

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import mutate  # noqa: E402

HANG_S = 1.0
"""Of CPU for one document of at most `mutate.MOST_BYTES`."""
MEMORY_MB = 256
"""That reading may add to what the process had at its start."""
TOLD_EVERY_S = 1.0


class Hang(BaseException):
    """No Exception: nobody who catches those may take it for an answer."""


@dataclass
class Tally:
    """What has come of it so far."""

    engine: str
    executions: int = 0
    taken: int = 0
    findings: dict[str, str] = field(default_factory=dict)
    """Where it was raised -> the file that shows it."""
    cpu_s: float = 0.0


class Target:
    """A reader that is called over and over; `once` is what an engine calls."""

    def __init__(self, reader: str, engine: str, folder: Path) -> None:
        import readers

        self.read, self.reader, self.folder = readers.read, reader, folder
        self.tally = Tally(engine)
        self.first_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.told_s = 0.0

    def once(self, data: bytes) -> None:
        signal.setitimer(signal.ITIMER_PROF, HANG_S)
        try:
            self.tally.taken += self.read(self.reader, data)
        except (Exception, Hang) as error:
            signal.setitimer(signal.ITIMER_PROF, 0)
            self._keep(data, _place(error))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        self.tally.executions += 1
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - self.first_kb
        if grown_kb > MEMORY_MB << 10:
            self._keep(data, f"memory: more than {MEMORY_MB} MB")
        if time.monotonic() > self.told_s + TOLD_EVERY_S:
            self.tell()

    def _keep(self, data: bytes, place: str) -> None:
        if place in self.tally.findings:
            return
        name = f"finding-{sha256(data).hexdigest()[:12]}"
        (self.folder / name).write_bytes(data)
        self.tally.findings[place] = name
        self.tell()

    def tell(self) -> None:
        self.told_s = time.monotonic()
        self.tally.cpu_s = time.process_time()
        (self.folder / "tally.json").write_text(json.dumps(asdict(self.tally), indent=1))


def _place(error: BaseException) -> str:
    frames = [each for each in traceback.extract_tb(error.__traceback__) if "zbench" in each.filename]
    last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    if isinstance(error, Hang):
        return f"hang: {Path(last.filename).name}, in {last.name}"
    return f"{type(error).__name__}: {Path(last.filename).name}:{last.lineno}, in {last.name}"


def _hang(number: int, frame: FrameType | None) -> None:
    raise Hang


def main(reader: str, seconds: float, folder: Path) -> None:
    signal.signal(signal.SIGPROF, _hang)
    corpus = HERE / "corpus" / reader
    try:
        import atheris
    except ImportError:
        _by_hand(reader, seconds, folder, corpus)
        return
    with atheris.instrument_imports(include=["zbench", "tomllib", "json"], enable_loader_override=False):
        target = Target(reader, "atheris", folder)
    grown = folder / "corpus"
    grown.mkdir(exist_ok=True)
    limits = [
        f"-max_total_time={seconds:.0f}",
        f"-max_len={mutate.MOST_BYTES}",
        "-timeout=60",
        "-rss_limit_mb=2048",
    ]
    quiet = ["-verbosity=0", f"-artifact_prefix={folder}/", f"-dict={HERE}/dictionary.txt"]
    words, documents = mutate.dictionary(), [seed.read_bytes() for seed in sorted(corpus.iterdir())]

    def change(data: bytes, most_bytes: int, seed: int) -> bytes:
        """As often ours, which knows numbers and strings, as libFuzzer's."""
        rng = random.Random(seed)
        if rng.random() < 0.5:
            return atheris.Mutate(data, most_bytes)
        return mutate.mutated(data, rng.choice(documents), words, rng)[:most_bytes]

    arguments = [sys.argv[0], *limits, *quiet, str(grown), str(corpus)]
    atheris.Setup(arguments, target.once, custom_mutator=change)
    atheris.Fuzz()


def _by_hand(reader: str, seconds: float, folder: Path, corpus: Path) -> None:
    """Mutations without guidance."""
    target = Target(reader, "mutation", folder)
    rng = random.Random(time.time_ns())
    words, documents = mutate.dictionary(), [seed.read_bytes() for seed in sorted(corpus.iterdir())]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        target.once(mutate.mutated(rng.choice(documents), rng.choice(documents), words, rng))
    target.tell()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]))
