"""Open recordings in this very process, without worker and server, and what holds their memory.

`python -m bench.open.instances` prints the lines of code that hold the most for each. The guard
`tests/guards/test_memory.py` bounds the sum, and what is left once they are evicted.
"""

import argparse
import gc
import tracemalloc
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.latency import SOUND
from bench.simulation import protocol
from bench.simulation.instance import Opening, RunInstance
from callvault.config.policy import resource_policy
from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.contracts.activity_io import Beginning, ControlResult
from callvault.contracts.states import RecordingState

BEGUN_AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
_ID = "x" * 120
"""Ids of ACS are that long."""

_SETTINGS = Settings.model_validate(
    {
        "resources": {
            "default": {
                "endpoint": "https://contoso.communication.azure.com",
                "credential": {"entra": True},
            }
        },
        "archives": {"main": {"kind": "directory", "path": "/archive"}},
    }
)
_BEGINNING = Beginning(policy=resource_policy(_SETTINGS, "default"))


def open_recording(number: int, flags: Iterable[int] = ()) -> RunInstance:
    """Let a workflow begin a recording, and return it once ACS has accepted the start.

    ``flags`` are changes of the SDK's own that it makes use of.
    """
    request = {"serverCallId": f"{_ID}{number}", "requestedBy": "bench", **SOUND}
    arguments = (protocol.payload(request),)
    opening = Opening(f"recording-{number}", f"run-{number}", BEGUN_AT, arguments, number)
    run = RunInstance(opening, flags=flags)
    commands, now = run.begin(BEGUN_AT), BEGUN_AT
    while asked := [c.schedule_activity for c in commands if c.HasField("schedule_activity")]:
        now += timedelta(milliseconds=100)
        answers = [
            protocol.resolution(each.seq, protocol.completed(_answer(each.activity_type, number)))
            for each in asked
        ]
        commands = run.activate(now, answers)
    state = run.workflow.call.status.recordings[0].state
    if state is not RecordingState.RECORDING:
        raise ValueError(f"the recording is {state}: tell here what its workflow asks for")
    run.forget()
    return run


def _answer(activity: str, number: int) -> Beginning | ControlResult:
    if activity == names.BEGIN_ACTIVITY:
        return _BEGINNING
    if activity == "start_recording":
        # What is parsed is held by each on its own: no two recordings share a string.
        return ControlResult(state="active", recording_id=f"{number}{_ID}")
    raise ValueError(f"activity {activity} is not known here: tell what it answers")


def measure(count: int, hold: Callable[[RunInstance], object] = id) -> tuple[float, float]:
    """Return the KiB that an open recording holds in Python, and what is left after its eviction.

    ``hold`` is called for each, so that a test can plant a leak.
    """
    # Once without a measurement: what modules and Python itself keep has its size then.
    _evict(_open_all(count))
    with _Traced() as traced:
        opened = _open_all(count)
        _for_each(opened, hold)
        held = traced.kibibytes()
        _evict(opened)
        return held / count, traced.kibibytes() / count


def _open_all(count: int) -> list[RunInstance]:
    return [open_recording(number) for number in range(count)]


def _for_each(opened: list[RunInstance], hold: Callable[[RunInstance], object]) -> None:
    # In a function of its own: a variable of the loop would keep the last one.
    for run in opened:
        hold(run)


def _evict(opened: list[RunInstance]) -> None:
    while opened:
        opened.pop().evict()


class _Traced:
    """Traces allocations within its block."""

    def __enter__(self) -> "_Traced":
        gc.collect()
        tracemalloc.start()
        return self

    def __exit__(self, *_: object) -> None:
        tracemalloc.stop()

    def kibibytes(self) -> float:
        """Return what was allocated since the beginning and is still there."""
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--lines", type=int, default=40)
    given = parser.parse_args()
    _evict(_open_all(given.count))
    with _Traced():
        opened = _open_all(given.count)
        gc.collect()
        found = tracemalloc.take_snapshot().statistics("lineno")
    _evict(opened)
    total = sum(each.size for each in found)
    print(f"{total / given.count / 1024:.1f} KiB for each recording")
    for each in found[: given.lines]:
        print(_line(each, given.count))


def _line(found: Any, count: int) -> str:
    where = found.traceback[0]
    file = "/".join(Path(where.filename).parts[-3:])
    held, objects = found.size / count / 1024, found.count / count
    return f"{held:7.2f} KiB {objects:6.1f} objects  {file}:{where.lineno}"


if __name__ == "__main__":
    main()
