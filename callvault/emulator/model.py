"""Calls, participants and recordings as data: the state of the emulated service.

Touched only on the server's event loop, which is its guard.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from callvault.emulator.storage import StoredChunk


class CallKind(StrEnum):
    ACS = "acs"
    ROOM = "room"
    TEAMS_INTEROP = "teamsInterop"


class UnknownCall(LookupError):
    """The control API named a call or a participant that does not exist."""


class CallConflict(Exception):
    """The control API asked for something that the call's state does not allow."""


class Toggle:
    """A state that goes on and off: presence, speech, a pause."""

    def __init__(self, edges: Iterable[datetime] = ()) -> None:
        self._edges = list(edges)

    @property
    def edges(self) -> tuple[datetime, ...]:
        """The moments at which it went on and off, in turn, beginning with on."""
        return tuple(self._edges)

    @property
    def is_on(self) -> bool:
        return len(self._edges) % 2 == 1

    def turn(self, on: bool, at: datetime) -> bool:
        """Turn it on or off; return True if that changed the state."""
        changed = on != self.is_on
        if changed:
            self._edges.append(at)
        return changed

    def spans(self, until: datetime) -> list[tuple[datetime, datetime]]:
        """List the times at which it was on; a span that is still open ends at ``until``."""
        edges = [*self._edges, until] if self.is_on else self._edges
        return list(zip(edges[::2], edges[1::2], strict=True))


@dataclass
class Participant:
    raw_id: str
    display_name: str
    voice: int
    """Index of the voice: participants speak with different ones, in order of first joining."""
    participant_id: str = ""
    """Names this participant in the events of this call."""
    presence: Toggle = field(default_factory=Toggle)
    speech: Toggle = field(default_factory=Toggle)
    tells_time: bool = False
    """Speaks from joining to leaving, with a voice that tells the time; see `media/dated.py`."""

    @property
    def is_acs_user(self) -> bool:
        """Phones, bots and Teams users are in no call event."""
        return self.raw_id.startswith("8:acs:")


@dataclass
class Call:
    call_id: str
    server_call_id: str
    group_call_id: str
    call_connection_id: str
    kind: CallKind
    started_at: datetime
    ended_at: datetime | None = None
    participants: dict[str, Participant] = field(default_factory=dict)
    recordings: list["Recording"] = field(default_factory=list)
    room_id: str = ""
    """Of a call in a room."""
    media_bytes: int | None = None
    """Size of each recording's media where it is sparse; None for the usual one of its length."""
    clock_offset: timedelta = timedelta()
    """The clock that the service tells this call's times by is ahead by it, or behind."""
    start_delay: timedelta | None = None
    """From a start until the recording is active; None for the setting."""

    @property
    def starter(self) -> Participant | None:
        """The participant who started the call, as far as events tell: the first ACS user."""
        return next((each for each in self.participants.values() if each.is_acs_user), None)

    def told(self, moment: datetime) -> datetime:
        """Return the moment as the service tells it, by this call's clock."""
        return moment + self.clock_offset

    @property
    def is_announced(self) -> bool:
        """True if Event Grid announces it: not for Teams interop, nor a call between phones."""
        return self.kind is not CallKind.TEAMS_INTEROP and self.starter is not None


class SessionEnd(StrEnum):
    """``sessionEndReason`` of the file event."""

    CALL_ENDED = "CallEnded"
    INITIATOR_LEFT = "InitiatorLeft"


class MediaState(StrEnum):
    """Progress of a recording's files."""

    AWAITED = "awaited"
    RENDERING = "rendering"
    READY = "ready"
    NONE = "none"
    FAILED = "failed"


class MediaFormat(NamedTuple):
    """Content, channels and container of a recording, in the words of the REST API."""

    content: str
    channel: str
    container: str

    @property
    def kind(self) -> tuple[str, str]:
        """A call holds one recording of a kind at a time; the container does not count."""
        return self.content, self.channel


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """A validated request to start recording."""

    media: MediaFormat
    pause_on_start: bool = False
    channels: tuple[str | None, ...] = ()
    """Raw ids for the first channels of an unmixed recording; None leaves a channel to others."""
    callback_uri: str | None = None
    """Receiver of the recording's state changes."""
    container_url: str | None = None
    """Container of the customer, for media and metadata."""
    api_version: str = "2021-06-15-preview"
    """Version of the API by which the recording was started; its callbacks have it, too."""


class BlobLocations(NamedTuple):
    """URLs of a chunk's two blobs, without a signature."""

    content: str
    metadata: str


@dataclass
class Recording:
    recording_id: str
    call: Call
    options: RecordingOptions
    active_at: datetime
    pause: Toggle = field(default_factory=Toggle)
    ended_at: datetime | None = None
    session_end: SessionEnd | None = None
    media_state: MediaState = MediaState.AWAITED
    chunks: tuple[StoredChunk, ...] = ()
    failover_duplicates: tuple[StoredChunk, ...] = ()
    """Other documents under the same indices, as a fail-over of the service leaves them."""
    failed_to_start: bool = False
    """Accepted, but never started."""
    exported: tuple[BlobLocations, ...] = ()
    """Location of each chunk in the customer's container."""
    export_error: str | None = None
    """Reason of a failed export."""
    announced: bool = False
    """Its file event was published."""

    def phase(self, now: datetime) -> str:
        """Return the true state, which the service hides: starting, active, paused or stopped."""
        if self.ended_at:
            return "stopped"
        if now < self.active_at:
            return "starting"
        return "paused" if self.pause.is_on else "active"

    def wire_state(self, now: datetime) -> str:
        """Return the state that the service tells: a paused recording is ``inactive``, too."""
        return "active" if self.phase(now) == "active" else "inactive"
