"""Probes: is the gateway alive, and can it take events."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from callvault.errors import Unavailable
from callvault.gateway.error_responses import RETRY_AFTER
from callvault.gateway.methods import add_read
from callvault.gateway.openapi import operations
from callvault.ingest.quarantine import Quarantine
from callvault.problems import Problems
from callvault.temporal.call_client import CallClient

ALIVE = "/healthz"


def health_router(recordings: CallClient, quarantine: Quarantine, problems: Problems) -> APIRouter:
    """Return the routes for probes; they need no key and tell no secrets."""
    router = APIRouter(tags=["health"])

    async def alive() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def ready() -> JSONResponse:
        # Not ACS and no archive: events can be taken while those are away.
        checks = {
            "temporal": await _temporal(recordings),
            "quarantine": await asyncio.to_thread(_quarantine, quarantine),
        }
        is_ready = all(state == "ok" for state in checks.values())
        # Told, and no reason to send events elsewhere: the last good secrets are used on. The names
        # of settings only: anybody may ask.
        told = dict.fromkeys(problems.current(), "cannot be used: see the log")
        again = {} if is_ready else {"retry-after": str(RETRY_AFTER)}
        return JSONResponse({**checks, **told}, 200 if is_ready else 503, again)

    add_read(router, ALIVE, alive, **operations.ALIVE)
    add_read(router, "/readyz", ready, **operations.READY)
    return router


async def _temporal(recordings: CallClient) -> str:
    try:
        await recordings.check()
    except Unavailable as error:
        return str(error)
    return "ok"


def _quarantine(quarantine: Quarantine) -> str:
    try:
        quarantine.check()
    except OSError as error:
        return f"cannot be written: {error.strerror}"
    return "ok"
