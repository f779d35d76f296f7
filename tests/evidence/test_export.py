"""`callvault subjects export`: all of one person, nothing of others, whole or not at all."""

import hashlib
import json
import os
import uuid
import wave
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from callvault.archive.access_log.log import AccessLog
from callvault.archive.identity import make_identity
from callvault.archive.media.pcm import one_channel, pcm_layout
from callvault.archive.store import Archive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.subjects.accounts import entries_of_recording
from callvault.archive.subjects.index import write
from callvault.cli.main import app
from callvault.clients import open_archive
from callvault.config.settings import load_settings
from callvault.contracts.access import Access, AccessAction
from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.media import ChannelType
from callvault.errors import InvalidRequest, NotDone, Unavailable
from callvault.evidence import package as packages
from callvault.evidence import subject_folder
from callvault.evidence.document import Shown
from callvault.evidence.package import PackageIndex
from callvault.evidence.vcon import content_hash
from callvault.local.azurite import Azurite
from tests.archive.sealed import SIGNER, archived, lost, manifest_of

from .calls import ANNA, BERT, hashed, pieces_of, sealed_call, unmixed


@pytest.fixture
def archive(tmp_path: Path) -> DirectoryArchive:
    archive = DirectoryArchive("main", tmp_path / "archive")
    make_identity(archive, None, datetime.now(UTC))
    return archive


def indexed(archive: Archive, found: SealedRecording) -> SealedRecording:
    manifest = manifest_of(archive, found)
    write(archive, entries_of_recording(archive, manifest, hashed, lambda problem: None))
    return found


def run(config: Path, who: str, to: Path, *more: str) -> Result:
    words = ["subjects", "export", who, "--to", str(to), "--config", str(config), *more]
    return CliRunner().invoke(app, words, catch_exceptions=False)


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_person_gets_everything_and_nothing_of_others(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    found = indexed(archive, sealed_call(archive))
    to = tmp_path / "anna"
    ended = run(config, ANNA, to)
    assert ended.exit_code == 0, ended.output
    files = everything(to)
    assert sorted(name for name in files) == [
        "0001/access-log.json",
        "0001/evidence.html",
        "0001/facts.json",
        "0001/media-0000-channel-0.wav",
        "0001/metadata-0000.json",
        "0001/proof/key.pem",
        "0001/proof/link.json",
        "0001/proof/manifest.json",
        "0001/proof/verification.json",
        "0001/recording.vcon.json",
        "export.json",
        "index.html",
    ]
    for name, data in files.items():
        assert BERT.encode() not in data, name
        assert b"1234567" not in data, name
        assert str(tmp_path).encode() not in data, name
        if "manifest" not in name and "vcon" not in name:
            assert hashed(BERT).encode() not in data, name
    assert files["0001/proof/manifest.json"] == b"".join(archive.read(found.object_name))
    assert ANNA in files["index.html"].decode()
    facts = json.loads(files["0001/facts.json"])
    assert [each["participant"] for each in facts["consents"]] == ["Person 1 (asked for)"]
    assert len(facts["pauses"]) == 1


def test_of_an_unmixed_recording_only_the_own_channel_is_given(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    indexed(archive, sealed_call(archive))
    layout = pcm_layout(BytesIO(unmixed()), len(unmixed()))
    assert layout
    for who, channel in ((ANNA, 0), (BERT, 1)):
        to = tmp_path / f"person-{channel}"
        assert run(config, who, to).exit_code == 0
        (file,) = to.glob("0001/media-*")
        alone = b"".join(one_channel([unmixed()[layout.offset :]], layout, channel))
        assert file.read_bytes() == alone
        with wave.open(str(file)) as sound:
            assert sound.getnchannels() == 1
        page = unescape((to / "0001" / "evidence.html").read_text())
        assert hashlib.sha256(unmixed()).hexdigest() in page
        assert hashlib.sha256(alone).hexdigest() in page
        assert f"this person's channel alone ({channel}), bit for bit" in page
        # and of no other channel is the sound drawn
        assert f"Sound {channel}: Person" in page
        assert f"Sound {1 - channel}" not in page


def test_a_mixed_recording_is_given_whole_and_says_so(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    chunk = archived(archive, participants=[{"participantId": ANNA}, {"participantId": BERT}])
    sealed = sealed_call(archive, chunk, recording_channel_type=ChannelType.MIXED)
    found = indexed(archive, sealed)
    to = tmp_path / "anna"
    assert run(config, ANNA, to).exit_code == 0
    page = (to / "0001" / "evidence.html").read_text()
    assert "everybody" in page
    assert "the same bytes" in page
    vcon = json.loads((to / "0001" / "recording.vcon.json").read_text())
    assert vcon["dialog"][0]["parties"] == [0, 1]
    media = manifest_of(archive, found).chunks[0].media
    assert media
    assert media.sha512
    assert vcon["dialog"][0]["content_hash"] == content_hash(media.sha512)


@pytest.mark.parametrize(
    ("people", "reason"),
    [
        ([{"participantId": ANNA}], "does not tell which of its channels"),
        ([{"participantId": ANNA, "channel": 2}], "has no channel 2"),
        ([{"participantId": ANNA, "channel": 1_000}], "has no channel 1000"),
        ([{"participantId": BERT, "channel": 1}], "names others in it"),
    ],
)
def test_what_cannot_be_told_apart_is_not_given(
    archive: DirectoryArchive, config: Path, tmp_path: Path, people: Any, reason: str
) -> None:
    indexed(archive, sealed_call(archive, pieces_of(archive, participants=people)))
    to = tmp_path / "anna"
    run(config, ANNA, to)
    assert list(to.glob("0001/media-*")) == []
    assert reason in unescape((to / "index.html").read_text())
    assert reason in unescape((to / "0001" / "evidence.html").read_text())


def test_a_metadata_file_that_cannot_be_read_wholly_is_not_given(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    odd = [{"participantId": ANNA, "channel": 0}, {"participantId": 7}, "+4930555555"]
    indexed(archive, sealed_call(archive, pieces_of(archive, participants=odd)))
    to = tmp_path / "anna"
    run(config, ANNA, to)
    assert list(to.glob("0001/metadata-*")) == []
    assert "somebody in it cannot be read" in (to / "0001" / "evidence.html").read_text()
    assert not any(b"4930555555" in data for data in everything(to).values())


def test_a_lost_recording_is_exported_with_its_account(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    indexed(archive, sealed_call(archive, lost(0, "the service deleted it")))
    to = tmp_path / "bert"
    ended = run(config, BERT, to)
    assert ended.exit_code == 0, ended.output
    assert "the service deleted it" in (to / "index.html").read_text()
    vcon = json.loads((to / "0001" / "recording.vcon.json").read_text())
    assert "body" not in vcon["dialog"][0]


def test_the_same_export_again_changes_nothing(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    indexed(archive, sealed_call(archive))
    for to in (tmp_path / "anna", tmp_path / "anna.zip"):
        assert run(config, ANNA, to).exit_code == 0
        before = to.stat()
        again = run(config, ANNA, to, "--json")
        assert again.exit_code == 0, again.output
        assert json.loads(again.stdout)["isNew"] is False
        assert to.stat() == before or to.stat().st_mtime_ns == before.st_mtime_ns
        assert to.stat().st_ino == before.st_ino


def test_another_export_never_replaces_what_is_there(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    indexed(archive, sealed_call(archive))
    to = tmp_path / "anna"
    assert run(config, ANNA, to).exit_code == 0
    before = everything(to)
    with pytest.raises(InvalidRequest, match="is there already, and is not this export"):
        run(config, BERT, to)
    assert everything(to) == before
    (to / "0001" / "facts.json").write_text("{}")
    with pytest.raises(InvalidRequest, match="is there already, and is not this export"):
        run(config, ANNA, to)
    other = tmp_path / "file.zip"
    other.write_text("no zip")
    with pytest.raises(InvalidRequest, match="is there already"):
        run(config, ANNA, other)
    assert other.read_text() == "no zip"


def test_every_file_has_its_hash_in_the_index(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    indexed(archive, sealed_call(archive))
    to = tmp_path / "anna.zip"
    assert run(config, ANNA, to).exit_code == 0
    assert (to.stat().st_mode & 0o777) == 0o600
    with zipfile.ZipFile(to) as opened:
        assert opened.testzip() is None
        index = PackageIndex.model_validate_json(opened.read("export.json"))
        assert {each.path for each in index.files} | {"export.json"} == set(opened.namelist())
        for each in index.files:
            data = opened.read(each.path)
            assert len(data) == each.size
            assert hashlib.sha256(data).hexdigest() == each.sha256
            assert hashlib.sha512(data).hexdigest() == each.sha512


@pytest.mark.parametrize("name", ["anna", "anna.zip"])
def test_an_export_that_is_ended_leaves_nothing_and_goes_on(
    archive: DirectoryArchive, config: Path, tmp_path: Path, name: str
) -> None:
    """Killed at each of its writes, it leaves no package; the next one takes the draft away."""
    indexed(archive, sealed_call(archive))
    folder = tmp_path / "exports"
    folder.mkdir()
    to = folder / name
    for writes in (0, 1, 3, 9):
        child = os.fork()
        if child == 0:
            _end_after(writes)
            run(config, ANNA, to)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WEXITSTATUS(status) == 77
        assert not to.exists()
    assert run(config, ANNA, to).exit_code == 0
    assert [path.name for path in folder.iterdir()] == [name]


def _end_after(writes: int) -> None:
    left = [writes]
    add = packages.Package.add

    def ending(self: packages.Package, path: str, pieces: Any) -> Any:
        def until() -> Any:
            for piece in pieces:
                yield piece
                if not left[0]:
                    os._exit(77)
            left[0] -= 1

        return add(self, path, until())

    packages.Package.add = ending  # type: ignore[method-assign]


def test_a_full_disk_is_told_and_leaves_nothing(
    archive: DirectoryArchive, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed(archive, sealed_call(archive))
    folder = tmp_path / "exports"
    folder.mkdir()

    def full(self: object, path: object) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(packages._Folder, "opened", full)
        with pytest.raises(NotDone, match=r"No space left on device.*needs at least"):
            run(config, ANNA, folder / "anna")
    assert list(folder.iterdir()) == []
    with monkeypatch.context() as patched:
        usage = type("Usage", (), {"free": 1_000})
        patched.setattr("shutil.disk_usage", lambda path: usage)
        with pytest.raises(NotDone, match="there are 1,000 free"):
            run(config, ANNA, folder / "anna")
    assert list(folder.iterdir()) == []


def test_a_recording_that_cannot_be_written_costs_no_other_one(
    archive: DirectoryArchive, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed(archive, sealed_call(archive))
    indexed(archive, sealed_call(archive, pieces_of(archive, document="2"), recording_id="rec-2"))
    drawn = subject_folder.evidence_page

    def fails(shown: list[Shown], *more: Any) -> str:
        if shown[0].facts.manifest.recording.recording_id == "rec-1":
            raise OverflowError("date value out of range")
        return drawn(shown, *more)

    monkeypatch.setattr(subject_folder, "evidence_page", fails)
    to = tmp_path / "anna"
    assert run(config, ANNA, to).exit_code == 1
    files = everything(to)
    assert "0001/evidence.html" not in files
    assert "0002/evidence.html" in files
    [problem] = PackageIndex.model_validate_json(files["export.json"]).problems
    assert problem.startswith("0001: the recording ")
    assert "could not be written whole (OverflowError)" in unescape(files["index.html"].decode())


def test_a_file_system_without_hard_links_gets_its_zip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(draft: Path, target: Path) -> None:
        assert draft.name.endswith(".partial")
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "out").mkdir()
    draft, target = tmp_path / "out" / ".x.zip.partial", tmp_path / "out" / "x.zip"
    draft.write_text("new")
    packages._name(draft, target)
    assert target.read_text() == "new"
    draft.write_text("newer")
    with pytest.raises(FileExistsError):
        packages._name(draft, target)
    assert target.read_text() == "new"


def test_two_exports_do_not_write_over_each_other(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    indexed(archive, sealed_call(archive))
    with (
        packages.packed(tmp_path / "anna", "order", 0),
        pytest.raises(InvalidRequest, match="another export is being written"),
    ):
        run(config, ANNA, tmp_path / "anna")


def test_the_export_is_in_the_access_log_before_it_appears(
    archive: DirectoryArchive, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = indexed(archive, sealed_call(archive))
    to = tmp_path / "anna"
    assert run(config, ANNA, to, "--by", "officer-1", "--reason", "request 7").exit_code == 0
    search, exported = AccessLog(archive, None).records()
    assert (search.action, exported.action) == (AccessAction.FOUND, AccessAction.EXPORTED)
    assert exported.recordings == (found.object_name.rpartition("/")[0],)
    assert (exported.by, exported.reason) == ("officer-1", "request 7")
    assert exported.participant == hashed(ANNA)

    # and what was in the log before is in the next package
    assert run(config, ANNA, tmp_path / "again").exit_code == 0
    log = json.loads((tmp_path / "again" / "0001" / "access-log.json").read_text())
    assert [each["action"] for each in log] == ["exported"]

    record = AccessLog.record

    def refuse(self: AccessLog, access: Any) -> Any:
        if access.action is AccessAction.EXPORTED:
            raise Unavailable("the log is full")
        return record(self, access)

    monkeypatch.setattr(AccessLog, "record", refuse)
    with pytest.raises(Unavailable, match="the log is full"):
        run(config, ANNA, tmp_path / "third")
    assert not (tmp_path / "third").exists()
    assert [each.name for each in tmp_path.iterdir() if "partial" in each.name] == []


def test_the_access_log_tells_nothing_of_other_people_and_recordings(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    found = indexed(archive, sealed_call(archive))
    folder = found.object_name.rpartition("/")[0]
    other = "recordings/2026/03/02/call-2/rec-2"
    AccessLog(archive, SIGNER).record(
        Access(
            action=AccessAction.EXPORTED,
            by="officer-2",
            recordings=(folder, other),
            objects=(f"{folder}/0000-x.wav", f"{other}/0000-x.wav"),
            participant=hashed(BERT),
            reason=f"asked by {BERT}",
        )
    )
    assert run(config, ANNA, tmp_path / "anna").exit_code == 0
    (told,) = json.loads((tmp_path / "anna" / "0001" / "access-log.json").read_text())
    assert (told["recordings"], told["objects"]) == ([folder], [f"{folder}/0000-x.wav"])
    assert told["participant"] is None
    assert told["by"] == "officer-2"
    assert "1234567" not in told["reason"]


def test_a_changed_recording_is_exported_and_says_so(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    found = indexed(archive, sealed_call(archive))
    (media,) = (tmp_path / "archive" / found.object_name).parent.glob("*.wav")
    data = bytearray(media.read_bytes())
    data[9_000] ^= 1
    media.write_bytes(data)
    ended = run(config, ANNA, tmp_path / "anna")
    assert ended.exit_code == 1
    assert "it was changed" in ended.stderr
    assert "NOT as it was sealed" in (tmp_path / "anna" / "index.html").read_text()
    # so does the same export again
    assert run(config, ANNA, tmp_path / "anna").exit_code == 1


def test_a_damaged_index_gives_no_export(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    indexed(archive, sealed_call(archive))
    for entry in (tmp_path / "archive" / "subjects").rglob("*.json"):
        entry.write_text("{}")
    with pytest.raises(NotDone, match="index rebuild"):
        run(config, ANNA, tmp_path / "anna")
    assert not (tmp_path / "anna").exists()


@pytest.mark.parametrize(
    ("who", "to", "error", "refusal"),
    [
        ("8:acs:nobody", "x", NotDone, "no sealed recording of this person"),
        ("", "x", InvalidRequest, "participant"),
        (ANNA, "no/x", InvalidRequest, "there is no directory"),
        (ANNA, ".", InvalidRequest, "no name for a package"),
    ],
)
def test_what_makes_no_sense_is_refused(
    archive: DirectoryArchive,
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    who: str,
    to: str,
    error: type[Exception],
    refusal: str,
) -> None:
    indexed(archive, sealed_call(archive))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=refusal):
        run(config, who, Path(to))
    assert not (tmp_path / "x").exists()


@pytest.mark.server
def test_an_archive_in_azure_gives_the_same_files(
    archive: DirectoryArchive,
    config: Path,
    tmp_path: Path,
    azurite: Azurite,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AZURITE", azurite.connection_string)
    container = f"export-{uuid.uuid4().hex}"
    on_azure = tmp_path / "azure.toml"
    place = f'kind = "directory"\npath = "{tmp_path / "archive"}"\n'
    blobs = f'kind = "azure_blob"\nconnection_string = "env:AZURITE"\ncontainer = "{container}"\n'
    on_azure.write_text(config.read_text().replace(place, blobs))
    settings = load_settings(on_azure)
    with closing(open_archive("main", settings.archive("main"))) as blob:
        make_identity(blob, None, datetime.now(UTC))
        indexed(blob, sealed_call(blob))
    indexed(archive, sealed_call(archive))
    for name, file in (("azure", on_azure), ("directory", config)):
        ended = run(file, ANNA, tmp_path / f"from-{name}")
        assert ended.exit_code == 0, ended.output
    one, other = (everything(tmp_path / f"from-{name}") for name in ("azure", "directory"))
    assert one.keys() == other.keys()
    same = ("media-0000-channel-0.wav", "metadata-0000.json", "facts.json")
    for name in same:
        assert one[f"0001/{name}"] == other[f"0001/{name}"], name


def test_an_entry_whose_recording_is_not_sealed_is_told(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    found = indexed(archive, sealed_call(archive))
    indexed(
        archive,
        sealed_call(archive, pieces_of(archive, recording_id="rec-2"), recording_id="rec-2"),
    )
    (tmp_path / "archive" / found.object_name).unlink()
    for entry in (tmp_path / "archive" / "subjects").rglob("*~manifest.json"):
        if json.loads(entry.read_text())["recordingId"] == "rec-1":
            entry.unlink()
    ended = run(config, ANNA, tmp_path / "anna")
    assert ended.exit_code == 1
    assert "is not sealed yet: export again later" in ended.stderr
    assert "is not sealed yet" in (tmp_path / "anna" / "index.html").read_text()
    assert [path.name for path in (tmp_path / "anna").iterdir() if path.is_dir()] == ["0001"]
