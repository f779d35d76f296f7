"""Does `callvault demo --skip` let hours pass in seconds, and tell what became of the file?"""

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

CALLVAULT = Path(sys.executable).with_name("callvault")
pytestmark = pytest.mark.slow("starts a whole stack, and plays a call")


def played(duration: str, archive: Path) -> tuple[int, str]:
    command = [CALLVAULT, "demo", "--skip", duration, "--archive", archive]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def alarms(said: str) -> list[str]:
    """Return severity and kind of each alarm, in the order of the workflow's time."""
    found = re.findall(r"^  (\d\S+ \S+) (\w+) (\w+): ", said, re.MULTILINE)
    assert [at for at, _, _ in found] == sorted(at for at, _, _ in found)
    return [f"{severity} {kind}" for _, severity, kind in found]


ALL_DAY = ["warning export_late"] * 2 + ["error export_late"] * 2
LATE = "critical export_late"


def test_a_file_that_acs_gives_within_the_window_is_archived(tmp_path: Path) -> None:
    status, said = played("40h", tmp_path)
    assert status == 0, said
    assert alarms(said) == [*ALL_DAY, LATE]
    assert "Kept: every byte is in the archive and was read back." in said


def test_a_file_that_acs_never_gives_is_lost_before_the_eyes_of_who_watches(tmp_path: Path) -> None:
    """In a terminal the time waits for a person: for the page, and before everything is stopped."""
    ours, theirs = pty.openpty()
    command = [CALLVAULT, "demo", "--skip", "48h", "--archive", tmp_path]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            before = read_until(ours, "Press Enter, and the time passes.")
            os.write(ours, b"\n")
            after = read_until(ours, "Press Enter, and everything is stopped.")
            os.write(ours, b"\n")
            assert process.wait(60) == 0
        finally:
            process.kill()
            os.close(ours)
    assert re.search(r"http://127\.0\.0\.1:\d+/namespaces/default/workflows/recording-", before)
    assert alarms(before) == []
    assert alarms(after) == [*ALL_DAY, LATE, LATE, LATE, "critical lost"]
    assert "ACS answered 503" in after


def read_until(descriptor: int, words: str) -> str:
    """Read what a terminal shows, without its colours, until it shows these words."""
    shown, end = "", time.monotonic() + 90
    while words not in shown and time.monotonic() < end:
        shown += os.read(descriptor, 65_536).decode(errors="replace")
    assert words in shown
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", shown)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--skip", "48"), "a number with a unit"),
        (("--skip", "0h"), "it must be longer than nothing"),
        (("--skip", "48h", "--scenario", "consent"), "leave out --scenario"),
    ],
)
def test_what_cannot_be_played_is_refused_at_once(options: tuple[str, ...], why: str) -> None:
    done = subprocess.run(
        [CALLVAULT, "demo", *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert why in done.stderr
