"""One call, from its request to the end of all its recordings, in an order drawn by lot."""

from collections.abc import Callable
from datetime import datetime, timedelta

from bench.interleavings.control_loop import FakeControlLoop
from bench.interleavings.invariants import Broken, Promises
from bench.interleavings.model import World
from bench.interleavings.people import PEOPLE
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.events import FileStatusUpdated, RecordingChunk, RecordingStateChanged
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import CallEnded, ControlRequest
from workflows.call import callbacks
from workflows.call.commands import Operation

STEPS = 40


class Life:
    """Everything that can happen to a call, one thing after the other."""

    def __init__(self, seed: int) -> None:
        self.world = World(seed)
        self.lot = self.world.lot
        self.promises = Promises(self.world)
        self.loop = FakeControlLoop(self.world, self.promises)

    def play(self) -> None:
        """Live, then let everything come to its end."""
        self._early_days()
        for _ in range(STEPS):
            self._step()
        self.loop.answers = True
        self._end_call()
        for _ in range(200):
            if self.loop.is_idle:
                break
            self.loop.turn()
            self.world.pass_time(timedelta(seconds=1))
        self.promises.check_end()

    def _early_days(self) -> None:
        """Signals may come before the resource's settings are known; often all agree then."""
        for who in PEOPLE if self.world.chance(0.6) else ():
            self._decides(who, given=True)
        for _ in range(self.lot.choice([0, 0, 0, 4])):
            self.lot.choice([self._ask, self._decide, self._move])()
        self.world.policy_comes()

    def _step(self) -> None:
        if self.world.chance(0.1):
            self.loop.is_away = not self.loop.is_away
        self.loop.answers = not self.loop.is_away and self.world.chance(0.7)
        self.lot.choice(self._deeds())()
        if self.world.chance(0.02):
            self.world.service.meddle(self.world.now)
        if self.world.chance(0.01):
            self._end_call()
        if self.loop.is_idle and self.world.chance(0.02):
            self.world.next_run()
        self.world.act()
        self.promises.check(self.loop.is_idle)

    def _deeds(self) -> list[Callable[[], None]]:
        """What may happen next; what is here twice is twice as likely."""
        often = [self.loop.turn] * 6 + [self._ask] * 2 + [self._wait] * 2
        announces = [] if self.world.gate.to_announce() is None else [self._announce]
        return [*often, self._decide, self._move, self._tell, *announces]

    # What backends do, and people.

    def _ask(self) -> None:
        verb = Operation(self.lot.choice(["pause", "pause", "resume", "resume", "stop", "start"]))
        if verb is Operation.STOP and self.world.chance(0.5):
            return
        request_id = self.lot.choice([None, None, None, "a", "b"])
        if verb is Operation.START:
            self._ask_to_start(request_id)
            return
        is_known = request_id in self.world.call.status.requests
        request = ControlRequest(request_id=request_id)
        record = self.world.call.request(verb, request, self.world.now)
        if not is_known:
            self.promises.taken(record)

    def _ask_to_start(self, request_id: str | None) -> None:
        request = self.world.start_request(request_id=request_id)
        before = len(self.world.call.status.recordings)
        self.world.call.request(Operation.START, request, self.world.now)
        if len(self.world.call.status.recordings) > before:
            self.world.asked_for(request)

    def _decide(self) -> None:
        """Somebody agrees, or does not; word of it may come late."""
        late = timedelta(seconds=self.lot.choice([0, 0, 0, 20]))
        who, given = self.lot.choice(PEOPLE), self.world.chance(0.7)
        self._decides(who, given, self.world.now - late)

    def _decides(self, who: str, given: bool, at: datetime | None = None) -> None:
        decision = ConsentDecision(participant=who, given=given, decided_at=at)
        with self.promises.consent_changes():
            record = self.world.gate.decided(decision, self.world.now)
        if record is None:
            return
        if self.world.people.decide(record.participant, record.given, record.decided_at):
            self.promises.withdrawn()

    def _move(self) -> None:
        who, joined = self.lot.choice(PEOPLE), self.world.chance(0.6)
        with self.promises.consent_changes():
            change = ParticipantChanged(participant=who, joined=joined)
            self.world.gate.participant_changed(change, self.world.now)
        self.world.people.move(who, joined)

    def _announce(self) -> None:
        """The webhook answers, or does not."""
        recording = self.world.gate.to_announce()
        if recording is not None and self.world.chance(0.8):
            self.world.gate.announced(recording, self.world.now)
        elif recording is not None:
            self.world.gate.not_announced(recording, "no answer", self.world.now)

    def _end_call(self) -> None:
        if self.promises.is_call_over:
            return
        for recording_id in list(self.world.service.active):
            self.world.service.stop(recording_id, self.world.now)
        if self.world.chance(0.5):
            self._announce_files()
        self.world.call.call_ended(CallEnded(), self.world.now)

    def _announce_files(self) -> None:
        chunk = RecordingChunk(document_id="d", index=0, content_location="https://x/y")
        current = self.world.call.current
        if current is not None and current.recording_id is not None:
            event = FileStatusUpdated(
                event_time=self.world.now,
                recording_id=current.recording_id,
                session_end_reason="CallEnded",
                chunks=(chunk,),
            )
            self.world.call.files_announced(event, self.world.now)

    # What ACS tells, and what time does.

    def _tell(self) -> None:
        """Deliver a callback: any of those under way, perhaps not for the last time."""
        undelivered = self.world.service.callbacks
        if not undelivered:
            return
        at = self.lot.randrange(len(undelivered))
        number, recording_id, active, moment = undelivered[at]
        if self.world.chance(0.8):
            del undelivered[at]
        event = RecordingStateChanged(
            recording=number,
            recording_id=recording_id,
            state="active" if active else "inactive",
            at=moment,
        )
        callbacks.fold(self.world.call, event, self.world.now)

    def _wait(self) -> None:
        self.world.pass_time(timedelta(seconds=self.lot.choice([0.1, 1, 4, 10])))


def play(seed: int) -> str | None:
    """Play one life; what broke in it, or None."""
    try:
        Life(seed).play()
    except Broken as broken:
        return f"seed {seed}: {broken}"
    return None
