"""What the workflow's control loop does, told anew, with ACS at its worst.

The real one is `workflows/loops/control.py`. A request may arrive or not, be refused, and its
answer may be lost.
"""

from bench.interleavings.invariants import Broken, Promises
from bench.interleavings.model import World
from callvault.contracts.activity_io import ControlOutcome
from callvault.contracts.alarms import AlarmKind, Severity
from workflows.call import acs_answers, callbacks
from workflows.call.commands import Command, Operation


class FakeControlLoop:
    """The control loop of one life: it asks the service for one thing after the other."""

    def __init__(self, world: World, promises: Promises) -> None:
        self._world = world
        self._promises = promises
        self.command: Command | None = None
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
        return self.command is None and self._world.call.next_command() is None

    def turn(self) -> None:
        """Begin to ask, or see what becomes of what is being asked."""
        call = self._world.call
        if self.command is None:
            self._begin()
        elif self._is_occupied:
            self._resolve(self.command)
        elif call.is_superseded(self.command) and self._world.chance(0.7):
            self._reach(self.command, arrives=self._world.chance(0.5))
            command, self.command = self.command, None
            acs_answers.given_up(call, command, self._world.now)
        else:
            self._attempt(self.command)

    def _begin(self) -> None:
        self.command = self._world.call.next_command()
        if self.command is not None:
            self._promises.may_ask(self.command)
            self._world.call.asked(self.command)

    def _attempt(self, command: Command) -> None:
        fate = self._fate()
        if command.operation is Operation.START and self._is_in_the_way():
            self._is_occupied = True
        elif fate == "refused":
            self._refuse(command)
        else:
            self._answer(command, fate, self._reach(command, arrives=fate != "lost"))

    def _fate(self) -> str:
        if self.answers:
            return "answered"
        if self.is_away and self._world.chance(0.8):
            return "lost"
        return self._world.lot.choice(["lost"] * 5 + ["unheard"] * 3 + ["refused"])

    def _answer(self, command: Command, fate: str, outcome: ControlOutcome | None) -> None:
        if fate == "answered" and outcome is None:
            # The call is over before its start; or it never became active, for two minutes.
            self._refuse(command)
        elif fate == "answered" and outcome is not None:
            self._answered(command, outcome)

    def _answered(self, command: Command, outcome: ControlOutcome) -> None:
        world, self.command = self._world, None
        recording = world.call.recording(command.recording)
        with self._promises.consent_wants_nothing(recording):
            acs_answers.answered(world.call, command, outcome, world.now)
            if command.operation is Operation.READ:
                unexpected = callbacks.observed(world.call, recording, outcome.state, world.now)
                if unexpected is not None:
                    kind, severity = AlarmKind.STATE_UNEXPECTED, Severity.CRITICAL
                    world.alarms.add(kind, severity, unexpected, recording, world.now)

    def _refuse(self, command: Command) -> None:
        """ACS refuses for good; a start that is refused did not begin anything."""
        has_begun = command.operation is Operation.START and self._repeated_start is not None
        if has_begun or command.operation is Operation.STOP:
            return
        world, self.command = self._world, None
        recording = world.call.recording(command.recording)
        with self._promises.consent_wants_nothing(recording):
            acs_answers.failed(world.call, command, "refused", world.now)
            if command.operation is Operation.PAUSE:
                world.guard.pause_refused(recording, "refused", world.now)

    def _is_in_the_way(self) -> bool:
        """Whether ACS says that a recording runs: one just stopped, or the one asked for itself."""
        if self._repeated_start is not None:
            return self._world.chance(0.1)
        is_slow = self._world.service.is_slow_to_forget(self._world.now)
        return is_slow and self._world.chance(0.3)

    def _resolve(self, command: Command) -> None:
        """Adopt what ACS told to be this recording's own, or ask again."""
        self._is_occupied = False
        world = self._world
        recording = world.call.recording(command.recording)
        if self._repeated_start is None:
            self.command = None
            acs_answers.ask_again(world.call, recording, world.now)
        elif recording.told_id is not None:
            self._repeated_start = self.command = None
            with self._promises.consent_wants_nothing(recording):
                acs_answers.runs_already(world.call, command, world.now)

    def _reach(self, command: Command, *, arrives: bool) -> ControlOutcome | None:
        """What ACS makes of a request, and what it answers."""
        if not arrives:
            return None
        if command.operation is Operation.START:
            return self._reach_start(command)
        service, now = self._world.service, self._world.now
        recording_id = self._world.call.recording(command.recording).recording_id or ""
        if recording_id not in service.active:
            return ControlOutcome(recording_id=recording_id, state="gone")
        if command.operation is Operation.STOP:
            service.stop(recording_id, now)
        elif command.operation in (Operation.PAUSE, Operation.RESUME):
            service.change(recording_id, command.operation is Operation.RESUME, now)
        elif command.operation is Operation.CONFIRM and not service.active[recording_id]:
            return None
        state = "active" if service.active.get(recording_id) else "inactive"
        return ControlOutcome(recording_id=recording_id, state=state, accepted_at=now)

    def _reach_start(self, command: Command) -> ControlOutcome | None:
        world = self._world
        if self._repeated_start is None:
            if self._promises.is_call_over:
                return None
            if world.service.active:
                raise Broken("two recordings of the call would be on at ACS")
            self._repeated_start = world.service.start(
                command.recording, command.pause_on_start, world.now
            )
        recording_id = self._repeated_start
        if self.answers:
            self._repeated_start = None
        return ControlOutcome(recording_id=recording_id, state="inactive", accepted_at=world.now)
