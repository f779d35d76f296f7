"""Is the service's copy deleted on the word of an archive that does not hold the file? (H9)"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.export import ExportActivities
from activities.translate import FILES_GONE
from callvault.archive.identity import IDENTITY_OBJECT, ProvenArchive, make_identity
from callvault.archive.manifests.seal import seal
from callvault.archive.stores.directory import DirectoryArchive
from callvault.contracts.activity_io import ArchivedChunk, DeleteInput, SealedRecording
from tests.archive.sealed import SIGNER, archived, recording, seal_input

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DOCUMENT = "0-eus-d1-0"


class Service:
    """A service that notes what it is asked to delete."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete_content(self, url: str) -> None:
        self.deleted.append(url)


class Vault:
    """An archive with one sealed recording, as a worker has opened it."""

    def __init__(self, root: Path) -> None:
        self.root, self.service = root, Service()
        archive = DirectoryArchive("main", root)
        identity = make_identity(archive, None, NOW).id
        self.archive = ProvenArchive(archive, identity)
        status = archived(self.archive)
        assert status.archived is not None
        self.chunk: ArchivedChunk = status.archived.model_copy(update={"archive_id": identity})
        order = seal_input(self.archive, recording(status))
        self.sealed: SealedRecording = seal(self.archive, order, SIGNER, lambda: NOW)

    def deletes(self) -> None:
        """Carry the deletion out as a worker does."""
        export = ExportActivities(lambda _: self.service, lambda _: self.archive)  # type: ignore[arg-type,return-value]
        input = DeleteInput(
            resource="default",
            document_id=DOCUMENT,
            delete_location=f"https://us-storage.asm.skype.com/v1/objects/{DOCUMENT}",
            archived=self.chunk,
            sealed=self.sealed,
        )
        ActivityEnvironment().run(export.delete_source, input)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "archive")


def test_a_copy_is_deleted_once_the_archive_shows_its_own(vault: Vault) -> None:
    vault.deletes()
    assert len(vault.service.deleted) == 1


def unmounted(vault: Vault) -> None:
    vault.root.rename(vault.root.with_name("away"))
    vault.root.mkdir()


def another_archive(vault: Vault) -> None:
    """The same files, under another identity."""
    (vault.root / IDENTITY_OBJECT).unlink()
    make_identity(DirectoryArchive("main", vault.root), None, NOW)


def a_worker_of_another_place(vault: Vault) -> None:
    """Its own archive is what it expects, and is not the one that the chunk was verified in."""
    another_archive(vault)
    vault.archive = ProvenArchive(DirectoryArchive("main", vault.root))


def without_the_file(vault: Vault) -> None:
    Path(vault.archive.location(vault.chunk.object_name)).unlink()


def with_a_changed_file(vault: Vault) -> None:
    Path(vault.archive.location(vault.chunk.object_name)).write_bytes(b"changed")


def without_the_manifest(vault: Vault) -> None:
    Path(vault.archive.location(vault.sealed.object_name)).unlink()


def with_an_edited_identity(vault: Vault) -> None:
    (vault.root / IDENTITY_OBJECT).write_text("edited")


def with_a_linked_identity(vault: Vault) -> None:
    identity = vault.root / IDENTITY_OBJECT
    identity.rename(vault.root.with_name("planted.json"))
    identity.symlink_to(vault.root.with_name("planted.json"))


@pytest.mark.parametrize(
    "spoil",
    [
        unmounted,
        another_archive,
        a_worker_of_another_place,
        with_an_edited_identity,
        with_a_linked_identity,
    ],
)
def test_nothing_is_deleted_where_the_archive_does_not_show_it(
    vault: Vault, spoil: Callable[[Vault], None]
) -> None:
    spoil(vault)
    with pytest.raises(ApplicationError, match="fault: archive") as refused:
        vault.deletes()
    assert not refused.value.non_retryable
    assert vault.service.deleted == []


@pytest.mark.parametrize("spoil", [without_the_file, with_a_changed_file, without_the_manifest])
def test_what_the_archive_lacks_is_told_at_once_so_that_it_is_copied_again(
    vault: Vault, spoil: Callable[[Vault], None]
) -> None:
    """Repeated for an hour, the order kept the service's copy, and nobody brought it back."""
    spoil(vault)
    with pytest.raises(ApplicationError, match=r"is gone|is not what was verified") as refused:
        vault.deletes()
    assert (refused.value.type, refused.value.non_retryable) == (FILES_GONE, True)
    assert vault.service.deleted == []
