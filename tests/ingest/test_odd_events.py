"""Thousands of odd events, by a seed: each is read or refused, and never another error (B9, D6)."""

import base64
import json
import random
from typing import Any

import pytest
from pydantic import ValidationError

from callvault.contracts.events import FileStatusUpdated
from callvault.contracts.participants import ParticipantChanged, hiding
from callvault.errors import InvalidRequest
from callvault.ingest.deliveries import read_delivery
from callvault.ingest.eventgrid import FilesEvent, ParticipantEvent, read
from callvault.ingest.formats import read_message

EVENT = {
    "id": "1",
    "topic": "/subscriptions/5",
    "subject": "/recording/call/c/serverCallId/s/recordingId/r",
    "eventTime": "2026-07-27T15:20:34.2199328Z",
    "data": {
        "serverCallId": "s",
        "participantId": "leg-1",
        "user": {"communicationIdentifier": {"rawId": "8:acs:someone"}},
        "recordingStorageInfo": {
            "recordingChunks": [
                {
                    "documentId": "0-eus-d1",
                    "index": 0,
                    "endReason": "SessionEnded",
                    "contentLocation": "https://storage.asm.skype.com/v1/objects/0-eus-d1/content/video",
                }
            ]
        },
        "recordingStartTime": "2026-07-27T15:20:23.6089755Z",
        "recordingDurationMs": 6620,
        "sessionEndReason": "CallEnded",
    },
}
KINDS = (
    "RecordingFileStatusUpdated",
    "CallStarted",
    "CallEnded",
    "CallParticipantAdded",
    "CallLegStateChanged",
)
ODD: list[Any] = [
    *("\ud83d", "\0", "\ufeff", "x" * 9_000, "9" * 5_000, "0001-01-01T00:00:00+14:00", "b\u200b"),
    *(10**400, -1, float("nan"), 1e308, True, None, [], {}, [[]], {"a": "\udc00"}),
]
MORE = ("leftOut", "chunksLeftOut", "data_base64", "event_time", "chunks", "call_id", "type")


class Dice:
    """Makes events odd, always the same ones for a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def event(self) -> Any:
        kind = self._random.choice(KINDS)
        event = self._odd({**EVENT, "eventType": f"Microsoft.Communication.{kind}"})
        if isinstance(event, dict) and self._random.random() < 0.1:
            return {**event, "data": json.dumps(event.get("data"))}
        return event

    def text(self, event: Any) -> str:
        text = json.dumps([event])
        if self._random.random() < 0.5:
            return text
        encoded = base64.b64encode(text.encode()).decode()
        return encoded[: self._random.randrange(len(encoded))]

    def _odd(self, value: Any) -> Any:
        if self._random.random() < 0.12:
            return self._random.choice(ODD)
        if isinstance(value, list):
            return [self._odd(inner) for inner in value] * self._random.choice([1, 1, 2])
        if not isinstance(value, dict):
            return value
        odd = {
            key: self._odd(inner) for key, inner in value.items() if self._random.random() > 0.03
        }
        return odd | ({self._random.choice(MORE): self._random.choice(ODD)} if odd else {})


@pytest.mark.parametrize("seed", range(4))
def test_b9_d6_an_odd_event_is_read_or_refused_and_never_another_error(seed: int) -> None:
    dice, understood = Dice(seed), 0
    for _ in range(1_000):
        event = dice.event()
        try:
            [value] = read_delivery(json.dumps([event]).encode())
            understood += _fits_a_payload(read(value, hiding()))
        except InvalidRequest:
            continue
    assert understood > 50, "most are odd, and still many are read"


def _fits_a_payload(event: Any) -> bool:
    """Return True for an event with a payload, which must survive its way to the workflow."""
    match event:
        case FilesEvent(files=files):
            assert FileStatusUpdated.model_validate_json(files.model_dump_json()) == files
        case ParticipantEvent(change=change):
            assert ParticipantChanged.model_validate_json(change.model_dump_json()) == change
        case _:
            return False
    return True


@pytest.mark.parametrize("seed", range(4))
def test_d6_d12_an_odd_signal_is_read_or_refused_too(seed: int) -> None:
    dice = Dice(seed)
    for _ in range(500):
        try:
            files = FileStatusUpdated.model_validate(dice.event())
        except ValidationError:
            continue
        assert FileStatusUpdated.model_validate_json(files.model_dump_json()) == files


@pytest.mark.parametrize("seed", range(4))
def test_d10_an_odd_message_is_read_or_refused_too(seed: int) -> None:
    dice = Dice(seed)
    for _ in range(500):
        try:
            read_message(dice.text(dice.event()))
        except InvalidRequest:
            continue
