"""`callvault verify`: objects that are as they were sealed pass, all others are named."""

import json
import random
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from azure.storage.blob import BlobClient
from typer.testing import CliRunner, Result

from callvault.archive.manifests.documents import Keyring, read_document, signed
from callvault.archive.manifests.keys import PublicKey, Signer
from callvault.archive.media import probe
from callvault.archive.media.fork_server import ForkServers
from callvault.archive.names import key_object_name, link_object_name
from callvault.archive.store import Archive, put_bytes
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.stores.directory_files import Sidecar, sidecar_path
from callvault.archive.verify.expectation import Expectation
from callvault.archive.verify.inspector import Report
from callvault.archive.verify.verifier import verify_archive, verify_manifest
from callvault.cli.main import app
from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.manifest import ChainLink, Manifest
from callvault.contracts.media import MediaCheck, MediaFacts, MediaVerdict
from callvault.errors import CallvaultError
from callvault.local.azurite import Azurite
from tests.archive.sealed import SIGNER, archived, judged, lost, sealed, wav
from tests.archive.test_directory import without_privileges

KEY_NAME = key_object_name(SIGNER.public.key_id)
FLIPS = 8
"""Bits that are flipped in each file, one at a time."""


def keys(*signers: Signer) -> Keyring:
    return Keyring(signer.public for signer in signers or (SIGNER,))


def filled(archive: Archive) -> list[SealedRecording]:
    """An archive with two recordings, the first of them sealed twice."""
    late, small = archived(archive, 0, media=wav(0.1), duration_ms=100), "rec-2"
    return [
        sealed(archive, late, recording_duration_ms=100),
        sealed(archive, lost(0, "gone"), recording_id=small, recording_duration_ms=None),
        sealed(archive, late, lost(1, "the window closed"), recording_duration_ms=None),
    ]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("vault")
    filled(DirectoryArchive("main", root))
    return root


@pytest.fixture
def vault(template: Path, tmp_path: Path) -> DirectoryArchive:
    """A directory that was `filled`, for one test alone."""
    return DirectoryArchive("main", shutil.copytree(template, tmp_path / "vault"))


def path_of(archive: Archive, name: str) -> Path:
    return Path(archive.location(name))


def named(report: Report) -> set[str]:
    return {remark.object_name for remark in report.problems}


def texts(report: Report) -> str:
    return "\n".join(f"{remark.object_name}: {remark.text}" for remark in report.problems)


def media_of(archive: Archive) -> str:
    return next(name for name in archive.names("recordings/") if name.endswith(".wav"))


def test_what_was_sealed_passes_in_full(archive: Archive) -> None:
    filled(archive)
    report = verify_archive(archive, keys())
    assert report.problems == []
    assert (report.manifests, report.objects) == (3, 2)
    assert report.bytes_read > 3_000
    assert report.head
    assert report.head.sequence == 3


def test_quick_reads_no_file(archive: Archive) -> None:
    filled(archive)
    report = verify_archive(archive, keys(), quick=True)
    assert report.ok
    assert report.bytes_read == 0


def test_what_was_amiss_when_it_was_sealed_is_a_warning(vault: Archive) -> None:
    report = verify_archive(vault, keys(), quick=True)
    assert any("chunk 0 (lost-0) is lost: gone" in remark.text for remark in report.warnings)


def test_an_empty_archive_passes_where_it_may_be_empty(archive: Archive) -> None:
    report = verify_archive(archive, keys(), expected=Expectation(may_be_empty=True))
    assert report.ok
    assert report.head is None


def test_an_object_that_was_replaced_in_the_store_is_named(
    blob_archive: BlobArchive, azurite: Azurite
) -> None:
    filled(blob_archive)
    name = media_of(blob_archive)
    container, _, blob = blob_archive.location(name).partition("/recordings/")
    with BlobClient.from_connection_string(
        azurite.connection_string, container.rpartition("/")[2], f"recordings/{blob}"
    ) as client:
        properties = client.get_blob_properties()
        data = bytearray(client.download_blob().readall())
        data[100] ^= 1
        client.upload_blob(bytes(data), overwrite=True, metadata=properties.metadata)
    assert verify_archive(blob_archive, keys(), quick=True).ok
    report = verify_archive(blob_archive, keys())
    assert named(report) == {name}
    assert "SHA-256" in texts(report)


@pytest.mark.parametrize("what", ["wav", "metadata.json", "manifest.json", "manifests", "keys"])
@pytest.mark.parametrize("signer", [SIGNER, None])
def test_any_flipped_bit_is_found_and_its_file_named(
    directory_archive: DirectoryArchive, what: str, signer: Signer | None
) -> None:
    archive = directory_archive
    chunk = archived(archive, media=wav(0.1), duration_ms=100)
    sealed(archive, chunk, recording_duration_ms=100, signer=signer)
    sealed(archive, lost(0, "gone"), recording_id="rec-2", signer=signer)
    dice = random.Random(what)
    for name in [each for each in archive.names() if what in each]:
        path = path_of(archive, name)
        whole = path.read_bytes()
        quick = what not in {"wav", "metadata.json"}
        for _ in range(FLIPS if quick else FLIPS // 2):
            path.write_bytes(flipped(whole, dice))
            report = verify_archive(archive, Keyring(), quick=quick)
            assert name in named(report), texts(report)
        path.write_bytes(whole)
    assert verify_archive(archive, Keyring(), quick=True).ok


def test_a_flipped_bit_beside_an_object_is_found_or_changes_nothing(vault: Archive) -> None:
    """The directory's hidden files: only the content type, which proves nothing, may change."""
    root = path_of(vault, "recordings").parent
    dice = random.Random(1)
    hidden = [path for path in root.rglob(".*.json") if path.is_file()]
    assert len(hidden) >= 8
    for path in hidden:
        name = path.relative_to(root).with_name(path.name[1:].removesuffix(".json")).as_posix()
        size = path_of(vault, name).stat().st_size
        whole, before = path.read_bytes(), Sidecar.read(path, size)
        for _ in range(FLIPS):
            path.write_bytes(flipped(whole, dice))
            told = Sidecar.read(path, size)
            report = verify_archive(vault, keys(), quick=True)
            assert name in named(report) or means_the_same(told, before), path.read_bytes()
        path.write_bytes(whole)


def test_what_the_store_tells_of_many_blocks_is_compared_too(
    directory_archive: DirectoryArchive,
) -> None:
    chunk = archived(directory_archive, media=wav(0.1), duration_ms=100, block_size=1_024)
    sealed(directory_archive, chunk, recording_duration_ms=100)
    assert verify_archive(directory_archive, keys(), quick=True).ok
    path = path_of(directory_archive, media_of(directory_archive))
    sidecar = path.with_name(f".{path.name}.json")
    told = json.loads(sidecar.read_bytes())
    told["blocks"][1] = "0" * 64
    sidecar.write_text(json.dumps(told))
    assert media_of(directory_archive) in named(
        verify_archive(directory_archive, keys(), quick=True)
    )


def means_the_same(one: Sidecar | None, other: Sidecar | None) -> bool:
    """The block size of a single block means nothing."""
    if one is None or other is None:
        return False
    told, before = one.digests, other.digests
    same_blocks = len(before.sha256) == 1 or told.block_size == before.block_size
    return same_blocks and told.sha256 == before.sha256 and one.metadata == other.metadata


def flipped(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    changed[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("what", ["wav", "metadata.json", "manifest.json", "manifests/", "manif"])
def test_whatever_is_removed_is_missed(vault: Archive, what: str) -> None:
    for name in [each for each in vault.names() if what in each]:
        path = path_of(vault, name)
        path.rename(path.with_name(".away"))
        report = verify_archive(vault, keys(), quick=True)
        path.with_name(".away").rename(path)
        newest = name == link_object_name(3)
        expected = name if not newest else "manifest-2.json"
        assert any(expected in each for each in named(report)), name


def test_a_link_to_a_place_outside_is_no_link(vault: DirectoryArchive) -> None:
    name = link_object_name(3)
    document = read_document(ChainLink, path_of(vault, name).read_bytes())
    outside = document.manifest.model_copy(
        update={"object_name": "recordings/../../../etc/manifest.json"}
    )
    rewrite(vault, name, signed(document.model_copy(update={"manifest": outside}), SIGNER))
    report = verify_archive(vault, keys(), quick=True)
    assert "what it names is no manifest" in texts(report)


def test_a_replaced_link_is_a_fork(vault: DirectoryArchive) -> None:
    name = link_object_name(2)
    document = read_document(ChainLink, path_of(vault, name).read_bytes())
    rewrite(vault, name, signed(document.model_copy(update={"previous": None}), SIGNER))
    assert "it does not follow link" in texts(verify_archive(vault, keys(), quick=True))


def test_a_manifest_that_was_written_anew_does_not_fit_its_link(vault: DirectoryArchive) -> None:
    link = read_document(ChainLink, path_of(vault, link_object_name(1)).read_bytes())
    name = link.manifest.object_name
    manifest = read_document(Manifest, path_of(vault, name).read_bytes())
    changed = manifest.model_copy(update={"findings": ("nothing",)})
    rewrite(vault, name, signed(changed, SIGNER))
    assert name in named(verify_archive(vault, keys(), quick=True))


def test_an_archive_that_was_sealed_anew_with_another_key_is_found_with_the_true_one(
    directory_archive: DirectoryArchive,
) -> None:
    sealed(directory_archive, archived(directory_archive), signer=Signer.generate())
    assert verify_archive(directory_archive, Keyring()).ok
    report = verify_archive(directory_archive, keys())
    assert link_object_name(1) in named(report)
    assert "not among those given" in texts(report)


def test_the_archives_own_key_is_believed_with_a_warning(vault: Archive) -> None:
    report = verify_archive(vault, Keyring(), quick=True)
    assert report.ok
    assert any(remark.object_name == KEY_NAME for remark in report.warnings)


def test_unsigned_manifests_pass_with_a_warning(directory_archive: Archive) -> None:
    sealed(directory_archive, archived(directory_archive), signer=None)
    report = verify_archive(directory_archive, Keyring(), quick=True)
    assert report.ok
    assert {remark.text for remark in report.warnings} == {
        "it is unsigned: anybody could have written it"
    }


def test_what_no_manifest_names_is_told(vault: Archive) -> None:
    chunk = archived(vault, 7)
    report = verify_archive(vault, keys(), quick=True)
    assert report.ok
    assert chunk.archived
    assert chunk.archived.object_name in {remark.object_name for remark in report.warnings}


@pytest.mark.parametrize("same_parser", [True, False])
def test_another_verdict_on_the_same_bytes_is_told(
    directory_archive: DirectoryArchive, same_parser: bool
) -> None:
    junk = wav(0.1)[:2_000]
    parser = judged(junk, 500).facts.parser if same_parser else "MediaInfoLib 1.0"
    claimed = MediaCheck(verdict=MediaVerdict.COMPLETE, facts=MediaFacts(parser=parser))
    sealed(directory_archive, archived(directory_archive, media=junk, check=claimed))
    report = verify_archive(directory_archive, keys())
    told = report.problems if same_parser else report.warnings
    assert any("judged truncated, and was complete" in remark.text for remark in told)
    assert report.ok is not same_parser


def test_one_manifest_is_verified_with_its_files_and_its_link(archive: Archive) -> None:
    for found in filled(archive):
        report = verify_manifest(archive, found.object_name, keys())
        assert report.problems == []
        assert report.manifests == 1
        assert report.head
        assert report.head.sequence == found.sequence


def rolled_back(vault: DirectoryArchive) -> str:
    """Take the newest manifest of the recording that was sealed twice; returns the older one."""
    newest = next(name for name in vault.names("recordings/") if name.endswith("manifest-2.json"))
    path_of(vault, newest).unlink()
    sidecar_path(path_of(vault, newest)).unlink()
    return newest.replace("manifest-2.json", "manifest.json")


def test_a_recording_whose_newest_manifest_was_taken_away_is_not_as_it_was_sealed(
    vault: DirectoryArchive,
) -> None:
    name = rolled_back(vault)
    report = verify_manifest(vault, name, keys(), quick=True)
    assert named(report) == {name.replace("manifest.json", "manifest-2.json")}
    assert "it is missing" in texts(report)


def test_a_newer_manifest_is_not_hidden_with_its_link(vault: DirectoryArchive) -> None:
    name = rolled_back(vault)
    head = path_of(vault, link_object_name(3))
    content = head.read_bytes()
    rewrite(vault, link_object_name(3), content.replace(b"manifest-2.json", b"manifest-3.json"))
    assert "its signature" in texts(verify_manifest(vault, name, keys(), quick=True))
    sealed(vault, lost(0, "gone"), recording_id="rec-4", recording_duration_ms=None)
    path_of(vault, link_object_name(3)).unlink()
    assert "a gap" in texts(verify_manifest(vault, name, keys(), quick=True))


def test_another_newer_manifest_than_the_link_names_is_told(vault: DirectoryArchive) -> None:
    name = rolled_back(vault)
    newer = name.replace("manifest.json", "manifest-2.json")
    put_bytes(vault, newer, b"{}", content_type="application/json", metadata={})
    assert named(verify_manifest(vault, name, keys(), quick=True)) == {newer}


def test_links_behind_a_manifest_are_no_warnings(directory_archive: Archive) -> None:
    first = sealed(directory_archive, archived(directory_archive), signer=None)
    for number in range(3):
        sealed(directory_archive, lost(0, "gone"), recording_id=f"r{number}", signer=None)
    report = verify_manifest(directory_archive, first.object_name, Keyring(), quick=True)
    assert report.ok
    assert {each.object_name for each in report.warnings} == {
        first.object_name,
        link_object_name(1),
    }


def rewrite(archive: DirectoryArchive, name: str, data: bytes) -> None:
    """Replace an object as an attacker would who knows the store."""
    path = path_of(archive, name)
    path.unlink()
    path.with_name(f".{path.name}.json").unlink()
    put_bytes(archive, name, data, content_type="application/json", metadata={})


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


@pytest.fixture
def public_key(tmp_path: Path) -> Path:
    file = tmp_path / "key.pub"
    file.write_bytes(SIGNER.public.pem())
    return file


def test_the_command_verifies_a_directory(vault: DirectoryArchive, public_key: Path) -> None:
    root = path_of(vault, "recordings").parent
    done = run(root, "--key", public_key)
    assert done.exit_code == 0, done.output
    assert "Everything is as sealed. 3 manifests" in done.output


def test_the_command_names_what_is_wrong_and_fails(vault: DirectoryArchive) -> None:
    path = path_of(vault, media_of(vault))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    done = run(path_of(vault, "recordings").parent)
    assert done.exit_code == 1
    assert f"problem {path}: its bytes have SHA-256" in done.output
    assert run(path_of(vault, "recordings").parent, "--quick").exit_code == 0


def test_the_report_is_json_for_machines(vault: DirectoryArchive) -> None:
    done = run(path_of(vault, "recordings").parent, "--json")
    told = json.loads(done.stdout)
    assert told["problems"] == []
    assert told["head"]["sequence"] == 3


def test_the_command_verifies_one_manifest_in_its_place(
    vault: DirectoryArchive, public_key: Path
) -> None:
    name = next(each for each in vault.names("recordings/") if each.endswith("manifest-2.json"))
    done = run(path_of(vault, name), "--key", public_key)
    assert done.exit_code == 0, done.output
    assert "1 manifest, newest link 3, 2 files read" in done.output


def test_a_copy_of_a_manifest_is_proven_alone(
    vault: DirectoryArchive, public_key: Path, tmp_path: Path
) -> None:
    name = next(each for each in vault.names("recordings/") if each.endswith("manifest.json"))
    copy = tmp_path / "copy.json"
    shutil.copy(path_of(vault, name), copy)
    done = run(copy, "--key", public_key)
    assert done.exit_code == 0, done.output
    assert "lies outside its archive" in done.output
    copy.write_bytes(flipped(copy.read_bytes(), random.Random(1)))
    assert run(copy, "--key", public_key).exit_code == 1


def test_an_archive_is_found_by_its_configured_name(
    vault: DirectoryArchive, tmp_path: Path
) -> None:
    config = tmp_path / "callvault.toml"
    root = path_of(vault, "recordings").parent
    config.write_text(f'[archives.main]\nkind = "directory"\npath = "{root}"\n')
    assert run("main", "--quick", "--config", config).exit_code == 0
    with pytest.raises(CallvaultError, match="no archive 'other'"):
        CliRunner().invoke(
            app, ["verify", "other", "--config", str(config)], catch_exceptions=False
        )


def test_a_path_that_is_not_there_is_said_to_be_so() -> None:
    done = run("no/such/place")
    assert isinstance(done.exception, CallvaultError)
    assert "no file and no directory no/such/place" in str(done.exception)


def test_keygen_writes_a_pair_once(tmp_path: Path) -> None:
    file = tmp_path / "key"
    made = CliRunner().invoke(app, ["keygen", str(file)])
    assert made.exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    signer = Signer.from_secret(file.read_text())
    public = PublicKey.from_pem(file.with_name("key.pub").read_bytes())
    assert signer.public.key_id == public.key_id
    assert public.key_id in made.output
    again = CliRunner().invoke(app, ["keygen", str(file)])
    assert isinstance(again.exception, CallvaultError)
    assert Signer.from_secret(file.read_text()).public.key_id == public.key_id


def test_without_a_parser_the_bytes_are_proven_and_the_media_is_said_not_to_be_judged(
    vault: DirectoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "SERVERS", ForkServers("no.such.module", {}))
    report = verify_archive(vault, keys())
    assert report.ok
    assert report.bytes_read > 3_000
    told = [each.text for each in report.warnings if each.object_name == media_of(vault)]
    assert ["as media it was not judged: the parser" in each for each in told] == [True]


def verified(target: str | Path) -> str:
    ended = CliRunner().invoke(app, ["verify", str(target)])
    assert isinstance(ended.exception, CallvaultError), ended.output
    return str(ended.exception)


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + ".json", "y/" * 2_500])
def test_a_target_that_no_file_can_bear_is_told_in_a_sentence(name: str) -> None:
    assert "cannot be read: File name too long" in verified(name)


@pytest.mark.parametrize("locked", ["manifest.json", "."])
def test_a_target_that_may_not_be_read_is_told_in_a_sentence(locked: str) -> None:
    # not in pytest's own directory, which another user cannot enter
    with TemporaryDirectory() as directory:
        folder = Path(directory)
        folder.chmod(0o755)
        (folder / "manifest.json").write_bytes(b"{}")
        (folder / locked).chmod(0)
        with without_privileges():
            told = verified(folder / "manifest.json")
        (folder / locked).chmod(0o700)
    assert "cannot be read: Permission denied" in told
