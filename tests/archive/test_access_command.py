"""The commands `callvault access list` and `callvault access verify`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from callvault.archive.access_log.log import AccessLog
from callvault.archive.identity import make_identity
from callvault.archive.manifests.keys import Signer
from callvault.archive.names import access_object_name
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.expectation import spelt
from callvault.cli.main import app
from callvault.contracts.access import Access, AccessAction
from callvault.contracts.participants import participant_hash

from .sealed import NOON, SERVER_CALL, archived, manifest_of, sealed

SIGNER = Signer.generate()
ANNA = "4:+4930123456"
FOLDER = "recordings/2026/03/02/call-1/rec-1"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    key = tmp_path / "key.pem"
    key.write_bytes(SIGNER.pem())
    file = tmp_path / "callvault.toml"
    directory = tmp_path / "archive"
    file.write_text(
        f'[archives.main]\nkind = "directory"\npath = "{directory}"\nsigning_key = "file:{key}"\n'
    )
    return file


@pytest.fixture
def archive(tmp_path: Path) -> DirectoryArchive:
    """An archive with a recording, and three accesses."""
    archive = DirectoryArchive("main", tmp_path / "archive")
    make_identity(archive, None, datetime.now(UTC))
    found = sealed(archive, archived(archive), signer=SIGNER)
    (chunk,) = manifest_of(archive, found).chunks
    log = AccessLog(archive, SIGNER, lambda: NOON)
    assert chunk.media
    log.record(
        Access(
            action=AccessAction.OPENED,
            by="anna",
            authenticated_as="key compliance",
            objects=(chunk.media.object_name,),
            reason="complaint 17",
        )
    )
    log.record(
        Access(
            action=AccessAction.FOUND,
            by="bert",
            authenticated_as="cli:bert",
            participant=participant_hash(ANNA),
        )
    )
    log.record(Access(action=AccessAction.HELD, by="anna", recordings=(FOLDER,)))
    return archive


def run(*words: object, status: int = 0) -> str:
    ended = CliRunner().invoke(app, ["access", *map(str, words)], catch_exceptions=False)
    assert ended.exit_code == status, ended.output
    return ended.output


def listed(config: Path, *words: str) -> list[int]:
    rows: list[dict[str, Any]] = json.loads(run("list", "--json", "--config", config, *words))
    return [row["sequence"] for row in rows]


@pytest.mark.usefixtures("archive")
def test_every_access_is_listed_with_who_and_why(config: Path) -> None:
    table = run("list", "--config", config)
    assert "2026-03-02 12:00:00 UTC  opened by anna (key compliance): complaint 17" in table
    assert f"main 3: {FOLDER}" in table
    assert f"main 2: person {participant_hash(ANNA)}" in table


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), [1, 2, 3]),
        (("--action", "held"), [3]),
        (("--who", "ANNA"), [1, 3]),
        (("--who", "key compliance"), [1]),
        (("--person", ANNA), [2]),
        (("--person", participant_hash(ANNA)), [2]),
        (("--person", "4:+49301"), []),
        (("--recording", "rec-1"), [1, 3]),
        (("--recording", "call-1"), [1, 3]),
        (("--recording", SERVER_CALL + "=="), [1, 3]),
        (("--recording", "recording-1"), [1, 3]),
        (("--recording", FOLDER), [1, 3]),
        (("--recording", "rec-2"), []),
        (("--recording", "rec-1", "--who", "anna", "--action", "opened"), [1]),
    ],
)
@pytest.mark.usefixtures("archive")
def test_what_is_listed_can_be_chosen(
    config: Path, words: tuple[str, ...], found: list[int]
) -> None:
    assert listed(config, *words) == found


@pytest.mark.usefixtures("archive")
def test_an_unknown_action_is_refused_with_those_there_are(config: Path) -> None:
    ended = CliRunner().invoke(
        app, ["access", "list", "--action", "heard", "--config", str(config)]
    )
    assert ended.exit_code == 2
    assert "opened" in ended.output


def test_a_record_that_cannot_be_read_is_told(archive: DirectoryArchive, config: Path) -> None:
    Path(archive.location(access_object_name(2))).write_bytes(b"{")
    told = run("list", "--config", config, status=1)
    assert "main 3:" in told
    assert access_object_name(2) in told


def test_an_empty_log_is_told_in_words(config: Path, tmp_path: Path) -> None:
    make_identity(DirectoryArchive("main", tmp_path / "archive"), None, datetime.now(UTC))
    assert run("list", "--config", config) == "No access is recorded.\n"


def test_the_log_is_verified_alone(archive: DirectoryArchive, config: Path) -> None:
    head = AccessLog(archive, None).head()
    assert head
    told = run("verify", "main", "--config", config)
    assert f"--head {spelt(head)}" in told
    root = Path(archive.location(access_object_name(1))).parents[1]
    report = json.loads(run("verify", root, "--json", "--head", spelt(head)))
    assert report["accessRecords"] == 3
    for path in (root / "access").glob(f"*{head.sequence:010d}*"):
        path.unlink()
    assert "cut off" in run("verify", root, "--head", spelt(head), status=1)


def test_a_log_that_the_chain_tells_to_be_longer_is_not_whole(archive: DirectoryArchive) -> None:
    sealed(archive, archived(archive, recording_id="rec-2"), recording_id="rec-2", signer=SIGNER)
    root = Path(archive.location(access_object_name(1))).parents[1]
    run("verify", root)
    for path in (root / "access").glob("*0003.json*"):
        path.unlink()
    for path in (root / "access").glob(".*0003*"):
        path.unlink()
    assert "cut off" in run("verify", root, status=1)
