"""`callvault doctor`: check what Callvault needs, and say how to mend what is amiss."""

from typing import Annotated

import typer

from callvault.cli.options import ConfigFile


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="The checks as JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Check Temporal, the open calls, secrets, services and clocks; say how to mend what is amiss.

    Exit status 1 if any check fails.
    """
    from callvault.cli.actions import doctor as checks

    results = checks.examine(config)
    checks.show(results, as_json=as_json)
    if not all(result.is_ok for result in results):
        raise typer.Exit(1)
