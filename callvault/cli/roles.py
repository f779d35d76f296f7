"""Commands that are one process of a deployment, or prepare one."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from callvault.config import load_settings

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="TOML file; otherwise the one that CALLVAULT_CONFIG names."),
]


def worker(config: ConfigFile = None) -> None:
    """Run the workflows and their activities until told to stop."""
    from workers.__main__ import run

    asyncio.run(run(load_settings(config)))


def gateway(config: ConfigFile = None) -> None:
    """Serve Event Grid's webhook and the control API until told to stop."""
    from callvault.gateway.server import serve

    serve(load_settings(config))


def emulator(
    port: Annotated[int, typer.Option(help="0 lets the system choose.")] = 8900,
    seed: Annotated[int, typer.Option(help="Ids and access keys follow from it.")] = 0,
    retention: Annotated[float, typer.Option(help="Hours until a file is deleted.")] = 48,
    fps: Annotated[int, typer.Option(help="Frames a second of mp4: 8 or 16.")] = 8,
    event_grid_endpoint: Annotated[
        list[str] | None, typer.Option(help="URL of a webhook that gets the events; repeatable.")
    ] = None,
) -> None:
    """Run a local ACS Call Recording, with real media. No other service is needed."""
    from callvault.emulator.server import serve
    from callvault.emulator.settings import EmulatorSettings

    serve(
        EmulatorSettings.model_validate(
            {
                "port": port,
                "seed": seed,
                "retention": timedelta(hours=retention),
                "fps": fps,
                "event_grid_endpoints": tuple(event_grid_endpoint or ()),
            }
        )
    )


def setup(config: ConfigFile = None) -> None:
    """Register Callvault's search attributes in the Temporal namespace. Safe to repeat."""
    from callvault.cli import calls
    from callvault.namespace import register_search_attributes

    registered = calls.with_client(config, register_search_attributes)
    typer.echo(f"The namespace is ready: {', '.join(registered) or 'nothing was missing'}.")


def config(config: ConfigFile = None) -> None:
    """Print the effective settings as JSON; secrets show as their references."""
    typer.echo(json.dumps(load_settings(config).masked(), indent=2))
