"""The faults of the emulator against a whole copy: over HTTP, signed, into a directory."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from callvault.acs.client import AcsClient, Timeouts
from callvault.acs.credentials import parse_connection_string
from callvault.acs.models import Repeatability, ServerCallLocator, StartRecording
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.transfer.backoff import RetryLimits
from callvault.archive.transfer.buffers import BufferPool
from callvault.archive.transfer.copier import copy
from callvault.archive.transfer.readback import read_back
from callvault.contracts.media import ChannelType, ContentType, FormatType
from callvault.emulator.server import RunningEmulator, running
from callvault.emulator.settings import EmulatorSettings
from callvault.errors import (
    AccessDenied,
    BrokenContent,
    CallvaultError,
    NotReady,
    Throttled,
    Unavailable,
)

NAME = "recordings/0000-document.wav"
QUICK = RetryLimits(max_attempts=3, first_delay=0.01, max_pause=2, stall_timeout=0.3)


@dataclass
class Recorded:
    """A recording of the emulator, ready to be fetched."""

    http: httpx.Client
    client: AcsClient
    chunk: dict[str, Any]

    @property
    def sha256(self) -> str:
        return str(self.chunk["sha256"])

    def goes_wrong(self, kind: str, **rule: object) -> None:
        self.http.post("/faults", json={"kind": kind, **rule}).raise_for_status()

    def copied_into(self, archive: DirectoryArchive) -> str:
        """SHA-256 of what was archived and read back."""
        buffers = BufferPool(2, 16 * 1024)
        copy(
            self.client.ranged_content(self.chunk["contentLocation"]),
            archive,
            NAME,
            content_type="audio/wav",
            metadata={},
            on_progress=lambda done, total: None,
            buffers=buffers,
            limits=QUICK,
        )
        return read_back(archive, NAME, lambda done, total: None, buffers).sha256


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with running(EmulatorSettings(event_delay=timedelta(0))) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def made(emulator: RunningEmulator) -> Iterator[Recorded]:
    credentials = parse_connection_string(emulator.connection_string)
    with (
        httpx.Client(base_url=emulator.control) as http,
        AcsClient(*credentials, timeout=Timeouts(content=2)) as client,
    ):
        people = {"participants": [{"displayName": "Ada"}, {"displayName": "Ben"}]}
        call = http.post("/calls", json=people).json()
        input = StartRecording(
            call_locator=ServerCallLocator(server_call_id=call["serverCallId"]),
            recording_content_type=ContentType.AUDIO,
            recording_channel_type=ChannelType.MIXED,
            recording_format_type=FormatType.WAV,
        )
        once = Repeatability(request_id=uuid4(), first_sent=datetime.now(UTC))
        recording = client.start(input, once).recording_id
        http.post("/clock", json={"advanceSeconds": 6}).raise_for_status()
        client.stop(recording, call["serverCallId"])
        yield Recorded(http, client, chunk_of(http, call["callId"]))


def chunk_of(http: httpx.Client, call_id: str) -> dict[str, Any]:
    for _ in range(1_000):
        (recording,) = http.get(f"/calls/{call_id}").json()["recordings"]
        if recording["chunks"]:
            return dict(recording["chunks"][0])
        time.sleep(0.01)
    raise AssertionError("the emulator made no file")


@pytest.fixture
def recorded(made: Recorded) -> Iterator[Recorded]:
    yield made
    made.http.delete("/faults").raise_for_status()


def test_file_is_copied_as_it_was_recorded(
    recorded: Recorded, directory_archive: DirectoryArchive
) -> None:
    assert recorded.copied_into(directory_archive) == recorded.sha256
    content = Path(directory_archive.location(NAME)).read_bytes()
    assert hashlib.sha256(content).hexdigest() == recorded.sha256


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("throttled", {"retryAfter": 1}),
        ("internal_error", {}),
        ("unavailable", {}),
        ("reset", {"afterBytes": 5_000}),
        ("truncated", {"afterBytes": 5_000}),
        ("slow_drip", {}),
        ("html_400", {}),
        ("html_200", {}),
        ("etag_changes", {}),
        ("range_ignored", {}),
        ("unauthorized", {}),
        ("wrong_content_length", {}),
    ],
)
def test_fault_in_the_middle_is_repaired(
    recorded: Recorded, directory_archive: DirectoryArchive, kind: str, rule: dict[str, object]
) -> None:
    recorded.goes_wrong(kind, nth=4, times=1, **rule)
    assert recorded.copied_into(directory_archive) == recorded.sha256


def test_source_that_never_serves_ranges_is_copied_as_a_stream(
    recorded: Recorded, directory_archive: DirectoryArchive
) -> None:
    recorded.goes_wrong("range_ignored", times=None)
    assert recorded.copied_into(directory_archive) == recorded.sha256


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("throttled", Throttled),
        ("unavailable", Unavailable),
        ("html_200", BrokenContent),
        ("html_400", BrokenContent),
        ("unauthorized", AccessDenied),
        ("zero_bytes_first", NotReady),
    ],
)
def test_fault_that_lasts_is_refused_with_its_reason(
    recorded: Recorded,
    directory_archive: DirectoryArchive,
    kind: str,
    expected: type[CallvaultError],
) -> None:
    recorded.goes_wrong(kind, times=None)
    with pytest.raises(expected):
        recorded.copied_into(directory_archive)
    assert directory_archive.stat(NAME) is None
