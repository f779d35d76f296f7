"""Is a part that ends started again, told of, and given up in the end?"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from callvault.local import keeper
from callvault.local.dev_home import PartRequest, PartState
from callvault.local.keeper import MAX_RESTARTS, Keeper
from callvault.local.processes import Supervisor

SLEEPS = "import time; print('{\"ready\": true}', flush=True); time.sleep(600)"
FAILS = "print('{\"ready\": true}', flush=True); exit('the port is on fire')"
SOON = 20.0


class Kept:
    """Parts that are kept, and all that was told of them."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.told: list[str] = []
        self.ready: list[str] = []
        self.keeper = Keeper(supervisor, self.told.append, self.ready.append)

    def state(self, name: str) -> PartState:
        return next(s.state for s in self.keeper.statuses if s.name == name)

    def pid(self, name: str) -> int:
        return next(s.pid for s in self.keeper.statuses if s.name == name)

    def asked(self, name: str, request: PartRequest) -> None:
        self.keeper.look([(name, request)])

    def becomes(self, name: str, state: PartState) -> bool:
        end = time.monotonic() + SOON
        while self.state(name) is not state and time.monotonic() < end:
            self.keeper.look([])
            time.sleep(0.01)
        return self.state(name) is state

    def is_killed(self, name: str) -> None:
        os.kill(self.pid(name), signal.SIGKILL)
        assert self.becomes(name, PartState.WAITING)


@contextmanager
def parts(logs: Path, **programs: str) -> Iterator[Kept]:
    with Supervisor(logs) as supervisor:
        for name, program in programs.items():
            process = supervisor.start(name, [sys.executable, "-c", program])
            process.wait_for(lambda process=process: process.announcement("ready"))
        yield Kept(supervisor)


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "FIRST_BACKOFF", timedelta(milliseconds=1))


def test_a_part_that_was_killed_is_started_again_and_told_of(tmp_path: Path) -> None:
    with parts(tmp_path, worker=SLEEPS, gateway=SLEEPS) as kept:
        first = kept.pid("worker")
        kept.is_killed("worker")
        assert kept.becomes("worker", PartState.RUNNING)
        assert kept.pid("worker") != first
        assert kept.state("gateway") is PartState.RUNNING
    (end, again) = kept.told
    assert end.startswith("worker was killed by SIGKILL. The end of its log, ")
    assert '| {"ready": true}' in end
    assert f"(1 of {MAX_RESTARTS})" in end
    assert (again, kept.ready) == ("worker is ready again.", ["worker"])


def test_a_part_that_ends_again_and_again_stays_down_until_it_is_started(tmp_path: Path) -> None:
    with parts(tmp_path, worker=FAILS, gateway=SLEEPS) as kept:
        assert kept.becomes("worker", PartState.DOWN)
        ends = [told for told in kept.told if "has ended with exit status 1" in told]
        assert len(ends) == MAX_RESTARTS + 1
        assert "the port is on fire" in ends[-1]
        assert "stays down" in ends[-1]
        kept.asked("worker", PartRequest.START)
        assert kept.becomes("worker", PartState.WAITING)
        assert f"(1 of {MAX_RESTARTS})" in kept.told[-1]


def test_a_part_whose_log_was_deleted_is_kept_all_the_same(tmp_path: Path) -> None:
    with parts(tmp_path, worker=SLEEPS) as kept:
        (tmp_path / "worker.log").unlink()
        kept.is_killed("worker")
        assert kept.becomes("worker", PartState.RUNNING)


def test_between_the_starts_of_a_part_the_time_doubles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "FIRST_BACKOFF", timedelta(milliseconds=10))
    with parts(tmp_path, worker=FAILS) as kept:
        assert kept.becomes("worker", PartState.DOWN)
    waits = [told.rpartition("again in ")[2].split()[0] for told in kept.told if "again in" in told]
    assert waits == ["0.01", "0.02", "0.04", "0.08", "0.16"]


def test_the_end_of_a_part_that_ran_for_long_is_its_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "STABLE_AFTER", timedelta(0))
    with parts(tmp_path, worker=SLEEPS) as kept:
        for _ in range(MAX_RESTARTS + 2):
            kept.is_killed("worker")
            assert kept.becomes("worker", PartState.RUNNING)


def test_a_part_is_stopped_and_started_as_asked(tmp_path: Path) -> None:
    with parts(tmp_path, worker=SLEEPS, gateway=SLEEPS) as kept:
        first = kept.pid("worker")
        kept.asked("worker", PartRequest.STOP)
        kept.keeper.look([])
        assert kept.state("worker") is PartState.STOPPED
        kept.asked("worker", PartRequest.START)
        assert kept.becomes("worker", PartState.RUNNING)
        second = kept.pid("worker")
        kept.asked("worker", PartRequest.START)
        assert kept.pid("worker") == second != first
        kept.asked("worker", PartRequest.RESTART)
        assert kept.becomes("worker", PartState.RUNNING)
        assert kept.pid("worker") != second


def test_a_part_that_waits_for_its_start_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "FIRST_BACKOFF", timedelta(hours=1))
    with parts(tmp_path, worker=SLEEPS) as kept:
        kept.is_killed("worker")
        kept.asked("worker", PartRequest.STOP)
        assert kept.state("worker") is PartState.STOPPED
        kept.asked("worker", PartRequest.START)
        assert kept.becomes("worker", PartState.RUNNING)
