"""Does an open recording stay small in a worker's memory, and leave nothing there once evicted?"""

import pytest

from bench.open.instances import measure
from bench.simulation.instance import RunInstance

RECORDINGS = 100

MAX_HELD = 95.0
MAX_LEFT = 2.0
"""KiB of Python's objects for each: while it is in the cache, and once it is not."""

DEARER = (
    "an open recording holds more than before: `python -m bench.open.instances` lists the lines of"
    " code that do. Leave out what need not be kept, or write the new figure here, and that of"
    " `make open` into `worker.max_cached_workflows`"
)
LEAK = 32 * 1024


@pytest.fixture(scope="module")
def measured() -> tuple[float, float]:
    return measure(RECORDINGS)


def test_a_recording_in_the_cache_stays_small(measured: tuple[float, float]) -> None:
    held, _ = measured
    assert held <= MAX_HELD, DEARER


def test_a_recording_that_is_evicted_leaves_nothing(measured: tuple[float, float]) -> None:
    _, left = measured
    assert left <= MAX_LEFT, "what is kept of an evicted recording is kept for ever"


def test_what_each_recording_holds_too_much_is_noticed() -> None:
    """A planted fault: state that is kept twice."""

    def keep_twice(run: RunInstance) -> None:
        run.workflow.kept_twice = bytearray(LEAK)  # type: ignore[attr-defined]

    held, left = measure(RECORDINGS, keep_twice)
    assert held > MAX_HELD
    assert left <= MAX_LEFT


def test_what_a_recording_leaves_behind_is_noticed() -> None:
    """A planted fault: a module that remembers every workflow."""
    remembered = []
    held, left = measure(RECORDINGS, lambda run: remembered.append(bytearray(LEAK // 8)))
    assert left > MAX_LEFT
    assert held <= MAX_HELD
