"""`callvault demo`: a call is played on one laptop, with real parts."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from callvault.cli.demo.scenarios.names import ScenarioName
from callvault.cli.options import choice, duration
from callvault.cli.terminal import is_terminal
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
    ScenarioName | None,
    choice(
        ScenarioName,
        "scenario",
        "--scenario",
        about="The story that is played and verified; basic by default.",
    ),
]


def demo(
    scenario: Scenario = None,
    skip: Annotated[
        timedelta | None,
        typer.Option(
            "--skip",
            parser=duration,
            metavar="DURATION",
            help="Another story: ACS refuses the file for so long, as 48h, which pass in seconds.",
        ),
    ] = None,
    archive: Archive = None,
    keep: Annotated[
        bool, typer.Option("--keep-running", help="Leave everything running until Ctrl-C.")
    ] = False,
) -> None:
    """Play a call and watch it being recorded, paused, resumed, archived and verified.

    Exit status 0 only if the archived bytes were read back and agree with what was recorded; with
    --skip, if the alarms came, and the file was archived or told as lost, as it must be.
    """
    if skip is not None and scenario is not None:
        raise typer.BadParameter("--skip plays a story of its own: leave out --scenario")
    from callvault.cli.demo.scenarios.library import SCENARIOS

    played = scenario or ScenarioName.BASIC
    console = Console()
    with stack(
        console, archive, skips_time=skip is not None, settings=SCENARIOS[played].settings
    ) as (running, supervisor):
        verified = asyncio.run(_play(running, supervisor, console, played, skip))
        if keep:
            _wait(console, supervisor)
    raise typer.Exit(0 if verified else 1)


async def _play(
    running: "Stack",
    supervisor: Supervisor,
    console: Console,
    scenario: ScenarioName,
    skip: timedelta | None,
) -> bool:
    from callvault.cli.demo.play import play
    from callvault.cli.demo.skipped_time import pass_time

    if skip is None:
        return await play(running, supervisor, console, scenario)
    is_watched = is_terminal() and sys.stdin.isatty()
    return await pass_time(running, supervisor, console, skip, is_watched=is_watched)


@contextmanager
def stack(
    console: Console, archive: Path | None, *, skips_time: bool, settings: Mapping[str, str]
) -> Iterator[tuple["Stack", Supervisor]]:
    """Start everything; afterwards nothing is left running, and only the archive is kept.

    ``settings`` are variables for the gateway and the worker.
    """
    try:
        with _started(console, archive, skips_time=skips_time, settings=settings) as started:
            yield started
    except Interrupted as interrupted:
        # The shell's status of a program that a signal has ended.
        raise typer.Exit(128 + interrupted.signum) from None


@contextmanager
def _started(
    console: Console, archive: Path | None, *, skips_time: bool, settings: Mapping[str, str]
) -> Iterator[tuple["Stack", Supervisor]]:
    from callvault.local.stack import start_stack
    from callvault.local.time_skipping import TIME_SKIPPING

    # Around the supervisor: the processes' files must be there until the last one has ended.
    with tempfile.TemporaryDirectory(prefix="callvault-") as directory:
        home = Path(directory)
        with Supervisor(home / "logs") as supervisor:
            with console.status("Starting Temporal, the ACS emulator, the archive, our own …"):
                running = start_stack(
                    supervisor,
                    home,
                    archive=archive,
                    dynamic_config=TIME_SKIPPING if skips_time else None,
                    settings=settings,
                )
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
