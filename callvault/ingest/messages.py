"""Reads the messages of a queue: Event Grid writes its events in base64, people in plain JSON."""

import base64
import binascii
from typing import Any

from callvault.errors import InvalidRequest
from callvault.ingest import eventgrid

_JSON_BEGINS = ("{", "[")


def read_message(content: str) -> list[Any]:
    """The events of a message, still unread. `InvalidRequest` where it is neither form."""
    text = content.strip()
    if text.startswith(_JSON_BEGINS):
        return eventgrid.read_delivery(text.encode())
    try:
        body = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("the message is neither JSON nor base64") from None
    return eventgrid.read_delivery(body)
