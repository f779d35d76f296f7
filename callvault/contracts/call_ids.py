"""The one form of a ``serverCallId``, by which calls are compared; the call that an id names."""

import base64
import json
import re

# Base64 of an address in ASCII: "+" and "-" stand for the same six bits, as do "/" and "_", so no
# two calls differ in them alone. The "?" of the address is one of the two, where it ends a group.
_URL_SAFE = str.maketrans("+/", "-_")


_CONNECTION = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def call_connection_in(recording_id: str) -> str | None:
    """Return the id of the call connection that a ``recordingId`` names; None if it names none.

    Captured ids are Base64 of ``{"PlatformEndpointId": UUID, "ResourceSpecificId": UUID}``, of
    which the first is the ``callConnectionId`` in the callbacks about the same recording.
    """
    digits = canonical_call_id(recording_id)
    try:
        inner = json.loads(base64.urlsafe_b64decode(digits + "=" * (-len(digits) % 4)))
    # Anything may be told, and JSON may be nested without end.
    except (ValueError, RecursionError):
        return None
    named = inner.get("PlatformEndpointId") if isinstance(inner, dict) else None
    return named if isinstance(named, str) and _CONNECTION.fullmatch(named) else None


def canonical_call_id(server_call_id: str) -> str:
    """Return the one form of a ``serverCallId`` by which calls are named and compared.

    ACS writes the same call with and without the padding of Base64, and in both alphabets
    (RFC 4648, sections 4 and 5). The canonical form is the URL-safe one without padding. ACS itself
    is sent the spelling that it gave.
    """
    return server_call_id.translate(_URL_SAFE).rstrip("=")
