"""A scripted recording service for the real activities.

It replaces only ACS, so that 48 hours pass in a second and a request can fail in the 47th.
Everything else in these tests is real: the server, the workflow, the activities, the archive.
"""

import hashlib
import io
import threading
import wave
from collections import defaultdict
from collections.abc import Callable
from copy import copy
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from temporalio import activity

from callvault.acs.models import (
    RecordingResultResponse,
    RecordingStateResponse,
    Repeatability,
    StartRecording,
)
from callvault.causes import Cause
from callvault.errors import CallvaultError, RecordingNotFound, Unavailable

Fault = Callable[[], CallvaultError | None]


class ScriptedService:
    """A service that answers like one ACS resource, and records its requests in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.starts: list[Repeatability] = []
        self.recordings: dict[str, str] = {}
        self.owners: dict[str, bool] = {}
        """Whether a recording is of the call in question; what is not here is not told."""
        self.results: dict[str, dict[str, Any]] = {}
        """Answers of the preview's operation, by recording; none by default."""
        self._faults: dict[str, list[Fault]] = defaultdict(list)
        self._lags: dict[str, int] = {}
        self._lost: dict[str, Fault] = {}
        self.begun: set[str] = set()
        """Recordings that a start has begun: one that is repeated begins nothing anew."""
        self._coming: dict[str, tuple[int, str]] = {}
        self._lock = threading.Lock()
        self.gates: dict[str, threading.Event] = {}
        self.records_sound = False
        self.metadata = (
            b'{"chunkDuration":5000.0,"pauseResumeIntervals":'
            b'[{"startTime":"2026-01-02T03:04:05.1234567Z","duration":2000}]}'
        )
        self.patience = 30.0

    # For tests.

    def fails(self, operation: str, error: CallvaultError, *, times: int) -> None:
        """Let the next ``times`` requests of this kind fail."""
        left = iter(range(times))
        self._faults[operation].append(lambda: error if next(left, None) is not None else None)

    def loses_answers(self, operation: str, error: CallvaultError, *, times: int) -> None:
        """Let the next ``times`` requests of this kind have their effect, and no answer."""
        left = iter(range(times))
        self._lost[operation] = lambda: error if next(left, None) is not None else None

    def _lose_answer(self, operation: str) -> None:
        fault = self._lost.get(operation)
        if fault is not None and (error := fault()) is not None:
            raise error.with_traceback(None)

    def fails_for(
        self, operation: str, error: CallvaultError, age: timedelta, *, url: str = ""
    ) -> None:
        """Let requests of this kind (for this URL) fail until the workflow is this old."""
        began: list[datetime] = []

        def fault() -> CallvaultError | None:
            now = activity.info().started_time
            if not began:
                began.append(now)
            return error if now - began[0] < age else None

        self._faults[operation + url].append(fault)

    def lags(self, operation: str, *, reads: int) -> None:
        """Let a change of this kind show only after the state was read this often."""
        self._lags[operation] = reads

    def holds(self, operation: str) -> threading.Event:
        """Hold requests of this kind until the returned event is set."""
        return self.gates.setdefault(operation, threading.Event())

    def content(self, url: str) -> bytes:
        """Return the bytes of a file: a function of its address, or five seconds of sound."""
        if self.records_sound:
            return five_seconds(hashlib.sha256(url.encode()).digest())
        return hashlib.sha256(url.encode()).digest() * 64

    def forgets(self, recording_id: str) -> None:
        """End a recording without an event."""
        del self.recordings[recording_id]

    # For activities.

    def with_timeout(self, seconds: float) -> "ScriptedService":
        impatient = copy(self)
        impatient.patience = seconds
        return impatient

    def start(self, input: StartRecording, repeatability: Repeatability) -> RecordingStateResponse:
        self._ask("start")
        with self._lock:
            known = next(
                (i for i, r in enumerate(self.starts) if r.request_id == repeatability.request_id),
                None,
            )
            if known is None:
                self.starts.append(repeatability)
                known = len(self.starts) - 1
            recording_id = f"recording-{known + 1}"
            if known == len(self.starts) - 1 and recording_id not in self.begun:
                self.begun.add(recording_id)
                self.recordings[recording_id] = "inactive" if input.pause_on_start else "active"
        self._lose_answer("start")
        return RecordingStateResponse(recording_id=recording_id, recording_state="inactive")

    def get_state(self, recording_id: str, server_call_id: str) -> RecordingStateResponse:
        self._ask("get_state")
        self._require(recording_id)
        left, state = self._coming.pop(recording_id, (-1, ""))
        if left > 0:
            self._coming[recording_id] = (left - 1, state)
        elif left == 0:
            self.recordings[recording_id] = state
        return RecordingStateResponse(
            recording_id=recording_id, recording_state=self.recordings[recording_id]
        )

    def belongs_to(self, recording_id: str, server_call_id: str) -> bool | None:
        self._ask("belongs_to")
        self._require(recording_id)
        return self.owners.get(recording_id)

    def get_result(self, recording_id: str, server_call_id: str) -> RecordingResultResponse:
        self._ask("get_result")
        return RecordingResultResponse.model_validate(self.results.get(recording_id, {}))

    def pause(self, recording_id: str, server_call_id: str) -> None:
        self._change("pause", recording_id, "inactive")

    def resume(self, recording_id: str, server_call_id: str) -> None:
        self._change("resume", recording_id, "active")

    def stop(self, recording_id: str, server_call_id: str) -> None:
        self._ask("stop")
        self._require(recording_id)
        # One that lags records on, unless it is asked to stop again.
        if not self._lags.pop("stop", 0):
            del self.recordings[recording_id]

    def ranged_content(self, url: str) -> SimpleNamespace:
        """Return a file whose service ignores ranges."""
        return SimpleNamespace(reader=lambda: _Reader(self, url))

    def open_content(self, url: str) -> io.BytesIO:
        self._ask("open_content", url)
        return io.BytesIO(self.content(url))

    def read_metadata(self, url: str) -> bytes:
        self._ask("read_metadata", url)
        return self.metadata

    def delete_content(self, url: str) -> None:
        self._ask("delete_content", url)

    def close(self) -> None:
        pass

    def control_calls(self) -> list[str]:
        """Return the requests for changes, without readings."""
        return [name for name in self.asked if name in ("start", "pause", "resume", "stop")]

    def _change(self, operation: str, recording_id: str, state: str) -> None:
        self._ask(operation)
        self._require(recording_id)
        if lag := self._lags.pop(operation, 0):
            self._coming[recording_id] = (lag, state)
        else:
            self.recordings[recording_id] = state

    def _require(self, recording_id: str) -> None:
        if recording_id not in self.recordings:
            raise RecordingNotFound("Recording not found.", status=404, code="8522")

    def _ask(self, operation: str, url: str = "") -> None:
        self.asked.append(operation)
        if (gate := self.gates.get(operation)) is not None and not gate.wait(self.patience):
            what = f"no answer to {operation} in {self.patience} s"
            raise Unavailable(what, cause=Cause.NO_ANSWER)
        for fault in (*self._faults[operation], *(self._faults[operation + url] if url else ())):
            if (error := fault()) is not None:
                # One error for all attempts of days: with what the attempts before have added to
                # its traceback, a failure took minutes to be written, and the worker stood still.
                raise error.with_traceback(None)


class _Reader:
    def __init__(self, service: ScriptedService, url: str) -> None:
        self._service = service
        self._url = url

    def open(self, offset: int, length: int | None) -> SimpleNamespace:
        stream = self._service.open_content(self._url)
        size = len(stream.getbuffer())
        return SimpleNamespace(
            offset=0,
            length=size,
            size=size,
            etag=None,
            last_modified=None,
            readinto=stream.readinto,
        )

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def five_seconds(pattern: bytes) -> bytes:
    """Make a wav file as the service does: 16 kHz, mono."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(pattern * (5 * 16_000 * 2 // len(pattern)))
    return file.getvalue()
