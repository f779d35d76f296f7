"""Every error Callvault raises, on one page.

CallvaultError
├── TryAgain            a passing fault: the same request may succeed later
│   ├── Throttled           the service asked for patience (429, ACS 8589, 8516, 8529, 8530)
│   ├── Unavailable         5xx, time-outs, broken connections
│   ├── NotReady            the call or the file is not there yet (ACS 8501, 0 bytes, 416)
│   ├── StateConflict       the state moved under us: read it, then decide (ACS 8519, 8571, 8573)
│   ├── TaskTooOld          the worker stood still, and Temporal may have given its task to another
│   ├── PayloadKeyMissing   a payload in Temporal needs a key that this process does not have
│   ├── BrokenContent       what arrived is not the file: truncated, HTML, changed in between
│   └── ContentMissing      404 or 410 for a file that should still exist
├── NeverAgain          repeating it changes nothing
│   ├── InvalidRequest      the request is wrong; the message says what to change
│   ├── AccessDenied        401 or 403: key, identity or role
│   ├── NotDone             a request was taken, and ACS was not seen to do it
│   ├── RecordingNotFound   ACS knows no such recording (8522): over, or never was
│   ├── RecordingErased     an erasure's tombstone stands for the recording, or for the file
│   ├── PayloadDamaged      a payload in Temporal that no key will ever open
│   ├── ConfigurationError  a setting is missing, unknown or contradictory
│   ├── WrongArchive        the place is not the archive that it should be
│   └── ArchiveGone         the settings say that the archive is gone for good
└── NotOurs             it belongs to somebody else: leave it alone and say so
    ├── AlreadyRecording    another recording of this kind runs in the call (8553, 8559)
    ├── UrlNotAllowed       a URL names a host, or a path, that credentials must never reach
    ├── TeamsInterop        the call belongs to Microsoft Teams (7605)
    └── ObjectExists        the archive holds a different object under this name
"""

from datetime import timedelta
from typing import Literal

from callvault.causes import Cause

Owner = Literal["service", "archive", "callvault", "caller"]
"""Whose fault it is: the recording service, the archive's storage, this software, or who asked."""


class CallvaultError(Exception):
    """Base of all errors.

    ``message`` says what happened and what to do about it. ``owner`` says whose fault it is,
    ``status`` is the HTTP status and ``code`` the service's own code, where there were any.
    ``retry_after`` is how long the service asked to wait, ``cause`` what a person has to mend.
    """

    owner: Owner = "callvault"
    cause: Cause | None = None
    details: tuple[str, ...] = ()
    """Facts that a workflow is told beside the message."""

    def __init__(
        self,
        message: str,
        *,
        owner: Owner | None = None,
        status: int | None = None,
        code: str | None = None,
        retry_after: timedelta | None = None,
        cause: Cause | None = None,
    ) -> None:
        super().__init__(message)
        self.owner = owner or type(self).owner
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.cause = cause or type(self).cause


class TryAgain(CallvaultError):
    """A passing fault: the same request may succeed later."""

    owner: Owner = "service"


class Throttled(TryAgain):
    """The service asked for patience; ``retry_after`` holds its wish, if it named one."""

    cause = Cause.THROTTLED


class Unavailable(TryAgain):
    """The other side failed or could not be reached."""

    cause = Cause.SERVICE


class NotReady(TryAgain):
    """Something does not exist yet: the call is connecting, the file is being written."""

    cause = Cause.NO_EFFECT


class StateConflict(TryAgain):
    """The recording's state moved under us; read it before deciding again."""

    cause = Cause.REFUSED


class TaskTooOld(TryAgain):
    """The worker stood still: Temporal may have given its task to another one meanwhile."""

    owner: Owner = "callvault"
    cause = Cause.WORKER


class PayloadKeyMissing(TryAgain):
    """A payload in Temporal is encrypted with a key that this process does not have."""

    owner: Owner = "callvault"
    cause = Cause.SETTINGS


class BrokenContent(TryAgain):
    """The content is not the whole file: no bytes, too few, too many, HTML, or another version."""

    cause = Cause.CONTENT


class ContentMissing(TryAgain):
    """404 or 410 for a file that should still exist; believed only after being seen repeatedly."""

    cause = Cause.CONTENT


class NeverAgain(CallvaultError):
    """Repeating the request changes nothing."""


class InvalidRequest(NeverAgain):
    """The request is wrong; the message says what to change."""

    owner: Owner = "caller"
    cause = Cause.REFUSED


class AccessDenied(NeverAgain):
    """401 or 403: the key, identity or role is not accepted."""

    cause = Cause.KEY


class RecordingNotFound(NeverAgain):
    """ACS knows no such recording: it is over, or never was."""

    owner: Owner = "service"
    cause = Cause.REFUSED


class RecordingErased(NeverAgain):
    """A tombstone in the archive says that this was erased: it is not archived again."""

    documents: tuple[tuple[str, int], ...] = ()
    """Document id and index of each file of which it says so."""


class PayloadDamaged(NeverAgain):
    """A payload in Temporal that no key will ever open: changed, foreign, or its key is lost."""


class NotDone(NeverAgain):
    """A control request came to nothing; the message says why, and whether ACS may record."""


class ConfigurationError(NeverAgain):
    """A setting is missing, unknown or contradictory; the message names it and the fix."""

    owner: Owner = "caller"
    cause = Cause.SETTINGS


class WrongArchive(NeverAgain):
    """The place is empty, or another archive: nothing there is believed or written."""

    owner: Owner = "archive"
    cause = Cause.ARCHIVE


class ArchiveGone(NeverAgain):
    """The settings say that the archive is gone for good: nothing waits for it any more."""

    owner: Owner = "caller"
    cause = Cause.SETTINGS


class NotOurs(CallvaultError):
    """Something that belongs to others: leave it alone and say so."""

    owner: Owner = "caller"


class AlreadyRecording(NotOurs):
    """Another recording of this kind already runs in the call."""

    cause = Cause.REFUSED


class UrlNotAllowed(NotOurs):
    """A URL names a host, or a path on it, that credentials must never reach."""

    cause = Cause.REFUSED


class TeamsInterop(NotOurs):
    """The call belongs to Microsoft Teams, whose calls ACS does not record for others."""

    cause = Cause.REFUSED


class ObjectExists(NotOurs):
    """The archive holds a different object under this name; it is never overwritten."""

    owner: Owner = "archive"
    cause = Cause.ARCHIVE


UNREADABLE = (AccessDenied, BrokenContent, ContentMissing, InvalidRequest, StateConflict)
"""Errors of a store that concern one object, and not the whole archive."""


def words_of(error: BaseException) -> str:
    """Return what an error says; its kind where it says nothing, as a time-out does."""
    return str(error) or type(error).__name__
