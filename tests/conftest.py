"""Real services that tests share, and the order in which processes run test files.

Each process of a parallel run starts its own services, once, when a test asks for them: on free
ports, with files below a folder of its own. Hence no test may name a port or a shared path.
"""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from callvault.local.azurite import Azurite, start_azurite
from callvault.local.processes import Supervisor
from callvault.local.temporal import temporal_binary as find_temporal_binary
from callvault.temporal.search_attributes import SEARCH_ATTRIBUTES
from tests import patience

# How long an example takes is no promise: other processes of the same run compute meanwhile.
hypothesis.settings.register_profile(
    "tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tests")

patience.on_a_loaded_machine()

SERVERS = {"azurite", "temporal_binary"}
"""Fixtures that mark their tests `server`, also when used by another fixture."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that need a server, and put files with a slow test first.

    A process takes a whole file at a time: begun last, a slow one would keep a single process busy
    long after the others.
    """
    for item in items:
        if isinstance(item, pytest.Function) and not SERVERS.isdisjoint(item.fixturenames):
            item.add_marker("server")
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def every_search_attribute_is_known() -> Iterator[None]:
    """Forget what the namespace of a test did not know: the next one's may know it."""
    yield
    SEARCH_ATTRIBUTES._has_missed, SEARCH_ATTRIBUTES._missed_at = False, {}


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Start Azurite with an account of its own and blobs in memory."""
    with Supervisor(tmp_path_factory.mktemp("azurite")) as supervisor:
        yield start_azurite(supervisor)


@pytest.fixture(scope="session")
def temporal_binary() -> Path:
    """Return the `temporal` command, for ``dev_server_existing_path`` of the SDK."""
    return find_temporal_binary()
