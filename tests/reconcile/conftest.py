"""A real Temporal server for each test file, which lists only the workflows of that file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from callvault.contracts import names
from callvault.temporal.converter import data_converter


@pytest.fixture(scope="module")
async def temporal(temporal_binary: Path) -> AsyncIterator[Client]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary),
        search_attributes=names.SEARCH_ATTRIBUTES,
        data_converter=data_converter,
    ) as environment:
        yield environment.client
