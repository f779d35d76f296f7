"""A role whose clock is minutes off: the process's own, since the machine has one for all.

    python -m bench.chaos.wrong_clock 600 worker
    python -m bench.chaos.wrong_clock -600 answer-early worker

Runs the role as `callvault` does (or as `bench.chaos.mutations` does, where a mutation is named),
with `time.time` and `datetime.now` that differ from the machine's. Times by which Temporal's core
measures how long something takes are monotonic, and stay right, as on a machine with a wrong clock.
"""

import datetime as datetimes
import sys
import time
from typing import Any

_now = time.time
_now_ns = time.time_ns
_datetime = datetimes.datetime


class _OfAnyClock(type):
    """Takes the times that C code makes for instances of the class that stands in their place."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _datetime)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _datetime)


def set_clock(ahead: float) -> None:
    """Put this process's clock ahead by some seconds; before any module has taken it."""

    class Moved(_datetime, metaclass=_OfAnyClock):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return _datetime.fromtimestamp(_now() + ahead, tz)

        @classmethod
        def utcnow(cls) -> Any:
            return _datetime.fromtimestamp(_now() + ahead, datetimes.UTC).replace(tzinfo=None)

    time.time = lambda: _now() + ahead
    time.time_ns = lambda: _now_ns() + int(ahead * 1e9)
    datetimes.datetime = Moved  # type: ignore[misc]


def main(ahead: str, *command: str) -> None:
    """Set the clock, then run the role."""
    set_clock(float(ahead))
    # Only now: these modules take the clock as they are imported.
    from bench.chaos.mutations import MUTATIONS, run

    name, role = (command[0], command[1:]) if command[0] in MUTATIONS else ("", command)
    run(name, *role)


if __name__ == "__main__":
    main(*sys.argv[1:])
