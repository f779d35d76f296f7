"""A control loop that does not wait, for a fake ACS with every fault.

The real one is `workflows/loops/control.py`. A request may be lost or refused, and its answer may
be lost.
"""

from bench.interleavings.invariants import Invariants, InvariantViolation
from bench.interleavings.model import Model
from callvault.contracts.activity_io import ControlResult
from callvault.contracts.alarms import AlarmKind, Severity
from workflows.call import acs_answers, callbacks
from workflows.call.commands import Command, Operation


class FakeControlLoop:
    """The control loop of one simulation: it sends one command after the other."""

    def __init__(self, model: Model, invariants: Invariants) -> None:
        self._model = model
        self._invariants = invariants
        self.command: Command | None = None
        self.answers = True
        """True if ACS answers."""
        self.is_away = False
        """True if most requests to ACS are lost for a while."""
        self._repeated_start: str | None = None
        """Recording of a start whose answer was lost: the repeated start returns it."""
        self._is_occupied = False
        """True if ACS refused the start because a recording runs; a callback may identify it."""

    @property
    def is_idle(self) -> bool:
        """True if no command is in flight, and none is to be sent."""
        return self.command is None and self._model.call.next_command() is None

    def turn(self) -> None:
        """Send the next command, or draw the outcome of the command in flight."""
        call = self._model.call
        if self.command is None:
            self._begin()
        elif self._is_occupied:
            self._resolve(self.command)
        elif call.is_superseded(self.command) and self._model.chance(0.7):
            self._reach(self.command, arrives=self._model.chance(0.5))
            command, self.command = self.command, None
            acs_answers.given_up(call, command, self._model.now)
        else:
            self._attempt(self.command)

    def _begin(self) -> None:
        self.command = self._model.call.next_command()
        if self.command is not None:
            self._invariants.may_ask(self.command)
            self._model.call.command_sent(self.command)

    def _attempt(self, command: Command) -> None:
        delivery = self._draw_delivery()
        if command.operation is Operation.START and self._is_in_the_way():
            self._is_occupied = True
        elif delivery == "refused":
            self._refuse(command)
        else:
            self._answer(command, delivery, self._reach(command, arrives=delivery != "lost"))

    def _draw_delivery(self) -> str:
        if self.answers:
            return "answered"
        if self.is_away and self._model.chance(0.8):
            return "lost"
        return self._model.rng.choice(["lost"] * 5 + ["unheard"] * 3 + ["refused"])

    def _answer(self, command: Command, delivery: str, result: ControlResult | None) -> None:
        if delivery == "answered" and result is None:
            # The call was over before its start; or it did not become active within two minutes.
            self._refuse(command)
        elif delivery == "answered" and result is not None:
            self._answered(command, result)

    def _answered(self, command: Command, result: ControlResult) -> None:
        model, self.command = self._model, None
        recording = model.call.recording(command.recording)
        with self._invariants.consent_wants_nothing(recording):
            acs_answers.answered(model.call, command, result, model.now)
            if command.operation is Operation.READ:
                unexpected = callbacks.observed(model.call, recording, result.state, model.now)
                if unexpected is not None:
                    kind, severity = AlarmKind.STATE_UNEXPECTED, Severity.CRITICAL
                    model.alarms.add(kind, severity, unexpected, recording, model.now)

    def _refuse(self, command: Command) -> None:
        """Refuse a command for good."""
        # A stop is not refused, nor a start that has taken effect.
        has_begun = command.operation is Operation.START and self._repeated_start is not None
        if has_begun or command.operation is Operation.STOP:
            return
        model, self.command = self._model, None
        recording = model.call.recording(command.recording)
        with self._invariants.consent_wants_nothing(recording):
            acs_answers.failed(model.call, command, "refused", model.now)
            if command.operation is Operation.PAUSE:
                model.guard.pause_refused(recording, "refused", model.now)

    def _is_in_the_way(self) -> bool:
        """Tell if ACS refuses a start because of a recording: one just stopped, or its own."""
        if self._repeated_start is not None:
            return self._model.chance(0.1)
        is_slow = self._model.acs.is_slow_to_forget(self._model.now)
        return is_slow and self._model.chance(0.3)

    def _resolve(self, command: Command) -> None:
        """Adopt the running recording if a callback identified it, or retry the start."""
        self._is_occupied = False
        model = self._model
        recording = model.call.recording(command.recording)
        if self._repeated_start is None:
            self.command = None
            acs_answers.retry_start(model.call, recording, model.now)
        elif recording.callback_recording_id is not None:
            self._repeated_start = self.command = None
            with self._invariants.consent_wants_nothing(recording):
                acs_answers.runs_already(model.call, command, model.now)

    def _reach(self, command: Command, *, arrives: bool) -> ControlResult | None:
        """Carry out a request at ACS if it arrives; return the answer."""
        if not arrives:
            return None
        if command.operation is Operation.START:
            return self._reach_start(command)
        acs, now = self._model.acs, self._model.now
        recording_id = self._model.call.recording(command.recording).recording_id or ""
        if recording_id not in acs.active:
            return ControlResult(recording_id=recording_id, state="gone")
        if command.operation is Operation.STOP:
            acs.stop(recording_id, now)
        elif command.operation in (Operation.PAUSE, Operation.RESUME):
            acs.change(recording_id, command.operation is Operation.RESUME, now)
        elif command.operation is Operation.CONFIRM and not acs.active[recording_id]:
            return None
        state = "active" if acs.active.get(recording_id) else "inactive"
        return ControlResult(recording_id=recording_id, state=state, accepted_at=now)

    def _reach_start(self, command: Command) -> ControlResult | None:
        model = self._model
        if self._repeated_start is None:
            if self._invariants.is_call_over:
                return None
            if model.acs.active:
                raise InvariantViolation("two recordings of the call would be on at ACS")
            self._repeated_start = model.acs.start(
                command.recording, command.pause_on_start, model.now
            )
        recording_id = self._repeated_start
        if self.answers:
            self._repeated_start = None
        return ControlResult(recording_id=recording_id, state="inactive", accepted_at=model.now)
