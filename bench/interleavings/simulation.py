"""One call, from its request to the end of all its recordings, in random order."""

from collections.abc import Callable
from datetime import datetime, timedelta

from bench.interleavings.control_loop import FakeControlLoop
from bench.interleavings.invariants import Invariants, InvariantViolation
from bench.interleavings.model import Model
from bench.interleavings.people import PEOPLE
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.events import FileStatusUpdated, RecordingChunk, RecordingStateChanged
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import CallEnded, ControlRequest
from workflows.call import callbacks
from workflows.call.commands import Operation

STEPS = 40


class Simulation:
    """One simulated call: all possible actions, one after the other, at random."""

    def __init__(self, seed: int) -> None:
        self.model = Model(seed)
        self.rng = self.model.rng
        self.invariants = Invariants(self.model)
        self.loop = FakeControlLoop(self.model, self.invariants)

    def run(self) -> None:
        """Take random steps, then end the call and finish all work."""
        self._before_policy()
        for _ in range(STEPS):
            self._step()
        self.loop.answers = True
        self._end_call()
        for _ in range(200):
            if self.loop.is_idle:
                break
            self.loop.turn()
            self.model.pass_time(timedelta(seconds=1))
        self.invariants.check_end()

    def _before_policy(self) -> None:
        """Send signals before the resource's policy is known; often all participants agree."""
        for who in PEOPLE if self.model.chance(0.6) else ():
            self._decides(who, given=True)
        for _ in range(self.rng.choice([0, 0, 0, 4])):
            self.rng.choice([self._ask, self._decide, self._move])()
        self.model.policy_comes()

    def _step(self) -> None:
        if self.model.chance(0.1):
            self.loop.is_away = not self.loop.is_away
        self.loop.answers = not self.loop.is_away and self.model.chance(0.7)
        self.rng.choice(self._actions())()
        if self.model.chance(0.02):
            self.model.acs.meddle(self.model.now)
        if self.model.chance(0.01):
            self._end_call()
        if self.loop.is_idle and self.model.chance(0.02):
            self.model.next_run()
        self.model.act()
        self.invariants.check(self.loop.is_idle)

    def _actions(self) -> list[Callable[[], None]]:
        """Return the possible actions; an action listed twice is twice as likely."""
        often = [self.loop.turn] * 6 + [self._ask] * 2 + [self._wait] * 2
        announces = [] if self.model.gate.to_announce() is None else [self._announce]
        return [*often, self._decide, self._move, self._deliver_callback, *announces]

    # Actions of backends and participants.

    def _ask(self) -> None:
        operation = Operation(
            self.rng.choice(["pause", "pause", "resume", "resume", "stop", "start"])
        )
        if operation is Operation.STOP and self.model.chance(0.5):
            return
        request_id = self.rng.choice([None, None, None, "a", "b"])
        if operation is Operation.START:
            self._ask_to_start(request_id)
            return
        is_known = request_id in self.model.call.status.requests
        request = ControlRequest(request_id=request_id)
        record = self.model.call.request(operation, request, self.model.now)
        if not is_known:
            self.invariants.taken(record)

    def _ask_to_start(self, request_id: str | None) -> None:
        request = self.model.start_request(request_id=request_id)
        before = len(self.model.call.status.recordings)
        self.model.call.request(Operation.START, request, self.model.now)
        if len(self.model.call.status.recordings) > before:
            self.model.asked_for(request)

    def _decide(self) -> None:
        """Let a participant agree, or not; the decision may arrive late."""
        late = timedelta(seconds=self.rng.choice([0, 0, 0, 20]))
        who, given = self.rng.choice(PEOPLE), self.model.chance(0.7)
        self._decides(who, given, self.model.now - late)

    def _decides(self, who: str, given: bool, at: datetime | None = None) -> None:
        decision = ConsentDecision(participant=who, given=given, decided_at=at)
        with self.invariants.consent_changes():
            record = self.model.gate.decided(decision, self.model.now)
        if record is None:
            return
        if self.model.people.decide(record.participant, record.given, record.decided_at):
            self.invariants.withdrawn()

    def _move(self) -> None:
        who, joined = self.rng.choice(PEOPLE), self.model.chance(0.6)
        with self.invariants.consent_changes():
            change = ParticipantChanged(participant=who, joined=joined)
            self.model.gate.participant_changed(change, self.model.now)
        self.model.people.move(who, joined)

    def _announce(self) -> None:
        """Let the webhook answer, or not."""
        recording = self.model.gate.to_announce()
        if recording is not None and self.model.chance(0.8):
            self.model.gate.announced(recording, self.model.now)
        elif recording is not None:
            self.model.gate.not_announced(recording, "no answer", self.model.now)

    def _end_call(self) -> None:
        if self.invariants.is_call_over:
            return
        for recording_id in list(self.model.acs.active):
            self.model.acs.stop(recording_id, self.model.now)
        if self.model.chance(0.5):
            self._announce_files()
        self.model.call.call_ended(CallEnded(), self.model.now)

    def _announce_files(self) -> None:
        chunk = RecordingChunk(document_id="d", index=0, content_location="https://x/y")
        current = self.model.call.current
        if current is not None and current.recording_id is not None:
            event = FileStatusUpdated(
                event_time=self.model.now,
                recording_id=current.recording_id,
                session_end_reason="CallEnded",
                chunks=(chunk,),
            )
            self.model.call.files_announced(event, self.model.now)

    # Callbacks of ACS, and time.

    def _deliver_callback(self) -> None:
        """Deliver any of the undelivered callbacks, perhaps not for the last time."""
        undelivered = self.model.acs.callbacks
        if not undelivered:
            return
        at = self.rng.randrange(len(undelivered))
        number, recording_id, active, moment = undelivered[at]
        if self.model.chance(0.8):
            del undelivered[at]
        event = RecordingStateChanged(
            recording=number,
            recording_id=recording_id,
            state="active" if active else "inactive",
            at=moment,
        )
        callbacks.fold(self.model.call, event, self.model.now)

    def _wait(self) -> None:
        self.model.pass_time(timedelta(seconds=self.rng.choice([0.1, 1, 4, 10])))


def run(seed: int) -> str | None:
    """Play one simulation; return the violation, or None."""
    try:
        Simulation(seed).run()
    except InvariantViolation as broken:
        return f"seed {seed}: {broken}"
    return None
