"""A key of payloads: AES-256-GCM, and the id by which a payload names the key it needs.

The form on the wire is that of the encryption samples of Temporal's SDKs (but .NET's, which has the
tag before the ciphertext), so that their code, with one of these keys, works with Callvault.
"""

import base64
import binascii
import hashlib
import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload

from callvault.errors import ConfigurationError

ENCODING = b"binary/encrypted"
"""The metadata ``encoding`` of an encrypted payload."""

KEY_ID = "encryption-key-id"
"""The metadata that names the key."""

KEY_LENGTH = 32
NONCE_LENGTH = 12

_ID = re.compile(r"[0-9a-f]{16}")


class PayloadKey:
    """One key. Its id is computed from it, so that no two keys can have one id by mistake."""

    def __init__(self, raw: bytes) -> None:
        """``raw`` are its 32 bytes."""
        self.id = hashlib.sha256(b"callvault payload key\0" + raw).hexdigest()[:16]
        self._cipher = AESGCM(raw)

    @classmethod
    def from_secret(cls, secret: str) -> "PayloadKey":
        """Read a key in base64; `ConfigurationError`, which never repeats it, where it is none."""
        try:
            raw = base64.b64decode(secret, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != KEY_LENGTH:
            raise ConfigurationError(
                "the key of payloads is not 32 bytes in base64: make one with"
                " `openssl rand -base64 32`"
            )
        return cls(raw)

    def seal(self, payload: Payload) -> Payload:
        """Encrypt a whole payload, its metadata included."""
        nonce = os.urandom(NONCE_LENGTH)
        data = nonce + self._cipher.encrypt(nonce, payload.SerializeToString(), None)
        return Payload(metadata={"encoding": ENCODING, KEY_ID: self.id.encode()}, data=data)

    def open(self, payload: Payload) -> Payload | None:
        """Decrypt a payload that names this key; None for one that was changed since."""
        nonce, sealed = payload.data[:NONCE_LENGTH], payload.data[NONCE_LENGTH:]
        try:
            return Payload.FromString(self._cipher.decrypt(nonce, sealed, None))
        # ValueError: a nonce that is too short.
        except (InvalidTag, ValueError, DecodeError):
            return None


def is_sealed(payload: Payload) -> bool:
    """Tell if a payload is encrypted, by whomever."""
    return payload.metadata.get("encoding") == ENCODING


def key_id_of(payload: Payload) -> str | None:
    """Return the id of the key that a payload needs; None unless it has the form of our ids.

    No key of ours ever opens another one: the encryption samples' ``test-key-id``, say.
    """
    told = payload.metadata.get(KEY_ID, b"").decode("ascii", "replace")
    return told if is_sealed(payload) and _ID.fullmatch(told) else None
