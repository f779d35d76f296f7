"""The promises that hold whenever a run is at rest: it has done all that it can do by itself.

- What is to be asked of ACS is asked at once, and what is announced is copied at once.
- A run that is to end begins nothing more.
- A run hands over as soon as nothing is half done, if its history is long, or if it would not hear
  of another cancellation that has something to stop.
- A run that was ended by force now would be taken over, unless it has only to tell or to clean up.
- Those who may wait without an end shut nobody out who wants silence.
- What falls due is done at its moment, and no timer is about to fire that nothing needs.
"""

from datetime import timedelta

from bench.simulation.instance import Broken
from bench.simulation.server import POLLS, Server
from bench.simulation.update_answers import MOST_PATIENT
from callvault.contracts.states import ChunkState
from workflows.activity_options import ADOPT_TIMEOUT
from workflows.call.chunks import chunks_of
from workflows.call.results import is_settled
from workflows.loops.clock import LEEWAY, NEAR
from workflows.recording import RecordingWorkflow

_ROUNDING = timedelta(milliseconds=2)
"""Time after which what is due is done for certain: the SDK's clock, a float, may be a microsecond
behind, and then the workflow wakes up a millisecond later."""

_CANNOT_BE_CALLED_OFF = (
    "start_recording",
    "confirm_active",
    "read_state",
    "pause_recording",
    "resume_recording",
    "stop_recording",
    "announce_recording",
    "seal_recording",
)


_ONLY_TELLS = {
    *("raise_alarm", "deliver_event", "hand_over_event"),
    *("find_signal_times", "delete_source", *POLLS),
}
"""What may be under way when nothing is left to do for a call."""


def check(server: Server) -> None:
    """Check a run that has been told all that there is to tell."""
    workflow = server.run.workflow
    if is_beginning(server):
        return
    if workflow.call.in_flight is None and _is_to_ask(server, workflow):
        raise Broken("something is wanted of ACS, and is not asked")
    _check_ending(server, workflow)
    _check_copied(server, workflow)
    _check_handed_over(server, workflow)
    _check_minded(server, workflow)
    _check_updates(server)
    _check_timers(server, workflow)


def check_due(server: Server) -> None:
    """Check that nothing is due any more, once time has passed."""
    workflow = server.run.workflow
    if is_beginning(server):
        return
    for source in workflow.timers._sources:
        due = source.next_due()
        if due is not None and due + _ROUNDING + server.has_stood_still <= server.now:
            raise Broken(f"it is due, and is not done: {source.summary}")


def is_beginning(server: Server) -> bool:
    """Tell if a run does nothing yet: it does not know its settings, or if it was reset."""
    return not server.run.workflow.this_run._loops


def _is_to_ask(server: Server, workflow: RecordingWorkflow) -> bool:
    command = workflow.call.next_command()
    if command is None:
        return False
    # A reading is left to the next run, unless somebody waits for it.
    return not (command.is_urgent and server.is_long and not server.open_updates)


def _check_ending(server: Server, workflow: RecordingWorkflow) -> None:
    if workflow.this_run.is_finished:
        for activity in server.activities.values():
            if activity.kind not in POLLS:
                raise Broken(f"a run is to end, and has begun to {activity.kind}")


def _check_copied(server: Server, workflow: RecordingWorkflow) -> None:
    under_way = server.activities.values()
    # What is cancelled nobody waits for: a reading that hangs, a start whose id was told meanwhile.
    is_busy = (a.kind in _CANNOT_BE_CALLED_OFF and not a.is_cancelled for a in under_way)
    if not any(is_busy):
        return
    copied = {a.input.chunk.document_id for a in under_way if a.kind == "export_chunk"}
    for _, chunk in chunks_of(workflow.call.status):
        is_waiting = chunk.state is ChunkState.ANNOUNCED
        if is_waiting and chunk.chunk.document_id not in copied:
            raise Broken("a file is not copied, while something else is under way")


def _check_handed_over(server: Server, workflow: RecordingWorkflow) -> None:
    is_under_way = any(a.kind not in POLLS for a in server.activities.values())
    if is_under_way or server.open_updates - server.patient or workflow.call.in_flight is not None:
        return
    if server.is_deaf:
        raise Broken("a run goes on that hears of no other cancellation")
    if server.is_long:
        raise Broken("a run goes on whose history is long")


def _check_minded(server: Server, workflow: RecordingWorkflow) -> None:
    if not is_settled(workflow.call.status):
        return
    # By its list of recordings it was over: ended by force now, it would be minded by nobody.
    doing = {each.kind for each in server.activities.values() if not each.is_cancelled}
    # After the call nothing records: nobody would ask again whose recording a callback has told
    # of, and who waits to have it stopped has nothing to wait for.
    is_moot = workflow.call.status.ended_at is not None
    if left := doing - _ONLY_TELLS - ({"identify_recording"} if is_moot else set()):
        raise Broken(f"a run that nobody would take over is to {min(left)}")
    is_asked = bool(server.patient) and not is_moot
    if is_asked or workflow.call.status.being_recorded is not None:
        raise Broken("a run that nobody would take over is recording, or is asked to")


def _check_updates(server: Server) -> None:
    if len(server.patient) > MOST_PATIENT:
        raise Broken("those who wait for ACS shut out who wants silence")


def _check_timers(server: Server, workflow: RecordingWorkflow) -> None:
    clock = workflow.this_run.clock
    awaited = [moment.at for moment in clock._awaited]
    for at in server.timers.values():
        # Neither a moment's: the wait for the callback that tells whose recording it is.
        is_short = at <= server.now + ADOPT_TIMEOUT
        # A worker that stood still has begun it late: it was meant for a moment between the two.
        begun = at - server.has_stood_still
        is_needed = any(begun <= moment <= at + LEEWAY for moment in awaited)
        # One that fires later may serve yet, and costs nothing until then.
        is_far = at > clock.seen.now + NEAR
        if not (is_short or is_needed or is_far):
            raise Broken("a timer is about to fire that nothing needs")
