"""`callvault recordings`: look at calls from a terminal; their control is in `controls.py`."""

import signal
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from callvault.cli import controls
from callvault.cli.archives import failback
from callvault.cli.open import open_
from callvault.cli.options import By, CallId, ConfigFile, Json, choice
from callvault.cli.terminal import console, is_terminal, say, say_json
from callvault.config.settings import load_settings
from callvault.contracts.events import ServiceTime
from callvault.contracts.participant_ids import checked_participant
from callvault.contracts.participants import hiding
from callvault.contracts.states import RecordingState
from callvault.errors import InvalidRequest

app = typer.Typer(help="Look at calls and control their recordings.", no_args_is_help=True)


@app.command("list")
def list_(
    state: Annotated[
        RecordingState | None,
        choice(RecordingState, "state", "--state", about="Only calls in this state."),
    ] = None,
    at_risk: Annotated[
        bool,
        typer.Option(
            "--at-risk",
            help="Only calls with a file that is late or lost or due within the hour, or that"
            " nobody keeps.",
        ),
    ] = False,
    open_: Annotated[
        bool, typer.Option("--open", help="Only calls whose workflow has not ended.")
    ] = False,
    orphans: Annotated[
        bool,
        typer.Option("--orphans", help="Only calls with a recording that nobody asked for."),
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many: those with the nearest deadline.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Print the list anew every few seconds, until Ctrl-C.")
    ] = False,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """List the calls that are being archived, and those that were; the nearest deadline first.

    In a pipe or a file: one line for each call, its fields separated by tabs, below a header.
    """
    # Late, as in every command: Temporal's client takes long to load, and help needs none.
    from callvault.cli.actions import listing
    from callvault.cli.actions.recordings import with_client
    from callvault.temporal.call_list import Filter

    wanted = Filter(state, at_risk, open_, orphans, limit)
    if watch:
        if as_json or not is_terminal():
            raise InvalidRequest("--watch is for a terminal: elsewhere, repeat the command")
        # Its only end, so that it is one where the caller ignores Ctrl-C, too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            with_client(config, lambda client: listing.watch(client, wanted))
        return
    calls = with_client(config, lambda client: listing.listed(client, wanted))
    if as_json:
        say_json(listing.as_json(calls))
    else:
        listing.show(calls)


@app.command()
def show(call: CallId, as_json: Json = False, config: ConfigFile = None) -> None:
    """Show everything known of a call, also where no worker runs."""
    from callvault.cli.actions.call_view import view_call
    from callvault.cli.actions.recordings import with_client
    from callvault.cli.actions.view_tables import view_tables

    view = with_client(config, lambda client: view_call(client, call))
    if as_json:
        say_json(view.model_dump_json(indent=2))
    else:
        console().print(view_tables(view))


@app.command()
def explain(call: CallId, as_json: Json = False, config: ConfigFile = None) -> None:
    """Say why a call is not archived yet, whose fault it is, and what to do."""
    from callvault.cli.actions import explain as explanations
    from callvault.cli.actions.call_view import view_call
    from callvault.cli.actions.recordings import with_client

    view = with_client(config, lambda client: view_call(client, call))
    explanation = explanations.explain(view)
    if as_json:
        say_json(explanation.model_dump_json(indent=2))
    else:
        explanations.show(explanation)


@app.command()
def evidence(
    call: CallId,
    as_json: Json = False,
    participant: Annotated[
        str | None,
        typer.Option(help="A rawId: tells its hash, and shows consent of this person alone."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="A time, as 2026-03-02T12:03:00Z: who was there, and had agreed?"),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Write a page for an auditor to this file, with the proof of every recording of"
            " the call; a participant is marked in it. Exit status 1 if one is not as it was"
            " sealed."
        ),
    ] = None,
    archive: Annotated[
        str | None,
        typer.Option(
            help="With --html: take all of it from this archive, by its configured name or its"
            " directory, without Temporal. The call may be a manifest's object name, too."
        ),
    ] = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="With --html: show the participants' rawIds.")
    ] = False,
    by: By = "",
    config: ConfigFile = None,
) -> None:
    """Show each request, what ACS confirmed, each pause beside the files, and each consent."""
    if html is None and (archive or reveal):
        raise InvalidRequest("--archive and --reveal go with --html")
    if html is not None and at:
        raise InvalidRequest("--at goes without --html: the page tells of all times")
    hashed = None
    if participant is not None:
        hide = hiding(load_settings(config).participant_key())
        hashed = hide(checked_participant(participant))
        # With --json, standard output holds nothing but JSON.
        say(f"{participant} is {hashed}", err=as_json)
    if html is not None:
        from callvault.cli.actions.evidence_page import PageOrder, tell, write_evidence

        order = PageOrder(html, call, archive, participant, by, is_revealed=reveal)
        if not tell(html, write_evidence(order, config), as_json=as_json):
            raise typer.Exit(1)
        return
    from callvault.cli.actions import recordings as calls
    from callvault.cli.actions.evidence import as_json_text, evidence_tables
    from callvault.evidence.account import evidence_of

    statuses = calls.with_client(config, lambda client: calls.statuses(client, call))
    gathered = evidence_of(*statuses, participant=hashed, moment=_time(at) if at else None)
    if as_json:
        say_json(as_json_text(gathered))
    else:
        console().print(evidence_tables(gathered))


def _time(text: str) -> datetime:
    try:
        return TypeAdapter[datetime](ServiceTime).validate_python(text)
    except ValidationError:
        raise InvalidRequest(f"{text!r} is no time: write it as 2026-03-02T12:03:00Z") from None


app.command("open")(open_)
app.command()(controls.start)
app.command()(controls.adopt)
app.command()(controls.pause)
app.command()(controls.resume)
app.command()(controls.stop)
app.command()(controls.retry)
app.command("export-now")(controls.export_now)
app.command()(controls.acknowledge)
app.command()(controls.consent)
app.command()(failback)
