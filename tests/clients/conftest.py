"""The whole of Callvault as separate processes, whose gateway asks for a key."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from callvault.cli.demo.call import Call
from callvault.local.processes import Supervisor
from callvault.local.stack import Stack, start_stack

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "openapi.json"
KEY = "the-key-of-a-client"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("stack")
    (home / "key").write_text(KEY)
    settings = {
        "CALLVAULT_GATEWAY__KEYS__CLIENT__SECRET": f"file:{home / 'key'}",
        "CALLVAULT_GATEWAY__KEYS__CLIENT__ROLES": "control,read,consent",
    }
    with Supervisor(home / "logs") as supervisor:
        yield start_stack(supervisor, home, archive=home / "archive", settings=settings)


@pytest.fixture
async def call(stack: Stack) -> AsyncIterator[Call]:
    """A call of two people, that nobody records yet."""
    async with httpx.AsyncClient(trust_env=False, timeout=35) as http:
        call = Call(stack, http)
        await call.begins("Ana", "Ben")
        yield call
        await call.ends()
