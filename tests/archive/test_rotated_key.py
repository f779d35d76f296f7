"""Is what a former signing key has sealed still known, after Temporal forgot it? (H14)"""

from datetime import timedelta
from pathlib import Path

import pytest

from callvault.archive.identity import make_identity
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.keys import PublicKey, Signer
from callvault.archive.manifests.lookup import find_sealed
from callvault.archive.store import Archive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.cli.actions.doctor_archives import listed_keys
from callvault.clients import open_keyring
from callvault.config.storage import DirectorySettings
from callvault.contracts.activity_io import FoundRecording
from callvault.errors import ConfigurationError
from tests.archive.sealed import NOON, SERVER_CALL, archived, sealed

FORMER, PRESENT = Signer.generate(), Signer.generate()
BOTH = Keyring([FORMER.public, PRESENT.public])


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = DirectoryArchive("main", tmp_path / "archive")
    make_identity(archive, None, NOON)
    return archive


def found(archive: Archive, keys: Keyring) -> FoundRecording | None:
    end = NOON + timedelta(hours=1)
    return find_sealed(archive, SERVER_CALL, "recording-1", NOON, end, keys)


def seals(archive: Archive, signer: Signer | None) -> None:
    sealed(archive, archived(archive, 0), signer=signer, recording_id="recording-1")


@pytest.mark.parametrize("signer", [FORMER, PRESENT])
def test_what_was_sealed_before_the_key_was_rotated_is_found(
    archive: Archive, signer: Signer
) -> None:
    """It was told as lost: only what the key of now had signed was believed."""
    seals(archive, signer)
    recording = found(archive, BOTH)
    assert recording is not None
    assert len(recording.chunks) == 1


def test_what_an_unknown_key_has_sealed_is_not_told_as_lost(archive: Archive) -> None:
    seals(archive, FORMER)
    with pytest.raises(ConfigurationError, match=FORMER.public.key_id) as refused:
        found(archive, Keyring([PRESENT.public]))
    assert "archives.main.public_keys" in str(refused.value)


def test_what_nobody_has_signed_is_not_believed_where_there_are_keys(archive: Archive) -> None:
    seals(archive, None)
    assert found(archive, BOTH) is None
    assert found(archive, Keyring()) is not None


def test_of_two_manifests_the_one_with_a_known_key_counts(archive: Archive) -> None:
    seals(archive, PRESENT)
    sealed(
        archive,
        archived(archive, 0),
        archived(archive, 1),
        signer=FORMER,
        recording_id="recording-1",
    )
    recording = found(archive, Keyring([PRESENT.public]))
    assert recording is not None
    assert len(recording.chunks) == 1


def settings(tmp_path: Path, *public_keys: Path) -> DirectorySettings:
    key = tmp_path / "signing-key.pem"
    key.touch(mode=0o600)
    key.write_bytes(PRESENT.pem())
    return DirectorySettings(
        kind="directory",
        path=tmp_path,
        signing_key=f"file:{key}",
        public_keys=public_keys,
    )


def test_a_file_holds_all_keys_and_is_read_again_each_time(tmp_path: Path) -> None:
    """So a key is rotated without a restart."""
    file = tmp_path / "public-keys.pem"
    file.write_bytes(FORMER.public.pem())
    known = settings(tmp_path, file)
    assert FORMER.public.key_id in open_keyring(known)
    assert PRESENT.public.key_id not in open_keyring(known)
    with file.open("ab") as more:
        more.write(PRESENT.public.pem())
    ring = open_keyring(known)
    assert {FORMER.public.key_id, PRESENT.public.key_id} == {
        each.public.key_id for each in (FORMER, PRESENT) if each.public.key_id in ring
    }


def test_without_a_list_the_key_that_signs_is_believed(tmp_path: Path) -> None:
    assert PRESENT.public.key_id in open_keyring(settings(tmp_path))
    assert not open_keyring(DirectorySettings(kind="directory", path=tmp_path)).is_given


def test_doctor_names_a_former_key_that_is_not_listed(tmp_path: Path) -> None:
    archive = DirectoryArchive("main", tmp_path / "archive")
    identity = make_identity(archive, None, NOON).id
    file = tmp_path / "public-keys.pem"
    file.write_bytes(PRESENT.public.pem())
    known = settings(tmp_path, file).model_copy(update={"path": tmp_path / "archive"})
    seals(archive, PRESENT)
    assert listed_keys("main", known, identity).is_ok
    seals(archive, FORMER)
    result = listed_keys("main", known, identity)
    assert (result.is_ok, FORMER.public.key_id in result.found) == (False, True)
    assert PRESENT.public.key_id not in result.found
    with file.open("ab") as more:
        more.write(FORMER.public.pem())
    assert listed_keys("main", known, identity).is_ok


@pytest.mark.parametrize("text", [b"", b"no key", FORMER.public.pem() + b"-----BEGIN X-----"])
def test_a_file_with_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(ConfigurationError, match="no Ed25519 or P-256 public key"):
        PublicKey.all_from_pem(text)
