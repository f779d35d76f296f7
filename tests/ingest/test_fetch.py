"""`callvault events fetch`: what no event tells, asked of ACS by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from callvault.cli.actions.deliver import Told
from callvault.cli.actions.fetch import deliver, files_at_acs
from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.contracts.events import FileStatusUpdated, RecordingChunk
from callvault.emulator.server import RunningEmulator, running
from callvault.emulator.settings import EmulatorSettings
from callvault.errors import InvalidRequest
from callvault.temporal.call_client import CallClient
from tests.activities.emulated_call import Call as EmulatedCall
from tests.gateway.conftest import Call


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with running(EmulatorSettings(start_delay=timedelta(0), event_delay=timedelta(0))) as emulator:
        yield emulator


@pytest.fixture
def recorded(emulator: RunningEmulator) -> Iterator[EmulatedCall]:
    call = EmulatedCall(emulator)
    yield call
    call.close()


@pytest.fixture
def asks(emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Make settings by which the emulator may be asked."""
    return settings(emulator, monkeypatch, result_api_version="2024-09-01-preview")


def settings(
    emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch, **resource: Any
) -> Settings:
    monkeypatch.setenv("TEST_ACS", emulator.connection_string)
    known = {
        "endpoint": emulator.endpoint,
        "credential": {"connection_string": "env:TEST_ACS"},
        "topic": "/acs/mine",
        **resource,
    }
    archives = {"main": {"kind": "directory", "path": "/never-written"}}
    return Settings.model_validate({"resources": {"default": known}, "archives": archives})


def test_acs_tells_of_the_files_as_the_event_would_have(
    recorded: EmulatedCall, asks: Settings
) -> None:
    chunk = recorded.ends()
    before = datetime.now(UTC)
    files = files_at_acs(asks, "default", recorded.server_call_id, recorded.recording_id)
    assert (files.server_call_id, files.recording_id) == (
        recorded.server_call_id,
        recorded.recording_id,
    )
    assert [each.document_id for each in files.chunks] == [chunk["documentId"]]
    # A window that the service counts from the recording's end is not counted from now.
    assert before - timedelta(minutes=1) < files.event_time <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("server_call_id", "recording_id", "problem"),
    [
        ("", "eyJQbGF0", "serverCallId"),
        ("aHR0cHM6", "two words", "recordingId"),
        ("aHR0cHM6", "eyJQbGF0", "ACS knows no recording eyJQbGF0"),
    ],
)
def test_what_acs_cannot_know_is_refused_with_a_sentence(
    asks: Settings, server_call_id: str, recording_id: str, problem: str
) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        files_at_acs(asks, "default", server_call_id, recording_id)


def test_a_recording_that_is_still_on_has_no_file_yet(
    recorded: EmulatedCall, asks: Settings
) -> None:
    with pytest.raises(InvalidRequest, match="no file of recording"):
        files_at_acs(asks, "default", recorded.server_call_id, recorded.recording_id)


def test_without_the_setting_acs_is_not_asked(
    emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = settings(emulator, monkeypatch)
    with pytest.raises(InvalidRequest, match=r"set resources\.default\.result_api_version"):
        files_at_acs(without, "default", "aHR0cHM6", "eyJQbGF0")


async def deliver_to(call: Call, known: Settings, chunks_left_out: int = 0) -> tuple[bool, Told]:
    files = FileStatusUpdated(
        server_call_id=call.server_call_id,
        recording_id=call.recording_id,
        chunks=(RecordingChunk(document_id="0-eus-1", end_reason="sessionEnded"),),
        left_out=("recordingChunks.1: index is no number",) * chunks_left_out,
        chunks_left_out=chunks_left_out,
    )
    told: list[Told] = []
    is_good = await deliver(known, call.client, "default", files, told.append, again=True)
    [one] = told
    return is_good, one


async def test_the_workflow_is_told_as_by_the_event_and_copies_anew(
    call: Call, asks: Settings, temporal: Client
) -> None:
    is_good, told = await deliver_to(call, asks)
    assert (is_good, told.disposition, told.workflow_id) == (True, "delivered", call.workflow_id)
    [(name, event)] = await call.received()
    assert (name, event["recordingId"], event["again"]) == (
        names.FILE_STATUS_UPDATED,
        call.recording_id,
        True,
    )


async def test_a_chunk_that_cannot_be_read_is_told_and_no_success(
    call: Call, asks: Settings
) -> None:
    is_good, told = await deliver_to(call, asks, chunks_left_out=1)
    assert (is_good, told.workflow_id) == (False, call.workflow_id)
    assert "index is no number" in told.problem


async def test_the_files_of_another_calls_recording_are_not_delivered(
    call: Call, asks: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistyped call got the file of somebody else, a second time."""

    async def find(calls: CallClient, recording_id: str) -> list[str]:
        assert recording_id == call.recording_id
        return ["recording-of-another-call"]

    monkeypatch.setattr(CallClient, "find", find)
    with pytest.raises(InvalidRequest, match="workflow recording-of-another-call keeps it"):
        await deliver_to(call, asks)
    with pytest.raises(RPCError, match="not found"):
        await call.received()
