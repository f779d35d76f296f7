"""Is the earliest deadline exported first when many calls end at once? A short `bench.ends`."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bench.ends.findings import SHORT, Export, Findings
from bench.ends.load import Pauses
from bench.ends.run import run_storm
from tests.unit.call import NOON

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.mark.slow("forty calls are recorded, and archived by one worker one after the other")
@pytest.mark.timeout(180)
def test_what_is_deleted_first_is_exported_first_when_many_calls_end_at_once(
    tmp_path: Path,
) -> None:
    found = run_storm(tmp_path, SHORT)
    assert found.problems() == []
    assert len(found.exports) == SHORT.calls
    assert len(found.pauses.callvault) > 0


EARLY = Export("hours", NOON + 3 * HOUR, NOON, NOON + 5 * SECOND, NOON + 6 * SECOND)
LATE = Export("default", NOON + 48 * HOUR, NOON, NOON + 7 * SECOND, NOON + 8 * SECOND)


def test_the_storm_notices_a_file_that_is_exported_before_a_more_urgent_one() -> None:
    preferred = replace(LATE, started=NOON + 3 * SECOND)
    assert "1 exports began" in found_with(EARLY, preferred).problems()[0]
    assert found_with(EARLY, LATE).problems() == []
    just_given_out = replace(LATE, started=NOON + 0.5 * SECOND)
    assert found_with(EARLY, just_given_out).problems() == []


def test_the_storm_notices_a_file_that_is_missing_and_a_worker_that_grows() -> None:
    found = found_with(EARLY, LATE)
    found.files, found.memory = 1, {"worker-exports": 2_000}
    missing, grown = found.problems()
    assert "1 files are in the archive" in missing
    assert "worker-exports had 2000 MiB" in grown


def found_with(*exports: Export) -> Findings:
    return Findings(len(exports), len(exports), len(exports), 1.0, exports, Pauses())
