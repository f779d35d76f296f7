"""Random lives of calls, with a recording service that fails as ACS does, look for broken promises.

`python -m bench.interleavings --lives 100000` plays so many lives, each from a seed of its own, and
names the seed of every life in which an invariant broke. The state machine, the guards and the
handling of callbacks are the real ones; the service, the time and the order of everything are
drawn by lot. What the workflow's loop does between them (`workflows/controlling.py`) is told anew
in `Life._attempt`, and tested for itself on a real server.

The invariants:

- While a pause is wanted, ACS never records for longer than the pause may take to be confirmed
  without an alarm.
- What is quarantined covers all that ACS recorded after a pause was asked for and not confirmed.
- A stop is final: ACS is never asked for anything but the stop itself afterwards.
- At ACS at most one recording of the call is on.
- A change that was confirmed is not asked for again, unless ACS was heard to contradict it.
- In the end every request is confirmed, superseded, or failed; a pause that failed was alarmed.
"""

import argparse
import random
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from callvault.contracts.alarms import AlarmKind
from callvault.contracts.events import FileStatusUpdated, RecordingChunk, RecordingStateChanged
from callvault.contracts.orders import ControlOutcome, ResourcePolicy
from callvault.contracts.requests import (
    CallEnded,
    ControlRequest,
    OnPauseFailure,
    RecordingRequest,
    StartRequest,
)
from callvault.contracts.status import (
    Actual,
    ControlRecord,
    RecordingStatus,
    RequestState,
    Wanted,
)
from workflows import told
from workflows.alarms import Alarms
from workflows.control import GOAL, REACHED, Control, Verb
from workflows.guards import CONFIRM_WITHIN, Watch
from workflows.lifecycle import Lifecycle

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STEPS = 40
POLICY = ResourcePolicy(resource="default", archive="main", export_window=timedelta(hours=48))


class Broken(Exception):
    """An invariant does not hold."""


@dataclass
class Service:
    """What ACS does: the truth, whatever Callvault believes."""

    active: dict[str, bool] = field(default_factory=dict)
    """By recording id, from start to stop."""
    started: int = 0
    callbacks: list[tuple[int, str, bool, datetime]] = field(default_factory=list)
    """Recording number, id, active, time: not delivered yet."""
    numbers: dict[str, int] = field(default_factory=dict)

    def change(self, recording_id: str, active: bool, now: datetime) -> None:
        if self.active.get(recording_id) is not active:
            self.active[recording_id] = active
            self.callbacks.append((self.numbers[recording_id], recording_id, active, now))

    def start(self, number: int, paused: bool, now: datetime) -> str:
        self.started += 1
        recording_id = f"recording-{self.started}"
        self.numbers[recording_id] = number
        self.change(recording_id, not paused, now)
        return recording_id

    def stop(self, recording_id: str, now: datetime) -> None:
        if self.active.pop(recording_id, None):
            self.callbacks.append((self.numbers[recording_id], recording_id, False, now))


class Life:
    """One call, from its request to the end of all its recordings."""

    def __init__(self, seed: int) -> None:
        self.lot = random.Random(seed)
        self.now = NOON
        request = RecordingRequest(
            server_call_id="call-1",
            on_pause_failure=self.lot.choice(["stop", "alarm", "quarantine"]),
            pause_on_start=self.lot.random() < 0.2,
        )
        self.call = Lifecycle.begin(request, self.now)
        self.call.policy_known(POLICY)
        self.alarms = Alarms(self.call.status, "workflow")
        self.guard = Watch(self.call, self.alarms)
        self.service = Service()
        self.control: Control | None = None
        self.repeated_start: str | None = None
        """The recording that a start began whose answer was lost: repeatability finds it again."""
        self.exposed_since: dict[str, datetime] = {}
        self.last_exposed = self.now
        self.meddled: set[str] = set()
        """Recordings that somebody else changed: nobody here could know before a callback came."""
        self.ended = False
        self.answers = True
        """Whether ACS answers everything from now on."""

    def play(self) -> None:
        """Live, then let everything come to its end."""
        for _ in range(STEPS):
            self._step()
        self.answers = True
        self._end_call()
        for _ in range(200):
            if self.control is None and self.call.next_control() is None:
                break
            self._loop()
            self._pass_time(timedelta(seconds=1))
        self._check_end()

    def _step(self) -> None:
        self.answers = self.lot.random() < 0.6
        deed = self.lot.choice(
            [self._ask, self._ask, self._loop, self._loop, self._loop, self._tell, self._wait]
        )
        deed()
        if self.lot.random() < 0.02:
            self._meddle()
        if self.lot.random() < 0.01:
            self._end_call()
        self._check()

    # What backends do.

    def _ask(self) -> None:
        verb = Verb(self.lot.choice(["pause", "pause", "resume", "resume", "stop", "start"]))
        if verb is Verb.STOP and self.lot.random() < 0.5:
            return
        model = StartRequest if verb is Verb.START else ControlRequest
        request_id = self.lot.choice([None, None, None, "a", "b"])
        self.call.request(verb, model(request_id=request_id), self.now)

    def _end_call(self) -> None:
        if self.ended:
            return
        self.ended = True
        for recording_id in list(self.service.active):
            self.service.stop(recording_id, self.now)
        if self.lot.random() < 0.5:
            self._announce_end()
        self.call.call_ended(CallEnded(), self.now)

    def _announce_end(self) -> None:
        chunk = RecordingChunk(document_id="d", index=0, content_location="https://x/y")
        current = self.call.current
        if current is not None and current.recording_id is not None:
            self.call.files_announced(
                FileStatusUpdated(
                    event_time=self.now,
                    recording_id=current.recording_id,
                    session_end_reason="CallEnded",
                    chunks=(chunk,),
                ),
                self.now,
            )

    def _meddle(self) -> None:
        """Somebody else controls the recording too; ACS tells of it, sooner or later."""
        for recording_id, active in list(self.service.active.items()):
            self.meddled.add(recording_id)
            self.service.change(recording_id, not active, self.now)

    # What the workflow's loop does.

    def _loop(self) -> None:
        if self.control is None:
            self.control = self.call.next_control()
            if self.control is not None:
                self._check_question(self.control)
                self.call.asked(self.control)
            return
        if self.call.is_superseded(self.control) and self.lot.random() < 0.7:
            self._reach(self.control, arrives=self.lot.random() < 0.5)
            self.call.unsure(self.control, self.now)
            self.control = None
            return
        self._attempt(self.control)

    def _attempt(self, control: Control) -> None:
        """One request to ACS: it may arrive or not, be refused, and its answer may be lost."""
        fate = "answered" if self.answers else self.lot.choice(["lost", "unheard", "refused"])
        if fate == "refused" and control.verb is not Verb.START and self.lot.random() < 0.7:
            fate = "lost"
        if fate == "refused":
            self._refuse(control)
            return
        outcome = self._reach(control, arrives=fate != "lost")
        if fate == "answered" and outcome is None:
            # The call is over before its start; or it never became active, for two minutes.
            self._refuse(control)
        elif fate == "answered" and outcome is not None:
            self.control = None
            self.call.answered(control, outcome, self.now)
            if control.verb is Verb.READ:
                recording = self.call.recording(control.recording)
                surprise = told.observed(self.call, recording, outcome.state, self.now)
                if surprise is not None:
                    kind = AlarmKind.STATE_UNEXPECTED
                    self.alarms.add(kind, "critical", surprise, recording, self.now)

    def _refuse(self, control: Control) -> None:
        """ACS refuses for good; a start that is refused did not begin anything."""
        if control.verb is Verb.STOP or (control.verb is Verb.START and self.repeated_start):
            return
        recording = self.call.recording(control.recording)
        self.control = None
        self.call.failed(control, "refused", self.now)
        if control.verb is Verb.PAUSE:
            self.guard.pause_refused(recording, "refused", self.now)

    def _reach(self, control: Control, *, arrives: bool) -> ControlOutcome | None:
        """What ACS makes of a request, and what it answers."""
        if not arrives:
            return None
        recording = self.call.recording(control.recording)
        if control.verb is Verb.START:
            return self._reach_start(control)
        recording_id = recording.recording_id or ""
        if recording_id not in self.service.active:
            return ControlOutcome(recording_id=recording_id, state="gone")
        if control.verb is Verb.STOP:
            self.service.stop(recording_id, self.now)
        elif control.verb in (Verb.PAUSE, Verb.RESUME):
            self.service.change(recording_id, control.verb is Verb.RESUME, self.now)
        elif control.verb is Verb.CONFIRM and not self.service.active[recording_id]:
            return None
        state = "active" if self.service.active.get(recording_id) else "inactive"
        return ControlOutcome(recording_id=recording_id, state=state, accepted_at=self.now)

    def _reach_start(self, control: Control) -> ControlOutcome | None:
        if self.ended and self.repeated_start is None:
            return None
        if self.repeated_start is None:
            if self.service.active:
                raise Broken("two recordings of the call would be on at ACS")
            self.repeated_start = self.service.start(
                control.recording, control.pause_on_start, self.now
            )
        recording_id = self.repeated_start
        if self.answers:
            self.repeated_start = None
        return ControlOutcome(recording_id=recording_id, state="inactive", accepted_at=self.now)

    # What ACS tells, and what time does.

    def _tell(self) -> None:
        """Deliver a callback: any of those under way, perhaps not for the last time."""
        if not self.service.callbacks:
            return
        at = self.lot.randrange(len(self.service.callbacks))
        number, recording_id, active, moment = self.service.callbacks[at]
        if self.lot.random() < 0.8:
            del self.service.callbacks[at]
        event = RecordingStateChanged(
            recording=number,
            recording_id=recording_id,
            state="active" if active else "inactive",
            at=moment,
        )
        told.fold(self.call, event, self.now)

    def _wait(self) -> None:
        self._pass_time(timedelta(seconds=self.lot.choice([0.1, 1, 4, 10])))

    def _pass_time(self, span: timedelta) -> None:
        """Timers fire at their moment, never later: that is the server's part."""
        end = self.now + span
        while (due := self.guard.next_due()) is not None and due <= end:
            self.now = max(self.now, due)
            self.guard.act(self.now)
        self.now = end
        self.guard.act(self.now)

    # What must hold.

    def _check_question(self, control: Control) -> None:
        recording = self.call.recording(control.recording)
        if recording.actual is Actual.STOPPED:
            raise Broken(f"ACS is asked to {control.verb} what is stopped")
        if recording.wanted is Wanted.STOPPED and control.verb is not Verb.STOP:
            raise Broken(f"ACS is asked to {control.verb} what is to be stopped")
        if control.verb in GOAL and recording.actual is REACHED[GOAL[control.verb]]:
            raise Broken(f"ACS is asked again to {control.verb}")

    def _check(self) -> None:
        self.guard.act(self.now)
        if len(self.service.active) > 1:
            raise Broken("two recordings of the call are on at ACS")
        for recording in self.call.status.recordings:
            recording_id = recording.recording_id or ""
            is_exposed = (
                self.service.active.get(recording_id, False)
                and recording.wanted is Wanted.PAUSED
                and recording_id not in self.meddled
            )
            if not is_exposed:
                self._check_quarantine(recording, self.exposed_since.pop(recording_id, None))
                continue
            since = self.exposed_since.setdefault(recording_id, self.now)
            self.last_exposed = self.now
            if self.now - since > CONFIRM_WITHIN and not self._is_alarmed(since):
                raise Broken("ACS records while a pause is wanted, and nobody is told")

    def _check_quarantine(self, recording: RecordingStatus, since: datetime | None) -> None:
        """An exposure that has ended must be marked, if it lasted for longer than it may."""
        if since is None or recording.guards.on_pause_failure is not OnPauseFailure.QUARANTINE:
            return
        is_long = self.last_exposed - since > CONFIRM_WITHIN
        if is_long and not any(
            doubt.since <= since and (doubt.until or self.now) >= self.last_exposed
            for doubt in recording.doubtful
        ):
            raise Broken("ACS recorded what is not marked as doubtful")

    def _is_alarmed(self, since: datetime) -> bool:
        return any(
            record.alarm.kind is AlarmKind.PAUSE_UNCONFIRMED
            and record.alarm.at >= since - CONFIRM_WITHIN
            for record in self.call.status.alarms
        )

    def _check_end(self) -> None:
        self.guard.act(self.now)
        for record in self.call.status.requests.values():
            if record.state is RequestState.PENDING:
                raise Broken(f"what became of a {record.verb} is never known")
            self._check_failed_pause(record)
        for recording in self.call.status.recordings:
            if recording.actual is not Actual.STOPPED:
                raise Broken(f"recording {recording.number} is never stopped")
            if any(doubt.until is None for doubt in recording.doubtful):
                raise Broken("a doubtful interval never ends")

    def _check_failed_pause(self, record: ControlRecord) -> None:
        is_refused = record.verb == Verb.PAUSE and record.problem.startswith("pause failed")
        if is_refused and record.state is RequestState.FAILED and not record.is_overdue:
            raise Broken("a pause failed, and nobody is told")


def play(seed: int) -> str | None:
    """Play one life; what broke in it, or None."""
    try:
        Life(seed).play()
    except Broken as broken:
        return f"seed {seed}: {broken}"
    return None


def play_all(lives: int, first: int = 0) -> list[str]:
    """Play so many lives on all processors; what broke, by seed."""
    with ProcessPoolExecutor() as pool:
        found = pool.map(partial(play), range(first, first + lives), chunksize=500)
        return [problem for problem in found if problem]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lives", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    given = parser.parse_args()
    problems = play_all(given.lives, given.first)
    kinds = Counter(problem.partition(": ")[2] for problem in problems)
    print(f"{given.lives} lives: {len(problems)} broke an invariant")
    for kind, count in kinds.most_common():
        print(f"{count} x {kind}, for example {next(p for p in problems if kind in p)}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
