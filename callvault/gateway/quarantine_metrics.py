"""Counts the deliveries in the quarantine, for the metrics."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

import structlog
from temporalio.common import MetricMeter

from callvault.ingest.undelivered import DeadLetter
from callvault.telemetry.metrics import quarantined

COUNT_INTERVAL = 30.0
"""Seconds from one count to the next."""

log = structlog.get_logger(__name__)


class Pending(Protocol):
    """The part of an `UndeliveredStore` that is counted."""

    def pending(self) -> Iterable[DeadLetter]: ...


async def count_quarantined(quarantine: Pending, meter: MetricMeter) -> None:
    """Count again and again, until cancelled; what cannot be listed is counted next time."""
    gauge = quarantined(meter)
    while True:
        try:
            gauge.set(await asyncio.to_thread(_count, quarantine))
        except Exception as error:  # whatever it is, the gateway must not end by it
            log.warning("the quarantine cannot be counted", problem=str(error))
        await asyncio.sleep(COUNT_INTERVAL)


def _count(quarantine: Pending) -> int:
    return sum(1 for _ in quarantine.pending())
