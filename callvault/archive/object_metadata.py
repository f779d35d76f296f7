"""Metadata kept with an object, in a form that every store can hold.

Azure Blob has the narrowest rules, so they hold for every store: keys are identifiers, values
travel in HTTP headers, everything together stays below 8 KiB.
"""

import hashlib
import re
import string
from collections.abc import Mapping
from urllib.parse import quote, unquote

from callvault.errors import InvalidRequest

SHA256 = "sha256"
"""Key under which a store keeps the object's own digest."""

MAX_VALUE = 512
"""Longest value in its quoted form, in bytes: a dozen of them fit into Azure's 8 KiB."""

_PREFIX = 32
_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
_SAFE = "".join(set(string.punctuation) - {"%"})


def bounded(metadata: Mapping[str, str]) -> dict[str, str]:
    """Cut ``metadata`` to what every store can keep.

    Empty values are left out. A value too long for a header keeps its beginning and is told apart
    by its SHA-256. Keys that are no lower-case identifiers raise `InvalidRequest`.
    """
    # lower case alone: stores treat the case of keys differently
    for key in metadata:
        if not _KEY.fullmatch(key) or key == SHA256:
            raise InvalidRequest(
                f"metadata key {key!r} cannot be stored: use a-z, 0-9 and _, but not {SHA256!r}"
            )
    return {key: _bounded_value(value) for key, value in metadata.items() if value}


def _bounded_value(value: str) -> str:
    raw = value.encode("utf-8", "surrogatepass")
    readable = raw.decode("utf-8", "replace")
    if readable == value and len(quoted(value)) <= MAX_VALUE:
        return value
    return f"{readable[:_PREFIX]}… sha256:{hashlib.sha256(raw).hexdigest()}"


def quoted(value: str) -> str:
    """Write ``value`` in printable ASCII without spaces, fit for a header."""
    return quote(value, safe=_SAFE)


def unquoted(value: str) -> str:
    """Read a value that `quoted` wrote."""
    return unquote(value)
