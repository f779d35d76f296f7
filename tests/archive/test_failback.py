"""Failback from the fallback archive: proven, sealed, nothing twice, after any crash."""

import hashlib
import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from callvault.archive.failback.candidates import failback_candidates
from callvault.archive.failback.failback import Failback, FailbackResult
from callvault.archive.identity import IDENTITY_OBJECT, make_identity
from callvault.archive.manifests.documents import Keyring, read_document, sha256, signed
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.seal import find_manifest, seal
from callvault.archive.names import key_object_name, link_object_name
from callvault.archive.store import Archive, put_bytes
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.stores.directory_upload import DirectoryUpload
from callvault.archive.transfer.buffers import BufferPool
from callvault.archive.verify.verifier import verify_archive
from callvault.cli.main import app
from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.manifest import ChainLink, Manifest, ManifestReference
from callvault.errors import (
    BrokenContent,
    CallvaultError,
    InvalidRequest,
    NotDone,
    ObjectExists,
    WrongArchive,
)
from tests.archive.sealed import (
    NOON,
    SERVER_CALL,
    SIGNER,
    archived,
    lost,
    manifest_of,
    recording,
    seal_input,
    sealed,
    wav,
)

PRIMARY_SIGNER = Signer.generate()
LATER = NOON + timedelta(days=3)
BUFFERS = BufferPool(parallelism=2, block_size=4096)
"""So small that a file of half a second has several blocks."""


@pytest.fixture
def spare(tmp_path: Path) -> DirectoryArchive:
    """The fallback archive."""
    archive = DirectoryArchive("spare", tmp_path / "spare")
    make_identity(archive, None, NOON)
    return archive


def sealed_in_fallback(fallback: Archive) -> list[SealedRecording]:
    """A recording that is sealed twice, for one of its files came late."""
    first = archived(fallback, 0)
    return [
        sealed(fallback, first, lost(1, "not announced"), recording_duration_ms=1000),
        sealed(fallback, first, archived(fallback, 1), recording_duration_ms=1000),
    ]


def make_failback(fallback: Archive, primary: Archive, **facts: Any) -> Failback:
    keys = Keyring([SIGNER.public])
    return replace(
        Failback(fallback, primary, keys, PRIMARY_SIGNER, lambda: LATER, buffers=BUFFERS), **facts
    )


def fail_back(failback: Failback) -> list[FailbackResult]:
    return [failback.fail_back(recording) for recording in failback_candidates(failback.fallback)]


def manifest(archive: Archive, name: str) -> Manifest:
    return read_document(Manifest, b"".join(archive.read(name)))


def contents(archive: Archive) -> dict[str, str]:
    return {name: sha256(b"".join(archive.read(name))) for name in archive.names()}


def assert_verified(primary: Archive, *, manifests: int) -> None:
    report = verify_archive(primary, Keyring([PRIMARY_SIGNER.public]))
    assert report.problems == []
    assert report.manifests == manifests
    assert report.head
    assert report.head.sequence == manifests


@pytest.mark.parametrize("way", ["into a blob store", "out of a blob store"])
def test_a_recording_comes_home_and_is_proven_there(
    way: str, spare: DirectoryArchive, blob_archive: BlobArchive
) -> None:
    fallback, primary = (spare, blob_archive) if way.startswith("into") else (blob_archive, spare)
    sealed_in_fallback(fallback)
    before = contents(fallback)
    assert [came.manifests for came in fail_back(make_failback(fallback, primary))] == [2]
    assert_verified(primary, manifests=2)
    assert contents(fallback) == before
    files = {name: digest for name, digest in before.items() if "/rec-1/0" in name}
    assert len(files) == 4
    assert files.items() <= contents(primary).items()


def test_ids_and_content_types_come_along(
    spare: DirectoryArchive, blob_archive: BlobArchive
) -> None:
    sealed_in_fallback(spare)
    fail_back(make_failback(spare, blob_archive))
    for name in spare.names("recordings/"):
        theirs, ours = spare.stat(name), blob_archive.stat(name)
        assert theirs
        assert ours
        assert theirs.metadata == ours.metadata
        blob = blob_archive._container.get_blob_client(name).get_blob_properties()
        assert blob.content_settings.content_type == (
            "audio/wav" if name.endswith(".wav") else "application/json"
        )


def test_a_file_that_was_sealed_without_its_sha512_has_it_at_home(
    spare: DirectoryArchive, directory_archive: DirectoryArchive
) -> None:
    """It is read for the failback anyway."""
    chunk = archived(spare, 0)
    assert chunk.archived
    older = chunk.archived.model_copy(update={"sha512": None})
    name = sealed(spare, chunk.model_copy(update={"archived": older})).object_name
    assert manifest(spare, name).chunks[0].media.sha512 is None
    fail_back(make_failback(spare, directory_archive))
    media = manifest(directory_archive, name).chunks[0].media
    content = b"".join(spare.read(media.object_name))
    assert media.sha512 == hashlib.sha512(content).hexdigest()


def test_a_file_of_another_sha512_than_was_sealed_does_not_come_home(
    spare: DirectoryArchive, directory_archive: DirectoryArchive
) -> None:
    chunk = archived(spare, 0)
    assert chunk.archived
    wrong = chunk.archived.model_copy(update={"sha512": "0" * 128})
    sealed(spare, chunk.model_copy(update={"archived": wrong}))
    with pytest.raises(BrokenContent, match="is not what was sealed"):
        fail_back(make_failback(spare, directory_archive))
    assert not list(directory_archive.names("recordings/"))


def test_the_manifest_at_home_tells_the_same_and_where_it_came_from(
    spare: DirectoryArchive, directory_archive: DirectoryArchive
) -> None:
    first, second = (each.object_name for each in sealed_in_fallback(spare))
    fail_back(make_failback(spare, directory_archive))
    theirs, ours = manifest(spare, second), manifest(directory_archive, second)
    origin = ours.failed_back_from
    assert origin
    assert (origin.archive, origin.object_name) == ("spare", second)
    assert origin.sha256 == contents(spare)[second]
    assert ours.earlier
    assert ours.earlier.sha256 == contents(directory_archive)[first]
    assert (ours.archive, ours.sealed_at) == ("main", LATER)
    assert ours.signature
    assert ours.signature.key_id == PRIMARY_SIGNER.public.key_id
    for fact in ("recording", "requests", "pauses", "findings", "workflow", "input_sha256"):
        assert getattr(ours, fact) == getattr(theirs, fact)
    assert [chunk.check for chunk in ours.chunks] == [chunk.check for chunk in theirs.chunks]


def test_it_is_linked_behind_what_home_has_sealed(
    spare: DirectoryArchive, directory_archive: DirectoryArchive
) -> None:
    own = archived(directory_archive, recording_id="rec-9")
    sealed(directory_archive, own, recording_id="rec-9", signer=PRIMARY_SIGNER)
    sealed_in_fallback(spare)
    fail_back(make_failback(spare, directory_archive))
    assert_verified(directory_archive, manifests=3)


def test_what_home_sealed_of_the_recording_itself_comes_before(
    spare: DirectoryArchive, directory_archive: DirectoryArchive
) -> None:
    """Home refused only the second file; the first one lies in both archives."""
    sealed(directory_archive, archived(directory_archive), signer=PRIMARY_SIGNER)
    sealed_in_fallback(spare)
    fail_back(make_failback(spare, directory_archive))
    assert_verified(directory_archive, manifests=3)


def test_what_home_sealed_under_another_spelling_of_the_call_comes_before(
    spare: DirectoryArchive, directory_archive: DirectoryArchive
) -> None:
    """A9: an earlier manifest of the same recording is found, however its call's id is padded."""
    of = recording(archived(directory_archive))
    padded = seal_input(directory_archive, of, server_call_id=SERVER_CALL + "==")
    earlier = seal(directory_archive, padded, PRIMARY_SIGNER, lambda: NOON)
    sealed_in_fallback(spare)
    fail_back(make_failback(spare, directory_archive))
    brought = manifest_of(directory_archive, earlier).object_name.replace(".json", "-2.json")
    found = find_manifest(directory_archive, brought)
    assert found is not None
    assert found.manifest.earlier is not None
    assert found.manifest.earlier.object_name == earlier.object_name


def test_bringing_it_again_changes_nothing(spare: DirectoryArchive, archive: Archive) -> None:
    sealed_in_fallback(spare)
    fail_back(make_failback(spare, archive))
    before = contents(archive)
    assert fail_back(make_failback(spare, archive)) == [FailbackResult(0, 0, 0)]
    assert contents(archive) == before


@pytest.mark.parametrize("says", ["it was brought already", "it was sealed before"])
def test_what_nobody_signed_at_home_is_not_taken_for_the_recording(
    spare: DirectoryArchive, directory_archive: DirectoryArchive, says: str
) -> None:
    """Somebody who can write there put it in the place of the one to come."""
    name = sealed(spare, archived(spare)).object_name
    theirs = find_manifest(spare, name)
    assert theirs is not None
    origin = ManifestReference(archive="spare", **theirs.reference.model_dump())
    told = {"failed_back_from": origin} if says == "it was brought already" else {}
    forged = signed(theirs.manifest.model_copy(update={"archive": "main"} | told), None)
    put_bytes(directory_archive, name, forged, content_type="application/json", metadata={})
    keys = Keyring([PRIMARY_SIGNER.public])
    (came,) = fail_back(make_failback(spare, directory_archive, primary_keys=keys))
    assert (came.manifests, came.files) == (1, 2)
    ours = manifest(directory_archive, name.replace(".json", "-2.json"))
    assert ours.earlier is None
    linked = b"".join(directory_archive.read(link_object_name(1)))
    assert read_document(ChainLink, linked).manifest.object_name == ours.object_name
    again = make_failback(spare, directory_archive, primary_keys=keys)
    assert fail_back(again) == [FailbackResult(0, 0, 0)]


def test_a_manifest_that_is_sealed_later_follows(
    spare: DirectoryArchive, directory_archive: DirectoryArchive
) -> None:
    sealed(spare, archived(spare))
    fail_back(make_failback(spare, directory_archive))
    sealed(spare, archived(spare), archived(spare, 1))
    assert [came.manifests for came in fail_back(make_failback(spare, directory_archive))] == [1]
    assert_verified(directory_archive, manifests=2)


class Crash(Exception):
    """Not one of ours: as if the process ended."""


class Crashing(DirectoryArchive):
    """Crashes when the object after so many others is begun, or when it has just appeared."""

    def __init__(self, root: Path, *, writes: int, is_written: bool) -> None:
        super().__init__("main", root)
        self.left, self.is_written = writes, is_written

    def begin(self, object_name: str, *, block_size: int, token: str = "") -> DirectoryUpload:
        if not self.left and not self.is_written:
            raise Crash
        if self.left < 0:
            raise Crash
        self.left -= 1
        return super().begin(object_name, block_size=block_size, token=token)

    def stat(self, object_name: str) -> Any:
        if self.left < 0:  # the last object is committed, and looked at for the first time
            raise Crash
        return super().stat(object_name)


WRITES = 9
"""Four files, a key, two manifests and two links."""


@pytest.mark.parametrize("writes", range(WRITES))
@pytest.mark.parametrize("is_written", [False, True])
def test_after_a_crash_at_any_write_the_next_attempt_finishes(
    spare: DirectoryArchive, tmp_path: Path, writes: int, is_written: bool
) -> None:
    sealed_in_fallback(spare)
    primary = Crashing(tmp_path / "home", writes=writes, is_written=is_written)
    primary.make()
    last = is_written and writes == WRITES - 1  # nothing reads after the last link
    if not last:
        with pytest.raises(Crash):
            fail_back(make_failback(spare, primary))
    whole = DirectoryArchive("main", tmp_path / "home")
    fail_back(make_failback(spare, whole))
    assert_verified(whole, manifests=2)
    assert len(contents(whole)) == WRITES


def test_a_crash_within_a_file_leaves_nothing_visible(
    spare: DirectoryArchive, archive: Archive
) -> None:
    sealed_in_fallback(spare)

    def crash(what: str, done: int, total: int | None) -> None:
        if what.startswith("copying"):
            raise Crash

    with pytest.raises(Crash):
        fail_back(make_failback(spare, archive, on_step=crash))
    assert contents(archive) == {}
    fail_back(make_failback(spare, archive))
    assert_verified(archive, manifests=2)


def flip(archive: DirectoryArchive, name: str) -> None:
    path = Path(archive.location(name))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def replaced(archive: DirectoryArchive, name: str, data: bytes) -> None:
    """Replace an object together with the store's own record of it."""
    path = Path(archive.location(name))
    sidecar = path.with_name(f".{path.name}.json")
    facts = json.loads(sidecar.read_bytes())
    path.unlink()
    put_bytes(archive, name, data, content_type=facts["content_type"], metadata=facts["metadata"])


@pytest.mark.parametrize("suffix", [".wav", ".metadata.json", "/manifest.json"])
def test_a_tampered_object_is_refused_and_nothing_false_comes_home(
    spare: DirectoryArchive, archive: Archive, suffix: str
) -> None:
    sealed_in_fallback(spare)
    victim = min(name for name in spare.names("recordings/") if name.endswith(suffix))
    flip(spare, victim)
    with pytest.raises(BrokenContent, match=f"{victim}.*(was changed|manifest any more)"):
        fail_back(make_failback(spare, archive))
    assert archive.stat(victim) is None
    assert not list(archive.names("manifests/"))


def test_a_blob_whose_size_and_properties_are_kept_is_refused(
    blob_archive: BlobArchive, spare: DirectoryArchive
) -> None:
    """Nothing but its bytes tells."""
    name = sealed_name(blob_archive, archived(blob_archive, media=wav(0.5, tone=300)))
    blob = blob_archive._container.get_blob_client(name)
    kept = blob.get_blob_properties().metadata
    blob.upload_blob(wav(0.5, tone=990), overwrite=True, metadata=kept)
    with pytest.raises(BrokenContent, match="not what was sealed"):
        fail_back(make_failback(blob_archive, spare))
    assert list(contents(spare)) == [IDENTITY_OBJECT]


def sealed_name(archive: Archive, chunk: Any) -> str:
    sealed(archive, chunk)
    return str(chunk.archived.object_name)


@pytest.mark.parametrize("forger", [Signer.generate(), None])
def test_a_manifest_that_the_key_does_not_prove_is_refused(
    spare: DirectoryArchive, directory_archive: DirectoryArchive, forger: Signer | None
) -> None:
    sealed(spare, archived(spare), signer=forger)
    with pytest.raises(BrokenContent, match=r"not among those given|unsigned"):
        fail_back(make_failback(spare, directory_archive))
    assert not list(directory_archive.names())


def test_a_changed_fact_is_refused_even_if_it_is_spelt_well(
    spare: DirectoryArchive, directory_archive: DirectoryArchive
) -> None:
    name = sealed(spare, archived(spare)).object_name
    forged = manifest(spare, name).model_copy(update={"findings": ("all is well",)})
    replaced(spare, name, signed(forged, Signer.generate()))
    with pytest.raises(BrokenContent, match="was changed"):
        fail_back(make_failback(spare, directory_archive))
    assert not list(directory_archive.names())


def test_a_manifest_without_a_link_is_refused(
    spare: DirectoryArchive, directory_archive: DirectoryArchive
) -> None:
    sealed(spare, archived(spare))
    Path(spare.location(link_object_name(1))).unlink()
    with pytest.raises(BrokenContent, match="no link of the chain names it"):
        fail_back(make_failback(spare, directory_archive))


def test_an_unsigned_archive_without_a_key_may_go_home(
    spare: DirectoryArchive, directory_archive: DirectoryArchive
) -> None:
    sealed(spare, archived(spare), signer=None)
    fail_back(make_failback(spare, directory_archive, keys=Keyring()))
    assert_verified(directory_archive, manifests=1)


def test_a_different_file_at_home_is_never_overwritten(
    spare: DirectoryArchive, archive: Archive
) -> None:
    name = sealed_name(spare, archived(spare))
    other = b"something else"
    put_bytes(archive, name, other, content_type="audio/wav", metadata={})
    with pytest.raises(ObjectExists, match="nothing was overwritten"):
        fail_back(make_failback(spare, archive))
    assert contents(archive)[name] == sha256(other)
    assert not list(archive.names("manifests/"))


def test_an_archive_is_not_its_own_home(spare: DirectoryArchive) -> None:
    with pytest.raises(InvalidRequest, match="same archive"):
        make_failback(spare, spare)


@pytest.fixture
def home(tmp_path: Path) -> DirectoryArchive:
    archive = DirectoryArchive("main", tmp_path / "main")
    make_identity(archive, None, NOON)
    return archive


@pytest.fixture
def config(tmp_path: Path, spare: DirectoryArchive, home: DirectoryArchive) -> Path:
    """A configuration in which ``spare`` is the fallback of one resource and another's primary."""
    for name, signer in (("spare", SIGNER), ("main", PRIMARY_SIGNER)):
        (tmp_path / f"{name}.key").write_bytes(signer.pem())
    file = tmp_path / "callvault.toml"
    file.write_text(
        "\n".join(
            f'[archives.{name}]\nkind = "directory"\npath = "{tmp_path / name}"\n'
            f'signing_key = "file:{tmp_path / name}.key"\nid = "{archive.prove()}"'
            for name, archive in (("spare", spare), ("main", home))
        )
        + "".join(
            f'\n[resources.{name}]\nendpoint = "https://{name}.communication.azure.com"\n'
            f'credential.access_key = "env:KEY"\narchive = "{archive}"\ntopic = "/topics/{name}"'
            for name, archive in (("default", "main"), ("west", "spare"))
        )
    )
    return file


def run(config: Path, *words: str) -> Result:
    command = ["recordings", "failback", "--from", "spare", "--to", "main"]
    return CliRunner().invoke(app, [*command, *words, "--config", str(config)])


def verified(config: Path) -> int:
    return CliRunner().invoke(app, ["verify", "main", "--config", str(config)]).exit_code


def test_the_command_brings_what_home_does_not_hold(config: Path, spare: DirectoryArchive) -> None:
    sealed_in_fallback(spare)
    done = run(config)
    assert done.exit_code == 0, done.output
    assert "brought recordings/2026/03/02/call-1/rec-1: 2 manifests, 4 files" in done.output
    assert "Nothing was deleted from spare" in done.output
    assert verified(config) == 0
    again = run(config)
    assert again.exit_code == 0
    assert "0 brought to main, 1 there already" in again.output


def test_the_command_leaves_alone_what_is_at_home_in_the_fallback(
    config: Path, spare: DirectoryArchive, home: DirectoryArchive
) -> None:
    chunk = archived(spare)
    seal(spare, seal_input(spare, recording(chunk), resource="west"), SIGNER, lambda: NOON)
    done = run(config)
    assert done.exit_code == 0
    assert "1 left alone" in done.output
    assert list(home.names()) == [IDENTITY_OBJECT]
    assert "1 brought" in run(config, "rec-1").output


@pytest.mark.parametrize("words", [[], ["rec-1"]])
def test_the_command_brings_nothing_into_another_region(
    config: Path, spare: DirectoryArchive, home: DirectoryArchive, words: list[str]
) -> None:
    """Not by name either; and nothing of a resource that the settings do not know any more."""
    sealed = seal_input(spare, recording(archived(spare)), resource="west")
    seal(spare, sealed, SIGNER, lambda: NOON)
    regions = {"spare": "Asia", "main": "Europe", "default": "Europe", "west": "Asia"}
    text = config.read_text()
    for name, region in regions.items():
        text = text.replace(f".{name}]\n", f'.{name}]\ndata_region = "{region}"\n')
    config.write_text(text)
    done = run(config, *words)
    assert list(home.names()) == [IDENTITY_OBJECT]
    if words:
        assert done.exit_code == 1
        assert "archive main lies in Europe, and the recordings of west stay in Asia" in done.output
    config.write_text(text.replace("[resources.west]", "[resources.other]"))
    done = run(config, *words)
    assert done.exit_code == 1
    assert "resource west is not in the settings" in done.output
    assert list(home.names()) == [IDENTITY_OBJECT]


def test_the_command_brings_the_rest_where_one_is_refused(
    config: Path, spare: DirectoryArchive
) -> None:
    bad = archived(spare, recording_id="rec-0")
    sealed(spare, bad, recording_id="rec-0")
    sealed_in_fallback(spare)
    assert bad.archived
    flip(spare, bad.archived.object_name)
    done = run(config)
    assert done.exit_code == 1
    assert "refused recordings/2026/03/02/call-1/rec-0: " in done.output
    assert "was changed" in done.output
    assert "brought recordings/2026/03/02/call-1/rec-1" in done.output
    assert "1 brought to main, 1 refused" in done.output


def test_with_json_the_command_prints_an_object_for_each_recording(
    config: Path, spare: DirectoryArchive
) -> None:
    bad = archived(spare, recording_id="rec-0")
    sealed(spare, bad, recording_id="rec-0")
    sealed_in_fallback(spare)
    elsewhere = archived(spare, recording_id="rec-9")
    west = recording(elsewhere, recording_id="rec-9")
    seal(spare, seal_input(spare, west, resource="west"), SIGNER, lambda: NOON)
    assert bad.archived
    flip(spare, bad.archived.object_name)
    done = run(config, "--json")
    assert done.exit_code == 1
    told = [json.loads(text) for text in done.stdout.splitlines()]
    assert [(each["recording"][-5:], each["outcome"]) for each in told] == [
        ("rec-0", "refused"),
        ("rec-1", "brought"),
        ("rec-9", "elsewhere"),
    ]
    assert "was changed" in told[0]["problem"]
    assert (told[1]["manifests"], told[1]["files"], told[1]["problem"]) == (2, 4, "")
    assert told[1]["bytes"] > 0
    again = run(config, "rec-1", "rec-7", "--json")
    assert [json.loads(text)["outcome"] for text in again.stdout.splitlines()] == [
        "at home",
        "refused",
    ]


@pytest.mark.parametrize(
    "by", [SERVER_CALL, SERVER_CALL + "==", "call-1", "rec-1", "recording-1", "manifest"]
)
def test_the_command_finds_a_recording_by_any_of_its_names(
    config: Path, spare: DirectoryArchive, by: str
) -> None:
    """A9: the ``serverCallId`` is one of them in every spelling."""
    name = sealed_in_fallback(spare)[0].object_name
    done = run(config, name if by == "manifest" else by)
    assert done.exit_code == 0
    assert "1 brought" in done.output


def test_the_command_says_what_it_cannot_find(config: Path, spare: DirectoryArchive) -> None:
    sealed_in_fallback(spare)
    done = run(config, "rec-7")
    assert done.exit_code == 1
    assert "rec-7: no sealed recording of that name" in done.output
    assert "0 brought" in done.output


def test_an_archive_without_a_recording_is_no_success(config: Path) -> None:
    done = run(config)
    assert isinstance(done.exception, NotDone)
    assert "holds no sealed recording" in str(done.exception)


def test_a_rotated_key_is_given_by_file(
    config: Path, spare: DirectoryArchive, tmp_path: Path
) -> None:
    old = Signer.generate()
    sealed(spare, archived(spare), signer=old)
    assert spare.stat(key_object_name(old.public.key_id))
    assert run(config).exit_code == 1
    public = tmp_path / "old.pub"
    public.write_bytes(old.public.pem())
    assert run(config, "--key", str(public)).exit_code == 0
    assert verified(config) == 0


@pytest.mark.parametrize("wrong", ["spare", "main"])
def test_neither_side_may_be_another_archive(
    config: Path, spare: DirectoryArchive, tmp_path: Path, wrong: str
) -> None:
    sealed_in_fallback(spare)
    shutil.move(tmp_path / wrong, tmp_path / "unmounted")
    make_identity(DirectoryArchive(wrong, tmp_path / wrong), None, NOON)
    done = run(config)
    assert isinstance(done.exception, WrongArchive)
    assert f"archive {wrong} is expected to be" in str(done.exception)


def test_one_archive_under_two_names_is_refused(config: Path, tmp_path: Path) -> None:
    """The same volume, mounted twice."""
    shutil.copy(tmp_path / "spare" / IDENTITY_OBJECT, tmp_path / "main" / IDENTITY_OBJECT)
    text = config.read_text()
    own = [line for line in text.splitlines() if line.startswith("id = ")]
    config.write_text(text.replace(own[1], own[0]))
    done = run(config)
    assert isinstance(done.exception, WrongArchive)
    assert "are the same archive" in str(done.exception)


def test_the_command_needs_archives_that_are_configured(config: Path) -> None:
    done = CliRunner().invoke(
        app,
        ["recordings", "failback", "--from", "x", "--to", "main", "--config", str(config)],
    )
    assert isinstance(done.exception, CallvaultError)
    assert "no archive 'x'" in str(done.exception)
