"""The metadata file beside each chunk, in today's form (real files of 2022, docs since)."""

import json
from datetime import timedelta
from typing import Any

from callvault.emulator.clock import service_time
from callvault.emulator.settings import SAMPLE_RATE

from .timeline import Timeline

_AUDIO_BIT_RATE = {"mp4": 128_000, "mp3": 48_000, "wav": 256_000}
_VIDEO_BIT_RATE = 1_000_000


def metadata_file(
    timeline: Timeline,
    resource_id: str,
    call_id: str,
    document_id: str,
    media: tuple[str, str, str],
    channels: tuple[str, ...] | None = None,
) -> bytes:
    """``media`` is content, channel and container; ``channels`` those of an unmixed recording.

    ``chunkDuration`` leaves out the pauses (assumed: the service documents neither).
    """
    return json.dumps(
        {
            "resourceId": resource_id,
            "callId": call_id,
            "chunkDocumentId": document_id,
            "chunkIndex": 0,
            "chunkStartTime": service_time(timeline.origin),
            "chunkDuration": timeline.duration_ms,
            "pauseResumeIntervals": pauses(timeline),
            "recordingInfo": _recording_info(media, len(channels or ()) or 1, timeline.fps),
            "participants": _participants(timeline, channels),
        },
        separators=(",", ":"),
    ).encode()


def pauses(timeline: Timeline) -> list[dict[str, Any]]:
    """When each pause began, and how long it was in milliseconds."""
    return [
        {
            "startTime": service_time(
                timeline.origin + timedelta(milliseconds=timeline.milliseconds(span.first))
            ),
            "duration": timeline.milliseconds(span.end - span.first),
        }
        for span in timeline.paused
    ]


def _recording_info(media: tuple[str, str, str], channels: int, fps: int) -> dict[str, Any]:
    content, channel, container = media
    audio = {
        "sampleRate": SAMPLE_RATE,
        "bitRate": _AUDIO_BIT_RATE[container],
        "channels": channels,
    }
    video = {
        "longerSideLength": 1920,
        "shorterSideLength": 1080,
        "framerate": fps,
        "bitRate": _VIDEO_BIT_RATE,
    }
    info = {"contentType": content, "channelType": channel, "format": container}
    with_video = {"videoConfiguration": video} if container == "mp4" else {}
    return {**info, "audioConfiguration": audio, **with_video}


def _participants(timeline: Timeline, channels: tuple[str, ...] | None) -> list[dict[str, Any]]:
    if channels is not None:
        return [{"participantId": raw, "channel": index} for index, raw in enumerate(channels)]
    return [{"participantId": attendee.raw_id} for attendee in timeline.attendees]
