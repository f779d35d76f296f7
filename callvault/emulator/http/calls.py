"""``/_emulator/calls``: create calls, let people join, speak and leave, and show the truth."""

from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callvault.emulator.clock import service_time
from callvault.emulator.emulator import Emulator
from callvault.emulator.eventgrid.events import announced
from callvault.emulator.http.control import PREFIX, Command
from callvault.emulator.http.requests import read_body, read_model
from callvault.emulator.media.metadata import pauses
from callvault.emulator.media.timeline import fundamental, tone_of
from callvault.emulator.model import Call, CallKind, Participant, Recording
from callvault.emulator.render_jobs import timeline_of
from callvault.emulator.storage import StoredChunk

RawId = Annotated[str, Field(min_length=1, max_length=300, pattern="^[!-~]+$")]
PhoneNumber = Annotated[str, Field(pattern=r"^\+[0-9]{3,15}$")]


class NewParticipant(Command):
    display_name: Annotated[str, Field(min_length=1, max_length=200)]
    raw_id: RawId | None = None
    """A new ACS user by default; the prefix of another id decides the kind of participant."""
    phone_number: PhoneNumber | None = None
    """A telephone, in the form +4912345678."""
    tells_time: bool = False
    """Speaks as long as it is there, with a voice that tells the time."""

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.raw_id and self.phone_number:
            raise ValueError("give rawId or phoneNumber, not both")
        return self

    @property
    def identity(self) -> tuple[str, str | None, bool]:
        """Display name; raw id, which is None where the emulator makes one; the kind of voice."""
        phone = f"4:{self.phone_number}" if self.phone_number else None
        return self.display_name, self.raw_id or phone, self.tells_time


class NewCall(Command):
    participants: Annotated[list[NewParticipant], Field(max_length=350)] = []
    kind: CallKind = CallKind.ACS
    media_bytes: Annotated[int, Field(ge=1, le=1 << 50)] | None = None
    clock_offset_seconds: Annotated[float, Field(ge=-86_400, le=86_400)] = 0.0
    """The service's clock is ahead by this much in all that it tells about the call."""
    start_delay_seconds: Annotated[float, Field(ge=0, le=3600)] | None = None
    """From a start until the recording is active; the emulator's setting by default."""

    @field_validator("participants")
    @classmethod
    def _nobody_twice(cls, participants: list[NewParticipant]) -> list[NewParticipant]:
        # Refused before the call exists: a second join would fail in the middle of its beginning.
        given = [raw_id for _, raw_id, _ in (who.identity for who in participants) if raw_id]
        if len(given) != len(set(given)):
            raise ValueError("each rawId and phoneNumber may stand here once")
        return participants


class Speech(Command):
    raw_id: str
    speaking: bool


class Calls:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        call = f"{PREFIX}/calls/{{call_id}}"
        return [
            Route(f"{PREFIX}/calls", self.create_call, methods=["POST"]),
            Route(call, self.call),
            Route(call, self.end_call, methods=["DELETE"]),
            Route(f"{call}/speech", self.speak, methods=["POST"]),
            Route(f"{call}/participants", self.join, methods=["POST"]),
            Route(f"{call}/participants/{{raw_id:path}}", self.leave, methods=["DELETE"]),
        ]

    async def create_call(self, request: Request) -> Response:
        command = read_model(NewCall, await read_body(request))
        participants = [who.identity for who in command.participants]
        delay = command.start_delay_seconds
        call = self._emulator.start_call(
            command.kind,
            participants,
            command.media_bytes,
            timedelta(seconds=command.clock_offset_seconds),
            None if delay is None else timedelta(seconds=delay),
        )
        everybody = [_participant(each) for each in call.participants.values()]
        answer = {
            "callId": call.call_id,
            "serverCallId": call.server_call_id,
            **({"roomId": call.room_id} if call.room_id else {}),
            "participants": everybody,
        }
        return JSONResponse(answer, status_code=201)

    async def call(self, request: Request) -> Response:
        call = self._emulator.calls.get(request.path_params["call_id"])
        return JSONResponse(truth_of_call(call, self._emulator))

    async def end_call(self, request: Request) -> Response:
        self._emulator.end_call(self._ongoing(request))
        return Response(status_code=204)

    async def join(self, request: Request) -> Response:
        who = read_model(NewParticipant, await read_body(request))
        joined = self._emulator.join(self._ongoing(request), *who.identity)
        return JSONResponse(_participant(joined), status_code=201)

    async def leave(self, request: Request) -> Response:
        self._emulator.leave(self._ongoing(request), request.path_params["raw_id"])
        return Response(status_code=204)

    async def speak(self, request: Request) -> Response:
        command = read_model(Speech, await read_body(request))
        call = self._ongoing(request)
        self._emulator.calls.speak(call, command.raw_id, command.speaking)
        return Response(status_code=204)

    def _ongoing(self, request: Request) -> Call:
        return self._emulator.calls.ongoing(request.path_params["call_id"])


def _participant(participant: Participant) -> dict[str, Any]:
    return {"rawId": participant.raw_id, "displayName": participant.display_name}


def truth_of_call(call: Call, emulator: Emulator) -> dict[str, Any]:
    return {
        "callId": call.call_id,
        "serverCallId": call.server_call_id,
        "groupCallId": call.group_call_id,
        "callConnectionId": call.call_connection_id,
        "roomId": call.room_id or None,
        "kind": call.kind,
        "startedAt": service_time(call.started_at),
        "endedAt": service_time(call.ended_at) if call.ended_at else None,
        "participants": [_participant_truth(each) for each in call.participants.values()],
        "recordings": [_recording_truth(each, emulator) for each in call.recordings],
    }


def _participant_truth(participant: Participant) -> dict[str, Any]:
    return {
        "rawId": participant.raw_id,
        "displayName": participant.display_name,
        "inCall": participant.presence.is_on,
        "speaking": participant.speech.is_on,
        "voiceHz": (tone_of if participant.tells_time else fundamental)(participant.voice),
    }


def _recording_truth(recording: Recording, emulator: Emulator) -> dict[str, Any]:
    now = emulator.clock.now()
    timeline = timeline_of(recording, now, emulator.settings.fps)
    content, channel, container = recording.options.media
    return {
        "recordingId": recording.recording_id,
        "state": recording.phase(now),
        "contentType": content,
        "channelType": channel,
        "formatType": container,
        "activeAt": service_time(recording.active_at),
        "endedAt": service_time(recording.ended_at) if recording.ended_at else None,
        "sessionEndReason": recording.session_end,
        "pausedIntervals": pauses(timeline),
        "durationMs": timeline.duration_ms,
        "media": recording.media_state,
        "chunks": [_chunk_truth(chunk, emulator) for chunk in recording.chunks],
        "failoverDuplicates": [
            _chunk_truth(chunk, emulator) for chunk in recording.failover_duplicates
        ],
    }


def _chunk_truth(chunk: StoredChunk, emulator: Emulator) -> dict[str, Any]:
    return {
        **announced(chunk, emulator.file_locations),
        "isStored": emulator.storage.find(chunk.document_id, chunk.view) is not None,
        "durationMs": chunk.duration_ms,
        "size": chunk.content.size,
        "sha256": chunk.content.sha256,
        "metadataSize": chunk.metadata.size,
        "metadataSha256": chunk.metadata.sha256,
        "expiresAt": service_time(chunk.expires_at),
    }
