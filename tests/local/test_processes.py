"""The supervisor, with real processes that are really killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from callvault.errors import Unavailable
from callvault.local.processes import Process, Supervisor
from callvault.local.signals import Interrupted

SOON = timedelta(seconds=10)
SLEEPS = "import time; print('up', flush=True); time.sleep(600)"
IGNORES_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEPS
HAS_A_CHILD = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {IGNORES_SIGTERM!r}])
print('{{"child": %d}}' % child.pid, flush=True)
child.wait()
"""
SUPERVISES = """
import pathlib, signal, sys, time
from callvault.local.processes import Supervisor
from callvault.local.signals import Interrupted
signal.alarm(60)  # it ends, and its children with it, should the tests not be there to end it
try:
    with Supervisor(pathlib.Path(sys.argv[1])) as supervisor:
        for n in range(int(sys.argv[2])):
            print(supervisor.start(str(n), [sys.executable, "-c", sys.argv[3]]).pid, flush=True)
        time.sleep(60)
except Interrupted as interrupted:
    sys.exit(128 + interrupted.signum)
"""
MANY = 100
"""More children than are started before the signal comes; few enough should it never come."""


def runs(pid: int) -> bool:
    """Whether the process exists and is more than a zombie that waits for its parent."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.parent.parent.joinpath("self").exists():
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            return True
        return False
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + SOON.total_seconds()
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "logs") as supervisor:
        yield supervisor


def start_python(supervisor: Supervisor, program: str, name: str = "child") -> Process:
    return supervisor.start(name, [sys.executable, "-c", program])


def wait_until_up(process: Process) -> None:
    process.wait_for(lambda: "up" in process.tail() or None, SOON)


def start_all(supervisor: Supervisor, *programs: str) -> list[int]:
    processes = [start_python(supervisor, program, str(n)) for n, program in enumerate(programs)]
    for process in processes:
        wait_until_up(process)
    return [process.pid for process in processes]


@contextmanager
def inherited(effect: signal.Handlers) -> Iterator[None]:
    """Let what is started in this block find these effects of SIGHUP and SIGINT, not ours."""
    before = {signum: signal.signal(signum, effect) for signum in (signal.SIGHUP, signal.SIGINT)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler or signal.SIG_DFL)


@contextmanager
def supervising(
    logs: Path,
    children: int,
    signals: signal.Handlers = signal.SIG_DFL,
    child: str = SLEEPS,
) -> Iterator[subprocess.Popen[str]]:
    """Run a program that prints the ids of the processes it supervises; end it in any case."""
    command = [sys.executable, "-c", SUPERVISES, str(logs), str(children), child]
    with inherited(signals):
        program = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    with program:
        try:
            yield program
        finally:
            program.kill()


def pids_of(program: subprocess.Popen[str], children: int) -> list[int]:
    assert program.stdout
    return [int(program.stdout.readline()) for _ in range(children)]


def test_leaving_the_block_ends_every_process(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        pids = [start_python(supervisor, SLEEPS, f"child-{n}").pid for n in range(3)]
        assert all(runs(pid) for pid in pids)
    assert not any(runs(pid) for pid in pids)


def test_an_exception_ends_every_process(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)

    def fail() -> None:
        with supervisor:
            pids.append(start_python(supervisor, SLEEPS).pid)
            raise LookupError

    pids: list[int] = []
    with pytest.raises(LookupError):
        fail()
    assert not runs(pids[0])


def test_processes_are_stopped_in_reverse_order(tmp_path: Path) -> None:
    stopped = tmp_path / "stopped"
    program = f"""
import os, pathlib, signal, sys, time
def stop(*_):
    with pathlib.Path({str(stopped)!r}).open("a") as log:
        log.write(str(os.getpid()) + " ")
    sys.exit()
signal.signal(signal.SIGTERM, stop)
{SLEEPS}"""
    with Supervisor(tmp_path / "logs") as supervisor:
        processes = [start_python(supervisor, program, f"child-{n}") for n in range(3)]
        for process in processes:
            wait_until_up(process)
    assert stopped.read_text().split() == [str(p.pid) for p in reversed(processes)]


def test_a_process_that_ignores_sigterm_is_killed(supervisor: Supervisor) -> None:
    process = start_python(supervisor, IGNORES_SIGTERM)
    wait_until_up(process)
    process.stop(timeout=timedelta(milliseconds=200))
    assert process.exit_status == -signal.SIGKILL
    assert not runs(process.pid)


def test_what_a_process_started_itself_ends_with_it(supervisor: Supervisor) -> None:
    process = start_python(supervisor, HAS_A_CHILD)
    grandchild = process.wait_for(lambda: process.announcement("child"), SOON)["child"]
    assert runs(grandchild)
    process.stop()
    assert eventually(lambda: not runs(grandchild))


def test_a_process_that_dies_early_is_reported_with_its_log(supervisor: Supervisor) -> None:
    process = start_python(supervisor, "raise SystemExit('the port is on fire')")
    with pytest.raises(Unavailable, match=r"(?s)child has ended .* 1\..*the port is on fire"):
        process.wait_for(lambda: process.announcement("endpoint"), SOON)


def test_a_process_that_dies_later_is_noticed(supervisor: Supervisor) -> None:
    process = start_python(supervisor, SLEEPS)
    wait_until_up(process)
    supervisor.check()
    os.kill(process.pid, signal.SIGKILL)
    assert eventually(lambda: process.exit_status is not None)
    with pytest.raises(Unavailable, match="exit status -9"):
        supervisor.check()


def test_a_process_that_is_never_ready_is_reported(supervisor: Supervisor) -> None:
    process = start_python(supervisor, SLEEPS)
    with pytest.raises(Unavailable, match=r"not ready within 0\.1 s"):
        process.wait_for(lambda: None, timedelta(seconds=0.1))


def test_a_program_that_does_not_exist_is_reported(supervisor: Supervisor) -> None:
    process = supervisor.start("ghost", ["/nonexistent/program"])
    with pytest.raises(Unavailable, match="/nonexistent/program cannot be started: No such file"):
        process.wait_for(lambda: None, SOON)


def test_an_announcement_is_the_first_json_object_with_the_key(supervisor: Supervisor) -> None:
    lines = ["noise", "[1]", '{"event": "starting"}', '{"endpoint": "a"}', '{"endpoint": "b"}']
    process = start_python(supervisor, f"print({chr(10).join(lines)!r}, flush=True);{SLEEPS}")
    assert process.wait_for(lambda: process.announcement("endpoint"), SOON) == {"endpoint": "a"}


def test_a_process_gets_the_environment_it_is_given(supervisor: Supervisor) -> None:
    supervisor.start(
        "child",
        [sys.executable, "-c", f"import os; print(os.environ['GREETING']);{SLEEPS}"],
        environment={**os.environ, "GREETING": "up and well"},
    )
    process = supervisor.processes[0]
    process.wait_for(lambda: "up and well" in process.tail() or None, SOON)


def test_a_program_that_has_done_its_work_is_not_missed(supervisor: Supervisor) -> None:
    supervisor.run("task", [sys.executable, "-c", "print('done')"], environment=os.environ)
    supervisor.check()
    assert supervisor.processes == ()


def test_a_program_that_fails_in_its_work_is_reported(supervisor: Supervisor) -> None:
    with pytest.raises(Unavailable, match=r"(?s)task has ended .* 1\..*no such luck"):
        supervisor.run(
            "task", [sys.executable, "-c", "exit('no such luck')"], environment=os.environ
        )


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_supervising_program_ends_every_process(
    tmp_path: Path, signum: signal.Signals
) -> None:
    with supervising(tmp_path, children=2) as program:
        pids = pids_of(program, 2)
        program.send_signal(signum)
        assert program.wait(SOON.total_seconds()) == 128 + signum
        assert not any(runs(pid) for pid in pids)


def test_a_second_ctrl_c_ends_at_once_what_takes_its_time(tmp_path: Path) -> None:
    """Asked to end, such a process would be waited for: ten seconds each."""
    with supervising(tmp_path, children=3, child=IGNORES_SIGTERM) as program:
        pids = pids_of(program, 3)
        assert eventually(lambda: all("up" in log.read_text() for log in tmp_path.glob("*.log")))
        program.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            program.wait(1)
        program.send_signal(signal.SIGINT)
        assert program.wait(5) == 128 + signal.SIGINT
        assert not any(runs(pid) for pid in pids)


def test_a_process_that_is_started_again_has_a_log_of_its_own(supervisor: Supervisor) -> None:
    process = start_python(supervisor, "import os; print('{\"life\": %d}' % os.getpid())")
    first = process.wait_for(lambda: process.announcement("life"), SOON)["life"]
    process.wait_for_end(SOON)
    supervisor.start_again(process)
    assert eventually(lambda: process.is_ready)
    second = process.announcement("life")
    assert second == {"life": process.pid}
    assert process.pid != first
    assert str(first) in process.log.with_suffix(".1.log").read_text()


def test_a_process_that_is_started_again_ends_with_the_block(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        process = start_python(supervisor, SLEEPS)
        process.stop()
        supervisor.start_again(process)
        wait_until_up(process)
    assert not runs(process.pid)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_in_the_background_of_a_script_ctrl_c_and_sigterm_end_every_process(
    tmp_path: Path, signum: signal.Signals
) -> None:
    """There SIGINT is ignored, and the processes would outlive the script that it ends."""
    with supervising(tmp_path, children=2, signals=signal.SIG_IGN) as program:
        pids = pids_of(program, 2)
        program.send_signal(signum)
        assert program.wait(SOON.total_seconds()) == 128 + signum
        assert not any(runs(pid) for pid in pids)


def test_under_nohup_a_terminal_that_closes_ends_no_process(tmp_path: Path) -> None:
    with supervising(tmp_path, children=1, signals=signal.SIG_IGN) as program:
        pids = pids_of(program, 1)
        program.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            program.wait(0.5)
        assert all(runs(pid) for pid in pids)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_process_does_not_ignore_the_signals_that_its_parent_ignores(
    tmp_path: Path, signum: signal.Signals
) -> None:
    with inherited(signal.SIG_IGN), Supervisor(tmp_path) as supervisor:
        process = start_python(supervisor, SLEEPS)
        wait_until_up(process)
        os.kill(process.pid, signum)
        assert process.wait_for_end(SOON) == -signum


def test_a_signal_does_not_interrupt_the_cleaning_up(tmp_path: Path) -> None:
    signals_back = f"""
import os, signal, sys
def stop(*_):
    os.kill(os.getppid(), signal.SIGTERM)
    sys.exit()
signal.signal(signal.SIGTERM, stop)
{SLEEPS}"""
    supervisor = Supervisor(tmp_path)
    with pytest.raises(Interrupted) as interrupted, supervisor:
        pids = start_all(supervisor, SLEEPS, signals_back)
    assert interrupted.value.signum == signal.SIGTERM
    assert not any(runs(pid) for pid in pids)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child's life to its parent")
def test_kill_9_of_the_supervising_program_ends_every_process(tmp_path: Path) -> None:
    with supervising(tmp_path, children=2) as program:
        pids = pids_of(program, 2)
        program.kill()
        program.wait()
        assert eventually(lambda: not any(runs(pid) for pid in pids))


@pytest.mark.parametrize("after", [0.0, 0.013, 0.029, 0.061])
def test_ctrl_c_during_start_up_leaves_no_process(tmp_path: Path, after: float) -> None:
    logs = tmp_path / "logs"
    with supervising(logs, children=MANY) as program:
        first = pids_of(program, 1)
        time.sleep(after)
        program.send_signal(signal.SIGINT)
        assert program.wait(SOON.total_seconds()) == 128 + signal.SIGINT
        assert program.stdout
        others = [int(pid) for pid in program.stdout]
    assert not any(runs(pid) for pid in first + others)
    assert not processes_with(str(logs))


def processes_with(text: str) -> list[str]:
    """Return the ids of processes whose standard output goes to a file below ``text``."""
    found = []
    for descriptor in Path("/proc").glob("[0-9]*/fd/1"):
        with suppress(OSError):
            if str(descriptor.readlink()).startswith(text):
                found.append(descriptor.parts[2])
    return found


def test_the_programs_own_signal_handlers_are_restored(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Supervisor(tmp_path):
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_these_tests_pass_in_the_background_of_a_script() -> None:
    """There SIGINT and SIGHUP are ignored: one of them forked without end, waiting for its end."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    with inherited(signal.SIG_IGN):
        done = subprocess.run(
            [*command, "-k", "ctrl_c or supervising_program"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout
