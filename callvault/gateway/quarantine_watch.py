"""Looks after the quarantine: counts its deliveries, and tells when it takes no more."""

import asyncio

import structlog
from temporalio.common import MetricMeter

from callvault.errors import CallvaultError, words_of
from callvault.ingest.quarantine import Quarantine
from callvault.problems import Problems
from callvault.telemetry.metrics import quarantined

COUNT_INTERVAL = 30.0
"""Seconds from one look to the next."""

CHECK_TIMEOUT = 5.0
"""Seconds in which the quarantine must take a probe."""

_WHAT = "gateway.quarantine"

log = structlog.get_logger(__name__)


async def watch_quarantine(quarantine: Quarantine, meter: MetricMeter, problems: Problems) -> None:
    """Look again and again, until cancelled; what cannot be counted is counted next time."""
    gauge = quarantined(meter)
    # At once: without it no gateway is seen. A quarantine that cannot be counted is told as amiss.
    gauge.set(0)
    while True:
        try:
            await look_at_quarantine(quarantine, problems)
            # Also of one that takes no more: a sweep may have emptied it.
            gauge.set(await quarantine.count())
        except Exception as error:  # whatever it is, the gateway must not end by it
            log.warning("the quarantine cannot be counted", problem=words_of(error))
        await asyncio.sleep(COUNT_INTERVAL)


async def look_at_quarantine(quarantine: Quarantine, problems: Problems) -> bool:
    """Look once if it takes another delivery; tell where it does not, and when it does again."""
    problem = await _problem(quarantine)
    problems.found("quarantine", {_WHAT: problem} if problem else {})
    return not problem


async def _problem(quarantine: Quarantine) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            await quarantine.check()
    except TimeoutError:
        return f"the quarantine does not answer within {CHECK_TIMEOUT:g} s"
    except CallvaultError as error:
        return str(error)
    return ""
