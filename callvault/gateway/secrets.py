"""Shared secrets and API keys, compared in constant time."""

import hashlib
import hmac
from collections.abc import Iterable

from callvault.config_types import SecretRef


class SharedSecrets:
    """The secrets of which a caller must present one; several are valid while they are rotated.

    They are read once; only their digests are kept. Without any, everybody is accepted, which the
    configuration allows on loopback only.
    """

    def __init__(self, references: Iterable[SecretRef]) -> None:
        self._digests = [_digest(reference.resolve()) for reference in references]

    def accept(self, presented: str | None) -> bool:
        """Whether the presented secret is one of them; equally slow whichever it is, or is not."""
        digest = _digest(presented or "")
        equal = [hmac.compare_digest(digest, known) for known in self._digests]
        return not self._digests or any(equal)


def _digest(secret: str) -> bytes:
    """Digests have one length, so that the comparison does not tell the secret's own."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
