"""Proof that is left out is no proof: signatures, the archive's name, its chain (C1 to C3)."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from callvault.archive.manifests.documents import (
    UNSIGNED_DESPITE_KEY,
    Keyring,
    read_document,
    reference_to,
    sha256,
    signed,
)
from callvault.archive.manifests.keys import Signer
from callvault.archive.names import is_manifest_name, link_object_name
from callvault.archive.store import Archive, put_bytes
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.expectation import Expectation, spelt
from callvault.archive.verify.inspector import Report
from callvault.archive.verify.told_links import ToldLink
from callvault.archive.verify.verifier import verify_archive, verify_copy, verify_manifest
from callvault.cli.main import app
from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.manifest import ChainLink, LinkReference, Manifest
from callvault.errors import InvalidRequest
from tests.archive.sealed import SIGNER, archived, lost, sealed

KEYS = Keyring([SIGNER.public])


def two_sealed(archive: Archive, signer: Signer | None = SIGNER) -> list[SealedRecording]:
    return [
        sealed(archive, archived(archive), signer=signer),
        sealed(archive, lost(0, "gone"), recording_id="rec-2", signer=signer),
    ]


def texts(report: Report) -> str:
    return "\n".join(f"{remark.object_name}: {remark.text}" for remark in report.problems)


def root_of(archive: Archive) -> Path:
    return Path(archive.location("x")).parent


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


@pytest.fixture
def public_key(tmp_path: Path) -> Path:
    file = tmp_path / "key.pub"
    file.write_bytes(SIGNER.public.pem())
    return file


def without_signatures(archive: DirectoryArchive) -> None:
    """Write the archive anew as it is, but for its signatures: a chain that agrees with itself."""
    before: LinkReference | None = None
    for name in sorted(archive.names("manifests/")):
        link = read_document(ChainLink, b"".join(archive.read(name)))
        manifest_name = link.manifest.object_name
        manifest = read_document(Manifest, b"".join(archive.read(manifest_name)))
        bare = signed(manifest.model_copy(update={"previous": before}), None)
        rewrite(archive, manifest_name, bare)
        changed = {"manifest": reference_to(manifest_name, bare), "previous": before}
        told = signed(link.model_copy(update=changed), None)
        rewrite(archive, name, told)
        before = LinkReference(sequence=link.sequence, sha256=sha256(told))


def rewrite(archive: DirectoryArchive, name: str, data: bytes) -> None:
    path = Path(archive.location(name))
    path.unlink()
    path.with_name(f".{path.name}.json").unlink()
    put_bytes(archive, name, data, content_type="application/json", metadata={})


def test_c1_an_archive_whose_signatures_were_removed_fails_with_the_key(
    directory_archive: DirectoryArchive, public_key: Path
) -> None:
    two_sealed(directory_archive)
    without_signatures(directory_archive)
    assert verify_archive(directory_archive, Keyring()).ok
    report = verify_archive(directory_archive, KEYS)
    refused = {each.object_name for each in report.problems if each.text == UNSIGNED_DESPITE_KEY}
    names = {name for name in directory_archive.names() if is_manifest_name(name)}
    assert refused == names | {link_object_name(1), link_object_name(2)}
    assert run(root_of(directory_archive), "--key", public_key).exit_code == 1


@pytest.mark.parametrize("what", ["link", "manifest"])
def test_c1_one_unsigned_document_is_enough(directory_archive: DirectoryArchive, what: str) -> None:
    """The last one: no other document holds its SHA-256."""
    found = two_sealed(directory_archive)[-1]
    name = link_object_name(2) if what == "link" else found.object_name
    model = ChainLink if what == "link" else Manifest
    document = read_document(model, b"".join(directory_archive.read(name)))
    rewrite(directory_archive, name, signed(document, None))
    assert not verify_archive(directory_archive, KEYS).ok
    one = verify_manifest(directory_archive, found.object_name, KEYS)
    assert f"{name}: {UNSIGNED_DESPITE_KEY}" in texts(one)


def test_c1_an_unsigned_copy_fails_with_the_key(
    directory_archive: DirectoryArchive, public_key: Path, tmp_path: Path
) -> None:
    found = sealed(directory_archive, archived(directory_archive), signer=None)
    copy = tmp_path / "copy.json"
    shutil.copy(directory_archive.location(found.object_name), copy)
    assert run(copy).exit_code == 0
    done = run(copy, "--key", public_key)
    assert done.exit_code == 1
    assert UNSIGNED_DESPITE_KEY in done.output


def test_c2_an_empty_archive_fails_unless_it_may_be_empty(
    archive: Archive,
) -> None:
    report = verify_archive(archive, KEYS)
    assert "nothing was ever sealed here" in texts(report)
    assert verify_archive(archive, KEYS, expected=Expectation(may_be_empty=True)).ok


def test_c2_the_command_fails_for_an_unmounted_volume(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    done = run(volume)
    assert done.exit_code == 1
    assert "as sealed" not in done.output
    assert run(volume, "--may-be-empty").exit_code == 0


def test_c3_another_archive_of_the_same_key_fails_by_its_name(
    directory_archive: DirectoryArchive, public_key: Path
) -> None:
    two_sealed(directory_archive)
    root = root_of(directory_archive)
    assert run(root, "--key", public_key, "--archive", "main").exit_code == 0
    done = run(root, "--key", public_key, "--archive", "other")
    assert done.exit_code == 1
    assert "it was sealed in archive main, not in other" in done.output


def test_c3_a_manifest_and_a_copy_of_another_archive_fail_by_its_name(
    directory_archive: DirectoryArchive,
) -> None:
    name = two_sealed(directory_archive)[0].object_name
    other = Expectation(archive="other")
    report = verify_manifest(directory_archive, name, KEYS, expected=other)
    assert f"{name}: it was sealed in archive main" in texts(report)
    data = b"".join(directory_archive.read(name))
    assert not verify_copy("copy", data, KEYS, other).ok
    assert verify_copy("copy", data, KEYS, Expectation(archive="main")).ok


def test_c3_an_archive_named_by_the_configuration_must_bear_that_name(
    directory_archive: DirectoryArchive, tmp_path: Path
) -> None:
    two_sealed(directory_archive)
    config = tmp_path / "callvault.toml"
    config.write_text(
        f'[archives.other]\nkind = "directory"\npath = "{root_of(directory_archive)}"\n'
    )
    assert run("other", "--config", config).exit_code == 1
    assert run("other", "--config", config, "--archive", "main").exit_code == 0


def head_of(archive: Archive) -> LinkReference:
    found = verify_archive(archive, KEYS, quick=True).head
    assert found
    return found


def test_c3_a_cut_tail_is_found_by_the_head_that_was_kept(
    directory_archive: DirectoryArchive, public_key: Path
) -> None:
    found = two_sealed(directory_archive)[-1]
    root = root_of(directory_archive)
    shown = run(root, "--key", public_key).output
    head = spelt(head_of(directory_archive))
    assert f"--head {head}" in " ".join(shown.split())
    for name in (link_object_name(2), found.object_name):
        Path(directory_archive.location(name)).unlink()
    assert run(root, "--key", public_key).exit_code == 0
    done = run(root, "--key", public_key, "--head", head)
    assert done.exit_code == 1
    assert "the chain's end was cut off" in done.output


def test_c3_an_emptied_archive_is_found_by_the_head_even_if_it_may_be_empty(
    directory_archive: DirectoryArchive, tmp_path: Path
) -> None:
    two_sealed(directory_archive)
    told = (ToldLink(head_of(directory_archive), "a test"),)
    expected = Expectation(told=told, may_be_empty=True)
    empty = DirectoryArchive("main", tmp_path / "empty")
    empty.make()
    assert "link 2 was seen before" in texts(verify_archive(empty, KEYS, expected=expected))


def test_c3_an_archive_that_has_grown_still_has_its_older_head(
    directory_archive: DirectoryArchive,
) -> None:
    two_sealed(directory_archive)
    head = head_of(directory_archive)
    sealed(directory_archive, lost(0, "gone"), recording_id="rec-3")
    known = Expectation(told=(ToldLink(head, "a test"),))
    assert verify_archive(directory_archive, KEYS, expected=known).ok
    other = head.model_copy(update={"sha256": "0" * 64})
    known = Expectation(told=(ToldLink(other, "a test"),))
    report = verify_archive(directory_archive, KEYS, expected=known)
    assert "the chain was rewritten" in texts(report)


@pytest.mark.parametrize("text", ["", "3", "0:" + "a" * 64, "3:" + "A" * 64, "9" * 5_000 + ":"])
def test_c3_a_head_that_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is no link"):
        Expectation.of(None, [text], may_be_empty=False)


def test_c3_a_single_manifest_has_no_head(directory_archive: DirectoryArchive) -> None:
    name = two_sealed(directory_archive)[0].object_name
    done = run(directory_archive.location(name), "--head", "1:" + "a" * 64)
    assert isinstance(done.exception, InvalidRequest)
