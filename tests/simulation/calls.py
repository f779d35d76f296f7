"""Helpers: one call, told step by step what a test wants it to meet."""

from datetime import datetime, timedelta
from typing import Any, Literal

from bench.simulation import protocol
from bench.simulation.instance import Opening
from bench.simulation.life import NOON
from bench.simulation.server import Activity, Server
from callvault.contracts import names
from callvault.contracts.activity_io import Beginning, ControlResult
from callvault.contracts.status import RecordingStatus
from tests.policies import a_policy

ACTIVE = ControlResult(recording_id="r", state="active", accepted_at=NOON)
A_MOMENT = timedelta(milliseconds=2)
STOPPED = ControlResult(recording_id="r", state="inactive", accepted_at=NOON)


def begun(request: dict[str, Any] | None = None) -> Server:
    """Begin the workflow of a call, which knows nothing of its resource yet."""
    asked = {"server_call_id": "call-1", "resource": "default", **(request or {})}
    payload = protocol.payload(asked)
    server = Server(
        opening=Opening(names.workflow_id("call-1"), "run-1", NOON, (payload,), seed=1),
        now=NOON,
        on_activation=lambda jobs, activate: activate(),
        on_scheduled=lambda activity: None,
    )
    server.begin()
    return server


def recorded(request: dict[str, Any] | None = None, **policy: Any) -> Server:
    """Begin the workflow of a call, which is recorded now."""
    server = begun(request)
    learns(server, **policy)
    starts(server)
    return server


def learns(server: Server, **policy: Any) -> None:
    """Let the workflow know its resource's settings, and that it was not reset."""
    answer(server, "begin_run", Beginning(policy=a_policy(**policy)))


def starts(server: Server) -> None:
    """Let ACS start what it is asked to start."""
    answer(server, "start_recording", ACTIVE.model_copy(update={"state": "inactive"}))
    answer(server, "confirm_active", ACTIVE)


def has_handed_over(server: Server) -> None:
    """Let the second run begin, which has taken over."""
    assert server.runs == 2
    answer(server, "begin_run", Beginning())


def stops(server: Server) -> None:
    """Stop the recording."""
    server.deliver(protocol.signal(names.STOP, [protocol.payload({})]))
    answer(server, "stop_recording", STOPPED)


def answer(server: Server, kind: str, result: Any) -> None:
    """End the activity of a kind that is under way."""
    server.resolve(under_way(server, kind), protocol.completed(result))


def under_way(server: Server, kind: str) -> Activity:
    """Return the activity of a kind that is under way."""
    return next(each for each in server.activities.values() if each.kind == kind)


def tell(server: Server, name: str, **content: Any) -> None:
    """Send a signal."""
    server.deliver(protocol.signal(name, [protocol.payload(content)]))


def ask(server: Server, name: str, update: str, **content: Any) -> None:
    """Send an update under an id."""
    server.deliver(protocol.update(name, update, [protocol.payload(content)]))


def seen(server: Server, state: Literal["active", "inactive"]) -> ControlResult:
    """Return what ACS says of the recording at this moment."""
    now = server.now
    return ControlResult(recording_id="r", state=state, sent_at=now, read_at=now, received_at=now)


def after(seconds: float) -> str:
    """Return a moment of the call, as a message tells it."""
    return (NOON + timedelta(seconds=seconds)).isoformat()


def wait(server: Server, seconds: float) -> None:
    """Let time go by."""
    server.pass_time(timedelta(seconds=seconds))


def recording_of(server: Server) -> RecordingStatus:
    """Return the state of the call's first recording."""
    recording: RecordingStatus = server.run.workflow.call.recording(1)
    return recording


def unconfirmed(server: Server) -> list[tuple[float, float | None]]:
    """Return when the first recording may have recorded what it was not to, in seconds."""
    return [_seconds(each.since, each.until) for each in recording_of(server).silence.unconfirmed]


def silent(server: Server) -> list[tuple[float, float | None]]:
    """Return when the first recording is claimed to be silent, in seconds."""
    return [_seconds(each.since, each.until) for each in recording_of(server).silence.silent]


def _seconds(since: datetime, until: datetime | None) -> tuple[float, float | None]:
    since_noon = (since - NOON).total_seconds()
    return since_noon, (until - NOON).total_seconds() if until is not None else None
