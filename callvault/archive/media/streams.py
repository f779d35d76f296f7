"""The media parser's report on a file, read field by field: some of it is the file's own word."""

import json
import math
from typing import Any, BinaryIO

from callvault.archive.media.probe import probe

MAX_SECONDS = 366 * 24 * 3600.0
"""A longer recording cannot be meant."""

MAX_RATE = 1e6
"""The same for pictures each second."""

MAX_WHOLE = 1e9
"""The same for samples each second, for channels and for the dots of a picture."""


class Streams:
    """The parser's findings: the container's own facts, its sounds and its pictures."""

    def __init__(self, tracks: list[dict[str, Any]], parser: str) -> None:
        self.parser = parser
        self._tracks = tracks
        self.general = self._first("General")
        self.audio = self._first("Audio")
        self.video = self._first("Video")

    @classmethod
    def parsed(cls, file: BinaryIO, size: int) -> "Streams":
        """Have a file parsed; nothing is found in one that the parser cannot read."""
        try:
            # not strict: a damaged file's tags may hold control characters
            report = _members(json.loads(probe(file, size) or b"{}", strict=False))
        except (ValueError, RecursionError):
            report = {}
        library = _members(report.get("creatingLibrary"))
        tracks = _members(report.get("media")).get("track")
        known = [_members(track) for track in tracks] if isinstance(tracks, list) else []
        return cls(known, f"{library.get('name', '')} {library.get('version', '')}".strip())

    def _first(self, kind: str) -> dict[str, Any]:
        return next((track for track in self._tracks if track.get("@type") == kind), {})

    @property
    def found(self) -> bool:
        """True if there is sound, or there are pictures."""
        return "Format" in self.audio or "Format" in self.video

    @property
    def is_truncated(self) -> bool:
        """True if the parser misses bytes at the end."""
        return "IsTruncated" in _members(self.general.get("extra"))

    @property
    def bytes_needed(self) -> float:
        """Bytes of the tracks alone, by the container's own index."""
        media = (track for track in self._tracks if track.get("@type") in {"Audio", "Video"})
        return sum(number(track, "StreamSize", math.inf) or 0 for track in media)

    @property
    def durations_ms(self) -> list[float]:
        """Lengths of the container, the sound and the pictures, as far as stated."""
        tracks = (self.general, self.audio, self.video)
        seconds = (number(track, "Duration", MAX_SECONDS) for track in tracks)
        return [each * 1000 for each in seconds if each is not None]


def _members(value: object) -> dict[str, Any]:
    """Return a JSON object's members; none where it is something else."""
    # a damaged or hostile file's tags decide about some of what the parser reports
    return value if isinstance(value, dict) else {}


def number(track: dict[str, Any], name: str, most: float) -> float | None:
    """Read a number from 0 to ``most``; None where there is none, or several: ``48000 / 24000``."""
    try:
        value = float(track.get(name, ""))
    except (TypeError, ValueError):
        return None
    # a damaged file's word may be anything: what cannot be meant is not told
    return value if math.isfinite(value) and 0 <= value <= most else None


def whole(track: dict[str, Any], name: str) -> int | None:
    """Read a number without its fraction; None where there is none."""
    value = number(track, name, MAX_WHOLE)
    return None if value is None else round(value)


def text(track: dict[str, Any], name: str) -> str | None:
    """Read a text; None where there is none."""
    value = track.get(name)
    return value if isinstance(value, str) else None
