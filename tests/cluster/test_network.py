"""Is a host cut off that is to be, and no other, and is nothing left of the network?"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench.cluster import namespaces
from bench.cluster.network import Network, NoNetwork
from callvault.local.processes import Supervisor

ROOT = Path(__file__).parents[2]
ENTER = """
import sys
from bench.cluster import namespaces
namespaces.enter(sys.argv[1], sys.argv[2:])
"""
WHY_NOT = namespaces.missing()

pytestmark = pytest.mark.timeout(300)
needs_hosts = pytest.mark.skipif(bool(WHY_NOT), reason=f"no hosts can be made: {WHY_NOT}")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What a host and another are told by a server on the hub, by the fault of the first one."""
    logs = str(tmp_path_factory.mktemp("logs"))
    done = subprocess.run(_command("main", logs), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["fault"]: line for line in lines}


def _command(what: str, folder: str) -> list[str]:
    return [sys.executable, "-c", ENTER, "tests.cluster.network_of_hosts", what, folder]


def _runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@needs_hosts
@pytest.mark.parametrize(
    ("fault", "during"),
    [
        ("cut off", "TimeoutError"),
        ("link down", "at once"),
        ("one way", "TimeoutError"),
        ("slow line", "hub"),
    ],
)
def test_a_fault_meets_one_host_and_ends(
    told: dict[str, dict[str, Any]], fault: str, during: str
) -> None:
    said = told[fault]
    assert (said["before"], said["during"], said["after"]) == ("hub", during, "hub")
    assert said["other"] == "hub"


@needs_hosts
def test_each_host_has_an_address_of_its_own(told: dict[str, dict[str, Any]]) -> None:
    assert told["none"]["hosts"] == ["127.88.0.2", "127.88.0.3"]


@needs_hosts
def test_what_a_host_sends_arrives_while_it_hears_nothing(
    told: dict[str, dict[str, Any]],
) -> None:
    assert told["one way"]["arrived"]
    assert not told["cut off"]["arrived"]


@needs_hosts
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
def test_no_host_outlives_a_run_that_is_ended(tmp_path: Path, signum: signal.Signals) -> None:
    running = subprocess.Popen(
        _command("stay", str(tmp_path)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with running:
        assert running.stdout is not None
        pids = json.loads(running.stdout.readline())["pids"]
        assert all(_runs(pid) for pid in pids)
        running.send_signal(signum)
    end = time.monotonic() + 10
    while any(_runs(pid) for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.02)


@needs_hosts
def test_nothing_is_left_of_the_network(told: dict[str, dict[str, Any]]) -> None:
    assert told
    links = json.loads(subprocess.check_output(["ip", "-json", "link"]))
    assert not {"hub", "host-1"} & {link["ifname"] for link in links}


def test_another_network_is_never_touched(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor, pytest.raises(NoNetwork, match="run's own"):
        Network(supervisor).build()


def test_it_says_which_program_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert namespaces.missing() == "the command `ip` was not found (apt-get install iproute2)"


def test_it_says_what_the_kernel_does_not_allow(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("ip", "nsenter", "unshare"):
        (tmp_path / name).write_text(
            "#!/bin/sh\necho 'unshare failed: not permitted' >&2\nexit 1\n"
        )
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert "unshare failed: not permitted" in namespaces.missing()
