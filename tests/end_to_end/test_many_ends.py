"""Is the earliest deadline exported first when many calls end at once? A short `bench.ends`."""

from datetime import timedelta
from pathlib import Path

import pytest

from bench.ends.findings import MAX_OVERTAKEN, SHORT, Export, Findings
from bench.ends.load import Pauses
from bench.ends.run import run_storm
from tests.unit.call import NOON

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.mark.slow("two dozen calls are recorded, and archived one after the other")
@pytest.mark.timeout(180)
def test_what_is_deleted_first_is_exported_first_when_many_calls_end_at_once(
    tmp_path: Path,
) -> None:
    found = run_storm(tmp_path, SHORT)
    assert found.problems() == []
    assert len(found.exports) == SHORT.calls
    assert len(found.pauses.callvault) > 0


URGENT = Export("hours", NOON + 3 * HOUR, NOON, NOON + 9 * SECOND, NOON + 10 * SECOND)


def begun_at(second: float) -> Export:
    """An export that has two days, of a file that was announced first."""
    started = NOON + second * SECOND
    return Export("default", NOON + 48 * HOUR, NOON - SECOND, started, started + SECOND)


def test_the_storm_notices_a_file_that_waits_behind_less_urgent_ones() -> None:
    in_time = [begun_at(number) for number in range(1, MAX_OVERTAKEN + 1)]
    assert found_with(URGENT, begun_at(-1), *in_time, begun_at(11)).problems() == []
    problems = found_with(URGENT, *in_time, begun_at(8)).problems()
    assert "1 files waited while up to 6 with a later deadline were exported" in problems[0]


def test_the_storm_notices_a_file_that_is_missing_and_a_worker_that_grows() -> None:
    found = found_with(URGENT, begun_at(10))
    found.files, found.memory = 1, {"worker-exports": 2_000}
    missing, grown = found.problems()
    assert "1 files are in the archive" in missing
    assert "worker-exports had 2000 MiB" in grown


def found_with(*exports: Export) -> Findings:
    return Findings(len(exports), len(exports), len(exports), 1.0, exports, Pauses())
