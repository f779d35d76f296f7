"""Ids in the shapes of the real service, drawn from a seed."""

import base64
import json
from collections.abc import Callable
from random import Random
from uuid import UUID

from callvault.emulator.settings import EmulatorSettings

_ALPHABETS = (base64.b64encode, base64.urlsafe_b64encode)
_Spelling = Callable[[bytes], str]


def _url_safe(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _padded(text: bytes) -> str:
    return base64.b64encode(text).decode()


_PROXY = "https://api.flightproxy.{proxy}/api/v2/{kind}/"
_SKYPE = _PROXY.format(proxy="skype.com", kind="cp")
_TEAMS = _PROXY.format(proxy="teams.microsoft.com", kind="ep")

# Address of the conversation and its spelling, as in captured traffic of 2021, 2022, 2025 and 2024.
# The length of the address decides how much padding there is to write: none, one or two.
_CONVERSATIONS: tuple[tuple[str, _Spelling], ...] = (
    ("https://conv-{region}-01.conv.skype.com/conv/{id}?i={node}&e={epoch}", _url_safe),
    (_SKYPE + "conv-{region}-01.conv.skype.com/conv/{id}?i={node}&e={epoch}", _padded),
    (_SKYPE + "conv-{region}-prod-aks.conv.skype.com/conv/{id}?i=10-{node}-1&e={epoch}", _padded),
    (_TEAMS + "conv-{region}-sdf-aks.conv.skype.com/conv/{id}?i=10-{node}-1&e={epoch}", _url_safe),
)


def conversation_of(server_call_id: str) -> str | None:
    """Decode a serverCallId in either alphabet, padded or not; None if it is no Base64 of text."""
    digits = server_call_id.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        address = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
        return address.decode("ascii")
    except ValueError:
        return None


def spellings_of(server_call_id: str) -> frozenset[str]:
    """Return every spelling of the same serverCallId; none if it is no Base64 of text."""
    address = conversation_of(server_call_id)
    if address is None:
        return frozenset()
    padded = [encode(address.encode()).decode() for encode in _ALPHABETS]
    return frozenset([*padded, *(each.rstrip("=") for each in padded)])


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
        # Of the events' stream, so that a room does not change the ids that follow.
        return f"99{self._events.randrange(10**15):015d}"

    def server_call_id(self) -> str:
        """Make a serverCallId: Base64 of the URL of a conversation, in one of its spellings."""
        shape, spelt = self._random.choice(_CONVERSATIONS)
        url = shape.format(
            region=self._region,
            id=_url_safe(self._random.randbytes(16)),
            node=self._random.randrange(256),
            epoch=637_700_000_000_000_000 + self._random.getrandbits(50),
        )
        return spelt(url.encode())

    def recording_id(self, call_connection_id: str) -> str:
        """Make a recordingId: Base64url, without padding, of a JSON object with two ids.

        The first is that of the call's connection.
        """
        inner = {"PlatformEndpointId": call_connection_id, "ResourceSpecificId": self.uuid()}
        return _url_safe(json.dumps(inner, separators=(",", ":")).encode())

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
