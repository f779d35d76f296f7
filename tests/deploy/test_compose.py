"""docker-compose.yml is valid, safe by default, and speaks of settings and commands that exist."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from activities.erasure_places import places_of
from callvault.config.settings import Settings, load_settings
from callvault.config.storage import AzureBlobSettings, QuarantineContainerSettings
from callvault.gateway import secret_watch
from callvault.ingest.quarantine import Quarantine
from callvault.secret_checks import secret_problems
from workers import watch

from .conftest import ENVIRONMENT, parsed

SECRETS = {
    "ACS_CONNECTION_STRING",
    "API_KEY",
    "AZURITE_KEY",
    "EVENT_SECRET",
    "PARTICIPANT_KEY",
    "POSTGRES_PASSWORD",
}
ONE_SHOT = {"setup", "temporal-schema", "temporal-namespace"}


def settings_within(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What a process reads whose environment this is."""
    for variable in [each for each in os.environ if each.startswith("CALLVAULT_")]:
        monkeypatch.delenv(variable)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    return load_settings()


def test_the_file_follows_the_compose_specification(root: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.compose-spec", root / "docker-compose.yml"),
        ],
        check=True,
    )


@pytest.mark.parametrize("missing", sorted(SECRETS | {"ACS_ENDPOINT"}))
def test_a_missing_secret_stops_the_start_and_says_where_to_set_it(
    root: Path, missing: str
) -> None:
    text = (root / "docker-compose.yml").read_text()
    with pytest.raises(LookupError, match=rf"{missing}: set it in \.env, see deploy/env\.example"):
        parsed(text, {**ENVIRONMENT, missing: ""})


def test_no_secret_is_written_into_a_file_of_the_repository(root: Path) -> None:
    lines = (root / "deploy" / "env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert given == dict.fromkeys(ENVIRONMENT, "")
    assert ".env" in (root / ".gitignore").read_text().splitlines()
    text = (root / "docker-compose.yml").read_text()
    assert set(re.findall(r"\$\{(\w+)", text)) == set(ENVIRONMENT)


@pytest.mark.parametrize("name", ["gateway", "worker", "exporter", "ingest", "setup"])
def test_every_variable_of_ours_is_a_setting(
    ours: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_within(ours[name]["environment"], monkeypatch)

    assert settings.archive_name("default") == "main"
    if name == "gateway":
        assert settings.gateway.event_secrets[0].resolve() == ENVIRONMENT["EVENT_SECRET"]
        key = settings.gateway.keys["app"]
        assert key.secret[0].resolve() == ENVIRONMENT["API_KEY"]
        assert set(key.roles) == {"control", "read", "consent"}
    if name in {"gateway", "setup", "worker", "exporter"}:
        quarantine = settings.gateway.quarantine
        assert isinstance(quarantine, QuarantineContainerSettings)
        assert quarantine.connection_string is not None
        assert "AccountName=callvault;AccountKey=c2Vj" in quarantine.connection_string.resolve()
    if name == "ingest":
        queue = settings.queue("grid").connection_string
        assert queue is not None
        assert queue.resolve() == ENVIRONMENT["QUEUE_CONNECTION_STRING"]
    if name in {"gateway", "worker", "exporter", "ingest"}:
        assert settings.participant_key() == ENVIRONMENT["PARTICIPANT_KEY"]
    if name in {"worker", "exporter"}:
        archive = settings.archive("main")
        assert isinstance(archive, AzureBlobSettings)
        assert archive.connection_string is not None
        assert "AccountName=callvault;AccountKey=c2Vj" in archive.connection_string.resolve()
        credential = settings.resource("default").credential
        assert credential.connection_string is not None
        assert credential.connection_string.resolve() == ENVIRONMENT["ACS_CONNECTION_STRING"]


@pytest.mark.parametrize(
    ("name", "sections"),
    [
        ("gateway", secret_watch.SECTIONS),
        ("worker", watch.SECTIONS),
        ("exporter", watch.SECTIONS),
        ("ingest", ("queues", "participants")),
    ],
)
def test_every_service_has_the_secrets_that_it_uses(
    ours: dict[str, Any], name: str, sections: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_within(ours[name]["environment"], monkeypatch)
    assert secret_problems(settings, sections) == {}
    if name in {"worker", "exporter"}:
        # The one sweeps it, the other looks there for what is to be erased.
        places_of(settings, {}).letters[Quarantine.location]()


def test_callbacks_are_taken_once_they_are_asked_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (root / "docker-compose.yml").read_text()
    asked = {"CALLBACK_URL": "https://callvault.example", "CALLBACK_AUDIENCE": "1f2e"}
    gateway = parsed(text, {**ENVIRONMENT, **asked})["services"]["gateway"]
    resource = settings_within(gateway["environment"], monkeypatch).resource("default")
    assert resource.callback_url == asked["CALLBACK_URL"]
    assert resource.callback_audience == asked["CALLBACK_AUDIENCE"]


def test_secrets_reach_only_the_services_that_use_them(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for secret, users in {
        "ACS_CONNECTION_STRING": {"worker", "exporter"},
        # `setup` makes archive and quarantine, to which the gateway writes.
        "AZURITE_KEY": {"gateway", "setup", "worker", "exporter", "azurite"},
        "API_KEY": {"gateway"},
        "EVENT_SECRET": {"gateway"},
        "PARTICIPANT_KEY": {"gateway", "worker", "exporter", "ingest"},
        "QUEUE_CONNECTION_STRING": {"ingest"},
        "POSTGRES_PASSWORD": {"postgresql", "temporal", "temporal-schema"},
    }.items():
        holders = {
            name
            for name, service in services.items()
            if any(ENVIRONMENT[secret] in value for value in service["environment"].values())
        }
        assert holders == users, secret


def test_every_command_of_ours_exists(ours: dict[str, Any]) -> None:
    assert set(ours) == {"gateway", "worker", "exporter", "ingest", "setup"}
    for service in ours.values():
        helped = [sys.executable, "-m", "callvault", *service["command"], "--help"]
        assert subprocess.run(helped, capture_output=True, check=False).returncode == 0, helped


def test_ports_are_reachable_from_this_machine_only(compose: dict[str, Any]) -> None:
    ports = [port for it in compose["services"].values() for port in it.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_images_are_pinned_by_version(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert re.fullmatch(r"[\w./-]+:\d+\.\d+[\w.-]*", service["image"]), service["image"]


def test_our_image_bears_the_version_of_the_package(ours: dict[str, Any]) -> None:
    assert {service["image"] for service in ours.values()} == {f"callvault:{version('callvault')}"}


def test_containers_may_do_no_more_than_they_need(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_our_containers_run_as_the_user_of_the_image(ours: dict[str, Any], root: Path) -> None:
    assert {service["user"] for service in ours.values()} == {"10001:10001"}
    assert "USER 10001:10001" in (root / "deploy" / "Dockerfile").read_text()


def test_every_service_that_stays_is_watched(compose: dict[str, Any], root: Path) -> None:
    staying = {n: s for n, s in compose["services"].items() if n not in ONE_SHOT}
    unwatched = [
        name for name, service in staying.items() if "test" not in service.get("healthcheck", {})
    ]
    assert unwatched == ["gateway"], "the gateway's check is in its image"
    assert "\nHEALTHCHECK " in (root / "deploy" / "Dockerfile").read_text()


def test_services_wait_for_services_that_exist_and_can_be_waited_for(
    compose: dict[str, Any],
) -> None:
    for name, service in compose["services"].items():
        for other, wait in service.get("depends_on", {}).items():
            expected = "completed_successfully" if other in ONE_SHOT else "healthy"
            assert wait == {"condition": f"service_{expected}"}, f"{name} on {other}"
            assert other in compose["services"]


def test_mounted_files_and_volumes_exist(compose: dict[str, Any], root: Path) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or (root / source).is_dir()


def test_scripts_that_are_run_exist_and_parse(compose: dict[str, Any], root: Path) -> None:
    commands = [it["command"] for it in compose["services"].values() if "command" in it]
    scripts = [command[1] for command in commands if command[0] == "sh"]
    assert len(scripts) == 2
    for script in scripts:
        path = root / "deploy" / "temporal" / Path(script).name
        subprocess.run(["/bin/sh", "-n", path], check=True)


def test_the_documented_override_brings_another_archive(
    root: Path, ours: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (root / "deploy" / "README.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    override = parsed(dedent("   " + block.lstrip()), {})["services"]
    assert set(override) == set(ours)
    for name, service in ours.items():
        environment = {**service["environment"], **override[name]["environment"]}
        settings = settings_within(environment, monkeypatch)
        archive = settings.archive("main")
        assert isinstance(archive, AzureBlobSettings)
        assert archive.account_url == "https://contosoarchive.blob.core.windows.net"
        quarantine = settings.gateway.quarantine
        assert isinstance(quarantine, QuarantineContainerSettings)
        assert quarantine.account_url == "https://contosoevents.blob.core.windows.net"
