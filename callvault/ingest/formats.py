"""Reads events out of files, in whatever form they were kept. Pure."""

import json
from typing import Any

from callvault.errors import InvalidRequest
from callvault.ingest import eventgrid
from callvault.ingest.messages import read_message

_OF_QUARANTINE = {"reason", "receivedAt", "headers"}
"""Keys of the first line of a quarantined file."""


def read_events(content: bytes) -> list[Any]:
    """The events of a file, still unread. `InvalidRequest` says why there are none.

    It may be a single event, an array, a batch of CloudEvents, a dead-letter blob, a quarantined
    file, a queue's message in base64, or any of these once in each line.
    """
    first, _, rest = content.partition(b"\n")
    if _is_of_quarantine(first):
        return eventgrid.read_delivery(rest)
    try:
        return _read(content)
    except InvalidRequest:
        if not rest.strip():
            raise
    return _read_lines(content)


def _read_lines(content: bytes) -> list[Any]:
    events: list[Any] = []
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            events += _read(line)
        except InvalidRequest as error:
            raise InvalidRequest(f"line {number}: {error}") from None
    return events


def _read(content: bytes) -> list[Any]:
    try:
        return read_message(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidRequest("the text is not UTF-8") from None


def _is_of_quarantine(line: bytes) -> bool:
    try:
        about = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(about, dict) and about.keys() == _OF_QUARANTINE
