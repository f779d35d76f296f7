"""Tells of refused deliveries: what is refused in silence is lost in silence."""

import time

import structlog
from temporalio.common import MetricMeter

from callvault.telemetry.metrics import refused_deliveries

LOG_INTERVAL = 60.0
"""Seconds between two lines about refused deliveries for the same reason."""

MAX_REASONS = 20
"""Reasons that are told apart; senders must not fill the memory with more."""

log = structlog.get_logger(__name__)


class Refusals:
    """Counts refused deliveries; logs the first of a reason, and then their number once a minute.

    A wrong secret or audience costs events, so it must be seen; a line for each delivery would fill
    the disk.
    """

    def __init__(self, channel: str, what: str, meter: MetricMeter = MetricMeter.noop) -> None:
        """``what`` says, in the log, what was refused and what to do about it."""
        self._channel = channel
        self._what = what
        self._metric = refused_deliveries(meter)
        # A counter that first appears at 1 has not increased, as Prometheus sees it.
        self._metric.add(0, {"channel": channel})
        self._counts: dict[str, int] = {}
        self._logged_at: dict[str, float] = {}

    def count(self, reason: str) -> None:
        """Count one; ``reason`` is one of ours, never the sender's words."""
        if reason not in self._counts and len(self._counts) >= MAX_REASONS:
            reason = "another reason"
        self._metric.add(1, {"channel": self._channel})
        self._counts[reason] = self._counts.get(reason, 0) + 1
        now = time.monotonic()
        if now - self._logged_at.get(reason, -LOG_INTERVAL) >= LOG_INTERVAL:
            log.warning(
                self._what, channel=self._channel, reason=reason, count=self._counts[reason]
            )
            self._counts[reason], self._logged_at[reason] = 0, now
