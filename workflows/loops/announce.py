"""Minds the consent gate while time passes: announcements, and consent that nobody gives."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.contracts.status import RecordingStatus
from workflows import activity_calls as asking
from workflows.call.alarms import Alarms
from workflows.call.consent_gate import Gate
from workflows.loops.continue_as_new import Shift


class Gatekeeping:
    """The loops of the consent gate of one call."""

    def __init__(self, gate: Gate, alarms: Alarms, shift: Shift) -> None:
        self._gate = gate
        self._alarms = alarms
        self._shift = shift

    async def keep_announcing(self) -> None:
        """Have recordings announced before they begin, one after the other."""
        while not self._shift.is_over():
            await workflow.wait_condition(
                lambda: self._shift.is_over() or self._gate.to_announce() is not None
            )
            if (recording := self._gate.to_announce()) is not None:
                await self._announce(recording)

    async def keep_patience(self) -> None:
        """Decline what has waited for consent too long."""
        while not self._shift.is_over():
            await self._shift.clock.changed(
                lambda: (self._shift.is_over(), self._gate.next_due()),
                self._gate.next_due(),
                "until then consent may still be given",
            )
            self._gate.act(workflow.now())

    async def _announce(self, recording: RecordingStatus) -> None:
        """Announce it, unless nobody wants it recorded any more."""
        answer = asking.announce(self._gate.status, recording)
        await workflow.wait_condition(
            lambda: answer.done() or not self._gate.awaits_announcement(recording)
        )
        given_up = not answer.done()
        answer.cancel()
        try:
            await answer
        except ActivityError as error:
            if not given_up:
                self._failed(recording, asking.reason(error))
        else:
            self._gate.announced(recording, workflow.now())

    def _failed(self, recording: RecordingStatus, problem: str) -> None:
        now = workflow.now()
        self._gate.not_announced(recording, problem, now)
        self._alarms.failed_to_start(recording, recording.declined, now)
