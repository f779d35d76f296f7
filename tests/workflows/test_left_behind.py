"""Does a test leave anything behind that the tests after it would meet?"""

import asyncio

import pytest
from temporalio.service import RPCError, RPCStatusCode

from tests.patience import WAIT
from workers.abandoned import AbandonedCalls

from .conftest import delete_all
from .scene import Scene


async def gone(scene: Scene) -> None:
    async with asyncio.timeout(WAIT):
        while True:
            try:
                await scene.handle.describe()
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return
                raise
            await asyncio.sleep(0.1)


async def test_a_call_that_is_left_open_is_not_taken_over_by_a_later_test(scene: Scene) -> None:
    """It was terminated, and taken over; the next module's workers tried in vain for minutes."""
    left = Scene(scene.environment, scene.world)
    await left.recorded()
    await left.handle.terminate()
    query = f"WorkflowId = '{left.handle.id}' AND ExecutionStatus = 'Terminated'"
    async with asyncio.timeout(WAIT):
        while not (await scene.environment.client.count_workflows(query)).count:
            await asyncio.sleep(0.1)
    await delete_all(scene.environment.client, left.handle.id)
    await gone(left)
    await AbandonedCalls(scene.environment.client, scene.world.told.send).take_over_ended()
    with pytest.raises(RPCError, match="not found"):
        await left.handle.describe()
