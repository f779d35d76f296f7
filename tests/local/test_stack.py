"""The whole stack, as `callvault demo` and `callvault dev` start it."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from callvault.config.settings import load_settings
from callvault.config.storage import DirectorySettings
from callvault.local.processes import Supervisor
from callvault.local.stack import Stack, start_stack

pytestmark = pytest.mark.slow("starts a whole stack")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("stack")
    with (
        pytest.MonkeyPatch.context() as shell,
        Supervisor(home / "logs") as supervisor,
    ):
        # Either would stop or mislead every process that it reached.
        shell.setenv("CALLVAULT_NO_SUCH_SETTING", "1")
        shell.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
        yield start_stack(supervisor, home, archive=home / "archive")
        supervisor.check()


def test_the_gateway_is_ready_to_take_events(stack: Stack) -> None:
    answer = httpx.get(f"{stack.gateway}/readyz", trust_env=False)
    assert answer.status_code == httpx.codes.OK, answer.text


def test_the_emulator_delivers_to_the_gateway(stack: Stack) -> None:
    known = httpx.get(f"{stack.emulator.control}/subscriptions", trust_env=False).json()
    assert [each["state"] for each in known["subscriptions"]] == ["active"]
    assert known["subscriptions"][0]["endpoint"].startswith(stack.gateway)


def test_any_callvault_command_can_use_its_settings(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("CALLVAULT_")]:
        monkeypatch.delenv(name)
    settings = load_settings(Path(stack.environment["CALLVAULT_CONFIG"]))
    archive = settings.archive(settings.archive_name("default"))
    assert isinstance(archive, DirectorySettings)
    assert archive.path == stack.archive
