"""The announce loop: has recordings announced before they begin, and to those who join later."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.contracts.status import RecordingStatus
from workflows import activity_calls
from workflows.activity_errors import reason
from workflows.call.alarms import Alarms
from workflows.call.consent_gate import ConsentGate
from workflows.call.late_joiners import Joiner
from workflows.loops.loop import Run, one_at_a_time


class AnnounceLoop:
    """Announces recordings, one after the other."""

    is_interruptible = False

    def __init__(self, run: Run, gate: ConsentGate, alarms: Alarms) -> None:
        self._run = run
        self._gate = gate
        self._alarms = alarms
        self._telling: set[Joiner] = set()
        """The participants to whom an announcement is under way."""

    @property
    def is_idle(self) -> bool:
        """True if nothing is being announced, or to be announced."""
        is_telling = self._telling or self._gate.joiners_to_tell()
        return self._gate.to_announce() is None and not is_telling

    is_done = is_idle

    async def run(self) -> None:
        """Have recordings announced before they begin, and to everybody who joins later."""
        self._run.begin_each(self._telling, self._gate.joiners_to_tell, self._tell)
        await one_at_a_time(self._run, self._gate.to_announce, self._announce)

    async def _announce(self, recording: RecordingStatus) -> None:
        """Announce a recording, unless it is not wanted any more."""
        answer = activity_calls.announce(self._gate.status, recording)
        await self._run.until(
            lambda: answer.done() or not self._gate.awaits_announcement(recording)
        )
        is_given_up = not answer.done()
        answer.cancel()
        try:
            await answer
        except ActivityError as error:
            if not is_given_up:
                self._failed(recording, reason(error))
        else:
            self._gate.announced(recording, workflow.now())

    async def _tell(self, joiner: Joiner) -> None:
        """Announce a recording to somebody who joined, unless that matters no more."""
        recording = self._gate.recording_of(joiner)
        answer = activity_calls.announce(self._gate.status, recording, joiner.participant)
        await self._run.until(lambda: answer.done() or not self._gate.awaits_joiner(joiner))
        is_given_up = not answer.done()
        answer.cancel()
        try:
            await answer
        except ActivityError as error:
            if not is_given_up:
                self._gate.joiner_told(joiner, reason(error), workflow.now())
        else:
            self._gate.joiner_told(joiner, "", workflow.now())

    def _failed(self, recording: RecordingStatus, problem: str) -> None:
        now = workflow.now()
        self._gate.not_announced(recording, problem, now)
        self._alarms.failed_to_start(recording, recording.declined, now)
