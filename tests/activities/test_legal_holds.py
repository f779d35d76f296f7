"""Is a hold that is written again after a lost answer the one that was written before?"""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.legal_holds import LegalHoldActivities
from callvault.archive.access_log.log import AccessLog
from callvault.archive.identity import make_identity
from callvault.archive.manifests.holds import find_holds
from callvault.archive.stores.directory import DirectoryArchive
from callvault.contracts.hold_messages import HoldOrder, HoldTarget, ReleaseOrder
from callvault.logged_archives import LoggedArchive
from tests.archive.sealed import NOON, SIGNER

ORDER = HoldOrder(
    target=HoldTarget(server_call_id="call-1"),
    resource="default",
    requested_by="counsel-1",
    authenticated_as="key legal",
    reason="case 7",
    asked_at=datetime(1970, 1, 1, tzinfo=UTC),
)


@pytest.fixture
def archives(tmp_path: Path) -> dict[str, LoggedArchive]:
    opened = {}
    for name in ("main", "spare"):
        archive = DirectoryArchive(name, tmp_path / name)
        make_identity(archive, None, NOON)
        opened[name] = LoggedArchive(archive, AccessLog(archive, SIGNER), SIGNER)
    return opened


def test_a_hold_lies_in_every_archive_and_is_written_once(
    archives: dict[str, LoggedArchive],
) -> None:
    holds, run = LegalHoldActivities(archives, archives.__getitem__), ActivityEnvironment().run
    placed = run(holds.place_legal_hold, ORDER)
    assert placed.archives == ("main", "spare")
    assert run(holds.place_legal_hold, ORDER) == placed
    release = ReleaseOrder(hold=placed.id, requested_by="counsel-2", reason="settled")
    assert run(holds.release_legal_hold, release) == placed
    assert run(holds.release_legal_hold, release) == placed
    # An answer that was lost: the attempt after it must not hold again what was released since.
    assert run(holds.place_legal_hold, ORDER) == placed
    for opened in archives.values():
        (hold,) = find_holds(opened.archive)
        assert hold.released is not None
        actions = [record.action for record in opened.log.records()]
        assert actions == ["held", "released"], "each of them is logged once"
    later = ORDER.model_copy(update={"asked_at": datetime(2100, 1, 1, tzinfo=UTC)})
    assert run(holds.place_legal_hold, later).id != placed.id, "asked for anew, it is another"


def test_a_release_of_what_is_nowhere_ends_all_the_same(
    archives: dict[str, LoggedArchive],
) -> None:
    holds = LegalHoldActivities(archives, archives.__getitem__)
    release = ReleaseOrder(hold="0" * 16, requested_by="counsel-2", reason="settled")
    assert ActivityEnvironment().run(holds.release_legal_hold, release).archives == ()
