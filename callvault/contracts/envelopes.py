"""The envelopes that events come in: the Event Grid schema and CloudEvents 1.0, in both spellings.

An envelope's own fields are ``eventType`` or ``type``, ``topic`` or ``source``, and so on; what
the event is about stands in its data.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from callvault.contracts.json_text import parse_json
from callvault.errors import InvalidRequest


def said(envelope: Mapping[str, Any], *names: str) -> Any:
    """Return the first field that is filled under one of these names; None if none is."""
    found = (envelope.get(name) for name in names)
    return next((value for value in found if value not in (None, "")), None)


def type_of(envelope: Mapping[str, Any]) -> Any:
    """Return the type, of which nothing is known yet."""
    return said(envelope, "eventType", "event_type", "type")


def time_of(envelope: Mapping[str, Any]) -> Any:
    """Return the event's own time, of which nothing is known yet."""
    return said(envelope, "eventTime", "event_time", "time")


def data_of(envelope: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the event's data; None if there is none.

    The data may be a JSON object, the text of one (some forwarders write JSON twice), or
    ``data_base64``, as CloudEvents carries bytes.
    """
    data = said(envelope, "data")
    if data is None:
        data = _decoded(said(envelope, "data_base64"))
    if isinstance(data, str | bytes):
        data = _parsed(data)
    return data if isinstance(data, dict) else None


def _decoded(text: Any) -> bytes | None:
    try:
        return base64.b64decode(text) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        return None


def _parsed(text: str | bytes) -> Any:
    try:
        return parse_json(text.encode("utf-8", "replace") if isinstance(text, str) else text)
    except InvalidRequest:
        return None
