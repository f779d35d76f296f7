"""The commands `callvault holds place`, `release` and `list`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from callvault.archive.identity import make_identity
from callvault.archive.manifests.documents import Keyring
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.verifier import verify_archive
from callvault.cli.main import app
from callvault.cli.options import os_user
from callvault.errors import InvalidRequest

from .sealed import SERVER_CALL, SIGNER, archived, sealed

NAMES = ("main", "second")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    key = tmp_path / "key.pem"
    key.write_bytes(SIGNER.pem())
    for name in NAMES:
        make_identity(DirectoryArchive(name, tmp_path / name), None, datetime.now(UTC))
    file = tmp_path / "callvault.toml"
    file.write_text(
        "".join(
            f'[archives.{name}]\nkind = "directory"\npath = "{tmp_path / name}"\n'
            f'signing_key = "file:{key}"\n'
            for name in NAMES
        )
    )
    return file


def run(config: Path, *arguments: str) -> str:
    asked = ["holds", *arguments, "--config", str(config)]
    ended = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.output


def listed(config: Path, *more: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(config, "list", "--json", *more))
    return found


def test_a_hold_is_placed_listed_and_released_in_every_archive(
    config: Path, tmp_path: Path
) -> None:
    text = run(config, "place", "--call", SERVER_CALL, "--reason", "case 7", "--by", "counsel-1")
    assert all(f"archive {name}" in text for name in NAMES)
    placed = [each["placed"] for each in listed(config)]
    assert [each["archive"] for each in placed] == list(NAMES)
    assert {each["authenticatedAs"] for each in placed} == {f"cli:{os_user()}"}
    table = run(config, "list")
    assert "case 7" in table
    assert SERVER_CALL in table
    ids = {each["id"] for each in placed}
    for hold in ids:
        run(config, "release", hold, "--reason", "settled")
    assert listed(config) == []
    assert run(config, "list").strip() == "There is no hold."
    assert {each["released"]["reason"] for each in listed(config, "--released")} == {"settled"}
    assert "settled" in run(config, "list", "--released")
    for name in NAMES:
        archive = DirectoryArchive(name, tmp_path / name)
        assert verify_archive(archive, Keyring([SIGNER.public])).ok


def test_one_archive_alone_can_be_named(config: Path, tmp_path: Path) -> None:
    sealed(
        DirectoryArchive("main", tmp_path / "main"),
        archived(DirectoryArchive("main", tmp_path / "main")),
    )
    run(config, "place", "--recording", "rec-1", "--reason", "x", "--archive", "second", "--json")
    assert [each["placed"]["archive"] for each in listed(config)] == ["second"]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["place", "--recording", "r", "--reason", " "], "for a reason"),
        (["place", "--recording", "r", "--reason", "x" * 1_025], "for a reason"),
        (["place", "--reason", "x"], "one call or one recording"),
        (["place", "--reason", "x", "--call", "recording-" + "0" * 32], "give the serverCallId"),
        (["place", "--reason", "x", "--recording", SERVER_CALL], "give the recordingId"),
        (["release", "0" * 16, "--reason", "x"], "is no hold of these archives"),
        (["release", "0" * 16, "--reason", ""], "for a reason"),
    ],
)
def test_what_is_no_hold_is_refused_with_what_to_do(
    config: Path, tmp_path: Path, asked: list[str], sentence: str
) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        run(config, *asked)
    for name in NAMES:
        assert [*DirectoryArchive(name, tmp_path / name).names()] == ["archive.json"]


def test_without_a_reason_at_all_the_command_is_refused(config: Path) -> None:
    ended = CliRunner().invoke(
        app, ["holds", "place", "--recording", "rec-1", "--config", str(config)]
    )
    assert ended.exit_code == 2
    assert "--reason" in ended.output
