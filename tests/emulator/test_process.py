"""The emulator as a process of its own."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from callvault.cli import main
from callvault.cli.emulator import _settings
from callvault.emulator import emulator
from callvault.errors import ConfigurationError
from tests.patience import PROCESS

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
    output, errors = process.communicate(timeout=PROCESS)
    assert (process.returncode, output, errors) == (0, "", "")


def test_media_libraries_are_loaded_only_for_media() -> None:
    program = "import sys, callvault.emulator.server; print({'av', 'numpy'} & {*sys.modules})"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("options", "missing", "sentence"),
    [
        ([], True, "needs av"),
        (["--port", "{taken}"], False, "cannot start: Address already in use"),
        (["--state-dir", "{directory}"], False, "not the state of an emulator"),
    ],
)
def test_what_keeps_it_from_starting_is_told_in_a_sentence(
    options: list[str],
    missing: bool,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """E4: without the extra for media, on a port that is taken, with a state of something else."""
    (tmp_path / "state.json").write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        given = [option.format(taken=port, directory=tmp_path) for option in options]
        monkeypatch.setattr(sys, "argv", ["callvault", "emulator", "--port", "0", *given])
        if missing:
            monkeypatch.setattr(emulator, "find_spec", {"numpy": True, "PIL": True}.get)
        assert main._run() == 1
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("url", ["http://[::1", "cloudevents:http://a:99999", "a-host:8080/x", ""])
def test_a_webhook_that_no_request_can_be_made_of_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is no URL of a webhook"):
        _settings({"event_grid_endpoints": (url,)}, [])
