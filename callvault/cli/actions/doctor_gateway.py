"""The checks of `callvault doctor` that ask a gateway: it is ready, and takes a subscription."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx

from callvault.cli.actions.check_result import CheckResult, Subject, run_blocking
from callvault.config.settings import Settings
from callvault.config.types import SecretRef, is_loopback
from callvault.contracts.names import EVENTS_PATH
from callvault.errors import ConfigurationError, Unavailable
from callvault.gateway.request_url import SECRET_HEADER
from callvault.http_transports import Transport

_TIMEOUT = 10.0
"""Seconds for each step of the exchange: a gateway asks its quarantine and Temporal, too."""

_UNREACHED = "it cannot be reached"

_READY, _HANDSHAKE = "gateway", "subscription handshake"

_START = "Start `callvault gateway`, or name its address: `callvault doctor --gateway URL`."
_SECRET = "Give gateway and subscription one secret: docs/gateway.md, Rotating the secret."  # noqa: S105

_PROXY = "See what answers there: a proxy has to let POST and OPTIONS through to the gateway."


async def check_gateway(subject: Subject) -> list[CheckResult]:
    """Ask the gateway as a probe does, and as Event Grid does before it sends events."""
    url = subject.gateway or _configured(subject.settings)
    if url is None:
        told = "not asked: no event_secrets and no callback_url; use `--gateway URL`"
        return [CheckResult(_READY, True, told)]
    try:
        parts = urlsplit(url)
        is_usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        fix = "Name it as https://host or https://host:port, with a port from 1 to 65535."
        return [CheckResult(_READY, False, f"{url} is no address of a gateway", fix)]
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        fix = "Name it with https://, as Event Grid does; or ask on its own machine."
        return [CheckResult(_READY, False, f"{url}: a secret would be sent in clear", fix)]
    return await run_blocking(
        {
            _READY: partial(_ready, url),
            _HANDSHAKE: partial(_handshake, url, subject.settings.gateway.event_secrets),
        }
    )


def _configured(settings: Settings) -> str | None:
    """Return the gateway's public address; without one, its own if it runs by these settings."""
    for resource in settings.resources.values():
        if resource.callback_url:
            return resource.callback_url
    gateway = settings.gateway
    if not gateway.event_secrets or not gateway.port:
        return None
    host = gateway.host if is_loopback(gateway.host) else "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{gateway.port}"


def _ready(url: str) -> CheckResult:
    answer = _ask("GET", f"{url}/readyz")
    if isinstance(answer, str):
        return CheckResult(_READY, False, f"{url}: {answer}", _START)
    if answer.status_code != httpx.codes.OK:
        fix = "Mend what it names; its log has the reasons."
        return CheckResult(_READY, False, f"{url}/readyz: {_amiss(answer)}", fix)
    return CheckResult(_READY, True, f"{url} is ready")


def _amiss(answer: httpx.Response) -> str:
    with suppress(ValueError, AttributeError):
        told = [f"{what}: {state}" for what, state in answer.json().items() if state != "ok"]
        return "; ".join(told)[:300]
    return f"answers {answer.status_code}"


def _handshake(url: str, references: tuple[SecretRef, ...]) -> CheckResult:
    """Do both handshakes of Event Grid, with each secret: they change nothing."""
    if problem := _options_problem(url, {}):
        return CheckResult(_HANDSHAKE, False, problem, _fix_of(problem))
    try:
        presented = [reference.resolve() for reference in references]
    except ConfigurationError as error:
        return CheckResult(_HANDSHAKE, False, str(error), _SECRET)
    for number, secret in enumerate(presented):
        headers = {SECRET_HEADER: secret}
        if problem := _options_problem(url, headers) or _validation_problem(url, headers):
            found = f"gateway.event_secrets.{number}: {problem}"
            return CheckResult(_HANDSHAKE, False, found, _fix_of(problem))
    secrets_tried = (
        f"with {len(presented)} secrets" if presented else "no event_secrets to try here"
    )
    return CheckResult(_HANDSHAKE, True, f"answered as Event Grid asks, {secrets_tried}")


def _fix_of(problem: str) -> str:
    if _UNREACHED in problem:
        return _START
    return _SECRET if " 401" in problem else _PROXY


def _validation_problem(url: str, headers: dict[str, str]) -> str:
    code = secrets.token_hex(8)
    event = {
        "id": code,
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "subject": "",
        "data": {"validationCode": code},
    }
    headers = {**headers, "aeg-event-type": "SubscriptionValidation"}
    answer = _ask("POST", f"{url}{EVENTS_PATH}", headers=headers, json=[event])
    if isinstance(answer, str):
        return answer
    with suppress(ValueError, LookupError, TypeError):
        if answer.status_code == httpx.codes.OK and answer.json()["validationResponse"] == code:
            return ""
    return f"POST {EVENTS_PATH} answers a validation event {answer.status_code}: {_words(answer)}"


def _options_problem(url: str, headers: dict[str, str]) -> str:
    headers = {**headers, "webhook-request-origin": "eventgrid.azure.net"}
    answer = _ask("OPTIONS", f"{url}{EVENTS_PATH}", headers=headers)
    if isinstance(answer, str):
        return answer
    if answer.status_code == httpx.codes.OK and "webhook-allowed-origin" in answer.headers:
        return ""
    return f"OPTIONS {EVENTS_PATH} answers {answer.status_code}: {_words(answer)}"


def _words(answer: httpx.Response) -> str:
    return " ".join(answer.text.split())[:150] or "nothing"


def _ask(
    method: str, url: str, headers: Mapping[str, str] | None = None, json: Any = None
) -> httpx.Response | str:
    """Return the answer, or why there is none."""
    # A secret may have letters beyond ASCII, which the client refuses as text.
    sent = {
        name: value.encode("utf-8", "surrogateescape") for name, value in (headers or {}).items()
    }
    try:
        with httpx.Client(transport=Transport(), timeout=_TIMEOUT) as http:
            return http.request(method, url, headers=sent, json=json)  # type: ignore[arg-type]
    except (httpx.HTTPError, httpx.InvalidURL, Unavailable, OSError) as error:
        return f"{_UNREACHED}: {str(error) or type(error).__name__}"
