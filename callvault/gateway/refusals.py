"""Says that deliveries are refused, without a line for each: a wrong secret costs events."""

import time

import structlog

SAID_EVERY = 60.0
"""Seconds."""

log = structlog.get_logger(__name__)


class Refusals:
    """Counts refused deliveries; writes a line for the first, and then one a minute."""

    def __init__(self) -> None:
        self._count = 0
        self._said_at = -SAID_EVERY

    def count(self) -> None:
        self._count += 1
        if time.monotonic() - self._said_at >= SAID_EVERY:
            log.warning(
                "deliveries refused, their event secret is missing or wrong: Event Grid drops"
                " them, unless they are dead-lettered",
                count=self._count,
            )
            self._count, self._said_at = 0, time.monotonic()
