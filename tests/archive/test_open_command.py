"""The command `callvault recordings open`, without a Temporal server, as an auditor may have it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from typer.testing import CliRunner

from callvault.archive.access_log.log import AccessLog
from callvault.archive.identity import make_identity
from callvault.archive.store import Archive
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.cli.actions import open as opening
from callvault.cli.main import app
from callvault.cli.options import os_user
from callvault.errors import CallvaultError, InvalidRequest, Unavailable
from callvault.local.azurite import Azurite

from .sealed import SERVER_CALL, SIGNER, archived, sealed, wav

FOLDER = "recordings/2026/03/02/call-1/rec-1"
MEDIA = wav(0.5, tone=300)


@pytest.fixture(autouse=True)
def without_temporal(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("Temporal cannot be reached")

    monkeypatch.setattr(opening, "with_client", away)


def written(tmp_path: Path, archive: str, more: str = "") -> Path:
    key = tmp_path / "key.pem"
    key.write_bytes(SIGNER.pem())
    file = tmp_path / "callvault.toml"
    file.write_text(f'[archives.main]\n{archive}\nsigning_key = "file:{key}"\n{more}')
    return file


def filled(archive: Archive) -> str:
    """Make an archive with one recording of one file; return the file's name."""
    make_identity(archive, None, datetime.now(UTC))
    chunk = archived(archive, media=MEDIA)
    sealed(archive, chunk)
    assert chunk.archived
    return chunk.archived.object_name


@pytest.fixture
def archive(tmp_path: Path) -> DirectoryArchive:
    return DirectoryArchive("main", tmp_path / "archive")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path, f'kind = "directory"\npath = "{tmp_path / "archive"}"')


def run(config: Path, *words: object) -> dict[str, Any]:
    said = ["recordings", "open", *map(str, words), "--json", "--config", str(config)]
    ended = CliRunner().invoke(app, said, catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    given: dict[str, Any] = json.loads(ended.stdout)
    return given


def refused(config: Path, *words: object) -> CallvaultError:
    said = ["recordings", "open", *map(str, words), "--config", str(config)]
    with pytest.raises(CallvaultError) as caught:
        CliRunner().invoke(app, said, catch_exceptions=False)
    return caught.value


@pytest.mark.parametrize(
    "asked", ["rec-1", "call-1", SERVER_CALL, f"{SERVER_CALL}==", "recording-1", FOLDER]
)
def test_ids_of_every_kind_find_the_recording(
    asked: str, archive: DirectoryArchive, config: Path
) -> None:
    name = filled(archive)
    given = run(config, asked, "--by", "anna", "--reason", "complaint 17")
    (file,) = given["files"]
    assert (given["folder"], file["objectName"]) == (FOLDER, name)
    assert Path(file["place"]).read_bytes() == MEDIA
    (record,) = AccessLog(archive, None).records()
    assert (record.by, record.reason, record.objects) == ("anna", "complaint 17", (name,))
    assert record.authenticated_as == f"cli:{os_user()}"


def test_the_file_itself_is_written_where_it_is_wanted(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    name = filled(archive)
    target = tmp_path / "copies"
    target.mkdir()
    (file,) = run(config, name, "--save", target)["files"]
    assert Path(file["place"]).parent == target
    assert Path(file["place"]).read_bytes() == MEDIA
    assert "File exists" in str(refused(config, name, "--save", target))


def test_a_container_gives_a_link_that_ends(
    blob_archive: BlobArchive, azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = filled(blob_archive)
    monkeypatch.setenv("STORAGE", azurite.connection_string)
    container = blob_archive.location(name).partition("/recordings/")[0].rpartition("/")[2]
    config = written(
        tmp_path,
        f'kind = "azure_blob"\ncontainer = "{container}"\nconnection_string = "env:STORAGE"',
    )
    given = run(config, "rec-1", "--lifetime", "10m", "--recorded-on", "2026-03-02")
    (file,) = given["files"]
    assert httpx.get(file["place"]).content == MEDIA
    said = parse_qs(urlsplit(file["place"]).query)["se"][0]
    assert datetime.fromisoformat(said) == datetime.fromisoformat(given["expiresAt"])
    (record,) = AccessLog(blob_archive, None).records()
    assert record.expires_at == datetime.fromisoformat(given["expiresAt"])


def test_what_is_told_to_people_is_a_place_alone(archive: DirectoryArchive, config: Path) -> None:
    name = filled(archive)
    ended = CliRunner().invoke(app, ["recordings", "open", "rec-1", "--config", str(config)])
    assert ended.stdout == f"{archive.location(name)}\n"
    assert "In the access log of main: 1:" in ended.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rec-9",), "there is no recording rec-9"),
        (("rec-1", "--recorded-on", "2026-03-03"), "there is no recording rec-1"),
        (("rec-1", "--chunk", "4"), "its chunks are 0"),
        (("rec-1", "--lifetime", "16m"), "at most 0:15:00"),
        ((f"{FOLDER}/manifest.json",), "no such file"),
    ],
)
def test_what_cannot_be_opened_is_told_and_not_logged(
    words: tuple[str, ...], said: str, archive: DirectoryArchive, config: Path
) -> None:
    filled(archive)
    error = refused(config, *words)
    assert isinstance(error, InvalidRequest)
    assert said in str(error)
    assert list(AccessLog(archive, None).records()) == []


def test_a_reason_is_demanded_where_the_settings_do(
    archive: DirectoryArchive, tmp_path: Path
) -> None:
    filled(archive)
    config = written(
        tmp_path,
        f'kind = "directory"\npath = "{tmp_path / "archive"}"',
        "[gateway.media]\ndemands_reason = true\n",
    )
    assert "--reason" in str(refused(config, "rec-1"))
    run(config, "rec-1", "--reason", "complaint 17")


def test_what_cannot_be_logged_is_not_opened(
    archive: DirectoryArchive, config: Path, tmp_path: Path
) -> None:
    name = filled(archive)
    Path(archive.location("access")).write_bytes(b"no folder")
    target = tmp_path / "copies"
    target.mkdir()
    assert "nothing was opened" in str(refused(config, name, "--save", target))
    assert list(target.iterdir()) == []
