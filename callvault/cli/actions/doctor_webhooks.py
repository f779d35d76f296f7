"""The checks of `callvault doctor` that look at webhooks: each is there, without being used."""

from collections.abc import Callable
from functools import partial

import httpx

from callvault.cli.actions.check_result import CheckResult, Subject, run_blocking
from callvault.config.settings import Settings
from callvault.config.types import SecretRef
from callvault.errors import Unavailable
from callvault.http_transports import Transport

_TIMEOUT = 5.0
"""Seconds for each step of the exchange."""

_FIX = "Correct its URL, or start it; then see with `callvault alarms test` if it takes alarms."


async def check_webhooks(subject: Subject) -> list[CheckResult]:
    """Ask the webhook of alarms, and those of announcements."""
    checks: dict[str, Callable[[], CheckResult]] = {
        what: partial(_ask, what, secret) for what, secret in _webhooks(subject.settings).items()
    }
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


def _head(url: str) -> int:
    # Errors are told without their text, and not chained: both may quote the URL, a secret.
    try:
        with httpx.Client(transport=Transport(), timeout=_TIMEOUT) as http:
            return http.head(url).status_code
    except (httpx.HTTPError, OSError) as error:
        raise Unavailable(f"it cannot be reached: {type(error).__name__}") from None
    except httpx.InvalidURL:
        raise Unavailable("its URL is none: write https://host/path") from None
