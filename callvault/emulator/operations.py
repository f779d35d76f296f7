"""The operation that a request asks for, from its method and path, before it is routed."""

import re
from enum import StrEnum


class Operation(StrEnum):
    START = "start"
    STATE = "state"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    RESULT = "result"
    DOWNLOAD = "download"
    METADATA = "metadata"
    DELETE = "delete"


CONTROL = frozenset(
    {
        Operation.START,
        Operation.STATE,
        Operation.PAUSE,
        Operation.RESUME,
        Operation.STOP,
        Operation.RESULT,
    }
)
FILES = frozenset({Operation.DOWNLOAD, Operation.METADATA})
CONTENT = FILES | {Operation.DELETE}
ALL_OPERATIONS = CONTROL | CONTENT

_RECORDINGS = r"(?:/calling/recordings|/calling/serverCalls/.+/recordings)"
_ROUTES = tuple(
    (method, re.compile(path), operation)
    for method, path, operation in (
        ("POST", rf"{_RECORDINGS}/?", Operation.START),
        ("POST", rf"{_RECORDINGS}/[^/]+/?:pause", Operation.PAUSE),
        ("POST", rf"{_RECORDINGS}/[^/]+/?:resume", Operation.RESUME),
        ("GET", rf"{_RECORDINGS}/[^/]+/result", Operation.RESULT),
        ("GET", rf"{_RECORDINGS}/[^/]+", Operation.STATE),
        ("DELETE", rf"{_RECORDINGS}/[^/]+", Operation.STOP),
        # Before DOWNLOAD, whose pattern matches this path as well.
        ("GET", r"/v1/objects/[^/]+/content/acsmetadata", Operation.METADATA),
        ("GET", r"/v1/objects/[^/]+/content/[^/]+", Operation.DOWNLOAD),
        ("DELETE", r"/v1/objects/[^/]+", Operation.DELETE),
    )
)


_RECORDING_ID = re.compile(rf"{_RECORDINGS}/(?P<id>[^/:]+)(?:/?:[a-z]+|/result)?")


def recording_id_of(path: str) -> str | None:
    """Return the recordingId in the path of a control operation."""
    found = _RECORDING_ID.fullmatch(path)
    return found["id"] if found else None


def operation_of(method: str, path: str) -> Operation | None:
    """Return the operation, or None for the control API and for unknown paths."""
    for of_route, pattern, operation in _ROUTES:
        if method == of_route and pattern.fullmatch(path):
            return operation
    return None
