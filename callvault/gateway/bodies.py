"""Limits of request bodies: size, time and depth."""

import asyncio
import re
from itertools import accumulate

from fastapi import Request
from starlette.requests import ClientDisconnect

from callvault.errors import InvalidRequest

BODY_TIMEOUT = 10.0
"""Seconds in which a body must be there; those of Event Grid have longer, see `events`."""

MAX_DEPTH = 64
"""Deepest nesting that is parsed: parsers recurse, and no contract is deeper than ten."""

_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS = bytes(set(range(256)) - set(_STEPS))


async def read_body(request: Request, limit: int) -> bytes:
    """Read a body whole. `InvalidRequest` if it is larger than ``limit`` bytes, or too slow."""
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            body = await _read(request, limit)
    except TimeoutError:
        raise InvalidRequest(
            f"the body did not arrive within {BODY_TIMEOUT:.0f} s", status=408
        ) from None
    except ClientDisconnect:
        raise InvalidRequest("the body broke off", status=400) from None
    check_depth(body)
    return body


async def _read(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise InvalidRequest(f"the body is larger than {limit} bytes", status=413)
    return bytes(body)


def check_depth(body: bytes) -> None:
    """Raise `InvalidRequest` if JSON is nested too deep, before anything parses it."""
    # Nearly all bodies end here, without a look at each byte.
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    # All that is not a bracket goes, at the speed of C; texts first, for they may hold some.
    brackets = _TEXT.sub(b"", body).translate(None, _OTHERS)
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise InvalidRequest(f"the body is nested deeper than {MAX_DEPTH} levels")
