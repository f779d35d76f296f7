"""Callbacks to ``recordingStateCallbackUri``: an array of one CloudEvent a request."""

import base64
import json
from collections import deque
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import httpx

from callvault.emulator.clock import EmulatorClock
from callvault.emulator.credentials import TokenSigner
from callvault.emulator.ids import IdFactory, conversation_of
from callvault.emulator.model import Recording
from callvault.emulator.request_log import RequestLog
from callvault.emulator.scheduler import Scheduler

_PREFIX = "Microsoft.Communication."
_KIND = "azureCommunicationServices"
# The service writes year 1 for a time that it does not know.
_NEVER = "0001-01-01T00:00:00+00:00"
_SOURCE_SINCE = "2025-06-15"
_CALLBACK_TIMEOUT = 10.0
_FAILED_CODE, _FAILED_TEXT = 500, "The recording could not be started."


class CallbackSender:
    """Sends every change of a recording's state, in order, once each (retries are unknown)."""

    def __init__(
        self,
        clock: EmulatorClock,
        ids: IdFactory,
        scheduler: Scheduler,
        request_log: RequestLog,
        signer: TokenSigner,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._scheduler = scheduler
        self._request_log = request_log
        self._signer = signer
        self._http = httpx.Client(timeout=_CALLBACK_TIMEOUT, trust_env=False)
        self._sent: dict[str, str] = {}
        self._waiting: deque[tuple[str, dict[str, Any]]] = deque()
        self._lock = Lock()

    def follow(self, recording: Recording) -> None:
        """Schedule the callbacks of a recording that was started, paused, resumed or has ended."""
        if recording.options.callback_uri is None:
            return
        if recording.failed_to_start:
            self._scheduler.at(
                recording.active_at, lambda: self._send(recording, _failed(recording))
            )
            return
        self._send_state(recording)
        # It becomes active by itself, without a request that would come here.
        if recording.phase(self._clock.now()) == "starting":
            self._scheduler.at(recording.active_at, lambda: self._send_state(recording))

    def close(self) -> None:
        self._http.close()

    def _send_state(self, recording: Recording) -> None:
        state = recording.wire_state(self._clock.now())
        # An end after a pause is no change: the service calls both inactive.
        if self._sent.get(recording.recording_id) != state:
            self._sent[recording.recording_id] = state
            self._send(recording, _state_changed(recording, state))

    def _send(self, recording: Recording, event: tuple[str, dict[str, Any]]) -> None:
        # Made now: its time is that of the change, not of the delivery.
        body = _cloud_event(recording, *event, self._ids.event_id(), self._clock.now())
        self._waiting.append((recording.options.callback_uri or "", body))
        self._scheduler.soon(self._post_next)

    def _post_next(self) -> None:
        # Jobs run in threads of their own: the lock keeps callbacks in the order of the changes.
        with self._lock:
            uri, event = self._waiting.popleft()
            status = self._post(uri, event)
        name = event["type"].removeprefix(_PREFIX)
        state = event["data"].get("state", "")
        self._request_log.event_grid("callback", uri, status, f"{name} {state}".strip())

    def _post(self, uri: str, event: dict[str, Any]) -> int | None:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Authorization": f"Bearer {self._signer.token()}",
        }
        try:
            return self._http.post(uri, content=json.dumps([event]), headers=headers).status_code
        except (httpx.HTTPError, httpx.InvalidURL):
            return None


def _state_changed(recording: Recording, state: str) -> tuple[str, dict[str, Any]]:
    began = state == "active" or recording.ended_at or recording.pause.edges
    data = {
        "state": state,
        "startDateTime": _offset_time(recording.call.told(recording.active_at))
        if began
        else _NEVER,
        "recordingKind": _KIND,
        "resultInformation": {"code": 200, "subCode": 0, "message": ""},
    }
    return "RecordingStateChanged", data


def _failed(recording: Recording) -> tuple[str, dict[str, Any]]:
    information = {"code": _FAILED_CODE, "subCode": 9999, "message": _FAILED_TEXT}
    return "StartRecordingFailed", {"operationContext": None, "resultInformation": information}


def _cloud_event(
    recording: Recording, name: str, data: dict[str, Any], event_id: str, now: datetime
) -> dict[str, Any]:
    call = recording.call
    address = conversation_of(call.server_call_id) or ""
    conversation = base64.b64encode(address.encode()).decode()
    source = f"calling/recordings/{conversation}/{recording.recording_id}/{name}"
    common = {
        "version": recording.options.api_version,
        "callConnectionId": call.call_connection_id,
        "serverCallId": call.server_call_id,
        "correlationId": call.call_id,
        "publicEventType": _PREFIX + name,
        **({"eventSource": source} if recording.options.api_version >= _SOURCE_SINCE else {}),
    }
    return {
        "id": event_id,
        "source": source,
        "type": _PREFIX + name,
        "data": {"recordingId": recording.recording_id, **data, **common},
        "time": _offset_time(call.told(now)),
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "subject": source,
    }


def _offset_time(moment: datetime) -> str:
    """Format a time as callbacks do: an offset, and seven digits without zeros at the end."""
    utc = moment.astimezone(UTC)
    # Python knows six digits; the service's seventh is as good as any.
    fraction = f"{utc.microsecond:06d}{utc.microsecond % 10}".rstrip("0")
    return f"{utc:%Y-%m-%dT%H:%M:%S}{'.' if fraction else ''}{fraction}+00:00"
