"""Calls and who is in them; touched only on the server's event loop, which is its guard."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from callvault.emulator.clock import EmulatorClock
from callvault.emulator.ids import IdFactory

if TYPE_CHECKING:
    from callvault.emulator.recordings import Recording


class CallKind(StrEnum):
    ACS = "acs"
    ROOM = "room"
    TEAMS_INTEROP = "teamsInterop"


class UnknownCall(LookupError):
    """The control API named a call or a participant that does not exist."""


class CallConflict(Exception):
    """The control API asked for something that the call's state does not allow."""


class Switch:
    """Something that goes on and off: presence, speech, a pause."""

    def __init__(self, edges: Iterable[datetime] = ()) -> None:
        self._edges = list(edges)

    @property
    def edges(self) -> tuple[datetime, ...]:
        """When it went on and off, in turn, beginning with on."""
        return tuple(self._edges)

    @property
    def is_on(self) -> bool:
        return len(self._edges) % 2 == 1

    def turn(self, on: bool, at: datetime) -> bool:
        """Turn it; whether that changed anything."""
        changed = on != self.is_on
        if changed:
            self._edges.append(at)
        return changed

    def spans(self, until: datetime) -> list[tuple[datetime, datetime]]:
        """When it was on, from first to last; a span that is still open ends at ``until``."""
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
    presence: Switch = field(default_factory=Switch)
    speech: Switch = field(default_factory=Switch)

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

    @property
    def starter(self) -> Participant | None:
        """Who started it, as far as events tell: the first ACS user."""
        return next((each for each in self.participants.values() if each.is_acs_user), None)

    @property
    def is_announced(self) -> bool:
        """Whether Event Grid tells of it: not of Teams interop, nor of a call between phones."""
        return self.kind is not CallKind.TEAMS_INTEROP and self.starter is not None


class CallRegistry:
    """Every call since the emulator started, ended ones too."""

    def __init__(self, clock: EmulatorClock, ids: IdFactory) -> None:
        self._clock = clock
        self._ids = ids
        self._calls: dict[str, Call] = {}

    def create(self, kind: CallKind, media_bytes: int | None = None) -> Call:
        call = Call(
            call_id=self._ids.uuid(),
            server_call_id=self._ids.server_call_id(),
            group_call_id=self._ids.uuid(),
            call_connection_id=self._ids.uuid(),
            kind=kind,
            started_at=self._clock.now(),
            room_id=self._ids.room_id() if kind is CallKind.ROOM else "",
            media_bytes=media_bytes,
        )
        self._calls[call.call_id] = call
        return call

    def add(self, call: Call) -> None:
        """Take in a call of an earlier run."""
        self._calls[call.call_id] = call

    def all(self) -> list[Call]:
        return list(self._calls.values())

    def get(self, call_id: str) -> Call:
        try:
            return self._calls[call_id]
        except KeyError:
            raise UnknownCall(f"there is no call {call_id!r}") from None

    def ongoing(self, call_id: str) -> Call:
        call = self.get(call_id)
        if call.ended_at:
            raise CallConflict(f"the call {call_id!r} has ended")
        return call

    def find(self, attribute: str, value: str) -> Call | None:
        """The call whose ``server_call_id``, ``group_call_id`` or the like is ``value``.

        Of several in one room the newest.
        """
        calls = reversed(self._calls.values())
        return next((call for call in calls if getattr(call, attribute) == value), None)

    def join(self, call: Call, display_name: str, raw_id: str | None = None) -> Participant:
        """Somebody joins; who was there before comes back with the same voice."""
        raw_id = raw_id or self._ids.raw_id()
        participant = call.participants.get(raw_id)
        if participant is None:
            voice = len(call.participants)
            participant = Participant(raw_id, display_name, voice, self._ids.event_id())
            call.participants[raw_id] = participant
        if not participant.presence.turn(True, self._clock.now()):
            raise CallConflict(f"{raw_id!r} is in the call already")
        return participant

    def leave(self, call: Call, raw_id: str) -> Participant:
        now = self._clock.now()
        participant = self._present(call, raw_id)
        participant.speech.turn(False, now)
        participant.presence.turn(False, now)
        return participant

    def speak(self, call: Call, raw_id: str, speaking: bool) -> None:
        self._present(call, raw_id).speech.turn(speaking, self._clock.now())

    def end(self, call: Call) -> list[Participant]:
        """Everybody leaves; who that was."""
        present = [each for each in call.participants.values() if each.presence.is_on]
        for participant in present:
            self.leave(call, participant.raw_id)
        call.ended_at = self._clock.now()
        return present

    def _present(self, call: Call, raw_id: str) -> Participant:
        participant = call.participants.get(raw_id)
        if participant is None or not participant.presence.is_on:
            raise UnknownCall(f"{raw_id!r} is not in the call {call.call_id!r}")
        return participant
