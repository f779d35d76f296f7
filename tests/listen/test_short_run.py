"""The short form of `make listen`: some calls, real processes, a worker frozen and one killed."""

from pathlib import Path

import pytest

from bench.listen import run
from bench.listen.tally import Tally

SEED = 14
CALLS = 16


@pytest.mark.slow("plays calls with real processes, in real time")
@pytest.mark.timeout(300)
def test_what_is_heard_is_what_is_claimed(tmp_path: Path) -> None:
    tally = Tally(SEED, CALLS, " --short")
    with run.theatre(tmp_path) as stage:
        tally.add(run.play_short(stage, SEED, CALLS))
    tally.finish()

    assert tally.is_good, tally.summary
    # What claims nothing breaks no law: the run is to have had something to judge.
    assert tally.seconds["heard"] > 5, tally.summary
    assert tally.seconds["silent"] > 1, tally.summary
    assert tally.counts["promises"] > 0, tally.summary
