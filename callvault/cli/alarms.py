"""`callvault alarms`: check that alarms arrive."""

import json
import uuid
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import typer

from callvault.cli.options import ConfigFile, Json, choice
from callvault.cli.terminal import say, say_json
from callvault.config.settings import Settings, load_settings
from callvault.contracts.alarms import Alarm, AlarmKind, Severity
from callvault.errors import CallvaultError

app = typer.Typer(help="Alarms: check that they arrive.", no_args_is_help=True)


@app.callback()
def _alarms() -> None:
    """Check that alarms arrive."""
    # With a callback, `test` stays a subcommand, though it is the only one.


@app.command("test")
def send_test(
    severity: Annotated[
        Severity,
        choice(
            Severity,
            "severity",
            "--severity",
            about="Some receivers wake people for critical.",
        ),
    ] = Severity.WARNING,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Send one alarm of kind `test` to every configured receiver, and print each answer.

    Exit status 1 where it did not arrive.
    """
    from callvault.telemetry.setup import setup

    settings = load_settings(config)
    # The log is a receiver of alarms, too.
    with setup("cli", settings.log):
        answers = send_to_all(settings, _test_alarm(severity))
    if as_json:
        say_json(json.dumps([answer._asdict() for answer in answers], indent=2))
    else:
        for answer in answers:
            say(f"{answer.receiver}: {answer.answer}")
    if not all(answer.arrived for answer in answers):
        raise typer.Exit(1)


class Answer(NamedTuple):
    """The answer of a receiver to an alarm."""

    receiver: str
    arrived: bool
    answer: str


def send_to_all(settings: Settings, alarm: Alarm) -> list[Answer]:
    """Send an alarm to the log and to the webhook."""
    from activities.alarm_links import Links
    from activities.webhooks import log
    from callvault.temporal.client import configured_namespace

    alarm = Links.of(settings, configured_namespace()).complete(alarm)
    log(alarm)
    told = Answer("log", True, f"written as {alarm.severity}, on standard error")
    return [told, _send_to_webhook(settings, alarm)]


def _send_to_webhook(settings: Settings, alarm: Alarm) -> Answer:
    from workers.clients import Connections

    reference = settings.alarms.webhook_url
    if reference is None:
        return Answer("webhook", True, "none; set alarms.webhook_url to be told elsewhere too")
    signed = "signed" if settings.alarms.webhook_secret else "not signed: no alarms.webhook_secret"
    with closing(Connections(settings)) as connections:
        sink = connections.alarm_sink()
        try:
            status = sink.send(alarm) if sink else None
        except CallvaultError as error:
            return Answer(f"webhook {reference}", False, f"NOT taken ({signed}): {error}")
    taken = f"{alarm.id} taken, answered {status} ({signed})"
    return Answer(f"webhook {reference}", True, taken)


def _test_alarm(severity: Severity) -> Alarm:
    return Alarm(
        id=f"test-{uuid.uuid4()}",
        kind=AlarmKind.TEST,
        severity=severity,
        at=datetime.now(UTC),
        what="This is a test, sent by hand: nothing is wrong, and nothing has to be done.",
        workflow_id="none",
        resource="none",
    )
