"""Commands on webhooks: the events about recordings that are not delivered."""

from typing import Annotated

import typer

from callvault.cli.options import ConfigFile, Json
from callvault.cli.terminal import say, say_json

app = typer.Typer(
    help="Events about recordings: those that a webhook has not taken.", no_args_is_help=True
)

Resource = Annotated[str | None, typer.Option(help="Only those of one resource, by its name.")]


@app.command("list")
def list_undelivered(
    resource: Resource = None, as_json: Json = False, config: ConfigFile = None
) -> None:
    """List the events that are not delivered: tried still (running), or given up (failed)."""
    from callvault.cli.actions.recordings import with_client
    from callvault.cli.actions.webhooks import as_document, find, lines

    found = with_client(config, lambda client: find(client, resource))
    if as_json:
        say_json(as_document(found))
    elif not found:
        say("Every event is delivered.")
    for each in [] if as_json else lines(found):
        say(each)


@app.command()
def resend(resource: Resource = None, as_json: Json = False, config: ConfigFile = None) -> None:
    """Send every event again that was given up, under its own id, for as long as the first time."""
    from callvault.cli.actions.recordings import with_client
    from callvault.cli.actions.webhooks import as_document, send_again

    begun = with_client(config, lambda client: send_again(client, resource))
    if as_json:
        say_json(as_document(begun))
    else:
        say(f"{len(begun)} events are sent again; `callvault webhooks list` tells which are not.")
