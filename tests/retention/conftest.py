"""A real Temporal server for the erasures of these files, and a corpus for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from callvault.contracts import names
from callvault.temporal.converter import data_converter

from .corpus import Corpus

PROMPT_DELETION = [
    each
    for queue in ("transfer", "visibility")
    for each in (
        "--dynamic-config-value",
        f'history.{queue}ProcessorUpdateAckInterval="500ms"',
    )
]
"""A history is deleted once its other tasks are known as done; by default that takes 30 s."""


@pytest.fixture(scope="module")
async def temporal(temporal_binary: Path) -> AsyncIterator[Client]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary),
        search_attributes=names.SEARCH_ATTRIBUTES,
        data_converter=data_converter,
        dev_server_extra_args=PROMPT_DELETION,
    ) as environment:
        yield environment.client


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path)
