"""`callvault alarms`: check that alarms arrive."""

import uuid
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from callvault.cli.options import ConfigFile
from callvault.cli.terminal import say
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
        Severity, typer.Option(help="Some receivers wake people for critical.")
    ] = Severity.WARNING,
    config: ConfigFile = None,
) -> None:
    """Send one alarm of kind `test` to every configured receiver, and print each answer.

    Exit status 1 where it did not arrive.
    """
    from callvault.telemetry.setup import setup

    settings = load_settings(config)
    # The log is a receiver of alarms, too.
    with setup("cli", settings.log):
        arrived = send_to_all(settings, _test_alarm(severity))
    if not arrived:
        raise typer.Exit(1)


def send_to_all(settings: Settings, alarm: Alarm) -> bool:
    """Send an alarm to the log and to the webhook; return False if one did not accept it."""
    from activities.webhooks import log

    log(alarm)
    say(f"log: written as {alarm.severity}, on standard error")
    return _send_to_webhook(settings, alarm)


def _send_to_webhook(settings: Settings, alarm: Alarm) -> bool:
    from workers.clients import Connections

    reference = settings.alarms.webhook_url
    if reference is None:
        say("webhook: none; set alarms.webhook_url to be told elsewhere too")
        return True
    signed = "signed" if settings.alarms.webhook_secret else "not signed: no alarms.webhook_secret"
    with closing(Connections(settings)) as connections:
        sink = connections.alarm_sink()
        try:
            status = sink.send(alarm) if sink else None
        except CallvaultError as error:
            say(f"webhook {reference}: NOT taken ({signed}): {error}")
            return False
    say(f"webhook {reference}: {alarm.id} taken, answered {status} ({signed})")
    return True


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
