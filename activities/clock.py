"""Temporal's time inside an activity."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import activity


def server_clock() -> Callable[[], datetime]:
    """Return a clock that goes with Temporal's server; take it as an activity begins.

    Times of different workers can be compared, even where a host's clock is wrong, and under a
    time-skipping test server they are virtual like the workflow's.
    """
    began = activity.info().started_time
    # The host's own clock may be wrong: only the time that passes is measured here.
    origin = time.monotonic()
    return lambda: began + timedelta(seconds=time.monotonic() - origin)
