"""The `callvault` command: one binary, a subcommand for each role."""

import os
import signal
import sys

import typer

from callvault.cli import (
    alarms,
    delivering,
    ingesting,
    recordings,
)
from callvault.cli import (
    archives as verify,
)
from callvault.cli import (
    emulator as emulating,
)
from callvault.cli import (
    events as sweeping,
)
from callvault.cli import (
    processes as roles,
)
from callvault.cli import (
    reconcile as reconciling,
)
from callvault.cli import (
    stack as stacks,
)
from callvault.errors import CallvaultError

app = typer.Typer(
    name="callvault",
    help="Keep every recorded call of Azure Communication Services.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(stacks.demo)
app.command()(stacks.dev)
app.command()(roles.worker)
app.command()(roles.gateway)
app.command()(emulating.emulator)
app.command()(sweeping.sweep)
app.command()(roles.setup)
app.command()(roles.config)
app.command()(reconciling.reconcile)
app.command()(verify.verify)
app.command()(verify.keygen)
app.add_typer(delivering.app, name="events")
app.add_typer(ingesting.app, name="ingest")
app.add_typer(recordings.app, name="recordings")
app.add_typer(alarms.app, name="alarms")


def main() -> None:
    """Run the command; an error of ours is one sentence and exit status 1, never a traceback."""
    status = _run()
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is done and closed. What the interpreter would still do on its way out can abort
    # the process (exit status 134): the Temporal SDK's threads may call into it meanwhile.
    os._exit(status)


def _run() -> int:
    try:
        app()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except CallvaultError as error:
        print(f"callvault: {error}", file=sys.stderr)  # noqa: T201 (this is the command line)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0
