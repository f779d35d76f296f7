"""Deliveries: bodies as they came, split into events that are still unread.

A body holds one event or many, in the Event Grid schema or as CloudEvents 1.0 (structured, batched
or binary, where the attributes stand in ``ce-`` headers), plain or compressed, or dead letters of
an Event Grid namespace, each around its event.
"""

import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from callvault.contracts import envelopes
from callvault.contracts.json_text import parse_json
from callvault.errors import InvalidRequest

MAX_EVENTS = 5_000
"""Most events of one body: the largest batch that Event Grid can be told to send."""

MAX_UNPACKED = 4 * 1024 * 1024
"""Largest body once it is unpacked, in bytes; Event Grid never sends more than 1 MiB."""

MAX_MEMBERS = 100
"""Members that a packed body may have: each costs a copy of what follows it."""

_ATTRIBUTE = "ce-"
_PACKED = ("gzip", "x-gzip", "deflate")
_PLAIN = ("", "identity")
_GZIP = b"\x1f\x8b"
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_BARE = -zlib.MAX_WBITS


@dataclass(frozen=True)
class Delivery:
    """A body and the headers that came with it, which may be needed to read it."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def events(self) -> list[Any]:
        """Split the body into its events; see `read_delivery`."""
        return read_delivery(self.body, self.headers)


def read_delivery(body: bytes, headers: Mapping[str, str] | None = None) -> list[Any]:
    """Split a body into its events, still unread.

    `InvalidRequest` if it is no JSON, is empty, or holds more than can be.
    """
    known = {name.lower(): value for name, value in (headers or {}).items()}
    value = parse_json(_unpacked(body, known.get("content-encoding", "")))
    attributes = _attributes(known)
    if attributes and not _is_envelope(value):
        return [{**attributes, "data": value}]
    events = value if isinstance(value, list) else [value]
    if not events:
        raise InvalidRequest("the body holds no event")
    if len(events) > MAX_EVENTS:
        raise InvalidRequest(f"the body holds {len(events)} events, more than {MAX_EVENTS}")
    return [_out_of_its_letter(event) for event in events]


def _unpacked(body: bytes, encoding: str) -> bytes:
    said = encoding.strip().lower()
    # Kept bodies of older versions have lost their header; JSON never begins like this.
    if said in _PLAIN and not body.startswith(_GZIP):
        return body
    if said not in (*_PACKED, *_PLAIN):
        raise InvalidRequest("the body has a content-encoding that is not read: send it as gzip")
    # Many write "deflate" without the frame of zlib that it is defined with.
    for form in (_GZIP_OR_ZLIB, _BARE) if said == "deflate" else (_GZIP_OR_ZLIB,):
        with suppress(zlib.error):
            return _inflated(body, form)
    raise InvalidRequest("the body cannot be unpacked")


def _inflated(body: bytes, form: int) -> bytes:
    """Unpack all members of a body, one behind the other (RFC 1952); `zlib.error` for any other."""
    unpacked, rest = b"", body
    for _ in range(MAX_MEMBERS):
        unpacking = zlib.decompressobj(form)
        # Bounded: a few bytes may unpack to gigabytes.
        unpacked += unpacking.decompress(rest, MAX_UNPACKED + 1 - len(unpacked))
        if len(unpacked) > MAX_UNPACKED:
            raise InvalidRequest(
                f"the body is larger than {MAX_UNPACKED} bytes once it is unpacked"
            )
        if not unpacking.eof:
            raise InvalidRequest("the body cannot be unpacked: its end is missing")
        # Some fill up with NULs.
        rest = unpacking.unused_data.lstrip(b"\0")
        if not rest:
            return unpacked
    raise InvalidRequest(f"the body has more than {MAX_MEMBERS} packed members")


def _attributes(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes of an event in CloudEvents' binary mode; none in the other modes."""
    if "ce-type" not in headers:
        return {}
    # Other letters than ASCII are percent-encoded there.
    return {
        name.removeprefix(_ATTRIBUTE): unquote(value)
        for name, value in headers.items()
        if name.startswith(_ATTRIBUTE)
    }


def _is_envelope(value: Any) -> bool:
    """Tell if a body is an event, or several, in spite of attributes in its headers."""
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dict) and isinstance(envelopes.type_of(first), str)


def _out_of_its_letter(value: Any) -> Any:
    """Take an event out of a dead letter of an Event Grid namespace; others are events already."""
    if not isinstance(value, dict) or not isinstance(value.get("event"), dict):
        return value
    about = value.get("deadLetterProperties")
    return {**about, **value["event"]} if isinstance(about, dict) else value
