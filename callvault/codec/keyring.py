"""The keys of payloads that a process has, read again now and then."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from callvault.codec.key_sources import KeySource, sources_of
from callvault.codec.payload_key import PayloadKey
from callvault.config.encryption import EncryptionSettings
from callvault.errors import PayloadKeyMissing
from callvault.rereading import Reread

MISSING_INTERVAL = 1.0
"""Seconds from one look for a key that is missing to the next."""

MISSING_REMEMBERED = 900.0
"""Seconds for which a key that was missing is told of: longer than Temporal takes to try again."""

MAX_MISSING = 100
"""Ids of missing keys that are remembered; the oldest are forgotten."""


@dataclass(frozen=True)
class Keys:
    """The keys at one moment."""

    newest: PayloadKey | None
    """The one that encrypts; None while nothing is to be encrypted."""
    by_id: dict[str, PayloadKey]


class Keyring:
    """The keys of a process. Async: a vault must not hold up the event loop."""

    def __init__(
        self,
        sources: Sequence[KeySource],
        *,
        encrypts: bool = True,
        given_up: Sequence[str] = (),
    ) -> None:
        """Read every key now; ``given_up`` are ids of keys that nobody has any more."""
        self._sources = sources
        self._encrypts = encrypts
        self._given_up = frozenset(given_up)
        self._keys = Reread(self._read)
        self._looked_at = -MISSING_INTERVAL
        self._missing: dict[str, float] = {}
        """When a key was missing last, by its id, the newest last."""

    @classmethod
    def open(cls, settings: EncryptionSettings) -> "Keyring":
        """Read the keys of the settings; raises what reading them raises."""
        return cls(
            sources_of(settings),
            encrypts=settings.encrypt,
            given_up=settings.lost_keys,
        )

    async def current(self) -> Keys:
        """Return the keys as they are now, or were a moment ago."""
        if not self._sources or not self._keys.is_old:
            return self._keys.value
        return await asyncio.to_thread(self._keys.current)

    async def find(self, key_id: str) -> PayloadKey | None:
        """Return a key; None for one that is given up.

        `PayloadKeyMissing` where there is none, after another look: whoever has encrypted may have
        read a new key before this process.
        """
        if key_id in self._given_up:
            # Also where it was found again: a history that went on without it must replay.
            return None
        if (key := (await self.current()).by_id.get(key_id)) is not None:
            return key
        if time.monotonic() - self._looked_at >= MISSING_INTERVAL:
            self._looked_at = time.monotonic()
            found = await asyncio.to_thread(self._keys.again)
            if (key := found.by_id.get(key_id)) is not None:
                return key
        self._note(key_id)
        raise PayloadKeyMissing(_sentence(key_id))

    def problems(self) -> dict[str, str]:
        """Tell of each key that was missing lately, in a sentence, by its name."""
        since = time.monotonic() - MISSING_REMEMBERED
        here = self._keys.value.by_id
        return {
            f"encryption key {key_id}": _sentence(key_id)
            for key_id, at in self._missing.items()
            if at >= since and key_id not in here
        }

    def _note(self, key_id: str) -> None:
        self._missing.pop(key_id, None)
        self._missing[key_id] = time.monotonic()
        while len(self._missing) > MAX_MISSING:
            del self._missing[next(iter(self._missing))]

    def _read(self) -> Keys:
        keys = [key for source in self._sources for key in source.read()]
        newest = keys[0] if keys and self._encrypts else None
        return Keys(newest, {key.id: key for key in keys})


def _sentence(key_id: str) -> str:
    return (
        f"a payload in Temporal is encrypted with the key {key_id}, which this process does not"
        " have: add it to encryption.keys; if nobody has it any more, add the id to"
        " encryption.lost_keys"
    )
