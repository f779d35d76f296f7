"""`callvault recordings evidence --html`, from an archive alone: the file, the log, refusals."""

import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from callvault.archive.access_log.log import AccessLog
from callvault.archive.identity import make_identity
from callvault.archive.stores.directory import DirectoryArchive
from callvault.cli.main import app
from callvault.contracts.access import AccessAction
from callvault.errors import BrokenContent, InvalidRequest, NotDone, Unavailable
from tests.archive.sealed import SERVER_CALL

from .calls import ANNA, BERT, KEY, hashed, sealed_call


@pytest.fixture
def archive(tmp_path: Path) -> DirectoryArchive:
    archive = DirectoryArchive("main", tmp_path / "archive")
    make_identity(archive, None, datetime.now(UTC))
    return archive


def run(*arguments: str | Path) -> Result:
    words = ["recordings", "evidence", *map(str, arguments)]
    return CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.mark.parametrize("word", ["rec-1", "call-1", SERVER_CALL, "recording-1", "manifest"])
def test_any_id_gives_the_page(
    archive: DirectoryArchive, config: Path, tmp_path: Path, word: str
) -> None:
    found = sealed_call(archive)
    page = tmp_path / "page.html"
    named = found.object_name if word == "manifest" else word
    ended = run(named, "--html", page, "--archive", "main", "--config", config)
    assert ended.exit_code == 0, ended.output
    assert str(page) in ended.output
    text = page.read_text()
    assert "Everything is as it was sealed" in text
    assert ANNA not in text
    assert (page.stat().st_mode & 0o777) == 0o600


def test_who_got_the_page_is_in_the_access_log(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    found = sealed_call(archive)
    page = tmp_path / "page.html"
    options = ("--by", "officer-1", "--participant", ANNA, "--reveal", "--json")
    ended = run("rec-1", "--html", page, "--archive", "main", "--config", config, *options)
    assert json.loads(ended.stdout) == {"page": str(page), "recordings": 1, "problems": []}
    (record,) = AccessLog(archive, None).records()
    assert record.action is AccessAction.EXPORTED
    assert (record.by, record.participant) == ("officer-1", hashed(ANNA))
    assert record.authenticated_as.startswith("cli:")
    assert record.recordings == (found.object_name.rpartition("/")[0],)
    text = page.read_text()
    assert f"Person 1 (asked for): {ANNA}" in text
    assert BERT in text


def test_a_copy_of_an_archive_needs_no_settings(
    archive: DirectoryArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARTICIPANT_KEY", KEY)
    monkeypatch.setenv("CALLVAULT_PARTICIPANTS__KEY", "env:PARTICIPANT_KEY")
    sealed_call(archive)
    page = tmp_path / "page.html"
    ended = run("rec-1", "--html", page, "--archive", tmp_path / "archive")
    assert ended.exit_code == 0, ended.output
    assert "lies in the archive itself" in page.read_text()
    assert list(AccessLog(archive, None).records()) == []


def test_a_copy_is_not_noted_in_the_log_of_an_archive_of_that_name(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    sealed_call(archive)
    (tmp_path / "copies").mkdir()
    copy = shutil.copytree(tmp_path / "archive", tmp_path / "copies" / "main")
    ended = run("rec-1", "--html", tmp_path / "page.html", "--archive", copy, "--config", config)
    assert ended.exit_code == 0, ended.output
    assert list(AccessLog(archive, None).records()) == []


def test_a_person_is_marked_by_an_earlier_key_too(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    sealed_call(archive)
    newer = tmp_path / "newer.key"
    newer.write_text("another key")
    earlier = f'key = "file:{newer}"\nearlier_keys = ["file:{tmp_path / "participants.key"}"]'
    config.write_text(
        config.read_text().replace(f'key = "file:{tmp_path / "participants.key"}"', earlier)
    )
    page = tmp_path / "page.html"
    options = ("--participant", ANNA, "--archive", "main", "--config", config)
    assert run("rec-1", "--html", page, *options).exit_code == 0
    text = page.read_text()
    assert f"Person 1 (asked for) ({hashed(ANNA)[:16]}…)" in text
    assert "Person 3" not in text


def test_a_changed_archive_gives_its_page_and_exit_status_1(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    found = sealed_call(archive)
    (media,) = (tmp_path / "archive" / found.object_name).parent.glob("*.wav")
    media.write_bytes(b"x" + media.read_bytes()[1:])
    page = tmp_path / "page.html"
    ended = run("rec-1", "--html", page, "--archive", "main", "--config", config)
    assert ended.exit_code == 1
    assert "not as it was sealed" in ended.stderr
    assert "Not as it was sealed" in page.read_text()


@pytest.mark.parametrize("is_pipe", [True, False])
def test_a_recording_whose_manifest_was_replaced_is_not_left_out(
    archive: DirectoryArchive, config: Path, tmp_path: Path, is_pipe: bool
) -> None:
    sealed_call(archive)
    other = sealed_call(archive, recording_id="rec-2")
    manifest = tmp_path / "archive" / other.object_name
    manifest.unlink()
    os.mkfifo(manifest) if is_pipe else manifest.symlink_to("/etc/passwd")
    with pytest.raises(BrokenContent, match="is no file of its own"):
        run("call-1", "--html", tmp_path / "p.html", "--archive", "main", "--config", config)
    assert not (tmp_path / "p.html").exists()


def test_a_recording_that_was_rolled_back_is_not_as_it_was_sealed(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    sealed_call(archive)
    newest = sealed_call(archive, text="another")
    (tmp_path / "archive" / newest.object_name).unlink()
    page = tmp_path / "page.html"
    ended = run("rec-1", "--html", page, "--archive", "main", "--config", config)
    assert ended.exit_code == 1
    assert newest.object_name in ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
def test_nothing_half_written_is_left(
    archive: DirectoryArchive, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed_call(archive)
    folder = tmp_path / "pages"
    folder.mkdir()

    sync = os.fsync

    def full(descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(folder)):  # noqa: PTH115
            raise OSError(28, "No space left on device")
        sync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(NotDone, match="No space left on device"):
            run("rec-1", "--html", folder / "page.html", "--archive", "main", "--config", config)
    assert list(folder.iterdir()) == []
    with pytest.raises(NotDone, match="cannot be written"):
        run("rec-1", "--html", tmp_path / "no" / "x", "--archive", "main", "--config", config)


def test_without_a_record_of_it_there_is_no_page(
    archive: DirectoryArchive, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed_call(archive)

    def refuse(*_: object) -> None:
        raise Unavailable("the log is full")

    monkeypatch.setattr(AccessLog, "record", refuse)
    page = tmp_path / "page.html"
    with pytest.raises(Unavailable, match="the log is full"):
        run("rec-1", "--html", page, "--archive", "main", "--config", config)
    assert not page.exists()


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("rec-9", "--html", "x", "--archive", "main"), "names no recording in main"),
        (("rec-1", "--archive", "main"), "go with --html"),
        (("rec-1", "--reveal"), "go with --html"),
        (("rec-1", "--html", "x", "--at", "2026-03-02T12:00:00Z"), "--at goes without --html"),
        (("recordings/../etc", "--html", "x", "--archive", "main"), "names no recording"),
    ],
)
def test_what_makes_no_sense_is_refused(
    archive: DirectoryArchive, config: Path, arguments: tuple[str, ...], refusal: str
) -> None:
    sealed_call(archive)
    with pytest.raises(InvalidRequest, match=refusal):
        run(*arguments, "--config", config)
