"""The registry of calls and who is in them."""

from datetime import timedelta

from callvault.emulator.clock import EmulatorClock
from callvault.emulator.ids import IdFactory, spellings_of
from callvault.emulator.model import Call, CallConflict, CallKind, Participant, UnknownCall


class CallRegistry:
    """Every call since the emulator started, ended ones too."""

    def __init__(self, clock: EmulatorClock, ids: IdFactory) -> None:
        self._clock = clock
        self._ids = ids
        self._calls: dict[str, Call] = {}

    def create(
        self,
        kind: CallKind,
        media_bytes: int | None = None,
        clock_offset: timedelta = timedelta(),
        start_delay: timedelta | None = None,
    ) -> Call:
        call = Call(
            call_id=self._ids.uuid(),
            server_call_id=self._ids.server_call_id(),
            group_call_id=self._ids.uuid(),
            call_connection_id=self._ids.uuid(),
            kind=kind,
            started_at=self._clock.now(),
            room_id=self._ids.room_id() if kind is CallKind.ROOM else "",
            media_bytes=media_bytes,
            clock_offset=clock_offset,
            start_delay=start_delay,
        )
        self._calls[call.call_id] = call
        return call

    def add(self, call: Call) -> None:
        """Add a call of an earlier run."""
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
        """Return the call whose ``server_call_id``, ``group_call_id`` or the like is ``value``.

        Of several calls in one room, the newest. A ``server_call_id`` is known in every spelling.
        """
        values = spellings_of(value) if attribute == "server_call_id" else {value}
        calls = reversed(self._calls.values())
        return next((call for call in calls if getattr(call, attribute) in values), None)

    def join(
        self, call: Call, display_name: str, raw_id: str | None = None, tells_time: bool = False
    ) -> Participant:
        """Add a participant; one who was there before comes back with the same voice."""
        raw_id = raw_id or self._ids.raw_id()
        participant = call.participants.get(raw_id)
        if participant is None:
            # Participants who leave stay in the list, so that each keeps voice and ids.
            voice = len(call.participants)
            participant = Participant(
                raw_id, display_name, voice, self._ids.event_id(), tells_time=tells_time
            )
            call.participants[raw_id] = participant
        now = self._clock.now()
        if not participant.presence.turn(True, now):
            raise CallConflict(f"{raw_id!r} is in the call already")
        participant.speech.turn(participant.tells_time, now)
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
        """End the call and return the participants who were still in it."""
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
