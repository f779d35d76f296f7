"""Can a developer live in `callvault dev`: what it prints works, what dies comes back?"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from callvault.cli.actions.dev import program
from callvault.errors import ConfigurationError
from callvault.local.dev_home import DevHome, default_home

from .test_processes import inherited, runs

pytestmark = pytest.mark.slow("starts a whole stack")

CALLVAULT = Path(sys.executable).with_name("callvault")
SOON = 60.0
UNTIL_ARCHIVED = f"""
until {CALLVAULT} recordings show "$call" --json | grep -q '"state": *"archived"'; do
  sleep 0.2
done
"""


class Dev:
    """A running `callvault dev`, and the other terminal of whoever started it."""

    def __init__(self, home: Path, printed: Path, process: subprocess.Popen[bytes]) -> None:
        self.home, self.printed, self.process = home, printed, process

    @property
    def said(self) -> str:
        return self.printed.read_text()

    def other_terminal(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-e"], input=script, capture_output=True, text=True, check=False
        )

    def commands(self) -> list[str]:
        """Return the commands that it printed for pasting."""
        return [line.strip() for line in self.said.splitlines() if line.startswith(" " * 4)]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [CALLVAULT, "dev", "--home", self.home, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def status(self) -> dict[str, Any]:
        done = self.run("status", "--json")
        assert done.returncode == 0, done.stderr
        state: dict[str, Any] = json.loads(done.stdout)
        return state

    def part(self, name: str) -> dict[str, Any]:
        return next(part for part in self.status()["parts"] if part["name"] == name)

    def pids(self) -> list[int]:
        return [part["pid"] for part in self.status()["parts"]]


def eventually(condition: Callable[[], object]) -> bool:
    end = time.monotonic() + SOON
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@contextmanager
def started(
    home: Path, *options: str | Path, callers: signal.Handlers = signal.SIG_DFL
) -> Iterator[Dev]:
    """Start `callvault dev`, with settings in the shell that would mislead every process.

    ``callers`` is the effect of SIGINT and SIGHUP that it finds.
    """
    printed = home.with_name("printed")
    environment = os.environ | {"CALLVAULT_NO_SUCH": "1", "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    with inherited(callers), printed.open("w") as output:
        process = subprocess.Popen(
            [CALLVAULT, "dev", "--home", home, "--free-ports", *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    with process:
        try:
            dev = Dev(home, printed, process)
            assert eventually(lambda: "Ctrl-C here" in dev.said or process.poll() is not None)
            yield dev
        finally:
            process.kill()


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    folder = tmp_path_factory.mktemp("it's here")
    own = folder / "own.toml"
    own.write_text('[resources.default]\nexport_window = "30h"\n[log]\nlevel = "warning"\n')
    # As in the background of a script.
    with started(folder / "home", "--config", own, callers=signal.SIG_IGN) as dev:
        yield dev


def test_what_it_prints_can_be_pasted_and_archives_a_call(dev: Dev) -> None:
    commands = dev.commands()
    shown = next(n for n, command in enumerate(commands) if " show " in command)
    done = dev.other_terminal("\n".join([*commands[:shown], UNTIL_ARCHIVED, *commands[shown:]]))
    assert done.returncode == 0, done.stderr
    assert "stop: confirmed" in done.stdout
    assert "worker is stopped. To start it: " in done.stdout
    assert "worker runs, as process " in done.stdout
    assert "worker was stopped, as asked." in dev.said
    for kind in ("started", "stopped", "archived"):
        assert eventually(lambda kind=kind: f" webhook recording.{kind} recording-" in dev.said)


def test_a_shell_evaluates_what_it_exports_and_forgets_what_would_mislead(dev: Dev) -> None:
    done = dev.run("--env")
    assert done.stderr == ""
    assert {line.split()[0] for line in done.stdout.splitlines()} <= {"export", "unset"}
    program = f"{shlex.quote(str(CALLVAULT))}"
    script = f"""
        export CALLVAULT_NO_SUCH=1 TEMPORAL_ADDRESS=127.0.0.1:1
        eval "$({program} dev --home {shlex.quote(str(dev.home))} --env)"
        echo "${{CALLVAULT_NO_SUCH-unset}} $TEMPORAL_ADDRESS $GATEWAY_URL"
        {program} config
    """
    done = dev.other_terminal(script)
    assert done.returncode == 0, done.stderr
    first, _, settings = done.stdout.partition("\n")
    addresses = dev.status()["addresses"]
    assert first.split() == ["unset", addresses["Temporal"], addresses["gateway"]]
    effective = json.loads(settings)
    assert effective["resources"]["default"]["export_window"] == "P1DT6H"
    assert effective["resources"]["default"]["endpoint"] == addresses["ACS emulator"]
    assert effective["log"]["level"] == "warning"
    assert effective["web_ui"]["url"] == addresses["Temporal Web UI"]


def test_an_alarm_is_printed_with_the_link_to_what_is_to_be_done(dev: Dev) -> None:
    done = dev.other_terminal("\n".join([dev.commands()[0], f"{CALLVAULT} alarms test"]))
    assert done.returncode == 0, done.stderr
    assert eventually(lambda: " webhook alarm.test firing, warning: " in dev.said)
    assert "/docs/operations.md#test]" in dev.said


def test_a_part_that_dies_is_started_again_and_the_call_goes_on(dev: Dev) -> None:
    for name in ("temporal", "azurite", "emulator", "gateway"):
        os.kill(dev.part(name)["pid"], signal.SIGKILL)
    names = ("temporal", "azurite", "emulator", "gateway")
    assert eventually(lambda: all(f"{name} is ready again." in dev.said for name in names))
    assert "temporal was killed by SIGKILL. The end of its log, " in dev.said
    done = dev.other_terminal("\n".join([*dev.commands()[:4], UNTIL_ARCHIVED]))
    assert done.returncode == 0, done.stderr
    assert "stop: confirmed" in done.stdout


def test_the_status_is_whole_in_a_pipe(dev: Dev) -> None:
    said = dev.run("status").stdout
    state = dev.status()
    assert all(address in said for address in state["addresses"].values())
    assert all(part["log"] in said for part in state["parts"])


def test_a_part_that_is_not_there_is_refused_with_the_nearest(dev: Dev) -> None:
    done = dev.run("stop", "wrker")
    assert done.returncode == 1
    assert "Did you mean worker? Parts: emulator, temporal, azurite, gateway, worker" in done.stderr


def test_a_part_that_is_stopped_stays_so_and_the_state_says_it(dev: Dev) -> None:
    stopped = dev.run("stop", "gateway", "--json")
    assert "gateway is stopped" in json.loads(stopped.stdout)["done"]
    assert dev.part("gateway")["state"] == "stopped"
    assert not runs(dev.part("gateway")["pid"])
    assert dev.run("restart", "gateway").returncode == 0
    assert dev.part("gateway")["state"] == "running"


def test_a_second_one_in_the_same_folder_is_refused(dev: Dev) -> None:
    done = dev.run("--free-ports")
    assert done.returncode == 1
    assert "runs already" in done.stderr
    assert "--home DIRECTORY" in done.stderr
    assert dev.run("status").returncode == 0


def test_ctrl_c_ends_all_parts_and_keeps_the_logs_also_where_the_caller_ignores_it(
    dev: Dev,
) -> None:
    """The last test of the stack."""
    pids = dev.pids()
    dev.process.send_signal(signal.SIGINT)
    assert dev.process.wait(SOON) == 0
    assert not any(runs(pid) for pid in pids)
    assert (dev.home / "logs" / "worker.log").stat().st_size
    done = dev.run("status")
    assert done.returncode == 1
    assert "does not run in" in done.stderr


def test_kill_9_leaves_no_part_and_the_folder_can_be_used_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with started(home, "--archive", tmp_path / "archive") as dev:
        pids = dev.pids()
        dev.process.kill()
        dev.process.wait()
        assert eventually(lambda: not any(runs(pid) for pid in pids))
        assert dev.run("--env").returncode == 1
        with DevHome(home).claimed():
            assert list((home / "data").iterdir()) == []


def test_what_keeps_a_part_from_starting_is_shown_in_lines(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[resources.default]\nexport_widow = "30h"\n')
    with started(tmp_path / "home", "--archive", tmp_path, "--config", own) as dev:
        assert dev.process.wait(SOON) == 1
    assert "export_widow" in dev.said
    assert "did you mean resources.NAME.export_window?" in dev.said
    assert "\\n" not in dev.said


def test_the_folder_is_where_programs_keep_their_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    assert default_home() == Path("/somewhere/callvault/dev")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/people/me")
    assert default_home() == Path("/people/me/.local/state/callvault/dev")


def test_where_nobody_has_a_home_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under a number without a name."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    with pytest.raises(ConfigurationError, match="set HOME, or XDG_STATE_HOME"):
        default_home()


def test_a_shell_is_told_the_shortest_name_that_it_finds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", [str(CALLVAULT)])
    monkeypatch.setenv("PATH", str(CALLVAULT.parent))
    assert program() == "callvault"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program() == shlex.quote(str(CALLVAULT))
    monkeypatch.setattr(sys, "argv", ["/somewhere/callvault/__main__.py"])
    assert program() == f"{shlex.quote(sys.executable)} -m callvault"


def test_a_folder_that_cannot_be_used_is_refused_with_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigurationError, match=r"Not a directory\. .*--home DIRECTORY"),
        DevHome(tmp_path / "file" / "home").claimed(),
    ):
        pass


def test_a_folder_with_files_of_others_is_refused_and_they_stay(tmp_path: Path) -> None:
    """Its own data are deleted at each start."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").touch()
    for _ in range(2):
        with (
            pytest.raises(ConfigurationError, match="it holds other files"),
            DevHome(tmp_path).claimed(),
        ):
            pass
    assert [file.name for file in tmp_path.rglob("*.*")] == ["thesis.txt"]


def test_who_only_looks_keeps_nobody_from_starting(tmp_path: Path) -> None:
    home = DevHome(tmp_path / "home")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="does not run"):
            home.state()
        with home.claimed():
            pass
