"""Does the simulation's own truth follow what the workflow was told?"""

from temporalio.api.common.v1 import Payload

from bench.simulation import messages, protocol
from bench.simulation.delivered import Delivered
from bench.simulation.server import Server
from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import StartRequest
from callvault.contracts.states import Wanted

from .calls import A_MOMENT, ACTIVE, STOPPED, answer, has_handed_over, recorded, starts


def test_who_is_in_the_call_is_learned_in_the_order_in_which_it_was_told() -> None:
    """Who is named by a start after their leaving was known is in the call."""
    left = ParticipantChanged(participant="a" * 64, joined=False)
    start = StartRequest(participants=("a" * 64,))
    jobs = [
        messages.signal(names.PARTICIPANT_CHANGED, left),
        messages.signal(names.START, start),
    ]
    assert Delivered(jobs).about_presence == [left, start]


def test_a_run_is_told_of_its_first_cancellation_alone() -> None:
    """As Temporal does: the next run of the workflow hears again."""
    server = recorded()
    server.deliver(protocol.cancellation())
    answer(server, "stop_recording", STOPPED)
    server.deliver(protocol.cancellation())
    assert count_cancelled(server) == 1
    server.deliver(protocol.signal(names.START, [protocol.payload({})]))
    starts(server)
    assert server.is_cancelled, "it hands over once the alarm is sent"
    answer(server, "raise_alarm", None)
    has_handed_over(server)
    server.deliver(protocol.cancellation())
    assert count_cancelled(server) == 2


def test_payloads_are_decoded_as_a_worker_does() -> None:
    """With the SDK's own converter, a signal that cannot be decoded vanished unseen."""
    server = recorded()
    server.deliver(protocol.signal(names.STOP, [Payload(data=b"{}")]))
    timeline = server.run.workflow.call.status.timeline
    assert "could not be read" in timeline[-1].what


def test_sound_that_a_reading_saw_is_noted_though_something_else_was_wanted_meanwhile() -> None:
    """The answer came along with a stop, which had the reading called off: it was not looked at."""
    server = recorded()
    server.deliver(protocol.signal(names.PAUSE, [protocol.payload({})]))
    answer(server, "pause_recording", STOPPED)
    server.pass_time(A_MOMENT)
    server.deliver(protocol.signal(names.PAUSE, [protocol.payload({})]))
    server.hold(protocol.signal(names.STOP, [protocol.payload({})]))
    now = server.now
    answer(server, "read_state", ACTIVE.model_copy(update={"sent_at": now, "read_at": now}))
    [recording] = server.run.workflow.call.status.recordings
    assert recording.wanted is Wanted.STOPPED
    assert all(each.until is not None for each in recording.silence.silent)
    assert recording.silence.unconfirmed[-1].is_finding


def count_cancelled(server: Server) -> int:
    alarms = server.run.workflow.call.status.alarms
    return [each.alarm.kind for each in alarms].count(AlarmKind.CANCELLED)
