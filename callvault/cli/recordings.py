"""`callvault recordings`: look at calls and control them from a terminal."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from callvault.cli.archives import failback
from callvault.cli.options import CallId, ConfigFile, Reason, RequestId
from callvault.cli.terminal import say, say_json
from callvault.config.settings import load_settings
from callvault.contracts import names
from callvault.contracts.base import Unreadable, read
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.events import ServiceTime
from callvault.contracts.media import ChannelType, ContentType, FormatType
from callvault.contracts.participants import HIDING, hiding
from callvault.contracts.requests import ControlRequest, RecordingRequest
from callvault.errors import InvalidRequest, NotDone

Resource = Annotated[str, typer.Option(help="The ACS resource, as configured.")]
Content = Annotated[ContentType, typer.Option(help="What is recorded.")]
Channel = Annotated[ChannelType, typer.Option(help="One track, or one for each.")]
FileFormat = Annotated[FormatType, typer.Option("--format", help="The file's format.")]

app = typer.Typer(help="Look at calls and control their recordings.", no_args_is_help=True)
app.command()(failback)


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="Only calls in this state.")] = None,
    orphans: Annotated[
        bool,
        typer.Option("--orphans", help="Only calls with a recording that nobody asked for."),
    ] = False,
    config: ConfigFile = None,
) -> None:
    """List the calls that are being archived, and those that were."""
    # Late, as in every command: Temporal's client takes long to load, and help needs none.
    from callvault.cli.actions import recordings as calls

    table = calls.with_client(config, lambda client: calls.listing(client, state, orphans=orphans))
    Console().print(table)


@app.command()
def show(
    call: CallId,
    as_json: Annotated[bool, typer.Option("--json", help="The whole status as JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Show everything known of a call."""
    from callvault.cli.actions import recordings as calls
    from callvault.cli.actions.tables import call_table

    status = calls.with_client(config, lambda client: calls.status(client, call))
    if as_json:
        say_json(status.model_dump_json(indent=2))
    else:
        Console().print(call_table(status))


@app.command()
def evidence(
    call: CallId,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    participant: Annotated[
        str | None,
        typer.Option(help="A rawId: tells its hash, and shows consent of this person alone."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="A time, as 2026-03-02T12:03:00Z: who was there, and had agreed?"),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Show each request, what ACS confirmed, each pause beside the files, and each consent."""
    from callvault.cli.actions import recordings as calls
    from callvault.cli.actions.evidence import as_json_text, evidence_of, evidence_tables

    hashed = hiding(load_settings(config).participant_key())(participant) if participant else None
    statuses = calls.with_client(config, lambda client: calls.statuses(client, call))
    gathered = evidence_of(*statuses, participant=hashed, moment=_time(at) if at else None)
    if hashed:
        # With --json, standard output holds nothing but JSON.
        say(f"{participant} is {hashed}", err=as_json)
    if as_json:
        say_json(as_json_text(gathered))
    else:
        Console().print(evidence_tables(gathered))


def _time(text: str) -> datetime:
    try:
        return TypeAdapter[datetime](ServiceTime).validate_python(text)
    except ValidationError:
        raise InvalidRequest(f"{text!r} is no time: write it as 2026-03-02T12:03:00Z") from None


@app.command()
def start(
    server_call_id: Annotated[str, typer.Argument(help="The call's serverCallId.")],
    resource: Resource = "default",
    content: Content = ContentType.AUDIO_VIDEO,
    channel: Channel = ChannelType.MIXED,
    file_format: FileFormat = FormatType.MP4,
    reason: Reason = "",
    request_id: RequestId = None,
    config: ConfigFile = None,
) -> None:
    """Record a call and archive it; prints the id of its workflow."""
    asked_at = datetime.now(UTC)
    from callvault.cli.actions import recordings as calls

    # Refused here by name, before a workflow is begun for it.
    load_settings(config).resource(resource)
    request = read(
        RecordingRequest,
        {
            "server_call_id": server_call_id,
            "resource": resource,
            "recording_content_type": content,
            "recording_channel_type": channel,
            "recording_format_type": file_format,
            "requested_by": getpass.getuser(),
            "requested_at": asked_at,
            "reason": reason,
            "request_id": request_id,
        },
    )
    if isinstance(request, Unreadable):
        raise InvalidRequest(request.problem)
    say(calls.with_client(config, lambda client: calls.begin(client, request)))


@app.command()
def adopt(
    server_call_id: Annotated[str, typer.Argument(help="The call's serverCallId.")],
    recording_id: Annotated[str, typer.Argument(help="The recordingId by ACS's own account.")],
    resource: Resource = "default",
    content: Content = ContentType.AUDIO_VIDEO,
    channel: Channel = ChannelType.MIXED,
    file_format: FileFormat = FormatType.MP4,
    unproven: Annotated[
        bool, typer.Option("--unproven", help="Believe it where ACS does not say whose it is.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Keep a recording that ACS makes and no workflow knows; prints the id of its workflow.

    After Temporal was restored, or when a workflow was deleted. Safe to repeat.
    """
    from callvault.cli.actions import recordings as calls
    from workers.adoption import adopt as keep
    from workers.adoption import found_at_acs

    settings = load_settings(config)
    request = read(
        RecordingRequest,
        {
            "server_call_id": server_call_id,
            "resource": resource,
            "recording_content_type": content,
            "recording_channel_type": channel,
            "recording_format_type": file_format,
            "requested_by": getpass.getuser(),
        },
    )
    if isinstance(request, Unreadable):
        raise InvalidRequest(request.problem)
    recording = found_at_acs(settings, request, recording_id, unproven=unproven)
    say(calls.with_client(config, lambda client: keep(client, settings, request, recording)))


@app.command()
def pause(
    call: CallId, reason: Reason = "", request_id: RequestId = None, config: ConfigFile = None
) -> None:
    """Pause the recording until you resume it; returns once ACS has confirmed."""
    _control(names.PAUSE, call, config, reason=reason, request_id=request_id)


@app.command()
def resume(
    call: CallId,
    reason: Reason = "",
    request_id: RequestId = None,
    force: Annotated[
        bool, typer.Option("--force", help="Release the pauses of all others, too: they are told.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Release your own pause; the recording goes on once nobody holds one any more."""
    _control(names.RESUME, call, config, reason=reason, request_id=request_id, force=force)


@app.command()
def stop(
    call: CallId, reason: Reason = "", request_id: RequestId = None, config: ConfigFile = None
) -> None:
    """Stop the recording for good; returns once ACS has confirmed."""
    _control(names.STOP, call, config, reason=reason, request_id=request_id)


def _control(operation: str, call: str, config: Path | None, **facts: str | bool | None) -> None:
    """Ask for a change in the user's name; exit status 1 and a sentence if it does not come about.

    The time of asking is that of the command, before anything is waited for.
    """
    asked_at = datetime.now(UTC)
    from callvault.cli.actions import recordings as calls

    told = {"requested_by": getpass.getuser(), "requested_at": asked_at, **facts}
    request = read(ControlRequest, told)
    if isinstance(request, Unreadable):
        raise InvalidRequest(request.problem)
    record = calls.with_client(
        config, lambda client: calls.update(client, call, operation, request)
    )
    say(f"{operation}: {record.state}")
    if not record.is_done:
        raise NotDone(calls.why_not_done(record))


@app.command()
def acknowledge(
    call: CallId,
    alarm: Annotated[
        str | None, typer.Option(help="The id or number of one alarm; by default all open ones.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Acknowledge a call's open alarms in your name. Later ones are raised all the same."""
    from callvault.cli.actions import recordings as calls

    person = getpass.getuser()
    records = calls.with_client(
        config, lambda client: calls.acknowledge(client, call, person, alarm)
    )
    for record in records:
        say(f"acknowledged {record.alarm.id}: {record.alarm.kind}, {record.alarm.what}")


@app.command()
def consent(
    call: CallId,
    participant: Annotated[str, typer.Argument(help="Their rawId, or its hash.")],
    given: Annotated[bool, typer.Option("--given/--withdrawn", help="What was decided.")] = True,
    method: Annotated[str, typer.Option(help="How: spoken, key pressed, signed …")] = "",
    evidence: Annotated[str, typer.Option(help="Where the proof is, as a reference.")] = "",
    jurisdiction: Annotated[str, typer.Option(help="Under whose law, as DE.")] = "",
    resource: Annotated[
        str, typer.Option(help="The call's ACS resource, if the call is not recorded yet.")
    ] = "default",
    reason: Reason = "",
    config: ConfigFile = None,
) -> None:
    """Report that a participant agrees to be recorded, or withdraws (which pauses)."""
    from callvault.cli.actions import recordings as calls

    facts = {
        "participant": participant,
        "given": given,
        "requested_by": getpass.getuser(),
        "method": method,
        "evidence": evidence,
        "jurisdiction": jurisdiction,
        "reason": reason,
    }
    # Participants are named by a keyed hash alone: the raw id must not reach a history.
    hide = hiding(load_settings(config).participant_key())
    decision = ConsentDecision.model_validate(facts, context={HIDING: hide})
    record = calls.with_client(
        config, lambda client: calls.decide(client, call, resource, decision)
    )
    word = "given" if record.given else "withdrawn"
    say(f"consent {word} by {record.participant}" + ("" if record.counts else ": outdated"))
