"""Ids in the shapes of the real service, drawn from a seed."""

import base64
import json
from random import Random
from uuid import UUID

from callvault.emulator.settings import EmulatorSettings


class IdFactory:
    """Source of every id; the same seed gives the same ids in the same order."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self._random = Random(settings.seed)  # noqa: S311 - reproducible ids are wanted
        # Events are numbered as they happen, in threads: they must not disturb the other ids.
        self._events = Random(f"events {settings.seed}")  # noqa: S311
        self._resource = settings.resource_uuid
        self._region = settings.region

    def restart(self, run: int) -> None:
        """Seed anew after an earlier run with the same seed, so that no id comes twice."""
        for stream in (self._random, self._events):
            stream.seed(f"{stream.random()} run {run}")

    def uuid(self) -> str:
        return _uuid(self._random)

    def event_id(self) -> str:
        return _uuid(self._events)

    def raw_id(self) -> str:
        """Make the id of an ACS user: ``8:acs:<resource>_<user>``."""
        digits = f"{self._random.getrandbits(96):032x}"
        parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
        return f"8:acs:{self._resource}_{'-'.join(parts)}"

    def room_id(self) -> str:
        """Make a room's id of 17 digits."""
        return f"99{self._events.randrange(10**15):015d}"

    def server_call_id(self) -> str:
        """Make a serverCallId: Base64, without padding, of the URL of a conversation."""
        conversation = _unpadded(base64.urlsafe_b64encode(self._random.randbytes(16)))
        epoch = 637_700_000_000_000_000 + self._random.getrandbits(50)
        url = f"https://conv-{self._region}-01.conv.skype.com/conv/{conversation}?i=0&e={epoch}"
        return _unpadded(base64.b64encode(url.encode()))

    def recording_id(self) -> str:
        """Make a recordingId: Base64url, without padding, of a JSON object with two ids."""
        inner = {"PlatformEndpointId": self.uuid(), "ResourceSpecificId": self.uuid()}
        return _unpadded(
            base64.urlsafe_b64encode(json.dumps(inner, separators=(",", ":")).encode())
        )

    def document_id(self) -> str:
        """Make a document id: ``0-<region>-d<shard>-<32 hex digits>``."""
        return self._document_id(self._random)

    def failover_id(self) -> str:
        """Make the id of a document that is announced beside another."""
        return self._document_id(self._events)

    def _document_id(self, random: Random) -> str:
        shard = random.randint(1, 20)
        return f"0-{self._region}-d{shard}-{random.getrandbits(128):032x}"


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def _unpadded(encoded: bytes) -> str:
    return encoded.decode().rstrip("=")
