"""`callvault verify`, beside reading every byte once.

    python -m bench.verification --scale 0.01        # a hundredth of the recordings, no page

Seals recordings in directories as a worker does, verifies each directory in a process of its own,
and writes docs/verification.md.
"""

import argparse
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from callvault.archive.stores.directory import DirectoryArchive
from tests.archive.sealed import archived, sealed, wav

PAGE = Path(__file__).parents[1] / "docs" / "verification.md"

ARCHIVES = ((10_000, 2.0), (400, 200.0))
"""Recordings, and the seconds of sound in each: 64 KB, as of a call that was hung up at once, and
6.4 MB, as of three minutes."""

MAX_RATIO = 1.5
"""Times as long as it takes to read every byte that a verification may take, is the aim."""

_PIECE = 1 << 20
_VERIFY = [sys.executable, "-m", "callvault", "verify"]

_PAGE = """\
# Verification

<!-- Written by `make bench`: do not edit. -->

Directories of sealed recordings of one wav file each, all in the page cache, on {processors}
processors ({machine}, other load {load:.1f} at the start). `Read` reads every byte of every object
once, `hashed` takes the SHA-256 of what it reads; both in one thread. `--quick` judges documents,
signatures, chain, sizes and properties; everything takes the hashes of every byte as well, and has
each file judged as media by a confined process of its own. The times of Callvault are those of the
whole command.

| recordings | MiB | read | hashed | `--quick` | everything | everything is |
|--:|--:|--:|--:|--:|--:|--:|
{rows}

The aim is {most} x of reading.{verdict}
"""


@dataclass(frozen=True)
class Figures:
    """Seconds, for one archive."""

    recordings: int
    size: int
    """Bytes of all objects."""
    read: float
    hashed: float
    quick: float
    full: float

    @property
    def ratio(self) -> float:
        return self.full / self.read


def measure(recordings: int, seconds: float) -> Figures:
    """Seal an archive, read it, and verify it."""
    with tempfile.TemporaryDirectory(prefix="callvault-verification-") as folder:
        archive = DirectoryArchive("main", Path(folder))
        media = wav(seconds)
        for number in range(recordings):
            chunk = archived(
                archive,
                media=media,
                recording_id=f"rec-{number}",
                call_id=f"call-{number}",
                document=f"0-eus-d1-{number:032x}",
                duration_ms=1000 * seconds,
            )
            sealed(
                archive,
                chunk,
                recording_id=f"rec-{number}",
                call_id=f"call-{number}",
                recording_duration_ms=1000 * seconds,
            )
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return Figures(
            recordings,
            sum(path.stat().st_size for path in files),
            _seconds(lambda: _read(files, lambda _: None)),
            _seconds(lambda: _read(files, hashlib.sha256().update)),
            _seconds(lambda: _verify(folder, "--quick")),
            _seconds(lambda: _verify(folder)),
        )


def _seconds(do: Callable[[], None]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _read(files: Sequence[Path], use: Callable[[bytes], None]) -> None:
    for path in files:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                use(piece)


def _verify(folder: str, *options: str) -> None:
    subprocess.run([*_VERIFY, folder, *options], check=True, capture_output=True)


def page(found: Sequence[Figures], load: float) -> str:
    """Render the page in Markdown."""
    missed = [
        f"{each.ratio:.1f} x with {each.recordings:,} recordings"
        for each in found
        if each.ratio > MAX_RATIO
    ]
    return _PAGE.format(
        processors=os.cpu_count(),
        machine=platform.machine(),
        load=load,
        rows="\n".join(map(_row, found)),
        most=MAX_RATIO,
        verdict=f"\n\n**Missed:** {', '.join(missed)}." if missed else "",
    )


def _row(each: Figures) -> str:
    times = (each.read, each.hashed, each.quick, each.full)
    told = " | ".join(f"{seconds:.1f} s" for seconds in times)
    return f"| {each.recordings:,} | {each.size >> 20:,} | {told} | {each.ratio:.1f} x |"


def main() -> None:
    """Measure, and write the page unless it is a smaller scale."""
    parser = argparse.ArgumentParser(prog="python -m bench.verification", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="the share of the recordings")
    scale = parser.parse_args().scale
    load = os.getloadavg()[0]
    text = page([measure(round(count * scale), seconds) for count, seconds in ARCHIVES], load)
    print(text)
    if scale == 1:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
