"""Real services that tests share: started once, only when asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callvault.local.azurite import Azurite, start_azurite
from callvault.local.processes import Supervisor
from callvault.local.temporal import temporal_binary as find_temporal_binary


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azurite with an account of its own, its blobs in memory."""
    with Supervisor(tmp_path_factory.mktemp("azurite")) as supervisor:
        yield start_azurite(supervisor)


@pytest.fixture(scope="session")
def temporal_binary() -> Path:
    """The `temporal` command, for ``WorkflowEnvironment``'s ``dev_server_existing_path``."""
    return find_temporal_binary()
