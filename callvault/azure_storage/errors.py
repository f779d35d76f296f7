"""Azure's storage errors as ours, with what a person can do about each."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from callvault import name_service
from callvault.causes import Cause
from callvault.errors import (
    AccessDenied,
    BrokenContent,
    CallvaultError,
    ConfigurationError,
    ContentMissing,
    InvalidRequest,
    ObjectExists,
    Owner,
    StateConflict,
    Throttled,
    Unavailable,
)
from callvault.header_values import http_time, retry_after

MAX_SIGNED_AWAY = timedelta(minutes=15)
"""Difference of clocks that Azure Storage allows a signature with an account's key."""

CONTAINER_NOT_FOUND = "ContainerNotFound"
INVALID_BLOCK_LIST = "InvalidBlockList"

_Verdict = tuple[type[CallvaultError], str]

_DENIED = (
    "give the identity the role Storage Blob Data Contributor, or renew the SAS or key; look at the"
    " account's firewall and this machine's clock too"
)
_WAIT = "nothing is lost; it is tried again"

_BY_CODE: dict[str, _Verdict] = {
    CONTAINER_NOT_FOUND: (
        ConfigurationError,
        "create the container, or let `callvault setup` do it, or correct its name",
    ),
    "ContainerBeingDeleted": (Unavailable, "wait, then create the container again"),
    "ContainerDisabled": (AccessDenied, "have the container enabled again"),
    "AccountIsDisabled": (AccessDenied, "have the storage account enabled again"),
    "BlobImmutableDueToPolicy": (
        ObjectExists,
        "an object under a retention policy is there already: compare it with ours",
    ),
    "BlobImmutableDueToLegalHold": (
        StateConflict,
        "the storage account has a legal hold on it: its owner must remove that first",
    ),
    "BlobArchived": (
        StateConflict,
        "it lies in the Archive tier, where nothing can be read: move it to another tier",
    ),
    INVALID_BLOCK_LIST: (BrokenContent, "blocks vanished before the commit: copy it again"),
    "Md5Mismatch": (BrokenContent, "a block was damaged on its way: copy it again"),
    "InvalidBlobOrBlock": (
        StateConflict,
        "blocks of another program wait under this name; they vanish within a week",
    ),
}

_BY_STATUS: dict[int, _Verdict] = {
    401: (AccessDenied, _DENIED),
    403: (AccessDenied, _DENIED),
    404: (ContentMissing, "look for who deletes from the archive"),
    408: (Unavailable, _WAIT),
    409: (StateConflict, "somebody else changes the same object"),
    412: (StateConflict, "somebody else changes the same object, or holds a lease on it"),
    429: (Throttled, _WAIT),
    503: (Throttled, _WAIT),
}


@contextmanager
def blob_errors(archive: str, action: str) -> Iterator[None]:
    """Translate the SDK's errors within the block; ``action`` says what was going on."""
    try:
        yield
    except AzureError as error:
        # Not chained: the SDK's errors quote URLs with their SAS, and causes end up in histories.
        raise blob_error(error, archive, action) from None


def blob_error(error: AzureError, archive: str, action: str) -> CallvaultError:
    """Translate an error of the Azure SDK that concerns an archive."""
    return storage_error(error, f"archive {archive}, {action}", owner="archive")


def storage_error(error: AzureError, action: str, *, owner: Owner) -> CallvaultError:
    """Translate an error of the Azure SDK; every one becomes ours here alone."""
    response = error.response if isinstance(error, HttpResponseError) else None
    status = response.status_code if response else None
    code = _code(error)
    kind, advice = _verdict(error, status, code)
    cause = None
    if kind is AccessDenied and (off := _clock_off(response)) is not None:
        cause = Cause.CLOCK
        advice = f"this machine's clock is {off} the service's: set it over the network (NTP)"
    return kind(
        f"{action}: {_cause(error)}; {advice}",
        owner=owner,
        status=status,
        code=code,
        retry_after=retry_after(getattr(response, "headers", {}).get("Retry-After")),
        cause=cause or name_service.cause_of(error) or _cause_without_answer(error, status),
    )


def _clock_off(response: Any) -> str | None:
    """Return by how much a request was signed off the service's time; None if that is allowed."""
    request = getattr(response, "request", None)
    ours = http_time(getattr(request, "headers", {}).get("x-ms-date"))
    theirs = http_time(getattr(response, "headers", {}).get("Date"))
    if ours is None or theirs is None or abs(ours - theirs) <= MAX_SIGNED_AWAY:
        return None
    minutes = round(abs(ours - theirs).total_seconds() / 60)
    return f"{minutes} min {'ahead of' if ours > theirs else 'behind'}"


def _cause_without_answer(error: AzureError, status: int | None) -> Cause | None:
    if status is not None or not isinstance(error, ServiceRequestError | ServiceResponseError):
        return None
    return Cause.UNREACHABLE if isinstance(error, ServiceRequestError) else Cause.NO_ANSWER


def _verdict(error: AzureError, status: int | None, code: str | None) -> _Verdict:
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status is None or status < 400 or status >= 500:  # no answer, or one that broke off
        return (AccessDenied, _DENIED) if _is_refused(error) else (Unavailable, _WAIT)
    return InvalidRequest, "the storage service finds the request itself wrong"


def _is_refused(error: AzureError) -> bool:
    # azure-identity says "authentication failed" also where the token service was out of reach.
    unreachable = isinstance(error.__cause__, ServiceRequestError | ServiceResponseError)
    return isinstance(error, ClientAuthenticationError) and not unreachable


def _code(error: AzureError) -> str | None:
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code)) if code else None


def _cause(error: AzureError) -> str:
    first_line = next(iter(str(error.message).splitlines()), "") or type(error).__name__
    return re.sub(r"(?i)\b(sig|skoid|sktid)=[^&\s'\")]+", r"\1=***", first_line)[:300]
