"""The participants of a call, named by a keyed hash.

A participant's ``rawId`` is personal data (a telephone number, an account) and must not stand in a
workflow history: its `participant_hash` does. The holder of the key can tell whether a hash is a
given person's; others cannot, and the hash cannot be turned back.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints, ValidationInfo

from callvault.contracts.base import Message
from callvault.contracts.events import ServiceTime

Hide = Callable[[str], str]
"""From a ``rawId`` to its hash; what is a hash already stays."""

HIDING = "hide"
"""Key of the validation context under which the gateway gives its `Hide`."""

_HASH = r"^[0-9a-f]{64}$"


def participant_hash(raw_id: str, key: str = "") -> str:
    """Return the HMAC-SHA256 of a ``rawId``, in hexadecimal; both texts are taken in UTF-8."""
    if not key:
        # Plain SHA-256 hides little: telephone numbers are few enough to be tried out one by one.
        # In production there has to be a key.
        return hashlib.sha256(raw_id.encode()).hexdigest()
    return hmac.new(key.encode(), raw_id.encode(), hashlib.sha256).hexdigest()


def hiding(key: str | Callable[[], str] = "") -> Hide:
    """Return a function that hides participants with this key, but leaves a hash as it is.

    ``key`` may be a function that returns the key of the moment.
    """

    def hide(raw_id: str) -> str:
        if re.match(_HASH, raw_id):
            return raw_id
        return participant_hash(raw_id, key() if callable(key) else key)

    return hide


def _hidden(value: Any, info: ValidationInfo) -> Any:
    hide = (info.context or {}).get(HIDING)
    return hide(value) if hide and isinstance(value, str) and value else value


ParticipantHash = Annotated[str, StringConstraints(pattern=_HASH), BeforeValidator(_hidden)]
"""`participant_hash` of a ``rawId``. The gateway takes the ``rawId`` itself, too, and hides it."""


class ParticipantChanged(Message):
    """Payload of `participant_changed`: a participant came into the call, or left it."""

    participant: ParticipantHash
    joined: bool
    """False: left."""
    connection: Annotated[str, StringConstraints(max_length=200)] = ""
    """Tells the devices of one person apart: Event Grid's ``participantId``. A participant with two
    leaves the call only with the second."""
    at: ServiceTime | None = None
    """Time of the change; by default, when the workflow heard of it. An older change never undoes a
    newer one."""
