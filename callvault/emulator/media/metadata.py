"""The metadata file beside each chunk, in the form of real files of 2021 or of those since 2022."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from callvault.emulator.clock import service_time
from callvault.emulator.media.timeline import Span, Timeline, within
from callvault.emulator.settings import SAMPLE_RATE, MetadataForm

_AUDIO_BIT_RATE = {"mp4": 128_000, "mp3": 48_000, "wav": 256_000}
_VIDEO_BIT_RATE = 1_000_000


class MediaSource(NamedTuple):
    """Origin of a chunk: resource, call and format."""

    resource_id: str
    call_id: str
    media: tuple[str, str, str]
    """Content, channel and container, in the words of the REST API."""
    channels: tuple[str | None, ...] | None = None
    """Raw ids by channel, of an unmixed recording."""


def metadata_file(
    source: MediaSource, chunk: Timeline, document_id: str, index: int, form: MetadataForm
) -> bytes:
    """Render the metadata file of a chunk.

    ``chunkDuration`` leaves out the pauses (assumed, not documented).
    """
    milliseconds: Callable[[int], float] = int if form is MetadataForm.TODAY else float
    is_pretty = form is MetadataForm.PRETTY
    text = json.dumps(
        {
            "resourceId": source.resource_id,
            "callId": source.call_id,
            "chunkDocumentId": document_id,
            "chunkIndex": index,
            "chunkStartTime": service_time(chunk.moment(chunk.first)),
            "chunkDuration": milliseconds(chunk.duration_ms),
            "pauseResumeIntervals": pauses(chunk, milliseconds),
            "recordingInfo": _recording_info(source, chunk.fps, form),
            "participants": _participants(source, chunk),
        },
        indent=2 if is_pretty else None,
        separators=None if is_pretty else (",", ":"),
    )
    return text.replace("\n", "\r\n").encode()


def pauses(timeline: Timeline, milliseconds: Callable[[int], float] = int) -> list[dict[str, Any]]:
    """List start and length, in milliseconds, of each pause."""
    return [
        {
            "startTime": service_time(timeline.moment(span.first)),
            "duration": milliseconds(timeline.milliseconds(span.length)),
        }
        for span in timeline.paused
    ]


def _recording_info(source: MediaSource, fps: int, form: MetadataForm) -> dict[str, Any]:
    content, channel, container = source.media
    if form is MetadataForm.PREVIEW_2021:
        content, channel = channel, content  # so it stands in the real files of that year
    audio = {
        "sampleRate": SAMPLE_RATE,
        "bitRate": _AUDIO_BIT_RATE[container],
        "channels": len(source.channels or ()) or 1,
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


def _participants(source: MediaSource, chunk: Timeline) -> list[dict[str, Any]]:
    """List the participants present in the chunk: by channel, then those without one."""
    all_of_it = Span(chunk.first, chunk.end)
    there = [each.raw_id for each in chunk.attendees if within(each.present, all_of_it)]
    channels = [
        {"participantId": raw_id, "channel": channel}
        for channel, raw_id in enumerate(source.channels or ())
        if raw_id in there
    ]
    others = (
        {"participantId": raw_id} for raw_id in there if raw_id not in (source.channels or ())
    )
    return [*channels, *others]
