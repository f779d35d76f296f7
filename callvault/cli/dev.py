"""`callvault dev`: all parts on this machine, kept running; commands that look at them."""

import json
from pathlib import Path
from typing import Annotated

import typer

from callvault.cli.options import Json
from callvault.cli.terminal import say, say_done, say_json
from callvault.local.dev_home import DevHome, PartRequest, PartState, default_home

app = typer.Typer(
    help="Run all parts on this machine until Ctrl-C, and try what happens without one of them.",
    invoke_without_command=True,
)

PartName = Annotated[
    str, typer.Argument(metavar="PART", help="A part, as `callvault dev status` lists them.")
]


@app.callback()
def dev(
    context: typer.Context,
    archive: Annotated[
        Path | None,
        typer.Option(
            "--archive", help="Archive into this directory instead of Azurite.", file_okay=False
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            exists=True,
            dir_okay=False,
            help="TOML file with settings of your own. Those with which the parts find each other"
            " (resource default, archive local) are set by variables, which come before it.",
        ),
    ] = None,
    free_ports: Annotated[
        bool, typer.Option("--free-ports", help="Let the system choose all ports, as in tests.")
    ] = False,
    env: Annotated[
        bool,
        typer.Option(
            "--env",
            help='For a shell: eval "$(callvault dev --env)" makes its commands talk to the parts'
            " that run.",
        ),
    ] = False,
    home: Annotated[
        Path | None,
        typer.Option(
            "--home",
            file_okay=False,
            help="Folder for logs, keys and, while it runs, its calls: one for each `callvault dev`"
            " that runs at the same time; by default ~/.local/state/callvault/dev.",
        ),
    ] = None,
) -> None:
    """Run all parts on this machine until Ctrl-C, and start again those that end.

    Ports are the usual ones where they are free. Calls are forgotten at the end, logs are kept.
    """
    context.obj = DevHome(home or default_home())
    if context.invoked_subcommand is not None:
        return
    from callvault.cli.actions import dev as work
    from callvault.local.ports import ANY_PORTS, USUAL_PORTS

    if env:
        print(work.exports(context.obj), end="")  # noqa: T201 (for a shell: nothing is escaped)
        return
    work.run(context.obj, archive, config, ANY_PORTS if free_ports else USUAL_PORTS)


@app.command()
def status(context: typer.Context, as_json: Json = False) -> None:
    """Show what runs, with addresses and logs; exit status 1 if a part stays down."""
    from callvault.cli.actions import dev as work

    state = context.obj.state()
    if as_json:
        say_json(state.model_dump_json(indent=2, exclude={"variables"}))
    else:
        work.show(state)
    if any(part.state is PartState.DOWN for part in state.parts):
        raise typer.Exit(1)


@app.command()
def stop(context: typer.Context, part: PartName, as_json: Json = False) -> None:
    """Stop a part, as if it were lost; returns when it has ended."""
    _ask(context, part, PartRequest.STOP, as_json=as_json)


@app.command()
def start(context: typer.Context, part: PartName, as_json: Json = False) -> None:
    """Start a part that was stopped or stays down; returns when it is ready."""
    _ask(context, part, PartRequest.START, as_json=as_json)


@app.command()
def restart(context: typer.Context, part: PartName, as_json: Json = False) -> None:
    """Stop a part and start it, as after a change of the settings or of the code."""
    _ask(context, part, PartRequest.RESTART, as_json=as_json)


@app.command()
def call(context: typer.Context, as_json: Json = False) -> None:
    """Begin a call of two people at the emulator; prints its serverCallId."""
    from callvault.cli.actions import dev as work

    begun = work.begin_call(context.obj.state())
    if as_json:
        say_json(json.dumps(begun))
    else:
        say(begun["serverCallId"])


def _ask(context: typer.Context, part: str, request: PartRequest, *, as_json: bool) -> None:
    from callvault.cli.actions import dev as work

    say_done(work.ask(context.obj, part, request), as_json=as_json)
