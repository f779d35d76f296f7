"""Does an mp3 tell its length? It has no field for that: a header may, or a constant bit rate."""

from collections.abc import Iterable

_HEADER = 4
_FIRST_FRAME = 1_500
"""Bytes of the longest frame there can be."""

_LENGTH_HEADERS = (b"Xing", b"Info", b"VBRI")

_KILOBITS = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates of layer III by their index from 1 on: of MPEG 1, and of MPEG 2 and 2.5."""

_HERTZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""Sample rates by the version's bits (3 is MPEG 1) and their index."""

_FRAMES_IN_A_ROW = 3
"""Frames that must follow each other: media holds the bytes of a header by chance."""


def tag_size(head: bytes) -> int:
    """Return the bytes of the ID3v2 tag before the first frame; 0 where there is none."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = 0
    for each in head[6:10]:
        size = size << 7 | each & 0x7F
    return size + 10


def has_length_header(first_frame: bytes) -> bool:
    """Tell if the first frame says how many frames there are."""
    return any(each in first_frame[:_FIRST_FRAME] for each in _LENGTH_HEADERS)


def bit_rates(spots: Iterable[bytes]) -> set[int]:
    """Return the bit rates, in kbit/s, of the frames that are found in pieces of a file."""
    return {rate for spot in spots for rate in _rates(spot)}


def _rates(spot: bytes) -> set[int]:
    """Return the rates of the first run of frames in a piece."""
    start = spot.find(b"\xff")
    while start >= 0:
        rates = _run(spot, start)
        if len(rates) >= _FRAMES_IN_A_ROW:
            return set(rates)
        start = spot.find(b"\xff", start + 1)
    return set()


def _run(spot: bytes, offset: int) -> list[int]:
    """Return the rates of frames that follow each other from ``offset`` on."""
    rates: list[int] = []
    kind = spot[offset + 1 : offset + 2]
    while (frame := _frame(spot, offset)) and spot[offset + 1 : offset + 2] == kind:
        rate, length = frame
        rates.append(rate)
        offset += length
    return rates


def _frame(spot: bytes, offset: int) -> tuple[int, int] | None:
    """Read a frame's header: its bit rate in kbit/s, its length in bytes; None where it is none."""
    header = spot[offset : offset + _HEADER]
    if len(header) < _HEADER or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version, rate_index, hertz_index = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version not in _HERTZ or not 0 < rate_index < 15 or hertz_index == 3:
        return None
    kilobits = _KILOBITS[version == 3][rate_index - 1]
    samples_by_8 = 144 if version == 3 else 72
    padding = header[2] >> 1 & 1
    return kilobits, samples_by_8 * kilobits * 1_000 // _HERTZ[version][hertz_index] + padding
