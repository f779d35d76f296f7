"""The strict receiver of alarms: it believes a signature by its own reckoning alone.

After the specification of Standard Webhooks, not with Callvault's code.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

TOLERANCE = 300.0
"""Seconds by which the time of a signature may differ from the receiver's own clock."""
OVERLAP = 15.0
"""Seconds for which a key is believed after it was replaced; Callvault rereads its secrets more
often."""


def new_key() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


@dataclass
class AlarmReceiver:
    """Knows the key that signs alarms, and the one before it for a while."""

    key: str = field(default_factory=new_key)
    _previous: str = ""
    _replaced_at: float = 0.0

    def replace_key(self) -> str:
        """Take another key from now on, and return it."""
        self._previous, self._replaced_at, self.key = self.key, time.time(), new_key()
        return self.key

    def problem(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """Return why the message is not believed; empty if it is."""
        try:
            at = int(headers["webhook-timestamp"])
        except (KeyError, ValueError):
            return "it is not signed"
        if abs(now - at) > TOLERANCE:
            return f"it was signed with a time that is {at - now:.0f} s off"
        signed = f"{headers.get('webhook-id', '')}.{at}.".encode() + body
        keys = [self.key, *([self._previous] if now - self._replaced_at < OVERLAP else [])]
        said = headers.get("webhook-signature", "").split()
        if not any(_signature(key, signed) in said for key in keys if key):
            return "it was signed with another key"
        return ""


def _signature(key: str, signed: bytes) -> str:
    secret = base64.b64decode(key.removeprefix("whsec_"))
    return f"v1,{base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()}"
