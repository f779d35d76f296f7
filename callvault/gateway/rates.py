"""How often one caller may ask: counted in memory, by each gateway for itself."""

import math
import time
from datetime import timedelta

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from callvault.errors import Throttled


class Rates:
    """Counts each caller's requests in a sliding window."""

    def __init__(self, limit: str | None) -> None:
        """``limit`` is spelt ``100/second``; None for none."""
        self._limit = parse(limit) if limit else None
        self._counter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def count(self, account: str) -> None:
        """Count one request; raises `Throttled` where it is one too many."""
        if self._limit is None or self._counter.hit(self._limit, account):
            return
        free_at = self._counter.get_window_stats(self._limit, account).reset_time
        wait = max(1, math.ceil(free_at - time.time()))
        raise Throttled(
            f"more than {self._limit}: ask again in {wait} s, or raise gateway.rate_limit",
            owner="caller",
            status=429,
            code="too_many_requests",
            retry_after=timedelta(seconds=wait),
        )
