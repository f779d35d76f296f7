"""The emulator as a process of its own."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

PROGRAM = """
from callvault.emulator.server import serve
from callvault.emulator.settings import EmulatorSettings
serve(EmulatorSettings())
"""


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    arguments = [sys.executable, "-W", "error", "-c", PROGRAM]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        yield started
        started.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_announces_itself_in_one_line_and_stops_cleanly(
    process: subprocess.Popen[str], http: httpx.Client, number: signal.Signals
) -> None:
    assert process.stdout
    announced = json.loads(process.stdout.readline())
    assert list(announced) == [
        "endpoint",
        "connectionString",
        "control",
        "topic",
        "contentEndpoint",
    ]
    assert announced["connectionString"].startswith(f"endpoint={announced['endpoint']}/;accesskey=")
    assert http.get(f"{announced['control']}/health").status_code == 200
    process.send_signal(number)
    output, errors = process.communicate(timeout=10)
    assert (process.returncode, output, errors) == (0, "", "")


def test_media_libraries_are_loaded_only_for_media() -> None:
    program = "import sys, callvault.emulator.server; print({'av', 'numpy'} & {*sys.modules})"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"
