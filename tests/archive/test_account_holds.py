"""Does the storage account's own legal hold follow Callvault's, through crashes, and only there?"""

import itertools
from collections.abc import Callable, Iterator

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobClient
from temporalio.testing import ActivityEnvironment

from activities.seal import SealActivities
from callvault.archive.failback.candidates import failback_candidates
from callvault.archive.failback.failback import Failback
from callvault.archive.identity import make_identity
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.holds import (
    Said,
    find_holds,
    hold_account,
    place_hold,
    release_account,
    release_hold,
)
from callvault.archive.names import folder_of
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.config.storage import AzureBlobSettings
from callvault.contracts.holds import HoldRecord, HoldTarget
from callvault.errors import AccessDenied, StateConflict
from callvault.local.azurite import Azurite

from .immutable_account import Account, immutable_account
from .sealed import NOON, SERVER_CALL, SIGNER, archived, recording, seal_input, sealed
from .test_immutability import proxied

KEYS = Keyring([SIGNER.public])
ON_CALL = HoldTarget(server_call_id=f"{SERVER_CALL}==")
ON_RECORDING = HoldTarget(recording_id="rec-1")


@pytest.fixture
def account(azurite: Azurite) -> Iterator[Account]:
    with immutable_account(azurite.blob_endpoint) as account:
        yield account


@pytest.fixture
def archive(azurite: Azurite, account: Account) -> Iterator[BlobArchive]:
    opened = BlobArchive.open("main", proxied(azurite, account), "unused", legal_holds=True)
    make_identity(opened, None, NOON)
    yield opened
    opened.close()


def place(archive: BlobArchive, target: HoldTarget, why: str = "case 7") -> HoldRecord:
    placed = place_hold(archive, target, Said("counsel-1", why), SIGNER, lambda: NOON, KEYS)
    hold_account(archive, placed, KEYS)
    return placed


def release(archive: BlobArchive, hold: HoldRecord) -> None:
    release_hold(archive, hold.id, Said("counsel-1", "settled"), SIGNER, lambda: NOON)
    release_account(archive, hold.target, KEYS)


def held(archive: BlobArchive) -> set[str]:
    """Return the names of what the account itself holds, by the properties of each blob."""
    stats = {name: archive.stat(name) for name in archive.names()}
    return {name for name, found in stats.items() if found and found.has_legal_hold}


def two_recordings(archive: BlobArchive) -> set[str]:
    """Seal two recordings of two calls; return the names of the first one's objects."""
    manifest = sealed(archive, archived(archive)).object_name
    other = archived(archive, recording_id="rec-2")
    of = recording(other, recording_id="rec-2")
    ActivityEnvironment().run(
        SealActivities(lambda _: archive, lambda _: SIGNER).seal_recording,
        seal_input(archive, of, server_call_id="another"),
    )
    return set(archive.names(f"{folder_of(manifest)}/"))


@pytest.mark.parametrize("target", [ON_CALL, ON_RECORDING])
def test_all_of_a_held_recording_is_held_by_the_account_until_the_release(
    archive: BlobArchive, target: HoldTarget
) -> None:
    ours = two_recordings(archive)
    hold = place(archive, target)
    assert len(ours) == 3
    assert held(archive) == ours
    release(archive, hold)
    assert held(archive) == set()


CHANGES: dict[str, Callable[[BlobClient], object]] = {
    "delete": lambda blob: blob.delete_blob(),
    "overwrite": lambda blob: blob.upload_blob(b"forged", overwrite=True),
    "metadata": lambda blob: blob.set_blob_metadata({}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_account_refuses_whoever_has_its_key(archive: BlobArchive, change: str) -> None:
    """BlobImmutableDueToLegalHold, 409, as the service documents it."""
    ours = two_recordings(archive)
    place(archive, ON_RECORDING)
    for name in ours:
        blob = archive._container.get_blob_client(name)
        with pytest.raises(ResourceExistsError) as refused:
            CHANGES[change](blob)
        said = refused.value.status_code, refused.value.error_code
        assert said == (409, "BlobImmutableDueToLegalHold")
        with pytest.raises(StateConflict, match="legal hold"):
            archive.delete(name, etag="*")


def test_it_stays_as_long_as_any_hold_is_on(archive: BlobArchive) -> None:
    ours = two_recordings(archive)
    first, second = place(archive, ON_CALL), place(archive, ON_RECORDING, "case 8")
    release(archive, first)
    assert held(archive) == ours
    release(archive, second)
    assert held(archive) == set()


@pytest.mark.parametrize("done", [0, 1, 2])
def test_placing_that_was_interrupted_is_finished_by_placing_again(
    archive: BlobArchive, account: Account, done: int
) -> None:
    ours = two_recordings(archive)
    count = itertools.count()
    account.failing = lambda: next(count) >= done
    with pytest.raises(AccessDenied):
        place(archive, ON_RECORDING)
    assert len(find_holds(archive, KEYS)) == 1, "the record comes first, and counts"
    account.failing = None
    place(archive, ON_RECORDING)
    assert held(archive) == ours
    assert len(find_holds(archive, KEYS)) == 1


def test_a_release_that_was_interrupted_is_finished_by_releasing_again(
    archive: BlobArchive, account: Account
) -> None:
    two_recordings(archive)
    hold = place(archive, ON_RECORDING)
    account.failing = lambda: True
    with pytest.raises(AccessDenied):
        release(archive, hold)
    assert held(archive)
    account.failing = None
    release(archive, hold)
    assert held(archive) == set()


def test_what_is_sealed_under_a_hold_is_held_and_what_is_there_before_that_too(
    archive: BlobArchive,
) -> None:
    """A hold is placed during the call: its first file lies there, the second is to come."""
    first = archived(archive)
    place(archive, ON_RECORDING)
    assert len(held(archive)) == 2
    order = seal_input(archive, recording(first, archived(archive, 1)))
    seal = SealActivities(lambda _: archive, lambda _: SIGNER).seal_recording
    manifest = ActivityEnvironment().run(seal, order).object_name
    ours = set(archive.names(f"{folder_of(manifest)}/"))
    assert len(ours) == 5
    assert held(archive) == ours


def test_what_a_failback_brings_is_held(
    archive: BlobArchive, directory_archive: DirectoryArchive
) -> None:
    sealed(directory_archive, archived(directory_archive))
    place(archive, ON_CALL)
    (found,) = failback_candidates(directory_archive)
    Failback(directory_archive, archive, KEYS, SIGNER, lambda: NOON).fail_back(found)
    assert held(archive) == set(archive.names("recordings/"))


def test_without_the_setting_the_account_is_left_alone(azurite: Azurite, account: Account) -> None:
    archive = BlobArchive.open("main", proxied(azurite, account), "unused")
    make_identity(archive, None, NOON)
    two_recordings(archive)
    release(archive, place(archive, ON_RECORDING))
    assert account.protected == {}
    archive.close()


@pytest.mark.parametrize(
    ("settings", "sets"),
    [
        ({}, False),
        ({"immutable_for": "30d"}, True),
        ({"legal_holds": True}, True),
        ({"immutable_for": "30d", "legal_holds": False}, False),
    ],
)
def test_the_settings_say_if_the_account_has_them(settings: dict[str, object], sets: bool) -> None:
    given = {"kind": "azure_blob", "container": "calls", "account_url": "https://a.example"}
    assert AzureBlobSettings.model_validate({**given, **settings}).sets_legal_holds is sets
