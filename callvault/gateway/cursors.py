"""Cursors: where the next page of a list begins.

A cursor is Temporal's own token behind a digest of the list it belongs to. It opens nothing: the
query of a list is made anew from each request, so that a forged one reaches another place of the
same list at most. Temporal fails at one that it cannot read; see `is_about_cursor`.
"""

import base64
import binascii
import hashlib

from temporalio.service import RPCError, RPCStatusCode

from callvault.errors import CallvaultError, InvalidRequest

MAX_CURSOR = 4_096
"""Longest cursor that is read, in characters; Temporal's tokens have a few hundred."""

_DIGEST = 8


def write_cursor(query: str, token: bytes) -> str | None:
    """Return the cursor for Temporal's token; None at the end of the list."""
    if not token:
        return None
    return base64.urlsafe_b64encode(_digest(query) + token).decode().rstrip("=")


def read_cursor(query: str, cursor: str) -> bytes:
    """Return Temporal's token; `InvalidRequest` for what is no cursor, or one of another list."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        said = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        said = b""
    if len(said) <= _DIGEST:
        raise unusable_cursor("it is no nextCursor")
    if said[:_DIGEST] != _digest(query):
        raise unusable_cursor("it belongs to a list with other filters")
    return said[_DIGEST:]


def unusable_cursor(why: str) -> InvalidRequest:
    """Return the error for a cursor."""
    return InvalidRequest(
        f"cursor: {why}: send the nextCursor of the last page with the same filters, or begin the"
        " list anew without it"
    )


def is_about_cursor(error: CallvaultError) -> bool:
    """Tell if Temporal answered a list request so because of its token."""
    # Its stores do not check a token: a server that cannot read one has an error of an unknown
    # kind, and refuses one that only its frontend cannot read.
    cause = error.__cause__
    return isinstance(cause, RPCError) and cause.status in (
        RPCStatusCode.UNKNOWN,
        RPCStatusCode.INVALID_ARGUMENT,
    )


def _digest(query: str) -> bytes:
    return hashlib.sha256(query.encode()).digest()[:_DIGEST]
