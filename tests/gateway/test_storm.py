"""Does no event fall to a storm? The short form of `python -m bench.storm`."""

from pathlib import Path

import pytest

from bench.storm.findings import SHORT
from bench.storm.run import run_storm


@pytest.mark.slow("a storm of events lasts for seconds")
def test_in_a_storm_every_event_is_taken_or_asked_to_come_again(tmp_path: Path) -> None:
    found = run_storm(tmp_path, SHORT)
    assert found.problems() == []
    assert found.burst.statuses[503] > 0
    assert found.attack.junk.statuses[401] > 0
    assert found.attack.large.statuses[200] == SHORT.oversize
    kept = list((tmp_path / "quarantine").iterdir())
    assert len(kept) == SHORT.oversize
