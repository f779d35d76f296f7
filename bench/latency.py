"""Latency of a pause to ACS through Callvault, beside the bare REST call.

`python -m bench.latency` starts the whole stack on loopback, with control and exports in workers of
their own as in production, and sends pauses in turn: one as a Temporal update to Callvault, one as
the bare REST call of the same client library. A sample ends when the emulator's log records the
request. First idle, then with 1,000 other open recordings and exports that saturate the machine.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client

from callvault.acs.client import AcsClient
from callvault.acs.credentials import parse_connection_string
from callvault.acs.models import Repeatability, ServerCallLocator, StartRecording
from callvault.contracts import names
from callvault.contracts.requests import ControlRequest, RecordingRequest
from callvault.contracts.status import ControlRecord
from callvault.local.processes import Supervisor
from callvault.local.stack import Stack, start_stack
from callvault.temporal import updates
from callvault.temporal.converter import data_converter
from callvault.temporal.updates import start_confirmed

PAGE = Path(__file__).parents[1] / "docs" / "latency.md"
OPEN_RECORDINGS = 1_000
EXPORT_BYTES = 64 << 20
QUEUED_EXPORTS = 12
"""Files that wait to be exported, so that every slot of the exporting worker is taken."""


@dataclass
class Samples:
    """Milliseconds from the request to its arrival at ACS."""

    callvault: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    confirmed: list[float] = field(default_factory=list)
    """Milliseconds from the request to Callvault's answer that ACS has confirmed."""


class Backend:
    """An app backend that pauses in both ways, and reads the arrival at ACS."""

    def __init__(self, stack: Stack, client: Client, http: httpx.AsyncClient) -> None:
        self.stack = stack
        self.client = client
        self.http = http
        endpoint, key = parse_connection_string(stack.emulator.connection_string)
        self.acs = AcsClient(endpoint, key)

    async def call(self, **facts: Any) -> str:
        """Create a call of one person on the emulator; return its ``serverCallId``."""
        body = {"participants": [{"displayName": "Ana"}], **facts}
        answer = await self.http.post(f"{self.stack.emulator.control}/calls", json=body)
        answer.raise_for_status()
        found: str = answer.json()["serverCallId"]
        return found

    async def record(self) -> tuple[str, str]:
        """Record a call with Callvault; return its workflow and its recording."""
        server_call_id = await self.call()
        request = RecordingRequest.model_validate(
            {"server_call_id": server_call_id, "requested_by": "bench", **SOUND}
        )
        record = await start_confirmed(self.client, request)
        return names.workflow_id(server_call_id), record.recording_id or ""

    async def record_bare(self, **facts: Any) -> tuple[str, str]:
        """Record a call without Callvault; return its ``serverCallId`` and recording."""
        server_call_id = await self.call(**facts)
        request = StartRecording.model_validate(
            {"call_locator": ServerCallLocator(server_call_id=server_call_id), **SOUND}
        )
        identity = Repeatability(
            request_id=server_call_id[-40:], first_sent=datetime.now().astimezone()
        )
        started = await asyncio.to_thread(self.acs.start, request, identity)
        return server_call_id, started.recording_id

    async def request_change(self, operation: str, workflow_id: str) -> None:
        """Send an update, which returns once ACS has confirmed."""
        request = ControlRequest(requested_by="bench")
        await updates.update(self.client, workflow_id, operation, request, ControlRecord)

    async def arrivals(self, recording_id: str) -> list[float]:
        """List the arrivals of a recording's pauses at ACS, oldest first, in epoch seconds."""
        answer = await self.http.get(f"{self.stack.emulator.control}/request-log")
        return [
            _seconds(entry["time"])
            for entry in answer.json()["entries"]
            if entry["kind"] == "request" and f"{recording_id}:pause" in entry["path"]
        ]

    async def pauses(self) -> dict[str, float]:
        """Return when each recording's last pause arrived at ACS, in epoch seconds.

        Of those that the emulator's log still holds.
        """
        answer = await self.http.get(f"{self.stack.emulator.control}/request-log")
        requests = [each for each in answer.json()["entries"] if each["kind"] == "request"]
        return {
            entry["path"].rpartition("/")[2].partition(":pause")[0]: _seconds(entry["time"])
            for entry in requests
            if ":pause" in entry["path"]
        }


SOUND = {
    "recording_content_type": "audio",
    "recording_channel_type": "mixed",
    "recording_format_type": "wav",
}


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text[:26] + "+00:00").timestamp()


async def sample(backend: Backend, count: int) -> Samples:
    """Pause and resume in both ways, in turn, a few times in each of several calls."""
    samples = Samples()
    while len(samples.confirmed) < count:
        await _sample_call(backend, min(PAUSES, count - len(samples.confirmed)), samples)
    return samples


PAUSES = 20
"""Pauses of one recording, more than in a usual call."""


async def _sample_call(backend: Backend, count: int, samples: Samples) -> None:
    workflow_id, ours = await backend.record()
    server_call_id, bare = await backend.record_bare()
    asked: dict[str, list[float]] = {ours: [], bare: []}
    await asyncio.sleep(1)
    for _ in range(count):
        asked[ours].append(time.time())
        await backend.request_change(names.PAUSE, workflow_id)
        samples.confirmed.append((time.time() - asked[ours][-1]) * 1e3)
        await backend.request_change(names.RESUME, workflow_id)
        asked[bare].append(time.time())
        await asyncio.to_thread(backend.acs.pause, bare, server_call_id)
        await asyncio.to_thread(backend.acs.resume, bare, server_call_id)
    for recording_id, found in ((ours, samples.callvault), (bare, samples.bare)):
        pairs = zip(asked[recording_id], await backend.arrivals(recording_id), strict=True)
        found += [(there - sent) * 1e3 for sent, there in pairs]
    await backend.request_change(names.STOP, workflow_id)


async def open_many(backend: Backend, count: int) -> list[tuple[str, str]]:
    """Start recordings that stay open; return workflow and recording of each, in order of start."""
    room = asyncio.Semaphore(10)

    async def one() -> tuple[str, str]:
        async with room:
            return await backend.record()

    return await asyncio.gather(*(one() for _ in range(count)))


async def sample_each(backend: Backend, opened: list[tuple[str, str]], count: int) -> Samples:
    """Pause ``count`` recordings once each, the longest untouched first."""
    # The worker has dropped these from its cache: each is replayed first, the worst case.
    samples = Samples()
    for workflow_id, ours in opened[:count]:
        asked = time.time()
        await backend.request_change(names.PAUSE, workflow_id)
        samples.confirmed.append((time.time() - asked) * 1e3)
        samples.callvault.append(((await backend.arrivals(ours))[-1] - asked) * 1e3)
    return samples


async def run_exports(backend: Backend, archive: Path) -> None:
    """Make files for the exporting worker until cancelled, and delete the archived ones."""
    while True:
        waiting = await _waiting_exports(backend)
        for _ in range(max(QUEUED_EXPORTS - waiting, 0)):
            server_call_id, recording_id = await backend.record_bare(mediaBytes=EXPORT_BYTES)
            await asyncio.sleep(0.05)
            await asyncio.to_thread(backend.acs.stop, recording_id, server_call_id)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(_throw_away, archive)


async def _waiting_exports(backend: Backend) -> int:
    query = f"{names.STATE.name} = 'archiving' AND ExecutionStatus = 'Running'"
    return (await backend.client.count_workflows(query)).count


def _throw_away(archive: Path) -> None:
    """Delete old files, so that the disk does not fill."""
    # A file older than a minute has been read back.
    for file in archive.rglob("*.wav"):
        if time.time() - file.stat().st_mtime > 60:
            file.unlink(missing_ok=True)


@contextmanager
def stack_of(home: Path) -> Iterator[Stack]:
    with Supervisor(home / "logs") as supervisor:
        yield start_stack(
            supervisor,
            home,
            archive=home / "archive",
            emulator_options=["--media", "sparse"],
            workers=(("--only", "control"), ("--only", "exports")),
        )


async def run(stack: Stack, count: int, open_recordings: int, archive: Path) -> list[str]:
    temporal = stack.temporal
    client = await Client.connect(
        temporal.address, namespace=temporal.namespace, data_converter=data_converter
    )
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        backend = Backend(stack, client, http)
        _say("idle ...")
        rows = [_row("idle", await sample(backend, count))]
        _say(f"opening {open_recordings} recordings ...")
        opened = await open_many(backend, open_recordings)
        busy = await sample(backend, count)
        rows.append(_row(f"{open_recordings} open recordings", busy))
        once = await sample_each(backend, opened, min(count, len(opened) // 4))
        once.bare = busy.bare
        rows.append(
            _row("the same, each of the oldest paused once, without a cached workflow", once)
        )
        _say("and exports ...")
        exporting = asyncio.create_task(run_exports(backend, archive))
        await asyncio.sleep(5)
        label = f"{open_recordings} open recordings, exports saturating the machine"
        rows.append(_row(label, await sample(backend, count)))
        exporting.cancel()
        backend.acs.close()
    return rows


def _row(label: str, samples: Samples) -> str:
    ours50, ours99 = _percentiles(samples.callvault)
    bare50, bare99 = _percentiles(samples.bare)
    confirmed50, confirmed99 = _percentiles(samples.confirmed)
    return (
        f"| {label} | {bare50:.1f} / {bare99:.1f} | {ours50:.1f} / {ours99:.1f} |"
        f" **{ours50 - bare50:.1f}** / **{ours99 - bare99:.1f}** | {ours50 / bare50:.1f} x |"
        f" {confirmed50:.1f} / {confirmed99:.1f} |"
    )


def _percentiles(values: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(values, n=100)
    return cuts[49], cuts[98]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def page(rows: list[str], count: int, load: float) -> list[str]:
    return [
        "# How long a pause takes to reach ACS",
        "",
        "<!-- Written by `make bench`: do not edit. -->",
        "",
        (
            "From the backend's request to the emulator, in milliseconds, p50 / p99 of"
            f" {count} samples each, taken in turn with bare REST calls; the whole stack, the"
            f" emulator and the client share {os.cpu_count()} processors (other load {load:.1f}"
            " at the start). Through Callvault the request is a Temporal update; `confirmed` is the"
            " answer to it, when ACS has accepted the pause and its state was read back."
        ),
        "",
        "| | bare REST | through Callvault | added | ratio of p50 | confirmed |",
        "|---|--:|--:|--:|--:|--:|",
        *rows,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--open", type=int, default=OPEN_RECORDINGS)
    given = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with stack_of(home) as stack:
            rows = asyncio.run(run(stack, given.samples, given.open, home / "archive"))
    PAGE.write_text("\n".join(page(rows, given.samples, load)) + "\n")


if __name__ == "__main__":
    main()
