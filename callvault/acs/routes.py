"""Paths, bodies and success statuses of each api-version, in one place."""

from typing import NamedTuple
from urllib.parse import quote

from callvault.acs.models import StartRecording
from callvault.contracts.media import FormatType
from callvault.errors import ConfigurationError, InvalidRequest

LATEST = "2026-03-12"
STABLE_VERSIONS = (
    "2023-03-06",
    "2023-10-15",
    "2024-04-15",
    "2024-09-15",
    "2025-05-15",
    "2025-06-15",
    LATEST,
)
PREVIEW = "2021-06-15-preview"
RESULT_VERSION = "2024-09-01-preview"
"""The only version with a recording's result; used beside any other version."""


class Route(NamedTuple):
    """One operation: its request line, and the statuses that mean success."""

    method: str
    target: str
    """Path with its query, percent-encoded as it goes over the wire."""
    success: frozenset[int]


class Routes:
    """Builds the routes of one api-version.

    The stable versions address a recording by its id alone; ``2021-06-15-preview`` puts it under
    its call, writes ``/:pause`` with a slash and answers 200 to everything.
    """

    def __init__(self, api_version: str) -> None:
        if api_version not in (*STABLE_VERSIONS, PREVIEW):
            raise ConfigurationError(
                f"ACS api-version {api_version!r} is not one that Callvault speaks: "
                f"use {', '.join((*STABLE_VERSIONS, PREVIEW))}"
            )
        self._version = api_version
        self._is_preview = api_version == PREVIEW

    def start(self, server_call_id: str) -> Route:
        return self._route("POST", self._recordings(server_call_id), 200, 202)

    def start_body(self, request: StartRecording) -> bytes:
        """Write the body of a start.

        The preview has one format and no pause at the start: what it would ignore is refused.
        """
        if not self._is_preview:
            return request.model_dump_json(exclude_none=True).encode("utf-8")
        beyond = request.pause_on_start or request.external_storage is not None
        if request.recording_format_type is not FormatType.MP4 or beyond:
            raise InvalidRequest(
                f"api-version {PREVIEW} records mixed audioVideo as mp4, from the start, and to "
                "its own storage: ask for that, without pauseOnStart, or configure a newer version"
            )
        callback = request.model_dump_json(
            include={"recording_state_callback_uri"}, exclude_none=True
        )
        return callback.encode("utf-8")

    def state(self, recording_id: str, server_call_id: str) -> Route:
        return self._route("GET", self._recording(recording_id, server_call_id), 200)

    def pause(self, recording_id: str, server_call_id: str) -> Route:
        return self._verb("pause", recording_id, server_call_id)

    def resume(self, recording_id: str, server_call_id: str) -> Route:
        return self._verb("resume", recording_id, server_call_id)

    def stop(self, recording_id: str, server_call_id: str) -> Route:
        return self._route("DELETE", self._recording(recording_id, server_call_id), 204)

    def result(self, recording_id: str) -> Route:
        path = f"/calling/recordings/{_segment('recordingId', recording_id)}/result"
        return Route("GET", f"{path}?api-version={RESULT_VERSION}", frozenset({200}))

    def call_connection(self, call_connection_id: str) -> Route:
        path = f"/calling/callConnections/{_segment('callConnectionId', call_connection_id)}"
        return self._route("GET", path, 200)

    @property
    def puts_recordings_under_calls(self) -> bool:
        """True if a recording is only found under its own call."""
        return self._is_preview

    def _verb(self, verb: str, recording_id: str, server_call_id: str) -> Route:
        slash = "/" if self._is_preview else ""
        path = f"{self._recording(recording_id, server_call_id)}{slash}:{verb}"
        return self._route("POST", path, 202)

    def _recordings(self, server_call_id: str) -> str:
        if not self._is_preview:
            return "/calling/recordings"
        return f"/calling/serverCalls/{_segment('serverCallId', server_call_id)}/recordings"

    def _recording(self, recording_id: str, server_call_id: str) -> str:
        return f"{self._recordings(server_call_id)}/{_segment('recordingId', recording_id)}"

    def _route(self, method: str, path: str, *success: int) -> Route:
        statuses = frozenset({200} if self._is_preview else success)
        return Route(method, f"{path}?api-version={self._version}", statuses)


def _segment(name: str, value: str) -> str:
    """Percent-encode an id, so that it stays one segment of the path."""
    if value in {"", ".", ".."}:
        # clients and proxies resolve these away: the request would name another resource
        raise InvalidRequest(f"{name} {value!r} cannot be an id of ACS: pass the one ACS gave")
    # Nothing is safe: "/" belongs to the alphabet of base64, and so to a serverCallId.
    return quote(value, safe="")
