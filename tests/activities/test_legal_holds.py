"""Is a hold that is written again after a lost answer the one that was written before?"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.legal_holds import LegalHoldActivities
from callvault.archive.access_log.log import AccessLog
from callvault.archive.identity import make_identity
from callvault.archive.manifests.account_holds import hold_target
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.holds import find_holds
from callvault.archive.manifests.seal import seal
from callvault.archive.store import Archive, StoredObject
from callvault.archive.stores.directory import DirectoryArchive
from callvault.contracts.hold_messages import HoldOrder, HoldTarget, ReleaseOrder
from callvault.errors import BrokenContent, Unavailable
from callvault.logged_archives import LoggedArchive
from tests.archive.sealed import NOON, SIGNER, lost, recording, seal_input

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


class Account(DirectoryArchive):
    """An archive in an account that has legal holds of its own, and counts what is asked."""

    sets_legal_holds = True

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name, root)
        self.held: set[str] = set()
        self.asked = self.now = self.most_at_once = 0
        self.is_away = False
        self._counting = Lock()

    def set_legal_hold(self, object_name: str, *, held: bool) -> None:
        if self.is_away:
            raise Unavailable("the account does not answer", owner="archive")
        (self.held.add if held else self.held.discard)(object_name)

    def stat(self, object_name: str) -> StoredObject | None:
        self.asked += 1
        return super().stat(object_name)

    def names(self, prefix: str = "") -> Iterator[str]:
        self.asked += 1
        return super().names(prefix)

    def read(
        self, object_name: str, *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        with self._counting:
            self.asked, self.now = self.asked + 1, self.now + 1
            self.most_at_once = max(self.most_at_once, self.now)
        time.sleep(0.005)
        yield from super().read(object_name, offset=offset, length=length)
        with self._counting:
            self.now -= 1


@pytest.fixture
def accounts(tmp_path: Path) -> dict[str, LoggedArchive]:
    opened = {}
    for name in ("main", "spare"):
        archive = Account(name, tmp_path / name)
        make_identity(archive, None, NOON)
        opened[name] = LoggedArchive(
            archive, AccessLog(archive, SIGNER), SIGNER, lambda: Keyring([SIGNER.public])
        )
    return opened


def sealed_calls(archive: Archive, *calls: str) -> list[str]:
    """Seal a recording of each call; return their manifests."""
    found = []
    for number, call in enumerate(calls):
        of = recording(lost(0, "gone"), recording_id=f"rec-{number}", recording_duration_ms=None)
        order = seal_input(archive, of, server_call_id=call)
        found.append(seal(archive, order, SIGNER, lambda: NOON).object_name)
    return found


def test_an_account_that_is_away_keeps_the_record_from_no_other_archive(
    accounts: dict[str, LoggedArchive],
) -> None:
    main, spare = (each.archive for each in accounts.values())
    sealed_calls(main, "call-1")
    holds, run = LegalHoldActivities(accounts, accounts.__getitem__), ActivityEnvironment().run
    assert isinstance(main, Account)
    main.is_away = True
    with pytest.raises(ApplicationError):
        run(holds.place_legal_hold, ORDER)
    assert len(find_holds(spare)) == 1
    main.is_away = False
    placed = run(holds.place_legal_hold, ORDER)
    assert len(main.held) == 1
    main.is_away = True
    with pytest.raises(ApplicationError):
        run(
            holds.release_legal_hold,
            ReleaseOrder(hold=placed.id, requested_by="counsel-2", reason="settled"),
        )
    (hold,) = find_holds(spare)
    assert hold.released is not None


def test_a_call_is_found_by_one_request_for_each_manifest_many_at_a_time(
    accounts: dict[str, LoggedArchive],
) -> None:
    archive = accounts["main"].archive
    assert isinstance(archive, Account)
    asked = []
    for count in (0, 40):
        found = sealed_calls(archive, "server-1", *(f"other-{n}" for n in range(count)))
        archive.asked = archive.most_at_once = 0
        hold_target(archive, HoldTarget(server_call_id="server-1"))
        assert archive.held == {found[0]}
        asked.append(archive.asked)
    assert asked[1] - asked[0] == 40
    assert archive.most_at_once >= 8


def test_a_manifest_that_cannot_be_read_is_told_after_all_others_are_held(
    accounts: dict[str, LoggedArchive],
) -> None:
    archive = accounts["main"].archive
    assert isinstance(archive, Account)
    broken, *ours = sealed_calls(archive, "call-0", "server-1", "server-1")
    Path(archive.location(broken)).write_bytes(b"{")
    with pytest.raises(BrokenContent, match="is no manifest any more"):
        hold_target(archive, HoldTarget(server_call_id="server-1"))
    assert archive.held == set(ours)
