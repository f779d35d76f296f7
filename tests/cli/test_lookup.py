"""Is a call found by any id that people have of it, and never another one instead?"""

import asyncio
import base64
import uuid
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.common import SearchAttributePair
from temporalio.testing import WorkflowEnvironment

from callvault.contracts import names
from callvault.contracts.call_ids import canonical_call_id
from callvault.errors import InvalidRequest, Unavailable
from callvault.temporal.call_lookup import find_call

from .conftest import Terminal


def an_id() -> str:
    """Make an id as ACS does, with both of the signs in which the alphabets of Base64 differ."""
    return base64.b64encode(b"\xfb\xff\xfe" + uuid.uuid4().bytes).decode()


async def found(client: Client, call: str) -> str:
    """Look a call up until it is visible."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await find_call(client, call)
            except InvalidRequest:
                await asyncio.sleep(0.1)


async def test_every_id_in_every_spelling_finds_its_call(terminal: Terminal) -> None:
    server_call_id, recording_id, call_id = an_id(), an_id(), str(uuid.uuid4())
    shown: list[SearchAttributePair[Any]] = [
        SearchAttributePair(names.RECORDING_IDS, [an_id(), recording_id]),
        SearchAttributePair(names.CALL_IDS, [call_id]),
    ]
    kept = await terminal.kept(server_call_id, more=shown)
    client = terminal.server.client
    for each in (server_call_id, recording_id):
        for spelling in (each, canonical_call_id(each), f" {each}\n"):
            assert await found(client, spelling) == kept.id
    assert await found(client, kept.id) == kept.id
    assert await found(client, call_id) == kept.id
    with pytest.raises(InvalidRequest, match="there is no recording"):
        # The dev server's store ignores case, and ids do not.
        await find_call(client, recording_id.swapcase())


async def test_an_id_of_two_calls_is_refused_with_both(terminal: Terminal) -> None:
    call_id = str(uuid.uuid4())
    shown: list[SearchAttributePair[Any]] = [SearchAttributePair(names.CALL_IDS, [call_id])]
    both = [(await terminal.kept(an_id(), more=shown)).id for _ in range(2)]
    async with asyncio.timeout(60):
        while True:
            try:
                await find_call(terminal.server.client, call_id)
            except InvalidRequest as error:
                if all(each in str(error) for each in both):
                    return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("odd", ["", "  ", "'", "x' OR '1' = '1", "recording-'", "é", "x" * 5_000])
async def test_anything_at_all_is_only_not_found(terminal: Terminal, odd: str) -> None:
    with pytest.raises(InvalidRequest, match="there is no recording"):
        await find_call(terminal.server.client, odd)


async def test_a_server_that_is_away_is_not_a_call_that_is_not_there(temporal_binary: Any) -> None:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary)
    ) as server:
        client = server.client
    with pytest.raises(Unavailable):
        await find_call(client, "call")
