"""Is every file archived or accounted for while all parts are killed? The short form of it."""

from pathlib import Path

import pytest

from bench.chaos import report
from bench.chaos.options import short
from bench.chaos.parts import Part
from bench.chaos.run import run

SEED = 7

PROCESSES = (
    Part.TEMPORAL,
    Part.AZURITE,
    Part.EMULATOR,
    Part.GATEWAY,
    Part.WORKER_1,
    Part.WORKER_2,
)
"""The parts that meet faults here, each one; places, keys and lines have tests of their own."""


@pytest.mark.slow("kills the parts of a whole stack for two minutes")
@pytest.mark.timeout(600)
def test_nothing_is_lost_without_a_record_while_parts_are_killed(tmp_path: Path) -> None:
    said: list[str] = []

    result = run(short(SEED, scenarios=24, parts=PROCESSES), tmp_path, said.append)

    assert result.is_good, report.summary(result)
    assert len(result.history.objects) > 24
    assert {each.part for each in result.outages} >= {*PROCESSES}, said
