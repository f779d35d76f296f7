"""Shared secrets and API keys, compared in constant time, and read again while they rotate."""

import hashlib
import hmac
import time
from collections.abc import Iterable

import structlog

from callvault.config.types import SecretRef
from callvault.errors import ConfigurationError

REREAD_EVERY = 5.0
"""Seconds after which secrets in files are read again: a rotation needs no restart."""

log = structlog.get_logger(__name__)


class SharedSecrets:
    """The secrets of which a caller must present one; several are valid while they are rotated.

    Only their digests are kept. Without any, everybody is accepted, which the configuration allows
    on loopback only.
    """

    def __init__(self, references: Iterable[SecretRef]) -> None:
        self._references = tuple(references)
        self._digests = _digests(self._references)
        self._read_at = time.monotonic()
        self._may_change = any(not each.environment_variable for each in self._references)

    def __bool__(self) -> bool:
        return bool(self._references)

    def accept(self, presented: str | None) -> bool:
        """Whether the presented secret is one of them; equally slow whichever it is, or is not."""
        self._follow()
        digest = _digest(presented or "")
        equal = [hmac.compare_digest(digest, known) for known in self._digests]
        return not self._digests or any(equal)

    def _follow(self) -> None:
        """Notice secrets that were replaced; one that is away for a moment stays what it was."""
        if not self._may_change or time.monotonic() - self._read_at < REREAD_EVERY:
            return
        self._read_at = time.monotonic()
        try:
            self._digests = _digests(self._references)
        except ConfigurationError as error:
            log.warning("secret not read again, the last one is used on", problem=str(error))


def _digests(references: Iterable[SecretRef]) -> list[bytes]:
    return [_digest(reference.resolve()) for reference in references]


def _digest(secret: str) -> bytes:
    """Digests have one length, so that the comparison does not tell the secret's own."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
