"""Probes: is the gateway alive, and can it take events."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from callvault.errors import Unavailable
from callvault.gateway.error_responses import RETRY_AFTER
from callvault.gateway.methods import add_read
from callvault.gateway.openapi import operations
from callvault.gateway.quarantine_watch import look_at_quarantine
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
            "quarantine": await _quarantine(quarantine, problems),
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


async def _quarantine(quarantine: Quarantine, problems: Problems) -> str:
    # Why it cannot be is in the log alone: anybody may ask, and the reason may name an account.
    is_well = await look_at_quarantine(quarantine, problems)
    return "ok" if is_well else "cannot be written: see the log"
