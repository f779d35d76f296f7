"""What really happened in a call, for tests to compare with what they got."""

from typing import Any

from callvault.emulator.calls import Call, Participant
from callvault.emulator.clock import service_time
from callvault.emulator.cutting import timeline_of
from callvault.emulator.emulator import Emulator
from callvault.emulator.eventgrid.files import announced
from callvault.emulator.media.metadata import pauses
from callvault.emulator.media.voices import fundamental
from callvault.emulator.recordings import Recording
from callvault.emulator.storage import StoredChunk


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
        "participants": [_participant(each) for each in call.participants.values()],
        "recordings": [_recording(each, emulator) for each in call.recordings],
    }


def _participant(participant: Participant) -> dict[str, Any]:
    return {
        "rawId": participant.raw_id,
        "displayName": participant.display_name,
        "inCall": participant.presence.is_on,
        "speaking": participant.speech.is_on,
        "voiceHz": fundamental(participant.voice),
    }


def _recording(recording: Recording, emulator: Emulator) -> dict[str, Any]:
    now = emulator.clock.now()
    timeline = timeline_of(recording, now, emulator.settings.fps)
    content, channel, container = recording.order.media
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
        "chunks": [_chunk(chunk, emulator.file_locations) for chunk in recording.chunks],
        "twins": [_chunk(chunk, emulator.file_locations) for chunk in recording.twins],
    }


def _chunk(chunk: StoredChunk, endpoint: str) -> dict[str, Any]:
    return {
        **announced(chunk, endpoint),
        "durationMs": chunk.duration_ms,
        "size": chunk.content.size,
        "sha256": chunk.content.sha256,
        "metadataSize": chunk.metadata.size,
        "metadataSha256": chunk.metadata.sha256,
        "expiresAt": service_time(chunk.expires_at),
    }
