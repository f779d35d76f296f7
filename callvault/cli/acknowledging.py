"""`callvault recordings acknowledge`: say that somebody looks after a call's alarms."""

import getpass
from typing import Annotated

import typer

from callvault.cli.options import CallId, ConfigFile


def acknowledge(
    call: CallId,
    alarm: Annotated[
        str | None, typer.Option(help="The id or number of one alarm; by default all that stand.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Silence the alarms that stand, by your name. Later ones are raised all the same."""
    from callvault.cli.actions import recordings as calls

    person = getpass.getuser()
    records = calls.with_client(
        config, lambda client: calls.acknowledge(client, call, person, alarm)
    )
    for record in records:
        typer.echo(f"acknowledged {record.alarm.id}: {record.alarm.kind}, {record.alarm.what}")
