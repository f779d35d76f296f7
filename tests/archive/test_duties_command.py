"""The commands `callvault duties` and `callvault duties done`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from callvault.archive.identity import make_identity
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.keys import Signer
from callvault.archive.store import put_bytes
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.verifier import verify_archive
from callvault.cli.main import app
from callvault.errors import ConfigurationError, InvalidRequest, WrongArchive

from .test_duties import with_duties

SIGNER = Signer.generate()


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
    archive = DirectoryArchive("main", tmp_path / "archive")
    make_identity(archive, None, datetime.now(UTC))
    return archive


def run(*arguments: str) -> str:
    ended = CliRunner().invoke(app, ["duties", *arguments], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.output


def listed(config: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("--json", "--config", str(config)))
    return found


def test_duties_are_listed_and_recorded(archive: DirectoryArchive, config: Path) -> None:
    found = with_duties(archive, SIGNER)
    first, second = listed(config)
    assert (first["kind"], second["kind"]) == ("delete", "review")
    table = run("--config", str(config))
    assert first["id"] in table
    assert found.object_name in table

    said = ("--archive", "main", "--by", "compliance-1", "--reason", "listened to it")
    duties = ("--duty", first["id"], "--duty", second["id"])
    assert "Recorded in" in run("done", found.object_name, *duties, *said, "--config", str(config))

    assert listed(config) == []
    assert "No duty is open" in run("--config", str(config))
    assert verify_archive(archive, Keyring([SIGNER.public])).ok


@pytest.mark.parametrize("odd", ["", " ", "x" * 1025])
def test_a_record_needs_a_reason(archive: DirectoryArchive, config: Path, odd: str) -> None:
    found = with_duties(archive, SIGNER)
    (first, _) = listed(config)
    arguments = ["duties", "done", found.object_name, "--archive", "main", "--duty", first["id"]]
    arguments += ["--by", "someone", "--reason", odd, "--config", str(config)]
    with pytest.raises(InvalidRequest, match="--reason needs a text"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert len(listed(config)) == 2


def test_h9_duties_of_an_archive_that_is_not_mounted_are_not_none(
    archive: DirectoryArchive, config: Path
) -> None:
    found = with_duties(archive, SIGNER)
    (first, _) = listed(config)
    root = config.parent / "archive"
    root.rename(config.parent / "elsewhere")
    root.mkdir()
    options = ["--archive", "main", "--by", "someone", "--reason", "heard", "--config", str(config)]
    done = ["done", found.object_name, "--duty", first["id"], *options]
    for arguments in (["--config", str(config)], done):
        with pytest.raises(WrongArchive, match="not mounted"):
            CliRunner().invoke(app, ["duties", *arguments], catch_exceptions=False)
    assert not list(root.iterdir())


def test_duties_of_no_archive_are_not_told_as_none(tmp_path: Path) -> None:
    (file := tmp_path / "callvault.toml").write_text("")
    with pytest.raises(ConfigurationError, match=r"add \[archives\.NAME\]"):
        run("--config", str(file))


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_damaged_manifest_is_told_and_the_duties_of_others_are_listed(
    archive: DirectoryArchive, config: Path, options: tuple[str, ...]
) -> None:
    with_duties(archive, SIGNER)
    (first, _) = listed(config)
    name = "recordings/2026/03/02/call-2/rec-2-0123456789abcdef/manifest.json"
    put_bytes(archive, name, b"junk", content_type="application/json", metadata={})
    ended = CliRunner().invoke(app, ["duties", *options, "--config", str(config)])
    assert ended.exit_code == 1
    assert first["id"] in ended.stdout
    assert name in ended.stderr
