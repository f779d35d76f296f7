"""A state directory outlives the process, however that ends."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from callvault.emulator.emulator import Emulator
from callvault.emulator.model import Call, CallKind
from callvault.emulator.server import RunningEmulator
from callvault.emulator.settings import EmulatorSettings
from callvault.emulator.snapshot import SavedCall, StateFile, UnreadableState
from tests.emulator.stage import Acs, StagedCall, advance, eventually
from tests.emulator.webhook import Webhook

WAV = {"recordingContentType": "audio", "recordingFormatType": "wav"}
PROGRAM = """
import sys
from pathlib import Path
from callvault.emulator.model import Call, CallKind
from callvault.emulator.emulator import Emulator
from callvault.emulator.server import serve
from callvault.emulator.settings import EmulatorSettings
endpoints = tuple(sys.argv[2:])
serve(EmulatorSettings(state_dir=Path(sys.argv[1]), event_grid_endpoints=endpoints))
"""


@contextmanager
def process(http: httpx.Client, directory: Path, *webhooks: str) -> Iterator[Acs]:
    """A real process, killed at the end of the block."""
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(directory), *webhooks]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout
        try:
            yield Acs(_announced(json.loads(started.stdout.readline())), http)
        finally:
            started.kill()


def _announced(said: dict[str, Any]) -> RunningEmulator:
    return RunningEmulator(
        endpoint=said["endpoint"],
        connection_string=said["connectionString"],
        control=said["control"],
        topic=said["topic"],
        content_endpoint=said["contentEndpoint"],
    )


def test_calls_recordings_files_keys_and_clock_survive_a_kill(
    http: httpx.Client, tmp_path: Path
) -> None:
    with process(http, tmp_path) as acs:
        call = StagedCall(acs, "Ana", "Ben")
        done = call.is_recorded(**WAV)
        call.lasts(3600)
        acs.stop(done)
        call.rendered()
        advance(acs, 1)
        running = call.is_recorded(recordingContentType="audioVideo")
        acs.pause(running)
        keys = acs.http.post(f"{acs.emulator.control}/keys/rotate", json={}).json()
        before = call.truth()
    with process(http, tmp_path) as acs:
        call.acs = acs
        clock = http.get(f"{acs.emulator.control}/clock").json()
        after = call.truth()
        assert clock["advancedSeconds"] > 3600
        assert acs.key == keys["primaryKey"]
        assert _without_locations(after) == _without_locations(before)
        chunk = after["recordings"][0]["chunks"][0]
        content = acs.fetch(chunk["contentLocation"]).content
        assert hashlib.sha256(content).hexdigest() == chunk["sha256"]
        assert acs.resume(running).status_code == 202
        advance(acs, 1)
        assert acs.stop(running).status_code == 204
        assert call.rendered()["media"] == "ready"
        assert StagedCall(acs).server_call_id != call.server_call_id
        advance(acs, 48 * 3600)
        assert acs.fetch(chunk["contentLocation"]).status_code == 404


def test_a_recording_that_was_not_announced_is_announced_after_the_restart(
    http: httpx.Client, tmp_path: Path, webhook: Webhook
) -> None:
    with process(http, tmp_path) as acs:
        call = StagedCall(acs)
        recording = call.is_recorded()
        call.lasts(2)
        acs.stop(recording)
    with process(http, tmp_path, webhook.url) as acs:
        call.acs = acs
        assert call.rendered()["media"] == "ready"
        advance(acs, 1)
        eventually(lambda: webhook.of_type("RecordingFileStatusUpdated"))


def test_what_was_reset_stays_forgotten(http: httpx.Client, tmp_path: Path) -> None:
    with process(http, tmp_path) as acs:
        call = StagedCall(acs)
        acs.stop(call.is_recorded(**WAV))
        call.rendered()
        acs.http.post(f"{acs.emulator.control}/reset").raise_for_status()
        assert list((tmp_path / "files").iterdir()) == []
    with process(http, tmp_path) as acs:
        call.acs = acs
        assert acs.http.get(f"{acs.emulator.control}/calls/{call.call_id}").status_code == 404


def test_a_repeated_start_is_known_after_the_restart(http: httpx.Client, tmp_path: Path) -> None:
    pair = {"Repeatability-Request-ID": "r", "Repeatability-First-Sent": "now"}
    with process(http, tmp_path) as acs:
        call = StagedCall(acs)
        first = acs.start(call.server_call_id, headers=pair).json()["recordingId"]
    with process(http, tmp_path) as acs:
        assert acs.start(call.server_call_id, headers=pair).json()["recordingId"] == first


@pytest.mark.parametrize("content", ["", "{}", '{"run": "no"}'])
def test_a_spoilt_state_is_not_taken_for_an_empty_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    with pytest.raises(UnreadableState, match="begin anew"):
        StateFile(tmp_path)


def _without_locations(truth: dict[str, Any]) -> dict[str, Any]:
    """The endpoint has another port; what runs has become longer."""
    text = json.dumps(truth)
    copy: dict[str, Any] = json.loads(text)
    for recording in copy["recordings"]:
        recording.pop("pausedIntervals")
        for chunk in recording["chunks"]:
            for name in ("contentLocation", "metadataLocation", "deleteLocation"):
                chunk.pop(name)
    return copy


def test_writing_the_state_does_not_visit_calls_that_are_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    of = SavedCall.of

    def noted(call: Call) -> SavedCall:
        written.append(call.call_id)
        return of(call)

    monkeypatch.setattr(SavedCall, "of", noted)
    emulator = Emulator(EmulatorSettings(state_dir=tmp_path), "http://acs", "http://files", 1)
    over = emulator.start_call(CallKind.ACS, [("Ana", None)])
    emulator.end_call(over)
    emulator.save()
    emulator.save()
    emulator.close()
    assert written == [over.call_id]
    loaded = StateFile(tmp_path).loaded
    assert loaded is not None
    assert [call.call_id for call in loaded.calls] == [over.call_id]
