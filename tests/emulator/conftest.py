from collections.abc import Iterator

import httpx
import pytest

from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings
from tests.emulator.stage import Acs
from tests.emulator.webhook import Webhook


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def acs(http: httpx.Client) -> Iterator[Acs]:
    """Share one emulator among all tests that are independent of other calls and the clock."""
    with running(EmulatorSettings(bearer_tokens=("let-me-in",))) as emulator:
        yield Acs(emulator, http)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook().open() as receiver:
        yield receiver
