"""By whose clock does a recording begin that is adopted?"""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from callvault.clocks import elapsed
from callvault.config.settings import Settings
from callvault.contracts.requests import RecordingRequest
from callvault.contracts.status import RecordingStatus
from callvault.errors import Unavailable
from callvault.temporal.clock import Measured
from workers import adoption

NOON = datetime(2020, 3, 2, 12, tzinfo=UTC)
"""Temporal's time: years before this machine's."""

SETTINGS = Settings.model_validate(
    {
        "resources": {"default": {"endpoint": "https://c.example", "credential": {"entra": True}}},
        "archives": {"default": {"kind": "directory", "path": "/archive"}},
    }
)


class Acs(nullcontext[None]):
    """A service that makes every recording."""

    def belongs_to(self, recording_id: str, server_call_id: str) -> bool:
        return True

    def get_state(self, recording_id: str, server_call_id: str) -> Any:
        return SimpleNamespace(recording_state="active")

    def close(self) -> None:
        pass


async def adopted(monkeypatch: pytest.MonkeyPatch, server_time: Any) -> RecordingStatus:
    """Adopt a recording as a command does; return it as its workflow gets it."""
    found: list[RecordingStatus] = []

    async def adopt(client: Any, settings: Any, request: Any, recording: RecordingStatus) -> str:
        found.append(recording)
        return "recording-1"

    monkeypatch.setattr(adoption, "server_time", server_time)
    monkeypatch.setattr(adoption, "open_acs_client", lambda _: Acs())
    monkeypatch.setattr(adoption, "adopt", adopt)
    request = RecordingRequest(server_call_id="call-1", resource="default")
    client: Any = None
    await adoption.find_and_adopt(client, SETTINGS, request, "recording-1")
    return found[0]


async def test_it_begins_by_temporals_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's own clock may be minutes off, and the account of silence goes by this time."""

    async def told(_: Any) -> Measured:
        return Measured(elapsed() - 1, NOON, elapsed())

    recording = await adopted(monkeypatch, told)
    assert recording.adopted_at == recording.known_at
    assert NOON <= recording.known_at < NOON + timedelta(minutes=5)


async def test_it_begins_by_this_machines_where_temporal_does_not_tell_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def silent(_: Any) -> Measured:
        raise Unavailable("Temporal does not tell its time", owner="callvault")

    recording = await adopted(monkeypatch, silent)
    assert recording.known_at is not None
    assert abs(recording.known_at - datetime.now(UTC)) < timedelta(minutes=5)
