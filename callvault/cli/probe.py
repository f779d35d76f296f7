"""What a recorded file is, by looking into it (PyAV, of the ``media`` extra)."""

import io
from dataclasses import dataclass


@dataclass(frozen=True)
class MediaFacts:
    """A media file's streams in words, and its length."""

    description: str
    seconds: float


def probe(content: bytes) -> MediaFacts:
    """Open a recording as a player would."""
    import av

    with av.open(io.BytesIO(content), "r") as container:
        seconds = container.duration / av.time_base if container.duration else 0.0
        words = [
            f"{stream.codec_context.name} {stream.codec_context.width}x"
            f"{stream.codec_context.height} {float(stream.average_rate or 0):g} FPS"
            for stream in container.streams.video
        ] + [
            f"{stream.codec_context.name} {stream.codec_context.sample_rate} Hz "
            f"{stream.codec_context.layout.name}"
            for stream in container.streams.audio
        ]
    return MediaFacts(", ".join(words), seconds)
