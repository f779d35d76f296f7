"""`callvault recordings`: look at calls and control them from a terminal."""

import getpass
from typing import Annotated

import typer
from rich.console import Console

from callvault.cli.archives import failback
from callvault.cli.options import CallId, ConfigFile, Reason, RequestId
from callvault.cli.terminal import say, say_json
from callvault.config.settings import load_settings
from callvault.contracts import names
from callvault.contracts.base import Unreadable, read
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.media import ChannelType, ContentType, FormatType
from callvault.contracts.participants import HIDING, hiding
from callvault.contracts.requests import ControlRequest, RecordingRequest
from callvault.errors import InvalidRequest

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
    config: ConfigFile = None,
) -> None:
    """Show each request, what ACS confirmed, each pause beside the files, and each consent."""
    from callvault.cli.actions import recordings as calls
    from callvault.cli.actions.evidence import as_json_text, evidence_of, evidence_tables

    hashed = hiding(load_settings(config).participant_key())(participant) if participant else None
    statuses = calls.with_client(config, lambda client: calls.statuses(client, call))
    gathered = evidence_of(*statuses, participant=hashed)
    if hashed:
        # With --json, standard output holds nothing but JSON.
        say(f"{participant} is {hashed}", err=as_json)
    if as_json:
        say_json(as_json_text(gathered))
    else:
        Console().print(evidence_tables(gathered))


@app.command()
def start(
    server_call_id: Annotated[str, typer.Argument(help="The call's serverCallId.")],
    resource: Annotated[str, typer.Option(help="The ACS resource, as configured.")] = "default",
    content: Annotated[ContentType, typer.Option(help="What is recorded.")] = (
        ContentType.AUDIO_VIDEO
    ),
    channel: Annotated[ChannelType, typer.Option(help="One track, or one for each.")] = (
        ChannelType.MIXED
    ),
    file_format: Annotated[FormatType, typer.Option("--format", help="The file's format.")] = (
        FormatType.MP4
    ),
    reason: Reason = "",
    request_id: RequestId = None,
    config: ConfigFile = None,
) -> None:
    """Record a call and archive it; prints the id of its workflow."""
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
    resource: Annotated[str, typer.Option(help="The ACS resource, as configured.")] = "default",
    content: Annotated[ContentType, typer.Option(help="What is recorded.")] = (
        ContentType.AUDIO_VIDEO
    ),
    channel: Annotated[ChannelType, typer.Option(help="One track, or one for each.")] = (
        ChannelType.MIXED
    ),
    file_format: Annotated[FormatType, typer.Option("--format", help="The file's format.")] = (
        FormatType.MP4
    ),
    unproven: Annotated[
        bool, typer.Option("--unproven", help="Believe it where ACS does not say whose it is.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Keep a recording that ACS makes and no workflow knows; prints the id of its workflow.

    After Temporal was restored, or when a workflow was deleted. Safe to repeat.
    """
    from callvault.cli.actions import recordings as calls
    from callvault.cli.actions.adopt import adopt as keep
    from callvault.cli.actions.adopt import found_at_acs

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


def _control_command(operation: str, help_text: str) -> None:
    def command(
        call: CallId,
        reason: Reason = "",
        request_id: RequestId = None,
        config: ConfigFile = None,
    ) -> None:
        from callvault.cli.actions import recordings as calls

        request = ControlRequest(
            requested_by=getpass.getuser(), reason=reason, request_id=request_id
        )
        record = calls.with_client(
            config, lambda client: calls.update(client, call, operation, request)
        )
        say(f"{operation}: {record.state} {record.problem}".rstrip())

    app.command(operation, help=help_text)(command)


_control_command(names.PAUSE, "Pause the recording; returns once ACS has confirmed.")
_control_command(names.RESUME, "Resume the recording; returns once ACS has confirmed.")
_control_command(names.STOP, "Stop the recording for good; returns once ACS has confirmed.")


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
    record = calls.with_client(config, lambda client: calls.decide(client, call, decision))
    word = "given" if record.given else "withdrawn"
    say(f"consent {word} by {record.participant}" + ("" if record.counts else ": outdated"))
