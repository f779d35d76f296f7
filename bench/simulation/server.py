"""Temporal's part of a life: virtual time, timers, activities, one run after the other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from temporalio.bridge.proto.activity_result import ActivityResolution
from temporalio.bridge.proto.workflow_commands import ActivityCancellationType, WorkflowCommand
from temporalio.exceptions import TimeoutType

from bench.simulation import protocol
from bench.simulation.instance import Broken, Opening, RunInstance
from bench.simulation.protocol import Job
from bench.simulation.update_answers import MOST_PATIENT, PATIENT, judge_answer
from callvault.contracts import activity_io, names
from callvault.contracts.alarms import Alarm
from callvault.contracts.hold_messages import HoldOrder, ReleaseOrder
from callvault.contracts.manifest import SealInput
from callvault.contracts.recording_events import EventDelivery
from callvault.contracts.results import CallResult
from callvault.contracts.signal_times import SignalTimesQuery
from callvault.contracts.takeover import RunQuery

INPUT_OF: dict[str, type[Any]] = {
    names.BEGIN_ACTIVITY: activity_io.BeginInput,
    names.RECALL_ACTIVITY: RunQuery,
    "find_signal_times": SignalTimesQuery,
    "start_recording": activity_io.StartInput,
    "confirm_active": activity_io.RecordingInput,
    "read_state": activity_io.RecordingInput,
    "identify_recording": activity_io.RecordingInput,
    "pause_recording": activity_io.RecordingInput,
    "resume_recording": activity_io.RecordingInput,
    "stop_recording": activity_io.RecordingInput,
    "poll_state": activity_io.PollStateInput,
    "poll_result": activity_io.PollResultInput,
    "delete_source": activity_io.DeleteInput,
    "export_chunk": activity_io.ExportInput,
    "find_sealed": activity_io.FindSealed,
    "seal_recording": SealInput,
    "place_legal_hold": HoldOrder,
    "release_legal_hold": ReleaseOrder,
    "raise_alarm": Alarm,
    "announce_recording": activity_io.AnnouncementInput,
    "deliver_event": EventDelivery,
    names.HAND_OVER_EVENT_ACTIVITY: EventDelivery,
}

POLLS = ("poll_state", "poll_result")
_SHOWN = ("upsert_workflow_search_attributes", "modify_workflow_properties")
_ENDS = ("complete_workflow_execution", "continue_as_new_workflow_execution")

_MAX_EXCHANGES = 200
"""Activations at one moment, after which a workflow is taken to go round in circles."""


@dataclass
class Activity:
    """An activity that was scheduled and has not ended."""

    seq: int
    kind: str
    input: Any
    deadline: datetime | None
    timeout_type: TimeoutType
    """The kind of time-out that comes with the deadline."""
    waits_for_cancellation: bool
    is_cancelled: bool = False
    memory: dict[str, Any] = field(default_factory=dict)
    """What earlier attempts have noted."""
    under_way: Any = None
    """An attempt that was sent and not heard of."""

    @property
    def is_quick(self) -> bool:
        """True if it is over after one attempt, which takes seconds."""
        return self.timeout_type is TimeoutType.START_TO_CLOSE

    @property
    def asks_temporal_alone(self) -> bool:
        """True if it only looks into a history: the settings came from the run before."""
        return self.kind == names.BEGIN_ACTIVITY and self.input.resource is None


@dataclass
class Server:
    """The server and the worker of one workflow."""

    opening: Opening
    now: datetime
    on_activation: Callable[[Sequence[Job], Callable[[], None]], None]
    """Called around every activation, with its jobs and the activation itself."""
    on_scheduled: Callable[[Activity], None]
    on_rest: Callable[[], None] = lambda: None
    """Called when the run has done all that it can do by itself."""
    on_handed_over: Callable[[], list[Job]] = list
    """Called between a run and the next one; returns the messages that have come meanwhile."""
    timers: dict[int, datetime] = field(default_factory=dict)
    activities: dict[int, Activity] = field(default_factory=dict)
    open_updates: set[str] = field(default_factory=set)
    updates: dict[str, str] = field(default_factory=dict)
    """The names of all updates, by their ids."""
    answers: dict[str, str] = field(default_factory=dict)
    """By update: ``completed`` or ``rejected``."""
    timed_out: set[str] = field(default_factory=set)
    """The ids of alarms that were tried until their time was over."""
    result: CallResult | None = None
    runs: int = 1
    is_cancelled: bool = False
    """True if the run that is open was told of a cancellation."""
    cancelled_runs: set[str] = field(default_factory=set)
    """The runs of which a cancellation was requested, whether or not they heard of it."""
    has_stood_still: timedelta = timedelta()
    """Longest time for which the worker has stood still: timers begin later by as much."""
    stands_still: timedelta = timedelta()
    """Time for which the worker will stand still within its next workflow task."""
    _held: list[Job] = field(default_factory=list)
    _was_deaf: bool = False
    _exchanges: int = 0

    def begin(self, messages: Sequence[Job] = ()) -> None:
        """Begin the workflow's first run; messages may have come before."""
        self.run = RunInstance(self.opening)
        self.told_at = self.now
        """The time of the workflow task: the workflow takes it to be now."""
        self._exchange(list(messages), is_first=True)

    @property
    def is_over(self) -> bool:
        """True if the workflow has ended."""
        return self.result is not None

    @property
    def is_long(self) -> bool:
        """True if the run is to hand over, by the length of its history."""
        policy = self.run.workflow.call.status.policy
        return policy is not None and self.run.seen_history_length >= policy.max_history_events

    @property
    def is_deaf(self) -> bool:
        """True if the run would not hear of another cancellation, and there is something to stop.

        Temporal tells a run of its first one alone.
        """
        return self.is_cancelled and self.run.workflow.call.status.being_recorded is not None

    @property
    def patient(self) -> set[str]:
        """The open updates whose callers may wait without an end."""
        return {each for each in self.open_updates if self.updates[each] in PATIENT}

    def hold(self, job: Job) -> None:
        """Keep a message back until something else happens: both come in one activation."""
        self._held.append(job)

    def deliver(self, *jobs: Job) -> None:
        """Activate the workflow with these jobs, after the messages that were held back."""
        held, self._held = self._held, []
        told = [job for job in (*held, *jobs) if self._is_told(job)]
        if told and not self.is_over:
            self._exchanges = 0
            self.told_at = self.now
            self._stand_still()
            self._exchange(told)
            if not self.is_over:
                self.on_rest()

    def _stand_still(self) -> None:
        self.has_stood_still = max(self.has_stood_still, self.stands_still)
        self.now, self.stands_still = self.now + self.stands_still, timedelta()

    def _is_told(self, job: Job) -> bool:
        """Tell if the run is told: Temporal tells each run of its first cancellation alone."""
        if not job.HasField("cancel_workflow"):
            return True
        self.cancelled_runs.add(self.opening.run_id)
        was_cancelled, self.is_cancelled = self.is_cancelled, True
        return not was_cancelled

    def ask(self, job: Job) -> None:
        """Query the workflow."""
        self.deliver()
        if not self.is_over:
            self.told_at = self.now
            self._exchange([job])

    def resolve(self, activity: Activity, result: ActivityResolution) -> None:
        """End an activity."""
        del self.activities[activity.seq]
        self.deliver(protocol.resolution(activity.seq, result))

    def next_due(self) -> datetime | None:
        """Return when the next timer fires, or the next activity times out."""
        deadlines = (a.deadline for a in self.activities.values() if a.deadline is not None)
        return min((*self.timers.values(), *deadlines), default=None)

    def pass_time(self, span: timedelta) -> None:
        """Let time go by; what falls due does so at its moment."""
        end = self.now + span
        while (due := self.next_due()) is not None and due <= max(end, self.now):
            if self.is_over:
                break
            self.now = max(self.now, due)
            self._fall_due()
        self.now = max(self.now, end)

    def be_away(self, span: timedelta) -> None:
        """Let time go by without a worker; all that falls due comes in one activation then."""
        self.now += span
        jobs = []
        for seq in [seq for seq, at in sorted(self.timers.items()) if at <= self.now]:
            del self.timers[seq]
            jobs.append(protocol.timer_fired(seq))
        for activity in self._timed_out():
            del self.activities[activity.seq]
            result = protocol.timed_out(activity.timeout_type)
            jobs.append(protocol.resolution(activity.seq, result))
        self.deliver(*jobs)

    def replay(self) -> None:
        """Let the worker lose the workflow, and find it again."""
        self.deliver()
        if not self.is_over:
            self.run.replay()

    def close(self) -> None:
        """Let go of the last run."""
        self.run.evict()

    def _fall_due(self) -> None:
        for seq, at in sorted(self.timers.items()):
            if at <= self.now:
                del self.timers[seq]
                self.deliver(protocol.timer_fired(seq))
                return
        for activity in self._timed_out():
            self.resolve(activity, protocol.timed_out(activity.timeout_type))
            return

    def _timed_out(self) -> Iterator[Activity]:
        """Yield the activities whose time is over, and note which alarms were tried in vain."""
        for activity in sorted(self.activities.values(), key=lambda a: a.seq):
            if activity.deadline is not None and activity.deadline <= self.now:
                if activity.kind == "raise_alarm":
                    self.timed_out.add(activity.input.id)
                yield activity

    # The exchange with the workflow.

    def _exchange(self, jobs: list[Job], *, is_first: bool = False) -> None:
        """Activate, and do what the workflow commands; that may activate it again at once."""
        self._exchanges += 1
        if self._exchanges > _MAX_EXCHANGES:
            raise Broken("the workflow goes round in circles")
        self.updates |= {j.do_update.id: j.do_update.name for j in jobs if j.HasField("do_update")}
        commands: list[WorkflowCommand] = []

        def activate() -> None:
            run = self.run
            # It may tell a caller so, and find at once that nothing is to be stopped any more.
            self._was_deaf = not is_first and self.is_deaf
            act = run.begin if is_first else run.activate
            commands[:] = act(self.told_at, jobs)

        self.on_activation(jobs, activate)
        at_once: list[Job] = []
        for command in commands:
            at_once += self._obey(command)
        if self._next_opening is not None:
            self._begin_next_run()
        elif at_once and not self.is_over:
            self._exchange(at_once)

    _next_opening: Opening | None = None

    def _begin_next_run(self) -> None:
        self.run.evict()
        assert self._next_opening is not None
        self.opening, self._next_opening = self._next_opening, None
        self.timers.clear()
        self.activities.clear()
        self.runs += 1
        self.is_cancelled = False
        messages = self.on_handed_over()
        self.run = RunInstance(self.opening)
        self.told_at = self.now
        self._exchange(messages, is_first=True)

    def _obey(self, command: WorkflowCommand) -> list[Job]:
        """Do what a command says; return what is answered to it at once."""
        kind = command.WhichOneof("variant") or ""
        match kind:
            case "start_timer":
                timer = command.start_timer
                self.timers[timer.seq] = self.now + _span(timer.start_to_fire_timeout)
            case "cancel_timer":
                self.timers.pop(command.cancel_timer.seq, None)
            case "schedule_activity":
                self._schedule(command.schedule_activity)
            case "request_cancel_activity":
                return self._cancel(command.request_cancel_activity.seq)
            case _:
                self._note_answer(kind, command)
        return []

    def _schedule(self, order: Any) -> None:
        kind: str = order.activity_type
        is_single = order.retry_policy.maximum_attempts == 1
        timeout_type = TimeoutType.START_TO_CLOSE if is_single else TimeoutType.SCHEDULE_TO_CLOSE
        field = f"{timeout_type.name.lower()}_timeout"
        deadline = self.now + _span(getattr(order, field)) if order.HasField(field) else None
        waits = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
        activity = Activity(
            seq=order.seq,
            kind=kind,
            input=protocol.value_of(order.arguments[0], INPUT_OF[kind]),
            deadline=deadline,
            timeout_type=timeout_type,
            waits_for_cancellation=order.cancellation_type == waits,
        )
        self.activities[activity.seq] = activity
        self.on_scheduled(activity)

    def _cancel(self, seq: int) -> list[Job]:
        activity = self.activities.get(seq)
        if activity is None:
            return []
        activity.is_cancelled = True
        if activity.waits_for_cancellation:
            return []
        del self.activities[seq]
        return [protocol.resolution(seq, protocol.cancelled())]

    def _note_response(self, command: WorkflowCommand) -> None:
        response = command.update_response
        update_id, what = response.protocol_instance_id, response.WhichOneof("response") or ""
        if what == "accepted":
            self.open_updates.add(update_id)
            return
        if what == "completed":
            is_too_much = len(self.patient) > MOST_PATIENT
            is_in_the_way = is_too_much or self.is_long or self.is_deaf or self._was_deaf
            judge_answer(response.completed, self.now, is_in_the_way=is_in_the_way)
        self.open_updates.discard(update_id)
        self.answers[update_id] = what

    def _note_answer(self, kind: str, command: WorkflowCommand) -> None:
        if kind == "update_response":
            self._note_response(command)
        elif kind == "respond_to_query":
            if not command.respond_to_query.HasField("succeeded"):
                raise Broken(f"a query fails: {command.respond_to_query.failed.message}")
        elif kind not in _SHOWN:
            self._end(kind, command)

    def _end(self, kind: str, command: WorkflowCommand) -> None:
        under_way = {a.kind for a in self.activities.values() if a.kind not in POLLS}
        if under_way and kind in _ENDS:
            raise Broken(f"a run ends while {min(under_way)} is under way")
        if kind == "complete_workflow_execution":
            found = command.complete_workflow_execution.result
            self.result = protocol.value_of(found, CallResult)
            if self.open_updates:
                raise Broken("the workflow ends with an update that is not answered")
        elif kind == "continue_as_new_workflow_execution":
            arguments = command.continue_as_new_workflow_execution.arguments
            if self.open_updates:
                raise Broken("a run hands over with an update that is not answered")
            self._next_opening = Opening(
                workflow_id=self.opening.workflow_id,
                run_id=f"run-{self.runs + 1}",
                at=self.now,
                arguments=tuple(arguments),
                seed=self.opening.seed + 1,
                continued_run_id=self.opening.run_id,
            )
        elif kind == "fail_workflow_execution":
            what = command.fail_workflow_execution.failure.message
            raise Broken(f"the workflow fails: {what}")
        else:
            raise Broken(f"the workflow ends with {kind}")


def _span(duration: Duration) -> timedelta:
    return duration.ToTimedelta()
