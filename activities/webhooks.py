"""Webhooks: alarms are posted to one, and a recording is announced to another before it begins.

Both carry CloudEvents, signed as Standard Webhooks has it. An announcement's receiver may play
"this call is recorded", or ask all participants for consent: only a 2xx lets the recording begin.
"""

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from temporalio import activity

from activities import exchange
from activities.alarm_sender import AlarmSender
from activities.clock import server_clock
from activities.translate import translated
from callvault.config.webhook_keys import webhook_key
from callvault.contracts.activity_io import AnnouncementInput
from callvault.contracts.alarms import Alarm, AlarmStatus, Severity
from callvault.contracts.recording_events import RecordingEvent
from callvault.errors import AccessDenied, CallvaultError, InvalidRequest, Unavailable
from callvault.telemetry.logs import OWN_FIELDS
from callvault.telemetry.metrics import alarms

ALARM_TYPE = "callvault.alarm"
"""Type of an alarm's CloudEvent, before a dot and the kind of the alarm."""

ANNOUNCEMENT_TYPE = "callvault.recording.announced"
"""Type of an announcement's CloudEvent."""

JOINER_ANNOUNCEMENT_TYPE = "callvault.participant.announced"
"""Type of the announcement to somebody who joins while a recording is on."""

ALARM_TIMEOUT = 10.0
"""Seconds for a whole exchange with a webhook of alarms or events, from name to answer."""

_LEVELS = {
    Severity.CRITICAL: logging.CRITICAL,
    Severity.ERROR: logging.ERROR,
    Severity.WARNING: logging.WARNING,
}

_LOGGED = (
    "kind",
    "severity",
    "status",
    "count",
    "cause",
    "whose",
    "last_error",
    "attempt",
    "seconds_left",
    "resource",
    "archive",
    "workflow_id",
    "dedup_key",
    "group_key",
    "page_url",
    "runbook_url",
)
"""The fields of an alarm that its line in the log has as fields, too."""

Told = Alarm | AnnouncementInput | RecordingEvent


@dataclass
class Webhook:
    """A receiver of CloudEvents (structured JSON), signed as Standard Webhooks has it.

    ``secrets`` are the shared secrets, each of which signs, or none; ``url`` is the address. All
    are secret, and never printed.
    """

    url: Callable[[], str] = field(repr=False)
    secrets: Callable[[], Sequence[str]] = field(repr=False)
    http: httpx.Client
    what: str = "alarm"
    """Name of its purpose, in errors."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), repr=False)
    """The time to sign with; receivers refuse one that is minutes away from theirs."""

    def send(self, alarm: Alarm) -> int:
        return self.post(alarm_event(alarm), alarm.id, timeout=ALARM_TIMEOUT)

    def post(self, event: dict[str, object], message_id: str, *, timeout: float) -> int:
        """Post once, and return the status if it is a 2xx; ``timeout`` is seconds for all of it."""
        # Written once: the signature covers these very bytes.
        body = json.dumps(event).encode()
        headers = {"content-type": "application/cloudevents+json"}
        # Read anew for each post, so that a secret can be replaced.
        if secrets := self.secrets():
            headers |= signature_headers(secrets, message_id, body, int(self.now().timestamp()))
        status = self._exchange(body, headers, timeout)
        if not httpx.codes.is_success(status):
            raise _refused(self.what, status)
        return status

    def _exchange(self, body: bytes, headers: dict[str, str], timeout: float) -> int:
        # Errors are not chained, and told without their text: both may quote the URL, a secret.
        try:
            return exchange.post(
                self.http, self.url(), content=body, headers=headers, timeout=timeout
            )
        except TimeoutError:
            raise Unavailable(
                f"the {self.what} webhook did not answer within {timeout:g} s", owner="caller"
            ) from None
        except httpx.HTTPError as error:
            raise Unavailable(
                f"the {self.what} webhook cannot be reached: {type(error).__name__}", owner="caller"
            ) from None
        except httpx.InvalidURL:
            raise InvalidRequest(
                f"the URL of the {self.what} webhook is none: write https://host/path"
            ) from None


class AlarmActivities:
    """Built once by a worker."""

    def __init__(
        self, sender: AlarmSender, with_cause: Callable[[Alarm], Alarm] = lambda alarm: alarm
    ) -> None:
        """``with_cause`` adds why the activity of an alarm does not succeed; it may block."""
        self._sender = sender
        self._with_cause = with_cause

    @activity.defn
    def raise_alarm(self, alarm: Alarm) -> Alarm | None:
        """Write an alarm to the log and the metrics, and send it to the webhook if one is set.

        Returns the alarm as it was told, with its cause and its group.
        """
        alarm = self._sender.complete(self._with_cause(alarm))
        # Only the webhook can fail, so that further attempts are about the webhook alone.
        if activity.info().attempt == 1:
            log(alarm)
            if alarm.status is AlarmStatus.FIRING:
                alarms(activity.metric_meter()).add(
                    1, {"kind": alarm.kind, "severity": alarm.severity, "resource": alarm.resource}
                )
        with translated(retry_permanent=True):
            return self._sender.send(alarm)

    @activity.defn
    def send_group_alarm(self, alarm: Alarm) -> None:
        """Write what has become of a group of alarms to the log, and send it to the webhook."""
        alarm = self._sender.complete(alarm)
        if activity.info().attempt == 1:
            log(alarm)
        with translated(retry_permanent=True):
            self._sender.send_as_it_is(alarm)


class AnnouncementActivities:
    """Built once by a worker, with a function that finds the webhook of a resource."""

    def __init__(self, webhook_of: Callable[[str], Webhook | None]) -> None:
        self._webhook_of = webhook_of

    @activity.defn
    def announce_recording(self, input: AnnouncementInput) -> None:
        """Return once the webhook has answered 2xx; tried again while it is away."""
        with translated():
            webhook = self._webhook_of(input.resource)
            if webhook is None:
                raise InvalidRequest(
                    f"resource {input.resource} has no announcement_url on this worker any more:"
                    " configure all workers alike"
                )
            event = announcement_event(input, server_clock()())
            webhook.post(event, input.id, timeout=input.timeout.total_seconds())


def alarm_event(alarm: Alarm) -> dict[str, object]:
    """Write an alarm as a CloudEvent 1.0."""
    return cloud_event(f"{ALARM_TYPE}.{alarm.kind}", alarm, alarm.at)


def announcement_event(input: AnnouncementInput, at: datetime) -> dict[str, object]:
    """Write the announcement of a recording as a CloudEvent 1.0."""
    kind = ANNOUNCEMENT_TYPE if input.participant is None else JOINER_ANNOUNCEMENT_TYPE
    return cloud_event(kind, input, at)


def signature_headers(
    secrets: Sequence[str], message_id: str, body: bytes, at: int
) -> dict[str, str]:
    """Make the three headers of the Standard Webhooks specification (symmetric, ``v1``).

    Each secret is in its base64 form, with or without the prefix ``whsec_``, and signs; ``at`` is
    in seconds. `ConfigurationError` where one is no base64.
    """
    signed = f"{message_id}.{at}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{_signature(secret, signed)}" for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    digest = hmac.new(webhook_key(secret), signed, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def log(alarm: Alarm) -> None:
    """Write an alarm to the log, at the level of its severity; that it is over, for information."""
    is_over = alarm.status is AlarmStatus.RESOLVED
    level = logging.INFO if is_over else _LEVELS[alarm.severity]
    fields = {name: value for name in _LOGGED if (value := getattr(alarm, name)) not in ("", None)}
    word = "RESOLVED" if is_over else "ALARM"
    activity.logger.log(
        level, "%s %s: %s", word, alarm.kind, alarm.what, extra={OWN_FIELDS: fields}
    )


def cloud_event(kind: str, data: Told, at: datetime) -> dict[str, object]:
    """Write a CloudEvent 1.0 about a call."""
    return {
        "specversion": "1.0",
        "type": kind,
        "source": f"callvault/{data.resource}",
        "subject": data.workflow_id,
        "id": data.id,
        "time": at.isoformat(),
        "datacontenttype": "application/json",
        "data": data.model_dump(mode="json"),
    }


def _refused(whose: str, status: int) -> CallvaultError:
    what = f"the {whose} webhook answered {status}"
    if status in (401, 403):
        return AccessDenied(f"{what}: check its URL and secret", owner="caller", status=status)
    if status == 429 or status >= 500:
        return Unavailable(what, owner="caller", status=status)
    return InvalidRequest(f"{what}: check its URL", status=status)
