"""A quarantined delivery as bytes, and its name.

The bytes are one line of JSON (reason, time of receipt, headers), then the body as it came. The
name is the time of receipt and a part of the SHA-256 of all that: nothing that a sender chose goes
into a name, and whoever reads a delivery can tell whether it was changed.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime

from callvault.errors import InvalidRequest
from callvault.ingest.deliveries import Delivery
from callvault.ingest.formats import read_kept

MAX_SIZE = 16 * 1024 * 1024
"""Largest part of one body that is kept, in bytes; Event Grid never sends more than 1 MiB."""

MAX_STORED_SIZE = MAX_SIZE + 1024 * 1024
"""Bytes of a delivery that are read: a body, and its line with the headers."""

END = ".event"
_CUT = "-cut" + END
"""End of the name of a delivery of whose body only the beginning is there."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}" + re.escape(END))
_HASHED = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}Z-([0-9a-f]{32})(?:-cut)?" + re.escape(END))

# Only these headers are kept: any other may carry a secret.
# Some are needed to read the body again: its encoding, and the attributes of a CloudEvent.
_SAFE_HEADERS = (
    "content-type",
    "content-encoding",
    "user-agent",
    "traceparent",
    "aeg-",
    "ce-",
    "webhook-",
)
_SECRET_HEADERS = ("aeg-sas-",)


def first_line(reason: str, received: datetime, headers: Mapping[str, str]) -> bytes:
    """Write what is known of a delivery beside its body; no header that may carry a secret."""
    about = {
        "reason": reason,
        "receivedAt": received.isoformat(),
        "headers": {name: headers[name] for name in sorted(headers) if _is_harmless(name)},
    }
    return json.dumps(about).encode() + b"\n"


def _is_harmless(name: str) -> bool:
    return name.lower().startswith(_SAFE_HEADERS) and not name.lower().startswith(_SECRET_HEADERS)


def name_of(content: bytes, received: datetime, *, is_cut: bool) -> str:
    """Return the name of a delivery; names sort by the time of receipt."""
    return f"{received:%Y%m%dT%H%M%S.%fZ}-{_digest(content)}{_CUT if is_cut else END}"


def is_name(name: str) -> bool:
    """Return True if a delivery may have this name: no path, no hidden or unfinished file."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> str:
    """Return the name; `InvalidRequest` where it is none of a delivery, but perhaps a path."""
    if is_name(name):
        return name
    raise InvalidRequest(
        f"{name[:100]!r} is no name of a quarantined delivery: give the name alone, as"
        f" `callvault sweep --quarantine` and the log tell it; it ends in {END}"
    )


def read_quarantined(name: str, content: bytes) -> Delivery:
    """Return the delivery as it came; `InvalidRequest` if it was cut, or changed since."""
    if name.endswith(_CUT):
        raise InvalidRequest("only its beginning was kept")
    if len(content) > MAX_STORED_SIZE:
        raise InvalidRequest(f"larger than {MAX_STORED_SIZE} bytes: no gateway wrote it")
    hashed = _HASHED.fullmatch(name)
    # Another name was given by a person, who may have mended the content.
    if hashed and hashed[1] != _digest(content):
        raise InvalidRequest(
            "its bytes are not those that a gateway stored: if you have mended it, deliver it from"
            " a file (`callvault events deliver FILE`) or give it another name that ends in .event"
        )
    # A first line that a person has mended wrongly takes nothing but the headers along.
    return read_kept(content) or Delivery(content.partition(b"\n")[2])


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
