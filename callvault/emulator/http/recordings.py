"""The recording operations over HTTP: stable api-versions, and previews of 2021 and 2024."""

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callvault.emulator.clock import service_time
from callvault.emulator.emulator import Emulator
from callvault.emulator.errors import (
    bad_request,
    not_implemented,
    recording_not_found,
)
from callvault.emulator.eventgrid.events import announced
from callvault.emulator.faults import FaultKind
from callvault.emulator.http.requests import FAULT, read_model, read_signed
from callvault.emulator.http.start import PreviewStartRequest, StartRequest
from callvault.emulator.http.versions import (
    BETA_VERSIONS,
    PREVIEW_VERSION,
    RESULT_VERSION,
    STABLE_VERSIONS,
    check_version,
)
from callvault.emulator.model import Call, Recording
from callvault.emulator.storage import StoredChunk

PREVIEW_PREFIX = "/calling/serverCalls/"

_KIND_SINCE = "2024-04-15"
_ACCEPTED_SINCE = "2024-09-01-preview"
"""Older SDKs take 200 for a start and nothing else."""
_KIND = "azureCommunicationServices"


class StableRecordings:
    """``/calling/recordings`` of the stable api-versions."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        one = "/calling/recordings/{recording_id}"
        return [
            Route("/calling/recordings", self.start, methods=["POST"]),
            Route("/calling/recordings/", self.start, methods=["POST"]),
            Route(f"{one}:pause", self.pause, methods=["POST"]),
            Route(f"{one}:resume", self.resume, methods=["POST"]),
            Route(f"{one}/result", self.result, methods=["GET"]),
            Route(one, self.state, methods=["GET"]),
            Route(one, self.stop, methods=["DELETE"]),
        ]

    async def start(self, request: Request) -> Response:
        body = await self._admit(request)
        start_request = read_model(StartRequest, body)
        request_id = _repeatability(request)
        options = replace(start_request.options(), api_version=request.query_params["api-version"])
        if getattr(request.state, FAULT, None) is FaultKind.PAUSE_ON_START_IGNORED:
            options = replace(options, pause_on_start=False)
        behaviours = self._emulator.behaviours.now
        rooms = behaviours.room_locator == "accepted"
        call = start_request.find_call(self._emulator.calls, rooms=rooms)
        recording = self._emulator.recordings.start(call, options, request_id)
        headers = {"Repeatability-Result": "accepted"} if request_id else None
        state = self._state(request, recording)
        accepts = request.query_params["api-version"] >= _ACCEPTED_SINCE
        status = int(behaviours.start) if accepts else 200
        return JSONResponse(state, status, headers=headers)

    async def result(self, request: Request) -> Response:
        await self._admit(request)
        if request.query_params["api-version"] != RESULT_VERSION:
            raise not_implemented(f"result in another api-version than {RESULT_VERSION}")
        if self._emulator.behaviours.now.result == "absent":
            return Response(status_code=404)
        recording = self._emulator.recordings.result(_recording_id(request))
        return JSONResponse(recording_result(recording, self._emulator))

    async def state(self, request: Request) -> Response:
        await self._admit(request)
        recording = self._emulator.recordings.get(_recording_id(request))
        return JSONResponse(self._state(request, recording))

    async def pause(self, request: Request) -> Response:
        await self._admit(request)
        _pause(request, self._emulator, _recording_id(request))
        return Response(status_code=202)

    async def resume(self, request: Request) -> Response:
        await self._admit(request)
        self._emulator.recordings.resume(_recording_id(request))
        return Response(status_code=202)

    async def stop(self, request: Request) -> Response:
        await self._admit(request)
        self._emulator.recordings.stop(_recording_id(request))
        return Response(status_code=204)

    async def _admit(self, request: Request) -> bytes:
        body = await read_signed(request, self._emulator)
        check_version(request, (*STABLE_VERSIONS, *BETA_VERSIONS, RESULT_VERSION))
        return body

    def _state(self, request: Request, recording: Recording) -> dict[str, str]:
        state = {
            "recordingId": recording.recording_id,
            "recordingState": recording.wire_state(self._emulator.clock.now()),
        }
        # Versions are dates, so that they compare as texts.
        has_kind = request.query_params["api-version"] >= _KIND_SINCE
        return {**state, "recordingKind": _KIND} if has_kind else state


class PreviewRecordings:
    """``/calling/serverCalls/{serverCallId}/recordings`` of the 2021-06-15 preview.

    It knows mixed mp4 only, answers 200 everywhere, and its errors are flat.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        # `path`: the server has decoded %2F by now, and a serverCallId may hold a slash.
        recordings = PREVIEW_PREFIX + "{server_call_id:path}/recordings"
        one = recordings + "/{recording_id}"
        return [
            Route(recordings, self.start, methods=["POST"]),
            Route(f"{one}/:pause", self.pause, methods=["POST"]),
            Route(f"{one}/:resume", self.resume, methods=["POST"]),
            Route(one, self.state, methods=["GET"]),
            Route(one, self.stop, methods=["DELETE"]),
        ]

    async def start(self, request: Request) -> Response:
        body = await self._admit(request)
        options = read_model(PreviewStartRequest, body).options()
        recording = self._emulator.recordings.start(self._call(request), options)
        return JSONResponse({"recordingId": recording.recording_id})

    async def state(self, request: Request) -> Response:
        await self._admit(request)
        now = self._emulator.clock.now()
        return JSONResponse({"recordingState": self._recording(request).wire_state(now)})

    async def pause(self, request: Request) -> Response:
        await self._admit(request)
        _pause(request, self._emulator, self._recording(request).recording_id)
        return Response(status_code=200)

    async def resume(self, request: Request) -> Response:
        await self._admit(request)
        self._emulator.recordings.resume(self._recording(request).recording_id)
        return Response(status_code=200)

    async def stop(self, request: Request) -> Response:
        await self._admit(request)
        self._emulator.recordings.stop(self._recording(request).recording_id)
        return Response(status_code=200)

    async def _admit(self, request: Request) -> bytes:
        body = await read_signed(request, self._emulator)
        check_version(request, (PREVIEW_VERSION,))
        return body

    def _call(self, request: Request) -> Call | None:
        server_call_id: str = request.path_params["server_call_id"]
        return self._emulator.calls.find("server_call_id", server_call_id)

    def _recording(self, request: Request) -> Recording:
        """Return the recording, provided that it is one of this call."""
        recording = self._emulator.recordings.get(_recording_id(request))
        if recording.call is not self._call(request):
            raise recording_not_found()
        return recording


def _pause(request: Request, emulator: Emulator, recording_id: str) -> None:
    """Pause, unless a fault wants a pause that is confirmed but has no effect."""
    if getattr(request.state, FAULT, None) is FaultKind.PAUSE_NOT_EFFECTIVE:
        # Raises for an unknown recording, as a pause does.
        emulator.recordings.get(recording_id)
    else:
        emulator.recordings.pause(recording_id)


def _recording_id(request: Request) -> str:
    recording_id: str = request.path_params["recording_id"]
    return recording_id


def _repeatability(request: Request) -> str | None:
    request_id = request.headers.get("repeatability-request-id")
    if request_id and not request.headers.get("repeatability-first-sent"):
        raise bad_request("Repeatability-Request-ID needs Repeatability-First-Sent beside it.")
    return request_id


def recording_result(recording: Recording, emulator: Emulator) -> dict[str, Any]:
    ended = recording.ended_at
    expiry = ended + emulator.settings.retention if ended else None
    chunks = [_result_chunk(each, emulator.file_locations) for each in recording.chunks]
    return {
        "recordingId": recording.recording_id,
        "recordingStorageInfo": {"recordingChunks": chunks},
        "errors": _export_errors(recording),
        "recordingStartTime": service_time(recording.active_at),
        "recordingDurationMs": sum(chunk.duration_ms for chunk in recording.chunks),
        "sessionEndReason": _camel(recording.session_end or "sessionStillOngoing"),
        "recordingExpirationTime": service_time(expiry) if expiry else None,
    }


def _result_chunk(chunk: StoredChunk, endpoint: str) -> dict[str, Any]:
    return {**announced(chunk, endpoint), "endReason": _camel(chunk.end_reason)}


def _export_errors(recording: Recording) -> list[dict[str, Any]]:
    if recording.export_error is None:
        return []
    inner = {"code": recording.export_error, "message": "The container could not be written to."}
    message = "Recording export to Azure Blob Storage failed."
    return [{"code": "ExportFailure", "message": message, "innererror": inner}]


def _camel(word: str) -> str:
    """Convert ``CallEnded``, as in events, to ``callEnded``, as in results."""
    return word[:1].lower() + word[1:]
