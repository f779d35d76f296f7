"""The participants of a call, named by a keyed hash.

A participant's ``rawId`` is personal data (a telephone number, an account) and must not stand in a
workflow history: the `participant_hash` of its canonical form does. The holder of the key can tell
whether a hash is a given person's; others cannot, and the hash cannot be turned back.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints, ValidationInfo

from callvault.contracts.base import Message
from callvault.contracts.events import TimeIfKnown
from callvault.contracts.participant_ids import canonical_participant

Hide = Callable[[str], str]
"""From a ``rawId`` to its hash; what is a hash already stays."""

HIDING = "hide"
"""Key of the validation context under which the gateway gives its `Hide`."""

_HASH = r"^[0-9a-f]{64}$"
_HASH_IN_ANY_CASE = re.compile(r"[0-9A-Fa-f]{64}")

UNKNOWN_PARTICIPANT = "0" * 64
"""Stands for somebody who withdrew consent in a message that does not say who: no hash is this."""


def participant_hash(raw_id: str, key: str = "") -> str:
    """Return the HMAC-SHA256 of a ``rawId`` in its canonical form, in hexadecimal; all in UTF-8."""
    content = canonical_participant(raw_id).encode()
    if not key:
        # Plain SHA-256 hides little: telephone numbers are few enough to be tried out one by one.
        # In production there has to be a key.
        return hashlib.sha256(content).hexdigest()
    return hmac.new(key.encode(), content, hashlib.sha256).hexdigest()


def hiding(key: str | Callable[[], str] = "") -> Hide:
    """Return a function that hides participants with this key; a hash is only written small.

    ``key`` may be a function that returns the key of the moment.
    """

    def hide(raw_id: str) -> str:
        return _as_hash(raw_id) or participant_hash(raw_id, key() if callable(key) else key)

    return hide


def _as_hash(text: str) -> str | None:
    """Return a hash in lower case; None for a text that is none."""
    # Upper-case digits are the same hash: hashed again, they would be somebody else's.
    stripped = text.strip()
    return stripped.lower() if _HASH_IN_ANY_CASE.fullmatch(stripped) else None


def _hidden(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str) or not value.strip():
        return value
    hide = (info.context or {}).get(HIDING)
    return hide(value) if hide else _as_hash(value) or value


ParticipantHash = Annotated[str, StringConstraints(pattern=_HASH), BeforeValidator(_hidden)]
"""`participant_hash` of a ``rawId``, read in either case. The gateway takes the ``rawId``, too, and
hides it."""


class ParticipantChanged(Message):
    """Payload of `participant_changed`: a participant came into the call, or left it."""

    participant: ParticipantHash
    joined: bool
    """False: left."""
    connection: Annotated[str, StringConstraints(max_length=200)] = ""
    """Tells the devices of one person apart: Event Grid's ``participantId``. A participant with two
    leaves the call only with the second. Empty: the person, with all devices."""
    at: TimeIfKnown = None
    """Time of the change; by default, when the workflow heard of it. An older change never undoes a
    newer one."""
