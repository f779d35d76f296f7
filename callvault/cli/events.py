"""`callvault events`, `ingest` and `sweep`: what the webhook did not bring."""

from pathlib import Path
from typing import Annotated

import typer

from callvault.cli.options import (
    ConfigFile,
    DeadLetterNames,
    Every,
    Json,
    QueueNames,
    RemoveSchedule,
    Resource,
)
from callvault.cli.terminal import say_done
from callvault.errors import InvalidRequest

app = typer.Typer(help="Deliver events of Event Grid by hand.", no_args_is_help=True)
ingest = typer.Typer(help="Read events from queues, beside the webhook.", no_args_is_help=True)

Again = Annotated[
    bool,
    typer.Option(
        "--again",
        help="Copy files anew although their call is archived and over: the archive went back.",
    ),
]


# With a callback, a single command stays a subcommand.
@ingest.callback()
def _ingest() -> None:
    """Read events from queues, beside the webhook."""


@app.command()
def deliver(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Events in either schema: one, an array, one in each line, a dead-letter blob, a"
            " quarantined file, a queue's message. - for standard input.",
        ),
    ],
    quarantine: Annotated[
        bool,
        typer.Option(
            "--quarantine",
            help="Each FILE is the name of a delivery in the quarantine, delivered before or not;"
            " it is marked as delivered.",
        ),
    ] = False,
    again: Again = False,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Deliver events, and print what became of each. Safe to repeat.

    With --json: one object on a line for each event.
    Exit status 1 where an event was not delivered that may matter.
    """
    from callvault.cli.actions import deliver as deliveries
    from callvault.cli.actions import recordings as calls
    from callvault.config.settings import load_settings

    settings = load_settings(config)
    told = deliveries.say_json_line if as_json else deliveries.say_outcome
    all_delivered = calls.with_client(
        config,
        lambda client: deliveries.deliver_all(
            settings, client, files, told, again=again, quarantine=quarantine
        ),
    )
    raise typer.Exit(0 if all_delivered else 1)


@app.command()
def fetch(
    server_call_id: Annotated[str, typer.Argument(help="The call's serverCallId.")],
    recording_id: Annotated[str, typer.Argument(help="The recordingId by ACS's own account.")],
    resource: Resource = "default",
    again: Again = False,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Ask ACS for the files of a recording whose event is nowhere, and deliver them like it.

    Needs the resource's `result_api_version`. Safe to repeat. ACS does not say of which call the
    files are: give the right one. Exit status 1 where not all that it has was delivered.
    """
    from callvault.cli.actions import deliver as deliveries
    from callvault.cli.actions import fetch as fetches
    from callvault.cli.actions import recordings as calls
    from callvault.config.settings import load_settings

    settings = load_settings(config)
    files = fetches.files_at_acs(settings, resource, server_call_id, recording_id)
    told = deliveries.say_json_line if as_json else deliveries.say_outcome
    all_delivered = calls.with_client(
        config,
        lambda client: fetches.deliver(settings, client, resource, files, told, again=again),
    )
    raise typer.Exit(0 if all_delivered else 1)


@ingest.command()
def queue(names: QueueNames = None, config: ConfigFile = None) -> None:
    """Read Azure Storage Queues that Event Grid fills, until told to stop.

    Prints one line of JSON once it reads. A message is removed only when Temporal has its events.
    """
    from callvault.clients import own_containers
    from callvault.config.settings import load_settings
    from callvault.config.startup import check_at_start
    from callvault.ingest.process import read_queues

    settings = load_settings(config)
    check_at_start(settings)
    read_queues(settings, own_containers(settings), names or [])


def sweep(
    names: DeadLetterNames = None,
    quarantine: Annotated[
        bool,
        typer.Option(
            "--quarantine",
            help="Sweep the gateways' quarantine instead; a directory on its own machine.",
        ),
    ] = False,
    every: Every = None,
    remove: RemoveSchedule = False,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Deliver the events of dead-letter containers or of the quarantine; mark what is delivered.

    Safe to repeat, and for several at the same time. Exit status 1 where an event is not
    understood, or a blob cannot be read or marked: it stays, and the next sweep tries it again.
    Also where a place could not be swept to its end.
    """
    from callvault.cli.actions import recordings as calls
    from callvault.cli.actions import sweep as sweeps
    from callvault.config.settings import load_settings

    settings = load_settings(config)
    if quarantine and names:
        raise InvalidRequest("--quarantine takes no names: there is one quarantine")
    if remove:
        removed = calls.with_client(
            config, lambda client: sweeps.remove_schedule(client, quarantine=quarantine)
        )
        say_done(removed, as_json=as_json)
    elif every is not None:
        input = sweeps.input(settings, names or [], quarantine=quarantine)
        done = calls.with_client(config, lambda client: sweeps.schedule(client, input, every))
        say_done(done, as_json=as_json)
    else:
        stores = sweeps.stores(settings, names or [], quarantine=quarantine)
        reports = calls.with_client(
            config, lambda client: sweeps.sweep_all(settings, client, stores)
        )
        sweeps.show(reports, as_json=as_json)
        raise typer.Exit(int(not all(map(sweeps.leaves_nothing, reports))))
