"""The `callvault` command: one binary, a subcommand for each role."""

import os
import signal
import sys
from contextlib import suppress
from importlib.metadata import version
from typing import Annotated

import typer

from callvault.cli import (
    access,
    alarms,
    archives,
    checkpoints,
    dev,
    duties,
    erasures,
    events,
    holds,
    processes,
    recordings,
    retention,
    stack,
    subjects,
    webhooks,
)
from callvault.cli.doctor import doctor
from callvault.cli.emulator import emulator
from callvault.cli.output import OutputLost, complain, end_without_output, guard_output
from callvault.cli.reconcile import reconcile
from callvault.cli.terminal import say
from callvault.cli.ui import ui
from callvault.contracts.printable import printable, printable_lines
from callvault.errors import CallvaultError, ConfigurationError
from callvault.local.processes import PartFailed
from callvault.telemetry.announcement import fill_standard_streams
from callvault.telemetry.environment import check_variables

EXIT_STATUS = (
    "Exit status: 0 done; 1 not done, or what was checked is not good: standard error says why;"
    " 2 a wrong option or argument; 128 + n ended by signal n."
)

app = typer.Typer(
    name="callvault",
    help="Archive every recorded call of Azure Communication Services.",
    no_args_is_help=True,
    epilog=EXIT_STATUS,
    context_settings={"help_option_names": ["-h", "--help"]},
    # Typer's own tracebacks may show local variables, and secrets among them.
    pretty_exceptions_enable=False,
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        say(f"callvault {version('callvault')}")
        raise typer.Exit


@app.callback()
def _callvault(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version, and end."
        ),
    ] = False,
) -> None:
    """Archive every recorded call of Azure Communication Services."""


app.command()(stack.demo)
app.command()(processes.worker)
app.command()(processes.gateway)
app.command()(emulator)
app.command()(events.sweep)
app.command()(processes.setup)
app.command()(doctor)
app.command()(ui)
app.command()(processes.config)
app.command()(reconcile)
app.command()(archives.verify)
app.command()(archives.keygen)
app.add_typer(dev.app, name="dev")
app.add_typer(events.app, name="events")
app.add_typer(events.ingest, name="ingest")
app.add_typer(recordings.app, name="recordings")
app.add_typer(alarms.app, name="alarms")
app.add_typer(duties.app, name="duties")
app.add_typer(checkpoints.app, name="checkpoints")
app.add_typer(holds.app, name="holds")
app.add_typer(subjects.app, name="subjects")
app.add_typer(subjects.index, name="index")
app.add_typer(access.app, name="access")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(retention.app, name="retention")
app.add_typer(erasures.app, name="erasures")


def _tell_exit_status(group: typer.Typer) -> None:
    """Let the help of every command of the group end with the exit statuses, which all share."""
    for command in group.registered_commands:
        command.epilog = EXIT_STATUS
    for each in group.registered_groups:
        each.epilog = EXIT_STATUS
        _tell_exit_status(each.typer_instance or typer.Typer())


_tell_exit_status(app)


def main() -> None:
    """Run the command; a `CallvaultError` is one sentence and exit status 1, never a traceback."""
    fill_standard_streams()
    guard_output()
    status = _run_and_write()
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    # All work is done and closed. The interpreter's own shutdown can abort the process (exit
    # status 134), because the Temporal SDK's threads may still call into the interpreter.
    os._exit(status)


def _run_and_write() -> int:
    try:
        status = _run()
        sys.stdout.flush()
    except OutputLost as lost:
        return end_without_output(lost)
    return status


def _run() -> int:
    try:
        check_variables()
        app()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except CallvaultError as error:
        _explain(error)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def _explain(error: CallvaultError) -> None:
    # Only settings, which are the operator's own, and logs of parts on this machine have lines.
    is_ours = isinstance(error, (ConfigurationError, PartFailed))
    complain(printable_lines(str(error)) if is_ours else printable(str(error)))
