"""Does a slow host run at all, only a part of the time, and as before afterwards?"""

import os
import subprocess
import sys
import time

from bench.cluster.slow_processor import SlowProcessor

COUNT = """
import time
while True:
    time.sleep(0.005)
    print("x", end="", flush=True)
"""


def counted(counting: "subprocess.Popen[bytes]", seconds: float) -> int:
    assert counting.stdout is not None
    counting.stdout.read()
    time.sleep(seconds)
    return len(counting.stdout.read() or b"")


def test_a_slow_host_runs_now_and_then() -> None:
    command = [sys.executable, "-I", "-S", "-c", COUNT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as counting:
        assert counting.stdout is not None
        os.set_blocking(counting.stdout.fileno(), False)
        time.sleep(0.3)
        before = counted(counting, 0.6)
        slow = SlowProcessor(counting.pid)
        during = counted(counting, 0.6)
        slow.end()
        after = counted(counting, 0.6)
        counting.kill()
    assert 0 < during < before / 2
    assert during < after / 2


def test_the_end_of_a_slow_host_is_no_fault() -> None:
    gone = subprocess.Popen(["true"], start_new_session=True)
    gone.wait()
    SlowProcessor(gone.pid).end()
