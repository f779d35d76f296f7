"""The causes for which a service does not do what it is asked, whose they are, and what to do.

An error carries its cause through Temporal to the alarm and the status of a call. Each has a
section of the same name in docs/operations.md.
"""

import re
from enum import StrEnum
from typing import NamedTuple

RUNBOOK = "docs/operations.md"


class Cause(StrEnum):
    """The cause of an error, as an operator tells them apart."""

    KEY = "key"
    """The key, identity or role is not accepted."""
    CLOCK = "clock"
    """The request was signed with another time than the service's."""
    NAME_SERVICE = "name_service"
    """The name service does not answer."""
    ENDPOINT = "endpoint"
    """The host does not exist, or something else answers there: a renamed resource, say."""
    UNREACHABLE = "unreachable"
    """No connection is made."""
    NO_ANSWER = "no_answer"
    """Nothing is answered in time."""
    SERVICE = "service"
    """The service fails."""
    THROTTLED = "throttled"
    """The service asks for patience."""
    REFUSED = "refused"
    """The service refuses the request itself."""
    UNKNOWN_CALL = "unknown_call"
    """The service knows no call of this ``serverCallId``."""
    NO_EFFECT = "no_effect"
    """The service accepts the request, and is not seen to do it."""
    CONTENT = "content"
    """What arrives is not the file."""
    SETTINGS = "settings"
    """A setting or a secret cannot be used."""
    ARCHIVE = "archive"
    """The place is not the archive that it should be, or holds another object."""
    FULL = "full"
    """The archive has no room left."""
    STORAGE = "storage"
    """The archive's disk or share fails, or does not let this process in."""
    WORKER = "worker"
    """No worker did it in time."""


class _Advice(NamedTuple):
    whose: str
    what_to_do: str


_ADVICE = {
    Cause.KEY: _Advice("yours", "replace the key, or give the identity its role"),
    Cause.CLOCK: _Advice("yours", "have the clock of this machine set over the network"),
    Cause.NAME_SERVICE: _Advice("your network's", "look at the name servers of this machine"),
    Cause.ENDPOINT: _Advice("yours", "compare the endpoint in the settings with the resource"),
    Cause.UNREACHABLE: _Advice("the network's", "look at firewall, proxy and routes"),
    Cause.NO_ANSWER: _Advice("the service's or the network's", "look at the service's health"),
    Cause.SERVICE: _Advice("the service's", "look at its health; nothing is to be done here"),
    Cause.THROTTLED: _Advice("the service's", "ask for a higher limit, if it lasts"),
    Cause.REFUSED: _Advice("the request's", "read the service's own words"),
    Cause.UNKNOWN_CALL: _Advice("the request's", "send the id of a call of this resource"),
    Cause.NO_EFFECT: _Advice("the service's", "look who else controls the recording"),
    Cause.CONTENT: _Advice("the service's", "nothing is to be done here: it is asked for again"),
    Cause.SETTINGS: _Advice("yours", "mend the setting that is named"),
    Cause.ARCHIVE: _Advice("yours", "mount or name the right archive"),
    Cause.FULL: _Advice("yours", "make room in the archive, or enlarge it"),
    Cause.STORAGE: _Advice("yours", "look at the disk or share, its mount and its rights"),
    Cause.WORKER: _Advice("yours", "start workers, and look at their load"),
}


def describe(cause: Cause) -> str:
    """Say in a sentence whose fault it is, what to do, and where more is written."""
    whose, what_to_do = _ADVICE[cause]
    return f"Cause {cause}, {whose}: {what_to_do} ({RUNBOOK}#cause-{cause})"


def owner_of(cause: Cause) -> str:
    """Say whose fault a cause is, as ``yours`` or ``the service's``."""
    return _ADVICE[cause].whose


class Blame(NamedTuple):
    """The owner and the cause that the message of an error of ours names."""

    owner: str = ""
    """``service``, ``archive``, ``callvault`` or ``caller``; empty where it names none."""
    cause: Cause | None = None


_TAG = re.compile(r" \(fault: (\w+)(?:, cause: (\w+))?\)")


def tag(owner: str, cause: Cause | None) -> str:
    """Return what the message of an error ends with, for `blame_in`.

    Of a failed attempt Temporal keeps the message, and cuts all else where a traceback is long.
    """
    return f" (fault: {owner}, cause: {cause})" if cause else f" (fault: {owner})"


def blame_in(message: str) -> Blame:
    """Read whose fault a message names, and its cause."""
    if (found := _TAG.search(message)) is None:
        return Blame()
    # A later version may know other causes.
    return Blame(found[1], next((cause for cause in Cause if cause == found[2]), None))


def without_tag(message: str) -> str:
    """Return a message without whose fault it names, for people who are told that apart."""
    return _TAG.sub("", message)
