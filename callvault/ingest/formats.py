"""The forms in which events are kept, in queues and in files; yields them unread."""

import base64
import binascii
import json
from typing import Any

from callvault.errors import InvalidRequest
from callvault.ingest.eventgrid import read_delivery

_JSON_BEGINS = ("{", "[")

_KEYS_OF_QUARANTINE = {"reason", "receivedAt", "headers"}
"""Keys of the first line of a quarantined file."""


def read_message(content: str) -> list[Any]:
    """Return the events of a queue's message; `InvalidRequest` if it is neither JSON nor base64.

    Event Grid writes base64, people write plain JSON.
    """
    text = content.strip()
    if text.startswith(_JSON_BEGINS):
        return read_delivery(text.encode())
    try:
        body = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("the message is neither JSON nor base64") from None
    return read_delivery(body)


def read_events(content: bytes) -> list[Any]:
    """Return the events of a file; `InvalidRequest` says why there are none.

    The file may be a single event, an array, a batch of CloudEvents, a dead-letter blob, a
    quarantined file, a queue's message in base64, or any of these once in each line.
    """
    first, _, rest = content.partition(b"\n")
    if _is_from_quarantine(first):
        return read_delivery(rest)
    try:
        return _read_text(content)
    except InvalidRequest:
        # An event may be one line, or an indented one of many; only the second has to be whole.
        if not rest.strip():
            raise
    return _read_lines(content)


def _read_lines(content: bytes) -> list[Any]:
    events: list[Any] = []
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            events += _read_text(line)
        except InvalidRequest as error:
            raise InvalidRequest(f"line {number}: {error}") from None
    return events


def _read_text(content: bytes) -> list[Any]:
    try:
        return read_message(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidRequest("the text is not UTF-8") from None


def _is_from_quarantine(line: bytes) -> bool:
    try:
        about = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(about, dict) and about.keys() == _KEYS_OF_QUARANTINE
