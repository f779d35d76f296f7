"""What the stack writes is what Callvault reads."""

import os
import stat
from pathlib import Path

import pytest

from callvault.config.settings import load_settings
from callvault.config.storage import AzureBlobSettings, DirectorySettings
from callvault.local.azurite import Azurite
from callvault.local.receiver import LocalReceiver
from callvault.local.stack_settings import (
    LocalEmulator,
    as_variables,
    own_settings,
    receiver_settings,
    write_settings,
)

EMULATOR = LocalEmulator(
    endpoint="http://127.0.0.1:4711",
    control="http://127.0.0.1:4711/control",
    topic="/subscriptions/s/resourcegroups/emulator/providers/p/communicationservices/c",
    connection_string="endpoint=http://127.0.0.1:4711/;accesskey=c2VjcmV0",
)
RECEIVER = LocalReceiver("http://127.0.0.1:4713", "whsec_c2VjcmV0")
AZURITE = Azurite("http://127.0.0.1:4712/local", "local", account_key="c2VjcmV0")


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CALLVAULT_")]:
        monkeypatch.delenv(name)


def test_events_of_the_emulator_find_their_resource_and_archive(tmp_path: Path) -> None:
    settings = load_settings(write_settings(tmp_path, EMULATOR, AZURITE))
    name = settings.resource_for_topic(EMULATOR.topic)
    assert name == "default"
    resource = settings.resource(name)
    assert resource.endpoint == EMULATOR.endpoint
    assert resource.credential.connection_string
    assert resource.credential.connection_string.resolve() == EMULATOR.connection_string
    archive = settings.archive(settings.archive_name(name))
    assert isinstance(archive, AzureBlobSettings)
    assert archive.connection_string
    assert archive.connection_string.resolve() == AZURITE.connection_string


def test_a_directory_is_an_archive_too(tmp_path: Path) -> None:
    kept = tmp_path / 'a "quoted" \\ näme'
    archive = load_settings(write_settings(tmp_path, EMULATOR, kept)).archive("local")
    assert isinstance(archive, DirectorySettings)
    assert archive.path == kept


def test_secrets_are_readable_by_us_alone_and_never_in_the_settings(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, EMULATOR, AZURITE)
    secrets = [file for file in tmp_path.iterdir() if file != settings]
    assert len(secrets) == 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in secrets} == {0o600}
    assert "c2VjcmV0" not in settings.read_text()


def test_settings_are_written_anew_at_each_start(tmp_path: Path) -> None:
    write_settings(tmp_path, EMULATOR, AZURITE)
    load_settings(write_settings(tmp_path, EMULATOR, AZURITE))


def test_events_and_alarms_go_to_the_receiver(tmp_path: Path) -> None:
    more = receiver_settings(tmp_path, RECEIVER, None)
    settings = load_settings(write_settings(tmp_path, EMULATOR, AZURITE, more=more))
    resource, alarms = settings.resource("default"), settings.alarms
    assert resource.endpoint == EMULATOR.endpoint
    assert resource.webhook_url
    assert alarms.webhook_url
    assert alarms.webhook_secret
    assert {resource.webhook_url.resolve(), alarms.webhook_url.resolve()} == {RECEIVER.url}
    secrets = [*resource.webhook_secrets, alarms.webhook_secret]
    assert [each.resolve() for each in secrets] == [RECEIVER.secret] * 2


@pytest.mark.parametrize(
    ("theirs", "left_to_ours"),
    [
        ("", {"alarms", "resources"}),
        ('[alarms]\nwebhook_url = "env:THEIRS"', {"resources"}),
        ('[resources.default]\nwebhook_url = "env:THEIRS"', {"alarms"}),
        ('[resources.default]\nwebhook_secrets = ["env:THEIRS"]', {"alarms"}),
        ('[resources.other]\nwebhook_url = "env:THEIRS"', {"alarms", "resources"}),
        ("alarms = 5", {"alarms", "resources"}),
    ],
)
def test_what_somebody_sends_elsewhere_is_left_to_them(
    tmp_path: Path, theirs: str, left_to_ours: set[str]
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(theirs)
    assert receiver_settings(tmp_path, RECEIVER, file).keys() == left_to_ours


def test_a_file_of_somebodys_own_and_our_variables_are_settings_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.toml"
    file.write_text('[resources.default]\nexport_window = "30h"\n')
    for tree in (
        own_settings(tmp_path, EMULATOR, AZURITE),
        receiver_settings(tmp_path, RECEIVER, file),
    ):
        for name, text in as_variables(tree).items():
            monkeypatch.setenv(name, text)
    resource = load_settings(file).resource("default")
    assert resource.webhook_url
    assert [each.resolve() for each in resource.webhook_secrets] == [RECEIVER.secret]
