"""Error bodies: JSON in any of ACS's shapes, a gateway's HTML, or nothing."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx

from callvault.contracts.base import shorten

MAX_BODY = 64 << 10
"""Longest control answer or error that is read, in bytes."""

_MAX_QUOTE = 250
_SECRETS = re.compile(r"(?i)\b(bearer\s+|hmac-sha256\s+|signature=|sig=|accesskey=)[^\s,;'\"&]+")


@dataclass(frozen=True)
class ErrorResponse:
    """An answer of another status than success; ``body`` may be cut.

    ``signed_date`` is the time with which the request was signed; empty where no key signed it.
    """

    status: int
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    body: bytes = b""
    signed_date: str = ""


class ErrorBody(NamedTuple):
    """The contents of an error body, as far as it can be understood."""

    code: str = ""
    message: str = ""
    is_markup: bool = False


def read(response: ErrorResponse) -> ErrorBody:
    """Read ``{"error":{code,message}}``, flat ``{code,message}``, or ``{title,status}`` of AMS."""
    if response.body.lstrip()[:1] == b"<":
        return ErrorBody(is_markup=True)
    try:
        body = json.loads(response.body)
    # RecursionError, too: callers of the client know Callvault's errors alone.
    except (ValueError, RecursionError):
        return ErrorBody(is_markup="html" in response.headers.get("Content-Type", ""))
    fields = body if isinstance(body, dict) else {}
    nested = fields.get("error")
    if isinstance(nested, dict):
        fields = nested
    return ErrorBody(
        # AMS, the service that holds the files, names its fault in `title`.
        _text(fields.get("code")) or _text(fields.get("title")),
        _text(fields.get("message")),
    )


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else ""


def clean(text: str) -> str:
    """Make foreign text fit to be quoted: one line, short, without credentials it echoes."""
    # Cut first: a body has up to 64 KiB, and every character is looked at.
    printable = "".join(char if char.isprintable() else " " for char in text[:2_048])
    return shorten(_SECRETS.sub(r"\1…", " ".join(printable.split())), _MAX_QUOTE)
