"""The cost of SHA-512: exports with and without it in turn, on the same servers.

    python -m bench.sha512
    python -m bench.sha512 --directory /dev/shm

An export is what a worker does: a copy over HTTP into Azurite, then the reading back. Between two
directories of one file system, in memory best, nothing else takes much time. Read the ratios.
"""

import os
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.__main__ import GIBIBYTE, Bench, servers
from bench.contenders import MEBIBYTE, Sha256Alone, quiet
from bench.http_server import parser
from callvault.archive.digests import WholeDigest
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.transfer import copier, readback
from callvault.archive.transfer.buffers import BufferPool
from callvault.archive.transfer.source import ObjectSource

_WITH, _WITHOUT = "callvault_proven", "callvault_proven_sha256"


def ratios(bench: Bench, size: int) -> tuple[float, float]:
    """Return how many times the seconds, and the CPU seconds, an export with SHA-512 needs."""
    runs: dict[str, list[dict[str, float]]] = {_WITH: [], _WITHOUT: []}
    for _ in range(bench.repeats):
        for name, took in runs.items():
            took.append(bench.once(name, sink="azurite", size=size, files=1, parallelism=8))
    medians = {
        name: [statistics.median(run[key] for run in took) for key in ("seconds", "cpu_seconds")]
        for name, took in runs.items()
    }
    seconds, cpu = (one / other for one, other in zip(*medians.values(), strict=True))
    return seconds, cpu


def between_directories(parent: Path, size: int, repeats: int) -> dict[str, float]:
    """Return the CPU seconds per GiB of a copy that is read back, with and without SHA-512."""
    took: dict[str, list[float]] = {_WITH: [], _WITHOUT: []}
    pool = BufferPool()
    for name in [*took] * repeats:
        digest = WholeDigest if name == _WITH else Sha256Alone
        readback.WholeDigest = digest  # type: ignore[attr-defined]
        with TemporaryDirectory(dir=parent) as folder:
            source, target = (DirectoryArchive(each, Path(folder, each)) for each in "st")
            source.make()
            target.make()
            Path(folder, "s", "a.mp4").write_bytes(os.urandom(MEBIBYTE) * (size // MEBIBYTE))
            began = time.process_time()
            content = ObjectSource(source, "a.mp4")
            kept = {"content_type": "video/mp4", "metadata": {}}
            copier.copy(content, target, "a.mp4", on_progress=quiet, buffers=pool, **kept)  # type: ignore[arg-type]
            assert readback.read_back(target, "a.mp4", quiet, pool).is_compared
            took[name].append((time.process_time() - began) * GIBIBYTE / size)
    return {name: statistics.median(each) for name, each in took.items()}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--repeats", type=int, default=7)
    arguments.add_argument("--mebibytes", type=int, default=256)
    arguments.add_argument("--directory", type=Path, help="copy within this one, without HTTP")
    given = arguments.parse_args()
    if given.directory:
        took = between_directories(given.directory, given.mebibytes * MEBIBYTE, given.repeats)
        both, alone = took[_WITH], took[_WITHOUT]
        print(
            f"A copy of {given.mebibytes} MiB that is read back: {both:.2f} CPU s per GiB, with"
            f" SHA-256 alone {alone:.2f}: {both / alone:.2f} times (medians of {given.repeats}"
            " interleaved repeats)."
        )
        return
    with servers(given.repeats) as bench:
        seconds, cpu = ratios(bench, given.mebibytes * MEBIBYTE)
    print(
        f"An export of {given.mebibytes} MiB with SHA-512: {seconds:.2f} times the time,"
        f" {cpu:.2f} times the CPU time (medians of {given.repeats} interleaved repeats)."
    )


if __name__ == "__main__":
    main()
