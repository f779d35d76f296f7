"""Do authentic events and a pause get through an attack? The short form of `bench.attacks`."""

from pathlib import Path

import pytest

from bench.attacks.attackers import ATTACKS
from bench.attacks.run import PAUSE_BAR, SHORT, run_attacks


@pytest.mark.slow("each attack lasts for seconds")
def test_under_attack_every_event_is_taken_and_every_pause_is_confirmed(tmp_path: Path) -> None:
    findings = run_attacks(tmp_path, SHORT)
    assert [found.attack for found in findings] == list(ATTACKS)
    for found in findings:
        assert found.problems() == []
        assert len(found.deliveries.seconds) == SHORT.seconds * SHORT.rate
        assert len(found.pauses.seconds) == SHORT.seconds / SHORT.pause_interval
        # A busy machine may be slow; one that is kept from its work by an attack takes longer.
        assert found.pauses.quantile(0.5) < PAUSE_BAR
