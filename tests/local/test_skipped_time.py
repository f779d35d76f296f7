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


def test_a_file_that_acs_never_gives_is_told_as_late_and_as_lost(tmp_path: Path) -> None:
    status, said = played("48h", tmp_path)
    assert status == 0, said
    assert alarms(said) == [*ALL_DAY, LATE, LATE, LATE, "critical lost"]
    assert "ACS answered 503" in said
    assert re.search(r"http://127\.0\.0\.1:\d+/namespaces/default/workflows/recording-", said)


def test_a_file_that_acs_gives_within_the_window_is_archived(tmp_path: Path) -> None:
    status, said = played("40h", tmp_path)
    assert status == 0, said
    assert alarms(said) == [*ALL_DAY, LATE]
    assert "Kept: every byte is in the archive and was read back." in said


def test_in_a_terminal_the_time_waits_for_the_person_who_watches(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [CALLVAULT, "demo", "--skip", "49h", "--archive", tmp_path]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            before = read_until(ours, b"Press Enter, and the time passes.")
            os.write(ours, b"\n")
            after = read_until(ours, b"Press Enter, and everything is stopped.")
            os.write(ours, b"\n")
            assert process.wait(60) == 0
        finally:
            process.kill()
            os.close(ours)
    assert b"export_late" not in before
    assert b"Lost, as ACS never gave it" in after


def read_until(descriptor: int, words: bytes) -> bytes:
    shown, end = b"", time.monotonic() + 90
    while words not in shown and time.monotonic() < end:
        shown += os.read(descriptor, 4096)
    assert words in shown
    return shown


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
