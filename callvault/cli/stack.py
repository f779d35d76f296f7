"""`callvault demo`: a call is played on one laptop, with real parts."""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from callvault.cli.demo.scenarios.names import ScenarioName
from callvault.cli.options import choice
from callvault.local.processes import Supervisor
from callvault.local.signals import Interrupted

if TYPE_CHECKING:
    from callvault.local.stack import Stack

Archive = Annotated[
    Path | None,
    typer.Option(
        "--archive", help="Archive into this directory instead of Azurite.", file_okay=False
    ),
]


Scenario = Annotated[
    ScenarioName,
    choice(ScenarioName, "scenario", "--scenario", about="The story that is played and verified."),
]


def demo(
    scenario: Scenario = ScenarioName.BASIC,
    archive: Archive = None,
    keep: Annotated[
        bool, typer.Option("--keep-running", help="Leave everything running until Ctrl-C.")
    ] = False,
) -> None:
    """Play a call and watch it being recorded, paused, resumed, archived and verified.

    Exit status 0 only if the archived bytes were read back and agree with what was recorded.
    """
    from callvault.cli.demo.play import play

    console = Console()
    with stack(console, archive) as (running, supervisor):
        verified = asyncio.run(play(running, supervisor, console, scenario))
        if keep:
            _wait(console, supervisor)
    raise typer.Exit(0 if verified else 1)


@contextmanager
def stack(console: Console, archive: Path | None) -> Iterator[tuple["Stack", Supervisor]]:
    """Start everything; afterwards nothing is left running, and only the archive is kept."""
    try:
        with _started(console, archive) as started:
            yield started
    except Interrupted as interrupted:
        # The shell's status of a program that a signal has ended.
        raise typer.Exit(128 + interrupted.signum) from None


@contextmanager
def _started(console: Console, archive: Path | None) -> Iterator[tuple["Stack", Supervisor]]:
    from callvault.local.stack import start_stack

    # Around the supervisor: the processes' files must be there until the last one has ended.
    with tempfile.TemporaryDirectory(prefix="callvault-") as directory:
        home = Path(directory)
        with Supervisor(home / "logs") as supervisor:
            with console.status("Starting Temporal, the ACS emulator, the archive, our own …"):
                running = start_stack(supervisor, home, archive=archive)
            _talk_to(running)
            yield running, supervisor


def _talk_to(running: "Stack") -> None:
    """Set this process's environment to that of the stack, against the shell's settings."""
    # A variable of the shell could lead this process to another Temporal or archive.
    for name in [name for name in os.environ if name.startswith(("CALLVAULT_", "TEMPORAL_"))]:
        del os.environ[name]
    os.environ.update(running.environment)


def _wait(console: Console, supervisor: Supervisor) -> None:
    """Stay until Ctrl-C, which is the good end here; a part that dies is not."""
    console.print("Running. Ctrl-C stops everything.")
    with suppress(Interrupted):
        while True:
            supervisor.check()
            time.sleep(1)
