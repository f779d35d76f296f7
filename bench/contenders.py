"""Contenders of the benchmark: each copies files in a process of its own and prints its costs.

    python -m bench.contenders NAME --source http://127.0.0.1:1 --sink CONNECTION --size 1048576

prints one line of JSON: seconds, CPU seconds (without interpreter and imports), peak MiB.
"""

import base64
import hashlib
import http.client
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any
from urllib.parse import urlsplit

import httpx
from azure.storage.blob import BlobClient, ContainerClient

from bench.http_server import parser
from bench.source import pattern
from callvault.acs.client import AcsClient
from callvault.acs.credentials import AccessKey
from callvault.archive.digests import WholeDigest
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.transfer import copier, readback
from callvault.archive.transfer.buffers import BufferPool
from callvault.archive.transfer.readback import read_back
from callvault.azure_storage.clients import StorageAccess
from tests.contract.addresses import on_microsofts_host
from tests.contract.sdks import VERSIONS, callautomation

MEBIBYTE = 1024 * 1024
BLOCK = 8 * MEBIBYTE
CONTAINER = "bench"


@dataclass(frozen=True)
class Task:
    """``count`` files of ``size`` bytes each."""

    source: str
    """Origin of the source."""
    sink: str
    """Connection string of the blob service."""
    size: int
    count: int
    parallelism: int
    label: str
    """Prefix that makes the blobs' names unique."""

    def url(self, number: int) -> str:
        return f"{self.source}/{number}-{self.size}.mp4"

    def content_location(self, number: int) -> str:
        """Return the same file's address in the form of the service."""
        return f"{self.source}/v1/objects/{number}-{self.size}/content/video"

    def name(self, number: int) -> str:
        return f"{self.label}/{number}.mp4"

    def blob(self, number: int) -> BlobClient:
        """Make the SDK's own client with its defaults, except the size of one request."""
        return BlobClient.from_connection_string(
            self.sink,
            CONTAINER,
            self.name(number),
            max_block_size=BLOCK,
            max_single_put_size=BLOCK,
        )

    def part(self, name: str) -> str:
        """Return a part of the connection string."""
        parts = dict(part.partition("=")[::2] for part in self.sink.split(";") if part)
        return parts[name]


@dataclass(frozen=True)
class Took:
    seconds: float
    cpu_seconds: float
    peak_mebibytes: float
    bytes: int


Contender = Callable[[Task], None]


def callvault(task: Task) -> None:
    """Copy as a worker does: signed requests, SHA-256 of every block, resumable."""
    _callvault(task)


def callvault_proven(task: Task) -> None:
    """Copy the same way, read back and compare, with the SHA-256 of the whole."""
    worker = _callvault(task)
    for number in range(task.count):
        assert read_back(worker.archive, task.name(number), quiet, worker.buffers).is_compared


def callvault_proven_sha256(task: Task) -> None:
    """Do the same with SHA-256 alone, to show what SHA-512 costs."""
    readback.WholeDigest = Sha256Alone  # type: ignore[attr-defined]
    callvault_proven(task)


class Sha256Alone(WholeDigest):
    def update(self, piece: bytes | memoryview) -> None:
        self._sha256.update(piece)


def _callvault(task: Task) -> "Worker":
    worker = Worker.of(task)

    def one(number: int) -> None:
        copier.copy(
            worker.client.ranged_content(task.content_location(number)),
            worker.archive,
            task.name(number),
            content_type="video/mp4",
            metadata={"document_id": str(number)},
            on_progress=quiet,
            buffers=worker.buffers,
        )

    _each(task, one)
    return worker


@dataclass(frozen=True)
class Worker:
    """Client, archive and buffers that a worker process makes once."""

    client: AcsClient
    archive: BlobArchive
    buffers: BufferPool

    @classmethod
    @cache
    def _made(cls, source: str, sink: str, parallelism: int) -> "Worker":
        # The null sink stands for Azure over TLS, to which no MD5 is sent.
        archive = BlobArchive.open(
            "bench",
            StorageAccess(connection_string=sink),
            CONTAINER,
            content_md5=False if "AccountName=null" in sink else None,
        )
        client = AcsClient(source, AccessKey("c2VjcmV0"))
        return cls(client, archive, BufferPool(parallelism, BLOCK))

    @classmethod
    def of(cls, task: Task) -> "Worker":
        return cls._made(task.source, task.sink, task.parallelism)


def rclone(task: Task) -> None:
    """Run `rclone copyurl`: no signature, no SHA-256, nothing to resume from."""
    options = {
        "config": os.devnull,
        "azureblob-account": task.part("AccountName"),
        "azureblob-key": task.part("AccountKey"),
        "azureblob-endpoint": task.part("BlobEndpoint"),
        "azureblob-chunk-size": "8M",
        "azureblob-upload-concurrency": str(task.parallelism),
        "multi-thread-streams": str(task.parallelism),
        "transfers": str(task.parallelism),
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    program = shutil.which("rclone", path=str(Path(sys.executable).parent)) or "rclone"
    command = [program, "copyurl", "--azureblob-no-check-container", *flags]
    if task.count == 1:
        subprocess.run(
            [*command, task.url(0), f":azureblob:{CONTAINER}/{task.name(0)}"], check=True
        )
        return
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as urls:
        urls.writelines(f"{task.url(n)},{n}.mp4\n" for n in range(task.count))
        urls.flush()
        target = f":azureblob:{CONTAINER}/{task.label}"
        subprocess.run([*command, "--urls", urls.name, target], check=True)


def sdk_ranges(task: Task) -> None:
    """Use Microsoft's SDKs in the fastest way: ranges to a file, the file to the archive."""
    with _recordings(task) as download:
        for number in range(task.count):
            _ranges_to_file_to_blob(task, number, download)


def _ranges_to_file_to_blob(task: Task, number: int, download: Callable[..., Any]) -> None:
    with tempfile.NamedTemporaryFile() as file:

        def part(offset: int) -> None:
            length = min(BLOCK, task.size - offset)
            # offset=0 with a length asks for everything, hence the header
            span = {"headers": {"Range": f"bytes={offset}-{offset + length - 1}"}}
            for piece in download(task.url(number), **span).iter_bytes():
                os.pwrite(file.fileno(), piece, offset)
                offset += len(piece)

        with ThreadPoolExecutor(task.parallelism) as pool:
            list(pool.map(part, range(0, task.size, BLOCK)))
        file.seek(0)
        with task.blob(number) as blob:
            blob.upload_blob(file, length=task.size, max_concurrency=task.parallelism)


def sdk_stream(task: Task) -> None:
    """Copy as Microsoft's samples do: one download is the input of one upload."""
    with _recordings(task) as download:
        for number in range(task.count):
            pieces = download(task.url(number)).iter_bytes()
            with task.blob(number) as blob:
                blob.upload_blob(pieces, max_concurrency=task.parallelism)


def naive_stream(task: Task) -> None:
    """Pass one httpx stream in pieces of 1 MiB to one upload of the storage SDK."""
    with httpx.Client(trust_env=False) as http:
        for number in range(task.count):
            with http.stream("GET", task.url(number)) as answer, task.blob(number) as blob:
                blob.upload_blob(answer.iter_bytes(MEBIBYTE), length=task.size)


def obstore(task: Task) -> None:
    """Read each file into memory and put it, by `obstore` (in Rust), from as many threads."""
    store: Any = importlib.import_module("obstore.store")  # of the benchmark's own requirements
    options: Any = {"allow_http": True}
    source = store.HTTPStore.from_url(task.source, client_options=options)
    sink = store.AzureStore(
        CONTAINER,
        account_name=task.part("AccountName"),
        account_key=task.part("AccountKey"),
        endpoint=task.part("BlobEndpoint"),
        client_options=options,
    )

    def one(number: int) -> None:
        content = source.get(urlsplit(task.url(number)).path.lstrip("/")).bytes()
        sink.put(task.name(number), content, mode="create", use_multipart=False)

    _each(task, one)


def floor(task: Task) -> None:
    """Measure the limit for small files: read each into memory, SHA-256, one unsigned Put Blob."""
    source, sink = urlsplit(task.source), urlsplit(task.part("BlobEndpoint"))

    def work(files: Iterator[tuple[int, int]]) -> None:
        reading = http.client.HTTPConnection(source.hostname or "", source.port)
        writing = http.client.HTTPConnection(sink.hostname or "", sink.port)
        memory = memoryview(bytearray(task.size))
        for number, _ in files:
            reading.request("GET", urlsplit(task.url(number)).path)
            answer, got = reading.getresponse(), 0
            while came := answer.readinto(memory[got:]):
                got += came
            digest = hashlib.sha256(memory).hexdigest()
            headers = {"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"}
            headers |= {"Content-Length": str(task.size), "x-ms-meta-sha256": digest}
            target = f"{sink.path}/{CONTAINER}/{task.name(number)}"
            writing.request("PUT", target, body=memory, headers=headers)
            writing.getresponse().read()

    _share(task, work)


def drain(task: Task) -> None:
    """Measure the limit of the source: read the same ranges and discard them."""
    address = urlsplit(task.source)

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        connection = http.client.HTTPConnection(address.hostname or "", address.port)
        memory = memoryview(bytearray(BLOCK))
        for number, offset in blocks:
            end = min(offset + BLOCK, task.size)
            span = {"Range": f"bytes={offset}-{end - 1}"}
            connection.request("GET", urlsplit(task.url(number)).path, headers=span)
            answer = connection.getresponse()
            while answer.readinto(memory):
                pass

    _share(task, work)


def fill(task: Task) -> None:
    """Measure the limit of the sink: send the same blocks from memory."""
    container = ContainerClient.from_connection_string(task.sink, CONTAINER)
    content, is_null = pattern(1), "AccountName=null" in task.sink

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        for number, offset in blocks:
            block = content[: min(BLOCK, task.size - offset)]
            blob = container.get_blob_client(task.name(number))
            headers = {} if is_null else _md5(block)
            blob.stage_block(f"{offset:057d}", block, length=len(block), headers=headers)  # type: ignore[arg-type]

    _share(task, work)


def _md5(block: memoryview) -> dict[str, str]:
    return {"Content-MD5": base64.b64encode(hashlib.md5(block).digest()).decode()}


def _share(task: Task, work: Callable[[Iterator[tuple[int, int]]], None]) -> None:
    """Distribute the blocks, each once, over ``parallelism`` threads."""
    lock = threading.Lock()
    every = ((n, offset) for n in range(task.count) for offset in range(0, task.size, BLOCK))

    def blocks() -> Iterator[tuple[int, int]]:
        while True:
            with lock:
                block = next(every, None)
            if block is None:
                return
            yield block

    with ThreadPoolExecutor(task.parallelism) as pool:
        list(pool.map(work, [blocks() for _ in range(task.parallelism)]))


def _each(task: Task, one: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(task.parallelism) as pool:
        list(pool.map(one, range(task.count)))


@contextmanager
def _recordings(task: Task) -> Iterator[Callable[..., Any]]:
    """Yield the download function of Microsoft's newest client, with our source as its target."""
    with callautomation(VERSIONS[-1]) as sdk:
        from tests.contract.transport import EmulatorTransport  # needs packages of the SDK

        key = f"endpoint={task.source};accesskey=c2VjcmV0"
        transport = EmulatorTransport(task.source)
        client = sdk.api.CallAutomationClient.from_connection_string(key, transport=transport)
        with client:
            yield lambda url, **span: client.download_recording(on_microsofts_host(url), **span)


def quiet(done: int, total: int | None) -> None:
    """Ignore the progress."""


CONTENDERS: dict[str, Contender] = {
    each.__name__: each
    for each in (
        callvault,
        callvault_proven,
        callvault_proven_sha256,
        rclone,
        sdk_ranges,
        sdk_stream,
        naive_stream,
        obstore,
        floor,
        drain,
        fill,
    )
}


def measured(contender: Contender, task: Task) -> Took:
    """Run a contender once, after a copy of one byte that makes the imports."""
    if contender is not rclone:
        warm = replace(task, size=1, count=1, label=f"{task.label}-warm")
        contender(warm)
    began, cpu = time.monotonic(), _cpu()
    contender(task)
    seconds = time.monotonic() - began
    who = RUSAGE_CHILDREN if contender is rclone else RUSAGE_SELF
    return Took(seconds, _cpu() - cpu, getrusage(who).ru_maxrss / 1024, task.size * task.count)


def _cpu() -> float:
    usages = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("contender", choices=CONTENDERS)
    for name in ("--source", "--sink", "--label"):
        arguments.add_argument(name, required=True)
    for name in ("--size", "--count", "--parallelism"):
        arguments.add_argument(name, type=int, required=True)
    given = vars(arguments.parse_args())
    contender = CONTENDERS[given.pop("contender")]
    print(json.dumps(asdict(measured(contender, Task(**given)))), flush=True)


if __name__ == "__main__":
    main()
