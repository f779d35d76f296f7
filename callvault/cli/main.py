"""The `callvault` command: one binary, a subcommand for each role."""

import sys

import typer

from callvault.cli import recordings, roles, stacks
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
app.command()(roles.emulator)
app.command()(roles.setup)
app.command()(roles.config)
app.add_typer(recordings.app, name="recordings")


def main() -> None:
    """Run the command; an error of ours is one sentence and exit status 1, never a traceback."""
    try:
        app()
    except CallvaultError as error:
        sys.exit(f"callvault: {error}")
