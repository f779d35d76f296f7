"""Does a worker not stand still to look through all of its open calls?"""

import subprocess
import sys

_MANY_CALLS = """
import gc
from callvault.garbage import collect_rarely
collect_rarely()
before = gc.get_stats()[2]["collections"]
kept = [[number] for number in range(500_000)]
print(gc.get_stats()[2]["collections"] - before, gc.get_freeze_count() > 0)
"""


def test_hundreds_of_calls_are_opened_without_a_full_collection() -> None:
    """Some 1,200 objects each: with Python's defaults one in a hundred pauses waited for 0.1 s."""
    command = [sys.executable, "-c", _MANY_CALLS]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["0", "True"]
