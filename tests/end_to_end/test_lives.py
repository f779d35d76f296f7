"""Do whole lives come to their end, and are they counted? The short form of `bench.lives`."""

from pathlib import Path

import pytest

from bench.lives.page import page
from bench.lives.run import Scale, run_lives


@pytest.mark.slow("a stack of its own")
def test_a_recording_and_the_empty_workflow_beside_it_live_to_their_end(tmp_path: Path) -> None:
    scale = Scale(lives=2, repeats=1, at_once=2)
    found = run_lives(tmp_path, scale)
    assert found.plan.signals >= 1
    for [block] in (found.callvault, found.floor):
        assert block.lives == 2
        assert min(block.cpu["worker"], block.cpu["temporal"]) > 0
    assert "| lives per second |" in page(found, scale, load=0)
