"""`callvault recordings start`, `pause`, `resume`, `stop` …: what people ask of a call."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from callvault.cli.options import By, CallId, ConfigFile, Json, Reason, RequestId, Resource, choice
from callvault.cli.terminal import say, say_json
from callvault.config.archive_only import (
    check_any_control,
    check_control_of,
    explain_unkept,
    explain_unknown,
    may_be_begun,
)
from callvault.config.settings import load_settings
from callvault.contracts import names
from callvault.contracts.base import AnyMessage, Unreadable, explain, read, shorten
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.consent_messages import withdrawal_in
from callvault.contracts.media import ChannelType, ContentType, FormatType
from callvault.contracts.participant_ids import checked_participant
from callvault.contracts.participants import HIDING, Hide, hiding
from callvault.contracts.requests import ControlRequest, RecordingRequest
from callvault.errors import InvalidRequest, NotDone

Content = Annotated[
    ContentType, choice(ContentType, "content", "--content", about="What is recorded.")
]
Channel = Annotated[
    ChannelType, choice(ChannelType, "channel", "--channel", about="One track, or one for each.")
]
FileFormat = Annotated[
    FormatType, choice(FormatType, "format", "--format", about="The file's format.")
]


def start(
    server_call_id: Annotated[str, typer.Argument(help="The call's serverCallId.")],
    resource: Resource = "default",
    content: Content = ContentType.AUDIO_VIDEO,
    channel: Channel = ChannelType.MIXED,
    file_format: FileFormat = FormatType.MP4,
    reason: Reason = "",
    request_id: RequestId = None,
    by: By = "",
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Record a call and archive it; prints the id of its workflow."""
    asked_at = datetime.now(UTC)
    from callvault.cli.actions import recordings as calls

    # Refused here by name, before a workflow is begun for it.
    check_control_of(load_settings(config), resource)
    request = _read(
        RecordingRequest,
        server_call_id=server_call_id,
        resource=resource,
        recording_content_type=content,
        recording_channel_type=channel,
        recording_format_type=file_format,
        requested_by=by,
        requested_at=asked_at,
        reason=reason,
        request_id=request_id,
    )
    workflow_id = calls.with_client(config, lambda client: calls.begin(client, request))
    _say_workflow(workflow_id, as_json=as_json)


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
    by: By = "",
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Keep a recording that ACS makes and no workflow knows; prints the id of its workflow.

    After Temporal was restored, or when a workflow was deleted. Safe to repeat.
    """
    from callvault.cli.actions import recordings as calls
    from workers.adoption import find_and_adopt

    settings = load_settings(config)
    check_control_of(settings, resource)
    request = _read(
        RecordingRequest,
        server_call_id=server_call_id,
        resource=resource,
        recording_content_type=content,
        recording_channel_type=channel,
        recording_format_type=file_format,
        requested_by=by,
    )
    workflow_id = calls.with_client(
        config,
        lambda client: find_and_adopt(client, settings, request, recording_id, unproven=unproven),
    )
    _say_workflow(workflow_id, as_json=as_json)


def _read(model: type[AnyMessage], **facts: object) -> AnyMessage:
    """Make what is asked for; `InvalidRequest` says what is wrong with an option."""
    request = read(model, facts)
    if isinstance(request, Unreadable):
        raise InvalidRequest(request.problem)
    return request


def _say_workflow(workflow_id: str, *, as_json: bool) -> None:
    if as_json:
        say_json(json.dumps({"workflowId": workflow_id}))
    else:
        say(workflow_id)


def pause(
    call: CallId,
    reason: Reason = "",
    request_id: RequestId = None,
    by: By = "",
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Pause the recording until you resume it; returns once ACS has confirmed."""
    facts = {"requested_by": by, "reason": reason, "request_id": request_id}
    _control(names.PAUSE, call, config, facts, as_json=as_json)


def resume(
    call: CallId,
    reason: Reason = "",
    request_id: RequestId = None,
    force: Annotated[
        bool, typer.Option("--force", help="Release the pauses of all others, too: they are told.")
    ] = False,
    by: By = "",
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Release your own pause; the recording goes on once nobody holds one any more.

    A pause that was asked for with `--by` is released with the same `--by`.
    """
    facts = {"requested_by": by, "reason": reason, "request_id": request_id, "force": force}
    _control(names.RESUME, call, config, facts, as_json=as_json)


def stop(
    call: CallId,
    reason: Reason = "",
    request_id: RequestId = None,
    by: By = "",
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Stop the recording for good; returns once ACS has confirmed."""
    facts = {"requested_by": by, "reason": reason, "request_id": request_id}
    _control(names.STOP, call, config, facts, as_json=as_json)


def _control(
    operation: str,
    call: str,
    config: Path | None,
    facts: Mapping[str, str | bool | None],
    *,
    as_json: bool,
) -> None:
    """Ask for a change in a person's name; exit status 1 and a sentence if it does not come about.

    The time of asking is that of the command, before anything is waited for.
    """
    asked_at = datetime.now(UTC)
    from callvault.cli.actions import recordings as calls

    settings = load_settings(config)
    check_any_control(settings)
    request = _read(ControlRequest, requested_at=asked_at, **facts)
    try:
        record = calls.with_client(
            config, lambda client: calls.update(client, call, operation, request)
        )
    except InvalidRequest as error:
        raise explain_unknown(settings, error) from error
    if as_json:
        say_json(record.model_dump_json(indent=2))
    else:
        say(f"{operation}: {record.state}")
    if not record.is_done:
        raise NotDone(calls.why_not_done(record))


def retry(call: CallId, by: By = "", as_json: Json = False, config: ConfigFile = None) -> None:
    """Have everything of a call that waits for its next attempt try now.

    After the cause was mended. What runs already is left alone; safe to repeat. Exit status 1 where
    nothing waits.
    """
    _retry(call, by, config, exports_only=False, as_json=as_json)


def export_now(call: CallId, by: By = "", as_json: Json = False, config: ConfigFile = None) -> None:
    """Have the copies of a call's files, and its seals, try now: `retry` for them alone."""
    _retry(call, by, config, exports_only=True, as_json=as_json)


def _retry(call: str, by: str, config: Path | None, *, exports_only: bool, as_json: bool) -> None:
    from callvault.cli.actions import recordings as calls
    from callvault.cli.actions import retry as retries

    done = calls.with_client(
        config, lambda client: retries.retry_now(client, call, by, exports_only=exports_only)
    )
    if as_json:
        say_json(retries.as_json(done))
    else:
        retries.show(done)
    if not done.is_any_asked:
        raise NotDone(retries.nothing_to_retry(done.retries, exports_only=exports_only))


def acknowledge(
    call: CallId,
    alarm: Annotated[
        str | None, typer.Option(help="The id or number of one alarm; by default all open ones.")
    ] = None,
    by: By = "",
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Acknowledge a call's open alarms in your name. Later ones are raised all the same."""
    from callvault.cli.actions import recordings as calls

    records = calls.with_client(config, lambda client: calls.acknowledge(client, call, by, alarm))
    if as_json:
        say_json(json.dumps([record.alarm.model_dump(mode="json") for record in records], indent=2))
        return
    for record in records:
        say(f"acknowledged {record.alarm.id}: {record.alarm.kind}, {record.alarm.what}")


def consent(
    call: Annotated[
        str,
        typer.Argument(help="Any id of the call; its serverCallId, if it is not recorded yet."),
    ],
    participant: Annotated[str, typer.Argument(help="Their rawId, or its hash.")],
    given: Annotated[bool, typer.Option("--given/--withdrawn", help="What was decided.")] = True,
    method: Annotated[str, typer.Option(help="How: spoken, key pressed, signed …")] = "",
    evidence: Annotated[str, typer.Option(help="Where the proof is, as a reference.")] = "",
    jurisdiction: Annotated[str, typer.Option(help="Under whose law, as DE.")] = "",
    resource: Annotated[
        str, typer.Option(help="The call's ACS resource, if the call is not recorded yet.")
    ] = "default",
    reason: Reason = "",
    by: By = "",
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Report that a participant agrees to be recorded, or withdraws (which pauses)."""
    from callvault.cli.actions import recordings as calls

    facts: dict[str, str | bool] = {
        "participant": participant,
        "given": given,
        "requested_by": by,
        "method": method,
        "evidence": evidence,
        "jurisdiction": jurisdiction,
        "reason": reason,
    }
    # Participants are named by a keyed hash alone: the raw id must not reach a history.
    settings = load_settings(config)
    check_any_control(settings)
    hide = hiding(settings.participant_key())
    decision = _decision(facts, hide)
    begun_by = resource if may_be_begun(settings, resource) else None
    try:
        record, is_begun = calls.with_client(
            config, lambda client: calls.decide(client, call, begun_by, decision)
        )
    except InvalidRequest as error:
        raise explain_unkept(settings, resource, error) from error
    if as_json:
        say_json(record.model_dump_json(indent=2))
        return
    word = "given" if record.given else "withdrawn"
    say(f"consent {word} by {record.participant}" + ("" if record.counts else ": outdated"))
    if is_begun:
        say("nobody keeps this call yet: this is kept for a day, and counts once it is recorded")
    if record.problem:
        say(f"not all of it could be read: {record.problem}")


def _decision(facts: Mapping[str, str | bool], hide: Hide) -> ConsentDecision:
    """Make a decision; `InvalidRequest` says what is wrong with an agreement.

    A withdrawal is never refused for its form: long texts are cut, and what cannot be read is left
    out.
    """
    if facts["given"]:
        checked_participant(str(facts["participant"]))
    else:
        facts = {name: _cut(name, said) for name, said in facts.items()}
    try:
        return ConsentDecision.model_validate(facts, context={HIDING: hide})
    except ValidationError as error:
        decision = withdrawal_in(facts, explain(error), hide)
    if isinstance(decision, Unreadable):
        raise InvalidRequest(decision.problem)
    return decision


def _cut(name: str, said: str | bool) -> str | bool:
    # An id that is cut would be another person's.
    return said if isinstance(said, bool) or name == "participant" else shorten(said)
