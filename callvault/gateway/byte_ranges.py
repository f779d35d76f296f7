"""The part of a file that a request asks for (RFC 9110, section 14)."""

import re
from typing import NamedTuple

_RANGE = re.compile(r"bytes=(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})")


class ByteRange(NamedTuple):
    """A part of a file."""

    offset: int
    length: int


def asked_range(header: str | None, size: int) -> ByteRange | None:
    """Return the part of a file of ``size`` bytes that is asked for; None for all of it.

    Several parts at once, and what is no range, are answered with the whole file, as the standard
    allows. A part without a byte of the file has the length 0: it cannot be answered.
    """
    found = _RANGE.fullmatch((header or "").replace(" ", ""))
    if found is None or found["first"] == found["last"] == "":
        return None
    if not found["first"]:
        # The last so many bytes.
        length = min(int(found["last"]), size)
        return ByteRange(size - length, length)
    first = int(found["first"])
    last = min(int(found["last"]), size - 1) if found["last"] else size - 1
    if found["last"] and int(found["last"]) < first:
        return None
    return ByteRange(first, max(0, last - first + 1))
