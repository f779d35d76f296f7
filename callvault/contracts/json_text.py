"""JSON from outside: read within bounds, and with the slips of other programs forgiven.

Forgiven are a byte order mark, NULs and blanks around the text, bytes that are no UTF-8, numbers
that are no JSON (`NaN`) and numbers too long for Python.
"""

import json
import re
from itertools import accumulate
from typing import Any

from callvault.errors import InvalidRequest

MAX_DEPTH = 64
"""Deepest nesting that is parsed: parsers recurse, and no contract is deeper than ten."""

MAX_DIGITS = 4_000
"""Longest whole number that is read as one; a longer one is read as its text."""

_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS = bytes(set(range(256)) - set(_STEPS))
_AROUND = "\ufeff\0 \t\r\n"


def parse_json(body: bytes) -> Any:
    """Parse JSON. `InvalidRequest` if it is none, or nested too deep."""
    check_depth(body)
    try:
        return _parsed(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("the body is not JSON") from None


def _parsed(body: bytes) -> Any:
    try:
        return _load(body)
    except ValueError:
        # One odd byte in one text must not cost the whole body.
        return _load(body.decode("utf-8", "replace").strip(_AROUND))


def _load(text: bytes | str) -> Any:
    return json.loads(text, parse_int=_whole_number)


def _whole_number(digits: str) -> int | str:
    # Python refuses to convert more digits, and the error would cost the whole body.
    return int(digits) if len(digits) <= MAX_DIGITS else digits


def check_depth(body: bytes) -> None:
    """Raise `InvalidRequest` if JSON is nested too deep, before anything parses it."""
    # Nearly all bodies end here, without a look at each byte.
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    # All that is not a bracket goes, at the speed of C; texts first, for they may hold some.
    brackets = without_texts(body).translate(None, _OTHERS)
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise InvalidRequest(f"the body is nested deeper than {MAX_DEPTH} levels")


def without_texts(body: bytes) -> bytes:
    """Return JSON without its texts: what is left are its structure, its numbers and blanks."""
    return _TEXT.sub(b"", body)
