"""Does the simulation's own truth follow what the workflow was told?"""

from temporalio.api.common.v1 import Payload

from bench.simulation import messages, protocol
from bench.simulation.delivered import Delivered
from bench.simulation.server import Server
from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import StartRequest

from .calls import STOPPED, answer, recorded, starts


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
    assert server.runs == 2
    server.deliver(protocol.cancellation())
    assert count_cancelled(server) == 2


def test_payloads_are_decoded_as_a_worker_does() -> None:
    """With the SDK's own converter, a signal that cannot be decoded vanished unseen."""
    server = recorded()
    server.deliver(protocol.signal(names.STOP, [Payload(data=b"{}")]))
    timeline = server.run.workflow.call.status.timeline
    assert "could not be read" in timeline[-1].what


def count_cancelled(server: Server) -> int:
    alarms = server.run.workflow.call.status.alarms
    return [each.alarm.kind for each in alarms].count(AlarmKind.CANCELLED)
