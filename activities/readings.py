"""A reading of a recording's state, with the times just before and just after it."""

from datetime import datetime
from typing import Literal

from activities.clock import ServerTime
from callvault.acs.client import AcsClient
from callvault.contracts.activity_io import ControlResult, RecordingInput
from callvault.errors import RecordingNotFound

Seen = Literal["active", "inactive", "gone", "unknown"]
_KNOWN: dict[str, Seen] = {"active": "active", "inactive": "inactive"}
"""The documented states; ACS's list is open, and any other one is ``unknown``."""


def read(client: AcsClient, input: RecordingInput, server_time: ServerTime) -> ControlResult:
    """Read the state of a recording; one that ACS denies is ``gone``."""
    server_time.begin()
    read_at = server_time.now()
    try:
        state = client.get_state(input.recording_id, input.server_call_id).recording_state
    except RecordingNotFound:
        return result(input, "gone", read_at, server_time)
    return result(input, _KNOWN.get(state, "unknown"), read_at, server_time)


def result(
    input: RecordingInput, state: Seen, sent_at: datetime, server_time: ServerTime
) -> ControlResult:
    """Return what ACS has answered just now to the request that was sent at ``sent_at``."""
    return ControlResult(
        recording_id=input.recording_id,
        state=state,
        sent_at=sent_at,
        read_at=sent_at,
        received_at=server_time.latest(),
    )
