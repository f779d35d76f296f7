"""The picture of a call: a tile for each participant, with name, call clock and speech bar.

Text is drawn with Pillow's own font and cached, since PyAV's wheel has no drawtext filter.
"""

import re
from functools import lru_cache
from math import ceil, sqrt
from typing import NamedTuple
from unicodedata import combining, name, normalize

import av
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from callvault.emulator.media.scenes import Scene
from callvault.emulator.media.timeline import Attendee

WIDTH, HEIGHT = 1920, 1080
_GAP = 8
_MARGIN = 32
_BLACK, _NEUTRAL = 16, 128
_BAR_HEIGHT, _QUIET, _LOUD = 16, 64, 210
_TINTS = ((110, 140), (140, 110), (120, 120), (150, 128), (128, 150), (105, 128))
"""Blue and red difference of the tiles, by voice."""

_INK, _GROUND = 235, 40
"""Luma of the letters and of the tile behind them."""

_LETTER = re.compile(r" LETTER (?P<letter>[A-Z]+)")
"""The word for a letter in its name in Unicode."""

Plane = NDArray[np.uint8]


class Tile(NamedTuple):
    left: int
    top: int
    width: int
    height: int


def layout(count: int) -> list[Tile]:
    """Arrange tiles in a near-square grid, the last row centred, on even pixels for 4:2:0."""
    columns = ceil(sqrt(count)) if count else 0
    rows = ceil(count / columns) if columns else 0
    return [_tile(index, count, columns, rows) for index in range(count)]


def _tile(index: int, count: int, columns: int, rows: int) -> Tile:
    width, height = WIDTH // columns & ~15, HEIGHT // rows & ~15
    row, column = divmod(index, columns)
    in_row = min(columns, count - row * columns)
    left = (WIDTH - in_row * width) // 2 & ~1
    top = (HEIGHT - rows * height) // 2 & ~1
    return Tile(
        left + column * width + _GAP,
        top + row * height + _GAP,
        width - 2 * _GAP,
        height - 2 * _GAP,
    )


class Canvas:
    """One frame, reused for all pictures; only moving parts are drawn anew."""

    def __init__(self) -> None:
        # The encoder copies the picture at once, so that one frame can serve for all.
        self.frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        self._luma, self._blue, self._red = (_writable(plane) for plane in self.frame.planes)
        self._shown: tuple[Attendee, ...] | None = None
        self._tiles: list[Tile] = []

    def set(self, scene: Scene) -> None:
        """Draw the parts that stay the same throughout a scene."""
        if scene.shown != self._shown:
            self._lay_out(scene.shown)
        for attendee, tile in zip(scene.shown, self._tiles, strict=True):
            self._show_speech(tile, attendee in scene.speaking)

    def tell_time(self, call_seconds: float) -> None:
        if self._tiles:
            reading = _clock(call_seconds, _name_size(self._tiles[0]))
            for tile in self._tiles:
                self._blit(reading, tile, _MARGIN)

    def _lay_out(self, shown: tuple[Attendee, ...]) -> None:
        self._shown, self._tiles = shown, layout(len(shown))
        self._luma[:], self._blue[:], self._red[:] = _BLACK, _NEUTRAL, _NEUTRAL
        for attendee, tile in zip(shown, self._tiles, strict=True):
            self._paint(tile, attendee)

    def _paint(self, tile: Tile, attendee: Attendee) -> None:
        left, top, width, height = tile
        self._luma[top : top + height, left : left + width] = _GROUND
        half = np.s_[top // 2 : (top + height) // 2, left // 2 : (left + width) // 2]
        self._blue[half], self._red[half] = _TINTS[attendee.voice % len(_TINTS)]
        name = _text(attendee.display_name[:60], _name_size(tile))
        self._blit(name, tile, tile.height // 2)

    def _show_speech(self, tile: Tile, speaking: bool) -> None:
        bottom = tile.top + tile.height - _MARGIN
        columns = slice(tile.left + _MARGIN, tile.left + tile.width - _MARGIN)
        self._luma[bottom - _BAR_HEIGHT : bottom, columns] = _LOUD if speaking else _QUIET

    def _blit(self, image: Plane, tile: Tile, down: int) -> None:
        room = image[: tile.height - down, : tile.width - 2 * _MARGIN]
        top, left = tile.top + down, tile.left + _MARGIN
        self._luma[top : top + room.shape[0], left : left + room.shape[1]] = room


def _name_size(tile: Tile) -> int:
    return max(24, tile.height // 9)


def _writable(plane: VideoPlane) -> Plane:
    buffer = memoryview(plane)
    # Rows are padded to line_size.
    view: Plane = np.frombuffer(buffer, np.uint8).reshape(plane.height, plane.line_size)
    return view[:, : plane.width]


@lru_cache(maxsize=512)
def _text(words: str, size: int, width: int | None = None) -> Plane:
    """Draw one line of text; ``width`` in pixels, or as wide as the words are."""
    font = ImageFont.load_default(size)
    words = _drawable(words)
    room = width or max(1, ceil(ImageDraw.Draw(Image.new("L", (1, 1))).textlength(words, font)))
    picture = Image.new("L", (room, ceil(size * 1.3)), _GROUND)
    ImageDraw.Draw(picture).text((0, 0), words, fill=_INK, font=font)
    return np.asarray(picture)


def _clock(seconds: float, size: int) -> Plane:
    """Draw ``MM:SS.t`` in cells of equal width, so that the digits do not jitter."""
    minutes, rest = divmod(int(seconds * 10), 600)
    reading = f"{minutes:02d}:{rest // 10:02d}.{rest % 10}"
    return np.hstack([_text(sign, size, _cell(sign, size)) for sign in reading])


def _cell(sign: str, size: int) -> int:
    return ceil(size * (0.65 if sign.isdigit() else 0.35))


def _drawable(words: str) -> str:
    """Spell words in the signs that Pillow's font has: those of ASCII, no others.

    Accents and control characters are left out. A letter of another script is told by its name in
    Unicode (``Ж`` is ZHE), an ideograph by its number: legible, and no two names look the same.
    """
    signs = normalize("NFKD", words)
    return "".join(map(_spelt, (s for s in signs if s.isprintable() and not combining(s))))


def _spelt(sign: str) -> str:
    if sign.isascii():
        return sign
    found = _LETTER.search(name(sign, ""))
    spelt = found["letter"] if found else f"{ord(sign):X}"
    return spelt.lower() if sign.islower() else spelt
