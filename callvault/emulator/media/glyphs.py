"""Text as brightness, drawn once with Pillow's own font and kept (PyAV's wheel has no drawtext)."""

from functools import lru_cache
from math import ceil
from unicodedata import combining, normalize

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Luma = NDArray[np.uint8]

INK, GROUND = 235, 40
"""Luma of the letters and of the tile behind them."""


@lru_cache(maxsize=512)
def text(words: str, size: int, width: int | None = None) -> Luma:
    """One line of text; ``width`` in pixels, or as wide as the words are."""
    font = ImageFont.load_default(size)
    words = _drawable(words)
    room = width or max(1, ceil(ImageDraw.Draw(Image.new("L", (1, 1))).textlength(words, font)))
    picture = Image.new("L", (room, ceil(size * 1.3)), GROUND)
    ImageDraw.Draw(picture).text((0, 0), words, fill=INK, font=font)
    return np.asarray(picture)


def clock(seconds: float, size: int) -> Luma:
    """``MM:SS.t`` in cells of equal width, so that it does not jitter."""
    minutes, rest = divmod(int(seconds * 10), 600)
    reading = f"{minutes:02d}:{rest // 10:02d}.{rest % 10}"
    return np.hstack([text(sign, size, _cell(sign, size)) for sign in reading])


def _cell(sign: str, size: int) -> int:
    return ceil(size * (0.65 if sign.isdigit() else 0.35))


def _drawable(words: str) -> str:
    """Pillow's font knows no accents, and a line has no breaks: leave out what cannot be drawn."""
    signs = normalize("NFKD", words)
    return "".join(sign for sign in signs if sign.isprintable() and not combining(sign))
