"""Facts for the tables: moments in seconds after noon, and recordings of which so much is known."""

from datetime import datetime, timedelta
from typing import Any

from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.silence import (
    SilenceAccount,
    SilentInterval,
    SoundEvidence,
    UnconfirmedInterval,
)
from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import CallStatus, ChunkStatus, RecordingStatus
from tests.unit.call import NOON, chunk

A_SEAL = SealedRecording(
    archive="main",
    object_name="manifests/1.json",
    location="/archive/manifests/1.json",
    sequence=1,
    sha256="0" * 64,
    key_id=None,
)


def at(seconds: float) -> datetime:
    """Return a moment, in seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def at_or_none(seconds: float | None) -> datetime | None:
    return None if seconds is None else at(seconds)


def silent(since: float, until: float | None = None) -> SilentInterval:
    """Make a proven silence."""
    return SilentInterval(since=at(since), until=at_or_none(until), proof="read")


def doubtful(
    since: float, until: float | None = None, is_finding: bool = False
) -> UnconfirmedInterval:
    """Make a time that is unconfirmed."""
    return UnconfirmedInterval(
        since=at(since), until=at_or_none(until), reason="asked", is_finding=is_finding
    )


def a_recording(
    *silences: SilentInterval,
    doubts: tuple[UnconfirmedInterval, ...] = (),
    sound: dict[str, Any] | None = None,
    **facts: Any,
) -> RecordingStatus:
    """Make a recording that was asked for at noon, with this account and these facts of sound.

    Numbers among the facts of sound that are moments are seconds after noon.
    """
    told = {
        name: at(value)
        if name.endswith(("_at", "_until", "_since")) and value is not None
        else value
        for name, value in (sound or {}).items()
    }
    known: dict[str, Any] = {"wanted": Wanted.ACTIVE, "actual": Actual.ACTIVE, **facts}
    return RecordingStatus(
        **{"number": 1, "origin": "requested", "requested_at": NOON, **known},
        silence=SilenceAccount(silent=list(silences), unconfirmed=list(doubts)),
        sound=SoundEvidence(**told),
    )


def a_chunk(index: int = 0, **facts: Any) -> ChunkStatus:
    """Make a file that was announced ten seconds after noon; it ends its recording."""
    told = {"chunk": chunk(index), "announced_at": at(10), "retention_starts_at": at(10)}
    return ChunkStatus(**{**told, **facts})


def a_call(*recordings: RecordingStatus, **facts: Any) -> CallStatus:
    """Make the state of a call."""
    known = {"server_call_id": "call", "resource": "default", "recordings": list(recordings)}
    return CallStatus(**known, **facts)


def seconds(moment: datetime | None) -> float | None:
    """Return a moment in seconds after noon."""
    return None if moment is None else (moment - NOON).total_seconds()


def silences_of(recording: RecordingStatus) -> list[tuple[float | None, float | None]]:
    """Return the proven silences, in seconds after noon."""
    return [(seconds(each.since), seconds(each.until)) for each in recording.silence.silent]


def doubts_of(recording: RecordingStatus) -> list[tuple[float | None, float | None, bool]]:
    """Return the unconfirmed times, in seconds after noon, and if they are findings."""
    return [
        (seconds(each.since), seconds(each.until), each.is_finding)
        for each in recording.silence.unconfirmed
    ]
