"""The cost of SHA-512: exports with and without it in turn, on the same servers.

    python -m bench.sha512

An export is what a worker does: a copy over HTTP into Azurite, then the reading back. Read the
ratios.
"""

import statistics

from bench.__main__ import Bench, servers
from bench.contenders import MEBIBYTE
from bench.http_server import parser

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


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--repeats", type=int, default=7)
    arguments.add_argument("--mebibytes", type=int, default=256)
    given = arguments.parse_args()
    with servers(given.repeats) as bench:
        seconds, cpu = ratios(bench, given.mebibytes * MEBIBYTE)
    print(
        f"An export of {given.mebibytes} MiB with SHA-512: {seconds:.2f} times the time,"
        f" {cpu:.2f} times the CPU time (medians of {given.repeats} interleaved repeats)."
    )


if __name__ == "__main__":
    main()
