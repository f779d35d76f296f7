"""Alarms: tell somebody. To the log and the metrics always, to a webhook where one is set."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import httpx
from temporalio import activity

from activities.translate import translated
from callvault.contracts.alarms import Alarm, Severity
from callvault.errors import AccessDenied, CallvaultError, InvalidRequest, Unavailable
from callvault.telemetry.instruments import alarms

TYPE = "callvault.alarm"
"""Type of the CloudEvent."""

ANSWER_WITHIN = 10.0
"""Seconds."""


class Sink(Protocol):
    """Where alarms go beyond the log."""

    def send(self, alarm: Alarm) -> int:
        """Deliver once, return the answer's status; errors are those of `callvault.errors`."""


@dataclass
class Webhook:
    """Posts CloudEvents (structured JSON), signed as Standard Webhooks has it.

    ``secret`` is the shared secret, ``url`` where to post; both are secrets and never printed.
    """

    url: Callable[[], str] = field(repr=False)
    secret: Callable[[], str] | None = field(repr=False)
    http: httpx.Client
    what: str = "alarm"
    """What it is for, in errors."""

    def send(self, alarm: Alarm) -> int:
        return self.post(cloud_event(alarm), alarm.id)

    def post(self, event: dict[str, object], message_id: str, within: float = ANSWER_WITHIN) -> int:
        """Post once; `within` seconds it must be answered with 2xx, which is returned."""
        body = json.dumps(event).encode()
        headers = {"content-type": "application/cloudevents+json"}
        if self.secret is not None:
            headers |= signature_headers(self.secret(), message_id, body, int(time.time()))
        try:
            answer = self.http.post(self.url(), content=body, headers=headers, timeout=within)
        except httpx.HTTPError as error:
            raise Unavailable(
                f"the {self.what} webhook cannot be reached: {type(error).__name__}", owner="caller"
            ) from None
        if not answer.is_success:
            raise _refused(self.what, answer.status_code)
        return answer.status_code


class AlertActivities:
    """Built once by a worker."""

    def __init__(self, sink: Sink | None) -> None:
        self._sink = sink

    @activity.defn
    def raise_alarm(self, alarm: Alarm) -> None:
        """Tell everybody who listens; only the webhook can fail, and is tried again."""
        if activity.info().attempt == 1:
            log(alarm)
            alarms(activity.metric_meter()).add(
                1, {"kind": alarm.kind, "severity": alarm.severity, "resource": alarm.resource}
            )
        if self._sink is not None:
            with translated(patient=True):
                self._sink.send(alarm)


def cloud_event(alarm: Alarm) -> dict[str, object]:
    """An alarm as a CloudEvent 1.0."""
    return {
        "specversion": "1.0",
        "type": f"{TYPE}.{alarm.kind}",
        "source": f"callvault/{alarm.resource}",
        "subject": alarm.workflow_id,
        "id": alarm.id,
        "time": alarm.at.isoformat(),
        "datacontenttype": "application/json",
        "data": alarm.model_dump(mode="json"),
    }


def signature_headers(secret: str, message_id: str, body: bytes, at: int) -> dict[str, str]:
    """The three headers of the Standard Webhooks specification (symmetric, ``v1``).

    ``secret`` is its base64 form, with or without the prefix ``whsec_``; ``at`` is in seconds.
    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{at}.".encode() + body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{signature}",
    }


def _refused(whose: str, status: int) -> CallvaultError:
    what = f"the {whose} webhook answered {status}"
    if status in (401, 403):
        return AccessDenied(f"{what}: check its URL and secret", owner="caller", status=status)
    if status == 429 or status >= 500:
        return Unavailable(what, owner="caller", status=status)
    return InvalidRequest(f"{what}: check its URL", status=status)


def log(alarm: Alarm) -> None:
    """Write an alarm to the log, as loud as it is severe."""
    level = (
        activity.logger.critical
        if alarm.severity is Severity.CRITICAL
        else (
            activity.logger.error if alarm.severity is Severity.ERROR else activity.logger.warning
        )
    )
    level("ALARM %s: %s", alarm.kind, alarm.what)
