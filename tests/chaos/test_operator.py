"""What does the operator of `make chaos` do after a restore?"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

from azure.core.exceptions import HttpResponseError

from bench.chaos import operator as operators
from bench.chaos.operator import Operator, Repair
from bench.chaos.world import Restore

RESTORED_AT = 1_000.0


def operator(**known: Any) -> Operator:
    parts = {name: mock.Mock() for name in ("workload", "proxy", "client", "backend", "sealed")}
    made = Operator(environment=dict, home=Path(), polls_result=True, **parts, **known)
    made.repairs.append(Repair(Restore(900.0, RESTORED_AT, True, frozenset())))
    return made


def run(began: float) -> Any:
    return mock.Mock(run_id="run", start_time=datetime.fromtimestamp(began, UTC))


def test_a_run_that_was_set_back_is_ended_and_one_that_began_since_is_not() -> None:
    assert operator()._is_to_be_ended(run(RESTORED_AT - 1))
    assert not operator()._is_to_be_ended(run(RESTORED_AT + 1))
    assert not operator(ended={"run": RESTORED_AT + 5})._is_to_be_ended(run(RESTORED_AT - 1))


def test_a_run_that_was_reset_to_a_point_behind_the_contradiction_is_ended() -> None:
    """It failed at each task, and nobody took over until the end."""
    assert operator(reset_to={"run"})._is_to_be_ended(run(RESTORED_AT + 1))


def test_what_was_repaired_in_a_time_that_is_forgotten_is_repaired_again() -> None:
    """Events that were delivered again had begun a workflow, which the next restore forgot."""
    made = operator()
    [under_way] = made.repairs
    database = under_way.restore
    # The backup to which it went back was made at once after this one, and before its repair.
    archive_alone = Restore(890.0, 899.9, False, frozenset({"d"}))
    long_before = Restore(790.0, 800.0, False, frozenset({"e"}))
    made.repairs[:] = [Repair(long_before, 830.0), Repair(archive_alone, 905.0), under_way]
    assert made._undone_by(database) == [archive_alone, database]
    assert made._undone_by(archive_alone) == [archive_alone]


async def test_acs_is_asked_for_what_no_copy_of_an_event_tells_of_and_what_is_not_sealed() -> None:
    """Sealed, set back with the archive, and its event was lost from the first: nobody asked."""
    documents = {"told": True, "sealed": True, "deleted": False, "untold": True, "lost": True}
    recordings = [
        {
            "recordingId": f"r-{name}",
            "chunks": [{"documentId": name, "isStored": is_stored}],
            "media": "ready",
            "endedAt": "2026-11-29T12:00:00Z",
        }
        for name, is_stored in documents.items()
    ]
    recordings += [
        {"recordingId": f"r-{name}", "chunks": [], "media": media, "endedAt": ended}
        for name, media, ended in (
            ("rendering", "rendering", "2026-11-29T12:00:00Z"),
            ("silent", "none", "2026-11-29T12:00:00Z"),
            ("on", "awaited", None),
        )
    ]
    made = operator()
    made.proxy.sent_events = {
        "e": mock.Mock(documents={"told"}, accepted_at=1.0),
        "f": mock.Mock(documents={"lost"}, accepted_at=None),
    }
    made.workload.played = [mock.Mock(call_id="c", server_call_id="s")]
    made.sealed = lambda: {"sealed"}
    made.backend.truth = mock.AsyncMock(return_value={"recordings": recordings})
    with mock.patch.object(Operator, "_run", mock.AsyncMock(return_value="")) as commands:
        await made._fetch_untold()
    assert [call.args[-1] for call in commands.await_args_list] == [
        "r-untold",
        "r-lost",
        "r-rendering",
    ]
    assert commands.await_args_list[0].args == ("events", "fetch", "--again", "s", "r-untold")


async def test_what_acs_no_longer_has_is_not_asked_for_until_the_command_fails() -> None:
    made = operator()
    refused = mock.AsyncMock(return_value="callvault: ACS knows no recording r, or no longer")
    with mock.patch.object(Operator, "_run", refused):
        await made._repeat("events", "fetch", "--again", "s", "r")
    assert (refused.await_count, made.failures) == (1, [])


async def test_an_archive_whose_key_is_just_replaced_is_read_once_more() -> None:
    """The whole run ended without a word of its judge."""
    made = operator()
    made.sealed = mock.Mock(side_effect=[HttpResponseError("signed with another key"), {"d"}])
    with mock.patch.object(operators, "RETRY_INTERVAL", 0.0):
        assert await made._sealed() == {"d"}
