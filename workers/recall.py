"""The last state of a run that was ended by force or reset: by its own word, or by its history.

A run whose history cannot be replayed (its tasks fail, or its worker's version is gone) answers no
query. Then its history is folded by the code that a workflow folds messages with, each event at its
own time; an event that this code cannot fold is left out.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog
from temporalio import activity
from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.history.v1 import ActivityTaskCompletedEventAttributes, HistoryEvent
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError

from callvault.contracts import names
from callvault.contracts.activity_io import (
    ArchivedChunk,
    Beginning,
    ControlResult,
    ExportInput,
    RecordingInput,
    StartInput,
)
from callvault.contracts.hold_messages import ReleaseOrder, WrittenHold
from callvault.contracts.requests import (
    RecordingRequest,
)
from callvault.contracts.states import Actual
from callvault.contracts.status import CallStatus
from callvault.contracts.takeover import LastState, Recalled, RunQuery
from callvault.errors import PayloadKeyMissing
from workflows.call import acs_answers, callbacks, legal_holds, silence
from workflows.call.alarms import Alarms
from workflows.call.chunks import ChunkKey
from workflows.call.commands import Command, Operation
from workflows.call.consent_gate import ConsentGate
from workflows.call.lifecycle import Lifecycle
from workflows.messages import Messages

ANSWER_TIMEOUT = timedelta(seconds=3)
"""Time for a run to answer: its worker may have died. Until then the run that asks raises no alarm,
and an alarm is to come within five seconds."""

_OPERATIONS = {
    "start_recording": Operation.START,
    "pause_recording": Operation.PAUSE,
    "resume_recording": Operation.RESUME,
    "stop_recording": Operation.STOP,
}
"""What the activities ask of ACS that change something."""

Model = TypeVar("Model")

log = structlog.get_logger(__name__)


class Recall:
    """Reads the last states of runs. Async, to wait for Temporal."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name=names.RECALL_ACTIVITY)
    async def recall_run(self, query: RunQuery) -> Recalled:
        """Read the last state of the run from which a reset began this one."""
        handle = self._client.get_workflow_handle(query.workflow_id, run_id=query.run_id)
        async for event in handle.fetch_history_events():
            if (base := base_of(event, query.run_id)) is not None:
                return Recalled(last=await self.last_state(query.workflow_id, base))
        return Recalled()

    async def last_state(self, workflow_id: str, run_id: str) -> LastState:
        """Read the last state of a run, whether or not a worker can replay it."""
        handle = self._client.get_workflow_handle(workflow_id, run_id=run_id)
        try:
            status: CallStatus = await handle.query(
                names.STATUS, result_type=CallStatus, rpc_timeout=ANSWER_TIMEOUT
            )
        except (RPCError, WorkflowQueryFailedError, ValueError) as error:
            log.warning("a run answers no query, so its history is read", error=str(error))
            history = await handle.fetch_history()
            status = await FoldedHistory(self._client).status(history.events)
        return LastState(run_id=run_id, status=status)


def base_of(event: HistoryEvent, run_id: str) -> str | None:
    """Return the run from which a reset began this one, if the event tells."""
    failed = event.workflow_task_failed_event_attributes
    is_reset = failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW
    return failed.base_run_id if is_reset and failed.new_run_id == run_id else None


def _unanswered(event: HistoryEvent) -> int:
    """Return the event that scheduled an activity which ended without a result; 0 for others."""
    return (
        event.activity_task_failed_event_attributes.scheduled_event_id
        or event.activity_task_timed_out_event_attributes.scheduled_event_id
        or event.activity_task_canceled_event_attributes.scheduled_event_id
    )


class FoldedHistory:
    """Folds the events of a history into the state of its call."""

    def __init__(self, client: Client) -> None:
        self._converter = client.data_converter
        self._call: Lifecycle
        self._at: datetime
        """Time of the event that is folded."""
        self._scheduled: dict[int, HistoryEvent] = {}
        """The activities by the events that scheduled them."""
        self._commands: dict[int, Command] = {}
        """Those of them that ask ACS to change something."""

    async def status(self, events: Sequence[HistoryEvent]) -> CallStatus:
        """Fold a whole history."""
        await self._begin(events[0])
        for event in events[1:]:
            self._at = event.event_time.ToDatetime(tzinfo=UTC)
            try:
                await self._fold(event)
            except PayloadKeyMissing:
                raise  # It will come, and what it opens must not be left out.
            # Whatever it is: what a workflow could not fold may be why its tasks failed.
            except Exception as error:
                what = f"event {event.event_id} of the run before cannot be read: {error}"
                self._call.note(self._at, what)
        return self._call.status

    async def _begin(self, started: HistoryEvent) -> None:
        self._at = started.event_time.ToDatetime(tzinfo=UTC)
        attributes = started.workflow_execution_started_event_attributes
        request, carried, *_ = [*await self._decoded(attributes.input), None]
        if carried is not None:
            self._call = Lifecycle(CallStatus.model_validate(carried["status"]))
        else:
            self._call = Lifecycle.begin(RecordingRequest.model_validate(request), self._at)
        call = self._call
        key = names.workflow_id(call.status.server_call_id)
        alarms = Alarms(call.status, key)
        recalled = partial(call.recalled, is_reset=False)
        self._messages = Messages(call, alarms, ConsentGate(call, alarms), recalled)

    async def _fold(self, event: HistoryEvent) -> None:
        if event.HasField("activity_task_scheduled_event_attributes"):
            await self._fold_scheduled(event)
        elif event.HasField("activity_task_completed_event_attributes"):
            await self._fold_completed(event.activity_task_completed_event_attributes)
        elif (of := _unanswered(event)) in self._commands:
            self._given_up(self._commands[of])
        elif event.HasField("workflow_execution_signaled_event_attributes"):
            signal = event.workflow_execution_signaled_event_attributes
            self._fold_message(signal.signal_name, await self._decoded(signal.input))
        elif event.HasField("workflow_execution_update_accepted_event_attributes"):
            asked = event.workflow_execution_update_accepted_event_attributes.accepted_request.input
            self._fold_message(asked.name, await self._decoded(asked.args))

    async def _fold_scheduled(self, event: HistoryEvent) -> None:
        self._scheduled[event.event_id] = event
        attributes = event.activity_task_scheduled_event_attributes
        name = attributes.activity_type.name
        if name in _OPERATIONS:
            [input, *_] = await self._decoded(attributes.input)
            if (command := self._command(_OPERATIONS[name], input)) is not None:
                # Sound may begin from now on, not only once ACS has answered: silence ends here.
                self._commands[event.event_id] = command
                self._call.command_sent(command, self._at)

    def _command(self, operation: Operation, input: Any) -> Command | None:
        recordings, is_paused = self._call.status.recordings, False
        if operation is Operation.START:
            is_paused = StartInput.model_validate(input).pause_on_start
            asked = [each for each in recordings if each.actual is Actual.NONE]
        else:
            recording_id = RecordingInput.model_validate(input).recording_id
            asked = [each for each in recordings if each.recording_id == recording_id]
        return Command(asked[0].number, operation, is_paused) if asked else None

    async def _fold_completed(self, completed: ActivityTaskCompletedEventAttributes) -> None:
        scheduled = self._scheduled[completed.scheduled_event_id]
        attributes = scheduled.activity_task_scheduled_event_attributes
        [result, *_] = await self._decoded(completed.result)
        if (command := self._commands.get(completed.scheduled_event_id)) is not None:
            answer = ControlResult.model_validate(result)
            if answer.is_settled:
                acs_answers.answered(self._call, command, answer, self._at)
            return
        [input, *_] = await self._decoded(attributes.input)
        self._fold_activity(attributes.activity_type.name, input, result)

    def _given_up(self, command: Command) -> None:
        """Fold that an activity got no answer: what it has asked for may arrive all the same."""
        if command.makes_sound:
            recording = self._call.recording(command.recording)
            is_start = command.operation is Operation.START
            silence.sound_given_up(recording, self._at, is_start=is_start)

    def _fold_message(self, name: str, payloads: list[Any]) -> None:
        if name in self._messages.kinds:
            self._messages.take(name, payloads, self._at)

    def _fold_activity(self, name: str, input: Any, result: Any) -> None:
        folds: dict[str, Callable[[Any, Any], None]] = {
            names.BEGIN_ACTIVITY: self._begun,
            "export_chunk": self._exported,
            # Else it would be placed again, also where it is released by now.
            "place_legal_hold": self._hold_placed,
            "release_legal_hold": self._hold_released,
            # Else a silence would stand that a reading had taken back.
            "confirm_active": self._read,
            "read_state": self._read,
            "poll_state": self._read,
        }
        if name in folds:
            folds[name](input, result)

    def _begun(self, _: Any, result: Any) -> None:
        if (policy := Beginning.model_validate(result).policy) is not None:
            self._call.policy_known(policy)
            self._call.settle_all(self._at)

    def _read(self, _: Any, result: Any) -> None:
        seen = ControlResult.model_validate(result)
        for recording in self._call.status.recordings:
            if recording.recording_id == seen.recording_id:
                callbacks.observed_meanwhile(self._call, recording, seen, self._at)

    def _exported(self, input: Any, result: Any) -> None:
        chunk = ExportInput.model_validate(input).chunk
        archived = ArchivedChunk.model_validate(result)
        self._call.chunk_archived(ChunkKey.of(chunk), archived, self._at)

    def _hold_placed(self, _: Any, result: Any) -> None:
        self._hold_written("", result)

    def _hold_released(self, input: Any, result: Any) -> None:
        self._hold_written(ReleaseOrder.model_validate(input).hold, result)

    def _hold_written(self, known_id: str, result: Any) -> None:
        # Holds are placed in the order in which they came, each before the next one.
        hold = next(each for each in self._call.status.legal_holds if each.id == known_id)
        legal_holds.written(hold, WrittenHold.model_validate(result), self._at)

    async def _decoded(self, payloads: Payloads) -> list[Any]:
        return await self._converter.decode(payloads.payloads)
