"""The work of `callvault dev`: the parts are started, kept, shown, and asked for something."""

import difflib
import os
import shlex
import shutil
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import typer
from rich.console import Console

from callvault.cli.terminal import InertTable, line
from callvault.cli.terminal import console as make_console
from callvault.contracts.names import EVENTS_PATH
from callvault.errors import InvalidRequest, NotDone
from callvault.local.dev_home import (
    DevHome,
    DevState,
    PartRequest,
    PartState,
    PartStatus,
    default_home,
)
from callvault.local.keeper import Keeper
from callvault.local.ports import Ports, free_or_other
from callvault.local.processes import Supervisor
from callvault.local.receiver import LocalReceiver, receiving
from callvault.local.signals import Interrupted
from callvault.local.stack import Stack, start_stack, subscribe_again
from callvault.local.stack_settings import OURS

POLL_INTERVAL = 0.2
"""Seconds between two looks at the parts, or at the state of one of them."""

ASK_TIMEOUT = timedelta(seconds=90)
"""A worker may take ten seconds to end, and a cold start on a busy laptop its time."""


def run(home: DevHome, archive: Path | None, config: Path | None, wanted: Ports) -> None:
    """Start all parts and keep them running until Ctrl-C, which is the good end here."""
    console = make_console()
    try:
        # The receiver is there until the last worker has ended.
        with (
            home.claimed(),
            receiving(lambda what: _tell(console, what)) as receiver,
            Supervisor(home.logs) as supervisor,
        ):
            ports, taken = free_or_other(wanted)
            for sentence in taken:
                console.print(line((sentence, "yellow")))
            with console.status("Starting Temporal, the ACS emulator, the archive, our own …"):
                stack = _start(home, supervisor, archive, config, ports, receiver)
            with suppress(Interrupted):
                _keep(home, supervisor, stack, console)
            console.print("Stopping all parts. Ctrl-C again ends them at once.")
    except Interrupted as interrupted:
        # The shell's status of a program that a signal has ended.
        raise typer.Exit(128 + interrupted.signum) from None


def _tell(console: Console, what: str) -> None:
    for each in what.splitlines():
        console.print(line(f"{datetime.now():%H:%M:%S} {each}"), soft_wrap=True)


def _start(
    home: DevHome,
    supervisor: Supervisor,
    archive: Path | None,
    config: Path | None,
    ports: Ports,
    receiver: LocalReceiver,
) -> Stack:
    return start_stack(
        supervisor,
        home.directory,
        archive=archive,
        # Each part finds its data again when it is started again.
        database=home.data / "temporal.db",
        azurite_data=home.data / "azurite",
        emulator_options=("--state-dir", str(home.data / "emulator")),
        ports=ports,
        settings_file=config,
        receiver=receiver,
    )


def _keep(home: DevHome, supervisor: Supervisor, stack: Stack, console: Console) -> None:
    def tell(what: str) -> None:
        _tell(console, what)

    def on_ready(part: str) -> None:
        # The emulator forgets who wants its events, and the gateway has to answer a handshake.
        if part in ("emulator", "gateway"):
            with suppress(httpx.HTTPError):
                subscribe_again(stack.emulator.control, stack.gateway + EVENTS_PATH)

    keeper = Keeper(supervisor, tell, on_ready)
    told = _state(stack, keeper, datetime.now(UTC))
    home.write_state(told)
    _show_start(home, told, console)
    while True:
        keeper.look(home.requests())
        now = told.model_copy(update={"parts": keeper.statuses})
        if now != told:
            told = now
            try:
                home.write_state(now)
            except OSError as error:
                tell(f"other commands do not hear of it: {error.strerror}")
        time.sleep(POLL_INTERVAL)


def _state(stack: Stack, keeper: Keeper, started_at: datetime) -> DevState:
    archive = stack.archive
    where = str(archive) if isinstance(archive, Path) else f"Azurite, {archive.blob_endpoint}"
    ours = {key: text for key, text in stack.environment.items() if key.startswith(OURS)}
    return DevState(
        pid=os.getpid(),
        started_at=started_at,
        addresses={
            "Temporal Web UI": stack.temporal.ui_url or "",
            "Temporal": stack.temporal.address,
            "gateway": stack.gateway,
            "ACS emulator": stack.emulator.endpoint,
            "archive": where,
        },
        control=stack.emulator.control,
        variables={
            **ours,
            "ACS_CONNECTION_STRING": stack.emulator.connection_string,
            "EMULATOR_CONTROL": stack.emulator.control,
            "GATEWAY_URL": stack.gateway,
        },
        parts=keeper.statuses,
    )


def _show_start(home: DevHome, state: DevState, console: Console) -> None:
    console.print(_addresses(state))
    console.print(line(f"Logs             {home.logs}"))
    console.print("\nIn another terminal:")
    for what, commands in _next_steps(home).items():
        console.print()
        console.print(line(f"  {what}"))
        for command in commands:
            # Not folded by us: a terminal copies a line that it folds itself as one.
            console.print(line(f"    {command}"), soft_wrap=True)
    console.print(
        "\nEvents about recordings, and alarms, are printed here as their webhook gets them, unless"
        " your settings send them elsewhere."
    )
    console.print("Ctrl-C here stops everything.")


def _next_steps(home: DevHome) -> dict[str, tuple[str, ...]]:
    """Return commands that can be pasted into any shell on this machine, by their purpose."""
    # Without comments behind them: not every shell takes one on its command line.
    callvault, dev = program(), _dev(home)
    return {
        "Let this shell's commands talk to these parts:": (f'eval "$({dev} --env)"',),
        "Have a call recorded and archived:": (
            f'call="$({dev} call)"',
            f'{callvault} recordings start "$call"',
            f'{callvault} recordings stop "$call"',
            f'{callvault} recordings show "$call"',
        ),
        "Try what happens without a part:": (f"{dev} stop worker", f"{dev} start worker"),
    }


def _dev(home: DevHome) -> str:
    """Return how a shell calls `callvault dev` for the stack in this folder."""
    place = [] if home.directory == default_home() else ["--home", str(home.directory)]
    return " ".join([program(), "dev", *map(shlex.quote, place)])


def program() -> str:
    """Return how a shell calls this very program."""
    own = Path(sys.argv[0]).absolute()
    if own.name != "callvault":
        return f"{shlex.quote(sys.executable)} -m callvault"
    found = shutil.which("callvault")
    return "callvault" if found and Path(found).samefile(own) else shlex.quote(str(own))


def exports(home: DevHome) -> str:
    """Return the lines with which a shell talks to the parts that run.

    Variables of Callvault and Temporal that this shell has beyond them are unset: they could lead
    to another Temporal or archive.
    """
    variables = home.state().variables
    stale = sorted(n for n in os.environ if n.startswith(OURS) and n not in variables)
    return "".join(
        [
            *(f"unset {name}\n" for name in stale),
            *(f"export {name}={shlex.quote(text)}\n" for name, text in variables.items()),
        ]
    )


def show(state: DevState) -> None:
    """Print the parts and their addresses."""
    console = make_console()
    console.print(_addresses(state))
    table = InertTable(box=None, padding=(0, 2, 0, 0))
    for column in ("part", "state", "process", "restarts", "log"):
        table.add_column(column, overflow="fold")
    for part in state.parts:
        table.add_row(part.name, part.state, str(part.pid), str(part.restarts), str(part.log))
    console.print(table)


def _addresses(state: DevState) -> InertTable:
    table = InertTable(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for what, where in state.addresses.items():
        table.add_row(what, where)
    return table


def ask(home: DevHome, name: str, request: PartRequest) -> str:
    """Ask for a change of a part and wait for it; return a sentence about it.

    `InvalidRequest` where there is no such part, `NotDone` where the part does not come up.
    """
    _check_name(home.state(), name)
    home.ask(name, request)
    wanted = PartState.STOPPED if request is PartRequest.STOP else PartState.RUNNING
    end = time.monotonic() + ASK_TIMEOUT.total_seconds()
    while time.monotonic() < end:
        part = home.state().part(name)
        if not home.is_asked(name) and part.state in (wanted, PartState.DOWN):
            break
        time.sleep(POLL_INTERVAL)
    if part.state is not wanted:
        raise NotDone(f"{name} is {part.state}: see its log, {part.log}")
    return _described(home, part, request)


def _described(home: DevHome, part: PartStatus, request: PartRequest) -> str:
    if request is PartRequest.STOP:
        return f"{part.name} is stopped. To start it: {_dev(home)} start {part.name}"
    return f"{part.name} runs, as process {part.pid}."


def _check_name(state: DevState, name: str) -> None:
    known = [part.name for part in state.parts]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise InvalidRequest(f"there is no part {name!r}.{hint} Parts: {', '.join(known)}")


def begin_call(state: DevState) -> dict[str, Any]:
    """Begin a call at the emulator, and return its ids."""
    people = {"participants": [{"displayName": "Ana"}, {"displayName": "Ben"}]}
    try:
        # A proxy of the environment cannot reach this machine's loopback.
        answer = httpx.post(f"{state.control}/calls", json=people, trust_env=False)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise NotDone(
            f"the emulator does not answer: see `callvault dev status` ({error})"
        ) from None
    begun: dict[str, Any] = answer.json()
    return begun
