"""Is the clock of a process wrong that was told so, for all that reads it?"""

import subprocess
import sys

PROGRAM = """
import time
right = time.time()
from bench.chaos.wrong_clock import set_clock
set_clock(-540)
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from callvault.clocks import Clocks
from callvault.contracts.requests import CallEnded
told = CallEnded(ended_at="2026-03-02T12:00:00Z")
assert isinstance(told.ended_at, datetime)
clocks = Clocks()
for now in (
    time.time(),
    datetime.now(UTC).timestamp(),
    parsedate_to_datetime(formatdate(usegmt=True)).timestamp(),
    clocks.now().timestamp(),
):
    assert -545 < now - right < -535, now - right
clocks.learn("Temporal", datetime.fromtimestamp(right, UTC))
assert abs(clocks.now().timestamp() - right) < 5
"""


def test_every_clock_of_the_process_is_off_and_the_agreed_time_is_not() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
