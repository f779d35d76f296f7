"""Limits of request bodies: size, time and depth."""

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from callvault.contracts.json_text import check_depth
from callvault.errors import InvalidRequest

BODY_TIMEOUT = 10.0
"""Seconds in which a body must be there; those of Event Grid have longer, see `events`."""


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
