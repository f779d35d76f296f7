"""The forms in which events are kept, in queues and in files; yields them unread."""

import base64
import json
from typing import Any

from callvault.errors import InvalidRequest
from callvault.ingest.deliveries import Delivery, read_delivery

_JSON_BEGINS = ("{", "[")
_AROUND = "\ufeff\0 \t\r\n"
_ALPHABET_OF_URLS = str.maketrans("-_", "+/")

_KEYS_OF_QUARANTINE = {"reason", "receivedAt", "headers"}
"""Keys of the first line of a quarantined file."""


def read_message(content: str) -> list[Any]:
    """Return the events of a queue's message; `InvalidRequest` if it is neither JSON nor base64.

    Event Grid writes base64, people write plain JSON, or base64 as their tools write it: with line
    breaks, in the alphabet of URLs, without padding.
    """
    text = content.strip(_AROUND)
    if text.startswith(_JSON_BEGINS):
        return read_delivery(text.encode("utf-8", "surrogatepass"))
    try:
        body = _from_base64(text)
    except ValueError:
        raise InvalidRequest("the message is neither JSON nor base64") from None
    return read_delivery(body)


def _from_base64(text: str) -> bytes:
    digits = "".join(text.split()).rstrip("=").translate(_ALPHABET_OF_URLS)
    return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)


def read_events(content: bytes) -> list[Any]:
    """Return the events of a file; `InvalidRequest` says why there are none.

    The file may be a single event, an array, a batch of CloudEvents, a dead-letter blob, a
    quarantined file, a queue's message in base64, or any of these once in each line.
    """
    kept = read_kept(content)
    if kept is not None:
        return kept.events()
    rest = content.partition(b"\n")[2]
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
        # `-sig`: some programs put a byte order mark before the text.
        return read_message(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidRequest("the text is not UTF-8") from None


def read_kept(content: bytes) -> Delivery | None:
    """Return the delivery in a quarantined file; None if the file is no such file."""
    first, _, body = content.partition(b"\n")
    try:
        about = json.loads(first)
    except (ValueError, RecursionError):
        return None
    if not isinstance(about, dict) or about.keys() != _KEYS_OF_QUARANTINE:
        return None
    headers = about["headers"] if isinstance(about["headers"], dict) else {}
    return Delivery(
        body, {name: value for name, value in headers.items() if isinstance(value, str)}
    )
