"""Does a worker that has lost a run decide the same again, from what its history holds?"""

from datetime import timedelta
from typing import Any

from bench.simulation import protocol
from bench.simulation.instance import Opening
from bench.simulation.life import NOON
from bench.simulation.server import Server
from callvault.contracts import names
from callvault.contracts.activity_io import ControlResult
from tests.policies import a_policy

SOON = timedelta(minutes=1)
ACTIVE = ControlResult(recording_id="r", state="active", accepted_at=NOON)
STOPPED = ControlResult(recording_id="r", state="inactive", accepted_at=NOON)


def test_an_update_that_is_rejected_as_a_timer_fires_changes_no_command() -> None:
    """It leaves nothing in the history, and made the SDK check conditions once more."""
    server = a_server()
    server.begin()
    answer(server, "describe_resource", a_policy(event_expected_within=SOON))
    answer(server, "start_recording", ACTIVE)
    answer(server, "confirm_active", ACTIVE)
    server.deliver(protocol.signal(names.STOP, [protocol.payload({})]))
    answer(server, "stop_recording", STOPPED)
    server.hold(protocol.update("unknown", "1", []))
    server.pass_time(timedelta(hours=1))
    assert server.answers == {"1": "rejected"}
    server.replay()


def a_server(**request: Any) -> Server:
    """Make a server that is to begin the workflow of a call."""
    payload = protocol.payload({"server_call_id": "call-1", "resource": "default"} | request)
    return Server(
        opening=Opening(names.workflow_id("call-1"), "run-1", NOON, (payload,), seed=1),
        now=NOON,
        on_activation=lambda jobs, activate: activate(),
        on_scheduled=lambda activity: None,
    )


def answer(server: Server, kind: str, result: Any) -> None:
    """End the activity of a kind that is under way."""
    activity = next(each for each in server.activities.values() if each.kind == kind)
    server.resolve(activity, protocol.completed(result))
