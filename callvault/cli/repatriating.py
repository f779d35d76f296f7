"""`callvault recordings repatriate`: the way home from the fallback archive."""

from pathlib import Path
from typing import Annotated

import typer

from callvault.cli.options import ConfigFile


def repatriate(
    fallback: Annotated[
        str, typer.Option("--from", help="The fallback archive's configured name.")
    ],
    home: Annotated[str, typer.Option("--to", help="The configured name of the archive at home.")],
    recordings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CALL-OR-MANIFEST",
            help="A serverCallId, workflow id, call id, recording id, or a manifest's object name."
            " Without any: every recording that home does not hold, but for those of resources"
            " whose archive is another.",
        ),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="File with a public key that may have signed in the fallback archive; repeatable."
            " By default its configured key.",
        ),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Copy sealed recordings from the fallback archive home, prove them, and seal them there.

    Safe to repeat. Nothing is overwritten at home, and nothing is deleted from the fallback
    archive. Exit status 1 where a recording could not be brought.
    """
    from callvault.cli.actions.failback import bring_all, open_both
    from callvault.config.settings import load_settings

    settings = load_settings(config)
    with open_both(settings, fallback, home, key or []) as repatriation:
        if not bring_all(repatriation, settings, recordings or []):
            raise typer.Exit(1)
