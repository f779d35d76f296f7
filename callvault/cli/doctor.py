"""`callvault doctor`: check what Callvault needs, and say how to mend what is amiss."""

from typing import Annotated

import typer

from callvault.cli.options import ConfigFile


def doctor(
    gateway: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The gateway to ask; by default that of callback_url, or of this machine.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The checks as JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Check all that Callvault needs, and say how to mend what is amiss.

    Temporal, the open calls, settings, secrets, keys, clocks, services, webhooks, and every road of
    events. A small object is written into each archive and removed again; nothing else is changed.

    Exit status 1 if any check fails.
    """
    from callvault.cli.actions import doctor as checks

    results = checks.examine(config, gateway=gateway)
    checks.show(results, as_json=as_json)
    if not all(result.is_ok for result in results):
        raise typer.Exit(1)
