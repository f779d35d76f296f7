"""The checks of `callvault doctor` that look at webhooks.

Those of alarms and announcements are there, without being used; those of events take one.
"""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial

import httpx

from activities.recording_events import ping
from callvault.cli.actions.check_result import CheckResult, Subject, run_blocking
from callvault.config.settings import Settings
from callvault.config.types import SecretRef
from callvault.errors import CallvaultError, Unavailable
from callvault.http_transports import Transport
from workers.clients import Connections

_TIMEOUT = 5.0
"""Seconds for each step of the exchange."""

_FIX = "Correct its URL, or start it; then see with `callvault alarms test` if it takes alarms."


async def check_webhooks(subject: Subject) -> list[CheckResult]:
    """Ask the webhook of alarms, and those of announcements; send those of events one."""
    checks: dict[str, Callable[[], CheckResult]] = {
        what: partial(_ask, what, secret) for what, secret in _webhooks(subject.settings).items()
    }
    for name, resource in subject.settings.resources.items():
        if resource.webhook_url is not None:
            what = f"webhook resources.{name}.webhook_url"
            checks[what] = partial(_ping, what, subject.settings, name)
    results = await run_blocking(checks)
    if subject.settings.alarms.webhook_url is None:
        told = "none: alarms are in the log and in the metrics alone (alarms.webhook_url)"
        results.insert(0, CheckResult("webhook alarms", True, told))
    return results


def _webhooks(settings: Settings) -> dict[str, SecretRef]:
    found = {}
    if settings.alarms.webhook_url is not None:
        found["webhook alarms"] = settings.alarms.webhook_url
    for name, resource in settings.resources.items():
        if resource.announcement_url is not None:
            found[f"webhook resources.{name}.announcement_url"] = resource.announcement_url
    return found


def _ask(what: str, url: SecretRef) -> CheckResult:
    """Ask with HEAD, which changes nothing; any answer but a redirect or a failure is one."""
    try:
        status = _head(url.resolve())
    except Unavailable as error:
        return CheckResult(what, False, str(error), _FIX)
    if httpx.codes.is_redirect(status):
        fix = "Name the address that it redirects to: redirects are not followed."
        return CheckResult(what, False, f"it redirects ({status})", fix)
    if httpx.codes.is_server_error(status):
        return CheckResult(what, False, f"it fails ({status})", _FIX)
    return CheckResult(what, True, f"it is there (answers {status}); nothing was sent to it")


def _ping(what: str, settings: Settings, name: str) -> CheckResult:
    """Send an event of type `callvault.ping`, signed as all others are."""
    now = datetime.now(UTC)
    event = ping(name, f"ping-{now:%Y%m%dT%H%M%S.%fZ}", now)
    try:
        with closing(Connections(settings)) as connections:
            webhook = connections.event_webhook(name, None)
            status = webhook.post(event, str(event["id"]), timeout=_TIMEOUT) if webhook else None
    except CallvaultError as error:
        fix = "Correct its URL, its secrets, or the receiver: it must answer 2xx to every event."
        return CheckResult(what, False, f"it does not take a ping: {error}", fix)
    return CheckResult(what, True, f"it took a signed event, callvault.ping (answers {status})")


def _head(url: str) -> int:
    # Errors are told without their text, and not chained: both may quote the URL, a secret.
    try:
        with httpx.Client(transport=Transport(), timeout=_TIMEOUT) as http:
            return http.head(url).status_code
    except (httpx.HTTPError, OSError) as error:
        raise Unavailable(f"it cannot be reached: {type(error).__name__}") from None
    except httpx.InvalidURL:
        raise Unavailable("its URL is none: write https://host/path") from None
