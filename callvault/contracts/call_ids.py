"""The one form of an id in Base64, by which calls and recordings are compared; what it names."""

import base64
import json
import re

# Base64 of an address in ASCII: "+" and "-" stand for the same six bits, as do "/" and "_", so no
# two calls differ in them alone. The "?" of the address is one of the two, where it ends a group.
_URL_SAFE = str.maketrans("+/", "-_")
_STANDARD = str.maketrans("-_", "+/")
_CONNECTION = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_NEITHER = re.compile(rf"{_CONNECTION.pattern}|recording-[0-9a-f]{{32}}|recordings/.*")
"""A callId, the id of a workflow, or the name of a folder in an archive."""


def call_connection_in(recording_id: str) -> str | None:
    """Return the id of the call connection that a ``recordingId`` names; None if it names none.

    Captured ids are Base64 of ``{"PlatformEndpointId": UUID, "ResourceSpecificId": UUID}``, of
    which the first is the ``callConnectionId`` in the callbacks about the same recording.
    """
    try:
        inner = json.loads(_decoded(recording_id))
    # Anything may be told, and JSON may be nested without end.
    except (ValueError, RecursionError):
        return None
    named = inner.get("PlatformEndpointId") if isinstance(inner, dict) else None
    return named if isinstance(named, str) and _CONNECTION.fullmatch(named) else None


def is_of_no_sort(any_id: str) -> bool:
    """Tell by its form that an id is neither a ``serverCallId`` nor a ``recordingId``."""
    return bool(_NEITHER.fullmatch(any_id))


def is_no_server_call(any_id: str) -> bool:
    """Tell by its form that an id is known to be of another sort than a ``serverCallId``."""
    return is_of_no_sort(any_id) or call_connection_in(any_id) is not None


def is_no_recording(any_id: str) -> bool:
    """Tell by its form that an id is known to be of another sort than a ``recordingId``."""
    if is_of_no_sort(any_id):
        return True
    try:
        # A serverCallId is Base64 of the address of a conversation.
        return _decoded(any_id).startswith((b"https://", b"http://"))
    except ValueError:
        return False


def canonical_call_id(any_id: str) -> str:
    """Return the one form of a ``serverCallId`` by which calls are named and compared.

    ACS writes the same call with and without the padding of Base64, and in both alphabets
    (RFC 4648, sections 4 and 5), and people a ``recordingId``. The canonical form is the URL-safe
    one without padding. ACS itself is sent the spelling that it gave.
    """
    return any_id.translate(_URL_SAFE).rstrip("=")


def spellings_of(any_id: str) -> frozenset[str]:
    """Return an id in both alphabets, with and without padding, and as it is."""
    url_safe = canonical_call_id(any_id)
    spelt = {any_id, url_safe, url_safe.translate(_STANDARD)}
    return frozenset(spelt | {each + "=" * (-len(each) % 4) for each in spelt})


def _decoded(any_id: str) -> bytes:
    digits = canonical_call_id(any_id)
    return base64.urlsafe_b64decode(digits + "=" * (-len(digits) % 4))
