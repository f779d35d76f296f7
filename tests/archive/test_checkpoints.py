"""Checkpoints: published outside the archive, and what `callvault verify` makes of them."""

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from callvault.archive.checkpoints.checkpoint import (
    FoundCheckpoint,
    UnreadCheckpoint,
    make_checkpoint,
    put_checkpoint,
    read_checkpoints,
)
from callvault.archive.identity import make_identity
from callvault.archive.manifests.documents import Keyring, canonical
from callvault.archive.manifests.keys import Signer
from callvault.archive.names import link_object_name
from callvault.archive.store import Archive
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.expectation import Expectation, Place
from callvault.archive.verify.verifier import verify_archive
from callvault.cli.main import app
from callvault.contracts.checkpoints import Checkpoint
from callvault.errors import ConfigurationError, InvalidRequest
from tests.archive.sealed import NOON, SIGNER, lost, sealed
from tests.archive.test_access_log import OPENED, log_of, remove
from tests.emulator.webhook import Webhook

KEYS = Keyring([SIGNER.public])
OTHER = Signer.generate()


def seal_one(archive: Archive, number: int, signer: Signer | None = SIGNER) -> None:
    sealed(archive, lost(0, "gone"), recording_id=f"rec-{number}", signer=signer)


def checkpoint_of(archive: Archive, signer: Signer | None = SIGNER) -> Checkpoint:
    made = make_checkpoint(archive, signer, lambda: NOON + timedelta(hours=1))
    assert made
    return made


@pytest.fixture
def place(tmp_path: Path) -> DirectoryArchive:
    made = DirectoryArchive("away", tmp_path / "away")
    made.make()
    return made


@pytest.fixture
def vault(directory_archive: DirectoryArchive) -> DirectoryArchive:
    make_identity(directory_archive, "a" * 32, NOON)
    for number in (1, 2, 3):
        seal_one(directory_archive, number)
    return directory_archive


def problems(vault: Archive, place: Archive, **facts: Any) -> str:
    expected = Expectation(places=(Place("away", place),), **facts)
    report = verify_archive(vault, KEYS, expected=expected)
    return "\n".join(f"{each.location}: {each.text}" for each in report.problems)


def test_a_checkpoint_states_the_end_of_the_chain(vault: DirectoryArchive) -> None:
    checkpoint = checkpoint_of(vault)
    assert (checkpoint.archive, checkpoint.archive_id) == ("main", "a" * 32)
    assert checkpoint.head.sequence == 3
    assert checkpoint.published_at == NOON + timedelta(hours=1)
    assert checkpoint.signature
    assert checkpoint.signature.key_id == SIGNER.public.key_id


def test_of_an_archive_in_which_nothing_was_sealed_there_is_none(
    directory_archive: DirectoryArchive,
) -> None:
    assert make_checkpoint(directory_archive, SIGNER, lambda: NOON) is None


def test_a_link_is_published_once_in_any_store(archive: Archive, vault: DirectoryArchive) -> None:
    """Here the fixture is the place: a container, or a directory."""
    assert put_checkpoint(archive, checkpoint_of(vault))
    assert not put_checkpoint(archive, checkpoint_of(vault))
    seal_one(vault, 4)
    assert put_checkpoint(archive, checkpoint_of(vault))
    found = [each for each in read_checkpoints(archive) if isinstance(each, FoundCheckpoint)]
    assert [each.checkpoint.head.sequence for each in found] == [3, 4]


def test_an_archive_in_a_container_is_checked_against_checkpoints(
    blob_archive: BlobArchive, place: DirectoryArchive
) -> None:
    make_identity(blob_archive, "b" * 32, NOON)
    seal_one(blob_archive, 1)
    put_checkpoint(place, checkpoint_of(blob_archive))
    seal_one(blob_archive, 2)
    put_checkpoint(place, checkpoint_of(blob_archive))
    assert problems(blob_archive, place) == ""
    client = blob_archive._container
    for blob in client.list_blobs():
        if "rec-2" in blob.name or blob.name == link_object_name(2):
            client.delete_blob(blob.name)
    assert "link 2 was seen before (the checkpoint of 2026-03-02 13:00:00 UTC in away)" in problems(
        blob_archive, place
    )


def test_an_archive_that_grew_after_its_checkpoint_is_not_accused(
    vault: DirectoryArchive, place: DirectoryArchive
) -> None:
    put_checkpoint(place, checkpoint_of(vault))
    seal_one(vault, 4)
    assert problems(vault, place) == ""
    assert problems(vault, place, archive="main") == ""


def cut(vault: DirectoryArchive) -> None:
    """Remove the newest link with its manifest."""
    for path in Path(vault.location("x")).parent.rglob("*"):
        named = "rec-3" in path.as_posix() or path.name.endswith(f"{3:010d}.json")
        if named and path.is_file():
            path.unlink()


def test_what_is_sealed_while_it_is_verified_is_no_cut(
    vault: DirectoryArchive, place: DirectoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint that comes after the chain was listed is not looked at."""
    put_checkpoint(place, checkpoint_of(vault))
    names = DirectoryArchive.names

    def growing(self: DirectoryArchive, prefix: str = "") -> Any:
        listed = list(names(self, prefix))
        if self is vault and prefix == "manifests/":
            seal_one(vault, 4)
            put_checkpoint(place, checkpoint_of(vault))
        return iter(listed)

    monkeypatch.setattr(DirectoryArchive, "names", growing)
    assert problems(vault, place) == ""
    assert vault.stat(link_object_name(4))


def written(place: DirectoryArchive, name: str, data: bytes) -> None:
    path = Path(place.location("x")).parent / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def signed_by(signer: Signer | None, vault: DirectoryArchive, **facts: Any) -> bytes:
    changed = checkpoint_of(vault).model_copy(update={**facts, "signature": None})
    signature = signer.sign(_unsigned(changed)) if signer else None
    return canonical(changed.model_copy(update={"signature": signature}))


def _unsigned(checkpoint: Checkpoint) -> bytes:
    tree = json.loads(canonical(checkpoint))
    del tree["signature"]
    return json.dumps(tree, separators=(",", ":"), sort_keys=True).encode()


Told = Callable[[DirectoryArchive], bytes]

WRONG: dict[str, tuple[Told, str]] = {
    "no JSON": (lambda _: b"\x00", "it is no checkpoint: it is not JSON"),
    "a number": (lambda _: b"7", "it is no checkpoint"),
    "another document": (
        lambda vault: b"".join(vault.read(link_object_name(1))),
        "it is no checkpoint",
    ),
    "unsigned": (lambda vault: signed_by(None, vault), "it is unsigned, though a key was given"),
    "another key": (lambda vault: signed_by(OTHER, vault), "which is not among those given"),
    "a time without a zone": (
        lambda vault: signed_by(SIGNER, vault).replace(b'13:00:00Z"', b'13:00:00"'),
        "it is no checkpoint: publishedAt",
    ),
    "changed": (
        lambda vault: signed_by(SIGNER, vault).replace(b'"sequence":3', b'"sequence":2'),
        "does not fit: it was changed",
    ),
    "another id": (
        lambda vault: signed_by(SIGNER, vault, archive_id="c" * 32),
        f"with the id {'c' * 32}, and the one that was verified has {'a' * 32}: another archive",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_proves_nothing_is_named(
    vault: DirectoryArchive, place: DirectoryArchive, wrong: str
) -> None:
    put_checkpoint(place, checkpoint_of(vault))
    make, text = WRONG[wrong]
    written(place, "received/odd.json", make(vault))
    found = problems(vault, place)
    assert text in found
    assert f"{place.location('received/odd.json')}: " in found
    assert found.count("\n") == 0


def test_a_place_without_a_checkpoint_of_the_archive_is_a_problem(
    vault: DirectoryArchive, place: DirectoryArchive
) -> None:
    """Who can delete there must not make the check pass."""
    assert "there is no checkpoint of archive main: nothing was compared" in problems(vault, place)
    written(place, "theirs.json", signed_by(SIGNER, vault, archive="spare"))
    assert "none of its 1 checkpoints is of archive main, but of spare" in problems(vault, place)
    # Beside ours, those of others are left alone.
    put_checkpoint(place, checkpoint_of(vault))
    assert problems(vault, place) == ""


def test_a_webhooks_receiver_may_lay_out_the_json_as_it_likes(
    vault: DirectoryArchive, place: DirectoryArchive
) -> None:
    event = {"specversion": "1.0", "data": json.loads(canonical(checkpoint_of(vault)))}
    written(place, "received/1.json", json.dumps(event, indent=4).encode())
    assert problems(vault, place) == ""
    cut(vault)
    assert "the chain's end was cut off" in problems(vault, place)


def test_the_access_log_is_pinned_too(vault: DirectoryArchive, place: DirectoryArchive) -> None:
    put_checkpoint(place, checkpoint_of(vault))
    log_of(vault).record(OPENED)
    assert put_checkpoint(place, checkpoint_of(vault))
    assert not put_checkpoint(place, checkpoint_of(vault))
    log_of(vault).record(OPENED)
    assert problems(vault, place) == ""
    remove(vault, 2)
    assert problems(vault, place) == ""
    remove(vault, 1)
    found = problems(vault, place)
    assert "the checkpoint of 2026-03-02 13:00:00 UTC in away names this record" in found
    assert "the log was cut off or replaced" in found


def test_a_file_that_is_too_large_is_named_and_not_read(place: DirectoryArchive) -> None:
    written(place, "large.json", b"[" * 2**20)
    [found] = read_checkpoints(place)
    assert isinstance(found, UnreadCheckpoint)
    assert "more than 65536 bytes" in found.problem


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/etc/passwd"), os.mkfifo])
def test_what_is_no_file_is_named_and_hides_no_other(
    vault: DirectoryArchive, place: DirectoryArchive, make: Callable[[Path], None]
) -> None:
    put_checkpoint(place, checkpoint_of(vault))
    make(Path(place.location("x.json")))
    found = list(read_checkpoints(place))
    assert [type(each) for each in found] == [FoundCheckpoint, UnreadCheckpoint]
    assert "x.json" in problems(vault, place)


def test_a_file_with_a_name_of_another_program_is_named(
    vault: DirectoryArchive, place: DirectoryArchive
) -> None:
    put_checkpoint(place, checkpoint_of(vault))
    written(place, "a copy (1).json", b"{}")
    assert "is no object name" in problems(vault, place)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=True)


@pytest.fixture
def config(vault: DirectoryArchive, place: DirectoryArchive, tmp_path: Path) -> Path:
    key = tmp_path / "key"
    key.write_bytes(SIGNER.pem())
    file = tmp_path / "callvault.toml"
    file.write_text(
        f'[archives.main]\nkind = "directory"\npath = "{Path(vault.location("x")).parent}"\n'
        f'signing_key = "file:{key}"\n'
        f'[checkpoints.away]\nkind = "directory"\npath = "{Path(place.location("x")).parent}"\n'
    )
    return file


def test_the_command_publishes_and_verify_compares(
    vault: DirectoryArchive, place: DirectoryArchive, config: Path
) -> None:
    first = run("checkpoints", "publish", "--config", config)
    assert first.exit_code == 0
    assert "published main, at away: link 3" in " ".join(first.output.split())
    again = run("checkpoints", "publish", "main", "--json", "--config", config)
    [published] = json.loads(again.output)["published"]
    assert (published["isNew"], published["head"]["sequence"]) == (False, 3)
    verified = run("verify", "main", "--checkpoints", "away", "--config", config)
    assert verified.exit_code == 0
    assert "1 link known from outside compared" in verified.output
    cut(vault)
    assert run("verify", "main", "--config", config).exit_code == 0
    for where in ("away", Path(place.location("x")).parent):
        done = run("verify", "main", "--checkpoints", where, "--config", config)
        assert done.exit_code == 1
        assert "the chain's end was cut off" in " ".join(done.output.split())


def test_a_place_that_is_gone_is_an_error_and_no_good_news(
    place: DirectoryArchive, config: Path
) -> None:
    Path(place.location("x")).parent.rmdir()
    done = run("checkpoints", "publish", "--config", config)
    assert done.exit_code == 1
    assert "not published main, at away: " in " ".join(done.output.split())
    assert run("verify", "main", "--checkpoints", "away", "--config", config).exit_code == 1
    unknown = run("verify", "main", "--checkpoints", "elsewhere", "--config", config)
    assert isinstance(unknown.exception, ConfigurationError)
    assert "known: away" in str(unknown.exception)


def test_a_webhook_receives_a_signed_cloud_event(vault: DirectoryArchive, config: Path) -> None:
    with Webhook().open() as receiver:
        url = config.with_name("url")
        url.write_text(receiver.url)
        with config.open("a") as file:
            file.write(f'[checkpoints.hook]\nkind = "webhook"\nurl = "file:{url}"\n')
        done = run("checkpoints", "publish", "--config", config)
        assert done.exit_code == 0, done.output
        [event] = [each.body for each in receiver.deliveries]
    assert event["type"] == "callvault.checkpoint"
    assert Checkpoint.model_validate(event["data"]).head == checkpoint_of(vault).head
    refused = run("verify", "main", "--checkpoints", "hook", "--config", config)
    assert "is a webhook" in str(refused.exception)


def test_settings_that_prove_nothing_are_refused(config: Path, vault: DirectoryArchive) -> None:
    text = config.read_text()
    root = Path(vault.location("x")).parent
    for wrong, why in (
        (f'[checkpoints.x]\nkind = "directory"\npath = "{root}"\n', "it is archive main itself"),
        (
            '[checkpoints.x]\nkind = "directory"\npath = "/x"\narchives = ["mian"]\n',
            "there is no archive 'mian'",
        ),
    ):
        config.write_text(text + wrong)
        done = run("checkpoints", "publish", "--config", config)
        assert isinstance(done.exception, ConfigurationError)
        assert why in str(done.exception)
    config.write_text(text.partition("[checkpoints")[0])
    none = run("checkpoints", "publish", "--config", config)
    assert "no place of checkpoints is configured" in str(none.exception)


def test_heads_are_taken_from_files_and_reports(
    vault: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    report = run("verify", "main", "--json", "--config", config).output
    (tmp_path / "report-1.json").write_text(report)
    head = json.loads(report)["head"]
    (tmp_path / "heads.txt").write_text(f"kept by hand\n {head['sequence']}:{head['sha256']}\n")
    files = ("--head", tmp_path / "report-*.json", "--head", tmp_path / "heads.txt")
    done = run("verify", "main", *files, "--config", config)
    assert "2 links known from outside compared" in done.output
    cut(vault)
    for option in (files[:2], files[2:]):
        assert run("verify", "main", *option, "--config", config).exit_code == 1
    for none in (tmp_path / "nothing-*.json", config):
        refused = run("verify", "main", "--head", none, "--config", config)
        assert isinstance(refused.exception, InvalidRequest)


def test_what_tells_of_a_whole_archive_is_refused_for_one_manifest(
    vault: DirectoryArchive, config: Path, place: DirectoryArchive
) -> None:
    [name] = [name for name in vault.names() if "rec-1" in name]
    file = vault.location(name)
    refused = run("verify", file, "--checkpoints", Path(place.location("x")).parent)
    assert isinstance(refused.exception, InvalidRequest)
    unnamed = run("verify", Path(vault.location("x")).parent, "--against-temporal")
    assert "--archive NAME" in str(unnamed.exception)
