"""Does an open call notice nothing of a deploy? The short form of `make deploys`."""

from pathlib import Path

import pytest

from bench.deploys import version
from bench.deploys.findings import Findings, Life, Move
from bench.deploys.operator import COMMANDS
from bench.deploys.receiver import Received
from bench.deploys.run import NEXT, SHORT, deploy
from bench.deploys.traffic import Pause

PAGE = Path(__file__).parents[2] / "deploy" / "README.md"


@pytest.mark.slow("deploys, rolls back and deploys again, with processes of its own")
def test_a_version_with_another_order_of_commands_is_deployed_with_calls_open(
    tmp_path: Path,
) -> None:
    # When something came is measured by `make deploys` alone: here other tests run meanwhile.
    found = deploy(tmp_path, SHORT)
    assert found.wrong(NEXT) == []
    assert [life.builds[-1] for life in found.lives] == [{NEXT}] * SHORT.calls
    assert all(len(life.builds) >= 4 for life in found.lives), "each was rolled back, too"
    assert found.pauses


def test_a_text_that_the_next_version_changes_is_there_once() -> None:
    for change in (change for changes in version.CHANGES.values() for change in changes):
        assert (version.ROOT / change.file).read_text().count(change.before) == 1


def test_operators_are_told_the_commands_of_the_proof() -> None:
    page = " ".join(PAGE.read_text().split())
    for command in COMMANDS:
        builds = [command.format(build=build, percentage=10) for build in ("1", "2")]
        assert any(told in page for told in builds), command


def test_what_goes_wrong_in_a_deploy_is_told() -> None:
    fine = Life([{"1"}, {"2"}], {})
    found = Findings(2, lives=[fine], moves=[Move("ramp", 1.0, 1)])
    found.pauses = [Pause("w", asked_at=0.0, seconds=0.1, alarm_due_at=6.0)]
    found.alarms = [Received("pause_too_long", "w", 6.5)]
    assert (found.wrong("2"), found.late()) == ([], [])

    found.lives = [Life([{"1"}], {"NON_DETERMINISTIC_ERROR": 2}), Life([{"1", "2"}, {"2"}], {})]
    found.lives.append(Life([{"2"}, {"2"}, {"2"}], {}))
    found.pauses.append(Pause("w", asked_at=20.0, seconds=5.1, alarm_due_at=26.0))
    found.pauses.append(Pause("v", asked_at=20.0, seconds=5.0, problem="it is not confirmed"))
    found.pauses.append(Pause("u", asked_at=20.0, seconds=20.0, error="TimeoutError"))
    found.alarms.append(Received("abandoned", "w", 7.0))
    found.moves.append(Move("roll back", 30.0, 1, "1 calls are not on version 1"))
    assert found.late() == [
        "a pause took 5.1 s",
        "a pause took 5.0 s it is not confirmed",
        "a pause took 20.0 s",
        "an alarm that fell due came inf s late",
    ]
    assert found.wrong("2") == [
        "roll back: 1 calls are not on version 1",
        "a pause had no answer: TimeoutError",
        "1 alarms abandoned for no reason",
        "2 workflow tasks failed: NON_DETERMINISTIC_ERROR",
        "1 calls changed their version within a run",
        "1 calls are not on version 2",
        "1 calls handed over again and again to the version they were on",
    ]
