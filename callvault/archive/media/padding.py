"""Bytes of an mp4 or mp3 that mean nothing: zeros there are no lost data."""

from collections.abc import Iterator
from typing import BinaryIO

from callvault.archive.media.mp3 import tag_size
from callvault.contracts.media import FormatType

_MAX_BOXES = 1_000
"""Boxes that are looked at: an mp4 has some thirty, one in fragments two for each second or so."""

_HEADER = 8
_PADDING = frozenset({b"free", b"skip"})
_PARENTS = {b"moov": 0, b"trak": 0, b"mdia": 0, b"udta": 0, b"meta": 4, b"moof": 0, b"traf": 0}
"""Boxes of boxes, with the bytes that come before these; muxers leave room to edit in them."""


def padding_of(file: BinaryIO, size: int, container: FormatType | None) -> list[range]:
    """Return the stretches of a file of ``size`` bytes that hold no media.

    In an mp4 these are the boxes ``free`` and ``skip`` (ISO 14496-12, 8.1.2), in an mp3 the ID3v2
    tag, in which a program leaves room for a longer one.
    """
    if container is FormatType.MP4:
        return list(_free_boxes(file, size))
    if container is FormatType.MP3:
        file.seek(0)
        return [range(tag_size(file.read(10)))]
    return []


def _free_boxes(file: BinaryIO, size: int) -> Iterator[range]:
    """Yield what `_PADDING` holds, as far as the boxes make sense."""
    offset, ends = 0, [size]
    for _ in range(_MAX_BOXES):
        while offset + _HEADER > ends[-1]:
            offset = ends.pop()
            if not ends:
                return
        # it ends behind its header: every step goes forward, whatever a box says
        kind, inside = _box(file, offset, ends[-1])
        offset = inside.stop
        if kind in _PARENTS:
            ends.append(inside.stop)
            offset = inside.start + _PARENTS[kind]
        elif kind in _PADDING:
            yield inside


def _box(file: BinaryIO, offset: int, end: int) -> tuple[bytes, range]:
    """Read a box's header: its kind, and where its content lies, ``end`` being its parent's."""
    file.seek(offset)
    header = file.read(2 * _HEADER)
    kind, length = header[4:_HEADER], int.from_bytes(header[:4], "big")
    begin = offset + _HEADER
    if length == 1:
        begin, length = begin + _HEADER, int.from_bytes(header[_HEADER:], "big")
    if length == 0:  # up to the end; within a box it is what QuickTime ends a list with
        length = end - offset
    if not begin <= offset + length <= end:  # cut, or no box at all
        return b"", range(offset, end)
    return kind, range(begin, offset + length)
