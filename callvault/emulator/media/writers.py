"""Writers of each format, scene by scene; the same scenes give the same bytes."""

import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

import av
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.stream import VideoStream

from callvault.emulator.media import audio as sound
from callvault.emulator.media import picture
from callvault.emulator.media.scenes import Scene
from callvault.emulator.media.timeline import Timeline
from callvault.emulator.settings import SAMPLE_RATE

AAC_BIT_RATE = 48_000
MP3_BIT_RATE = 48_000
_FRAMES_PER_KEYFRAME = 80
_H264 = {
    # Measured as fastest for flat pictures: about 18 times real time on one core.
    "preset": "ultrafast",
    "tune": "zerolatency",
    "qp": "30",
    "g": str(_FRAMES_PER_KEYFRAME),
    "keyint_min": str(_FRAMES_PER_KEYFRAME),
    "sc_threshold": "0",
    "threads": "1",  # with more, the bytes would depend on the machine
    "x264-params": "aq-mode=0:no-deblock=1",
}
_WAV_HEADER = 44
_FRAMING = 4096
"""No header of these containers takes more."""
_PACKET_INDEX = 24
"""Nor the index of an mp4 for each packet."""


class Writer(Protocol):
    @property
    def bytes_per_second(self) -> int:
        """The least that a second of silence takes."""

    @property
    def size(self) -> int:
        """About the size of the file if it were closed now; encoders hold some scenes back."""

    def write(self, scene: Scene) -> None: ...

    def close(self) -> None:
        """Complete the file, so that players can open it."""


class WavWriter:
    """16 kHz, 16 bits: mono, or one participant per channel."""

    def __init__(
        self, path: Path, timeline: Timeline, channels: tuple[str | None, ...] | None = None
    ) -> None:
        self._fps = timeline.fps
        self._channels = channels
        self._file = wave.open(str(path), "wb")  # noqa: SIM115 - closed by close()
        self._file.setnchannels(len(channels or ()) or 1)
        self._file.setsampwidth(sound.BYTES_PER_SAMPLE)
        self._file.setframerate(SAMPLE_RATE)

        self._moment = self._file.getnchannels() * sound.BYTES_PER_SAMPLE
        self.bytes_per_second = self._moment * SAMPLE_RATE

    @property
    def size(self) -> int:
        return _WAV_HEADER + self._file.tell() * self._moment

    def write(self, scene: Scene) -> None:
        if self._channels is None:
            pcm = sound.mixed(scene, self._fps)
        else:
            pcm = sound.separate(scene, self._fps, self._channels)
        # Raw: `writeframes` would correct the file's header after every scene.
        self._file.writeframesraw(pcm.tobytes())

    def close(self) -> None:
        self._file.close()


class Mp3Writer:
    """16 kHz mono, 48 kbit/s."""

    bytes_per_second = MP3_BIT_RATE // 8

    def __init__(self, path: Path, timeline: Timeline) -> None:
        self._fps = timeline.fps
        self._file = _Muxer(path, "mp3")
        self._sound = _SoundTrack(
            self._file, "libmp3lame", MP3_BIT_RATE, {"compression_level": "9"}
        )

    @property
    def size(self) -> int:
        return self._file.size

    def write(self, scene: Scene) -> None:
        self._sound.add(sound.mixed(scene, self._fps))

    def close(self) -> None:
        self._sound.close()
        self._file.close()


class Mp4Writer:
    """H.264 1920x1080 at the timeline's frame rate, with 16 kHz mono AAC."""

    bytes_per_second = AAC_BIT_RATE // 8

    def __init__(self, path: Path, timeline: Timeline) -> None:
        self._fps = timeline.fps
        self._call_seconds_before = timeline.call_seconds_before
        self._file = _Muxer(path, "mp4")
        self._video = self._file.container.add_stream("libx264", rate=self._fps, options=_H264)
        self._video.width, self._video.height = picture.WIDTH, picture.HEIGHT
        self._video.pix_fmt = "yuv420p"
        self._sound = _SoundTrack(self._file, "aac", AAC_BIT_RATE, {"aac_coder": "fast"})
        self._canvas = picture.Canvas()
        self._count = 0

    @property
    def size(self) -> int:
        return self._file.size

    def write(self, scene: Scene) -> None:
        self._canvas.set(scene)
        for frame in range(*scene.span):
            self._canvas.tell_time(self._call_seconds_before + frame / self._fps)
            self._add_picture()
        self._sound.add(sound.mixed(scene, self._fps))

    def close(self) -> None:
        # None flushes what the encoder still holds.
        self._file.mux(self._video.encode(None))
        self._sound.close()
        self._file.close()

    def _add_picture(self) -> None:
        frame = self._canvas.frame
        frame.pts, frame.time_base = self._count, Fraction(1, self._fps)
        self._count += 1
        self._file.mux(self._video.encode(frame))


class _Muxer:
    """A container that knows how large it has become."""

    def __init__(self, path: Path, container_format: str) -> None:
        # A plain mp4, not a fragmented one, which reports a wrong frame rate and length.
        self.container = av.open(path, "w", format=container_format)
        self.size = _FRAMING

    def mux(self, packets: "Sequence[Packet[VideoStream]] | Sequence[Packet[AudioStream]]") -> None:
        for packet in packets:
            self.size += packet.size + _PACKET_INDEX
            self.container.mux(packet)

    def close(self) -> None:
        self.container.close()


class _SoundTrack:
    def __init__(
        self,
        file: _Muxer,
        codec: Literal["aac", "libmp3lame"],
        bit_rate: int,
        options: dict[str, str],
    ) -> None:
        self._file = file
        self._stream: AudioStream = file.container.add_stream(
            codec, rate=SAMPLE_RATE, options=options, layout="mono"
        )
        self._stream.bit_rate = bit_rate
        self._samples = 0

    def add(self, pcm: sound.Pcm) -> None:
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        frame.pts = self._samples
        self._samples += pcm.size
        self._file.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._file.mux(self._stream.encode(None))
