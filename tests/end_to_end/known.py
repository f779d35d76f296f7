"""Helper: wait until the workflow of a call is there."""

import asyncio

import httpx

from callvault.cli.demo.call import Call


async def is_known(call: Call, within: float) -> None:
    """Wait until the gateway knows the call's workflow; ``within`` in seconds."""
    async with asyncio.timeout(within):
        while True:
            try:
                await call.status()
            except httpx.HTTPStatusError:
                await asyncio.sleep(0.2)
            else:
                return
