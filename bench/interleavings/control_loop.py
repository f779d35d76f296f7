"""What the workflow's control loop does, told anew, with ACS at its worst.

The real one is `workflows/loops/control.py`. A request may arrive or not, be refused, and its
answer may be lost.
"""

from bench.interleavings.invariants import Broken, Promises
from bench.interleavings.model import World
from callvault.contracts.activity_io import ControlOutcome
from callvault.contracts.alarms import AlarmKind, Severity
from workflows.call import callbacks as told
from workflows.call.commands import Control, Verb


class Loop:
    """Asks the service for one thing after the other."""

    def __init__(self, world: World, promises: Promises) -> None:
        self._world = world
        self._promises = promises
        self.control: Control | None = None
        self.answers = True
        """Whether ACS answers."""
        self.is_away = False
        """Whether hardly anything arrives at ACS for a while."""
        self._repeated_start: str | None = None
        """The recording that a start began whose answer was lost: repeatability finds it again."""
        self._is_occupied = False
        """Whether ACS refused the start, for a recording runs: a callback may tell whose it is."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is asked, and nothing is to be asked."""
        return self.control is None and self._world.call.next_control() is None

    def turn(self) -> None:
        """Begin to ask, or see what becomes of what is being asked."""
        call = self._world.call
        if self.control is None:
            self._begin()
        elif self._is_occupied:
            self._resolve(self.control)
        elif call.is_superseded(self.control) and self._world.chance(0.7):
            self._reach(self.control, arrives=self._world.chance(0.5))
            control, self.control = self.control, None
            call.unsure(control, self._world.now)
        else:
            self._attempt(self.control)

    def _begin(self) -> None:
        self.control = self._world.call.next_control()
        if self.control is not None:
            self._promises.may_ask(self.control)
            self._world.call.asked(self.control)

    def _attempt(self, control: Control) -> None:
        fate = self._fate()
        if control.verb is Verb.START and self._is_in_the_way():
            self._is_occupied = True
        elif fate == "refused":
            self._refuse(control)
        else:
            self._answer(control, fate, self._reach(control, arrives=fate != "lost"))

    def _fate(self) -> str:
        if self.answers:
            return "answered"
        if self.is_away and self._world.chance(0.8):
            return "lost"
        return self._world.lot.choice(["lost"] * 5 + ["unheard"] * 3 + ["refused"])

    def _answer(self, control: Control, fate: str, outcome: ControlOutcome | None) -> None:
        if fate == "answered" and outcome is None:
            # The call is over before its start; or it never became active, for two minutes.
            self._refuse(control)
        elif fate == "answered" and outcome is not None:
            self._answered(control, outcome)

    def _answered(self, control: Control, outcome: ControlOutcome) -> None:
        world, self.control = self._world, None
        recording = world.call.recording(control.recording)
        with self._promises.consent_wants_nothing(recording):
            world.call.answered(control, outcome, world.now)
            if control.verb is Verb.READ:
                surprise = told.observed(world.call, recording, outcome.state, world.now)
                if surprise is not None:
                    kind, severity = AlarmKind.STATE_UNEXPECTED, Severity.CRITICAL
                    world.alarms.add(kind, severity, surprise, recording, world.now)

    def _refuse(self, control: Control) -> None:
        """ACS refuses for good; a start that is refused did not begin anything."""
        if control.verb is Verb.STOP or (control.verb is Verb.START and self._repeated_start):
            return
        world, self.control = self._world, None
        recording = world.call.recording(control.recording)
        with self._promises.consent_wants_nothing(recording):
            world.call.failed(control, "refused", world.now)
            if control.verb is Verb.PAUSE:
                world.guard.pause_refused(recording, "refused", world.now)

    def _is_in_the_way(self) -> bool:
        """Whether ACS says that a recording runs: one just stopped, or the one asked for itself."""
        if self._repeated_start is not None:
            return self._world.chance(0.1)
        is_slow = self._world.service.is_slow_to_forget(self._world.now)
        return is_slow and self._world.chance(0.3)

    def _resolve(self, control: Control) -> None:
        """Adopt what ACS told to be this recording's own, or ask again."""
        self._is_occupied = False
        recording = self._world.call.recording(control.recording)
        if self._repeated_start is None:
            self.control = None
            self._world.call.ask_again(recording, self._world.now)
        elif recording.told_id is not None:
            self._repeated_start = None
            recording.is_doubted = True
            self._answered(control, ControlOutcome(recording_id=recording.told_id, state="unknown"))

    def _reach(self, control: Control, *, arrives: bool) -> ControlOutcome | None:
        """What ACS makes of a request, and what it answers."""
        if not arrives:
            return None
        if control.verb is Verb.START:
            return self._reach_start(control)
        service, now = self._world.service, self._world.now
        recording_id = self._world.call.recording(control.recording).recording_id or ""
        if recording_id not in service.active:
            return ControlOutcome(recording_id=recording_id, state="gone")
        if control.verb is Verb.STOP:
            service.stop(recording_id, now)
        elif control.verb in (Verb.PAUSE, Verb.RESUME):
            service.change(recording_id, control.verb is Verb.RESUME, now)
        elif control.verb is Verb.CONFIRM and not service.active[recording_id]:
            return None
        state = "active" if service.active.get(recording_id) else "inactive"
        return ControlOutcome(recording_id=recording_id, state=state, accepted_at=now)

    def _reach_start(self, control: Control) -> ControlOutcome | None:
        world = self._world
        if self._repeated_start is None:
            if self._promises.is_call_over:
                return None
            if world.service.active:
                raise Broken("two recordings of the call would be on at ACS")
            self._repeated_start = world.service.start(
                control.recording, control.pause_on_start, world.now
            )
        recording_id = self._repeated_start
        if self.answers:
            self._repeated_start = None
        return ControlOutcome(recording_id=recording_id, state="inactive", accepted_at=world.now)
