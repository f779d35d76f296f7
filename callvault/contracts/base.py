"""The base of all that crosses a boundary: JSON objects with camelCase keys.

Both spellings are read (``serverCallId`` and ``server_call_id``); only camelCase is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

MAX_TEXT = 1_024
"""Longest free text (reasons, messages) that is carried in a payload, in characters."""

OpaqueId = Annotated[str, StringConstraints(min_length=1, max_length=2_048, pattern=r"^[!-~]+$")]
"""An id that the service made: printable ASCII without spaces, never interpreted."""

RequestId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""The caller's own id of something asked or told: the same id again changes nothing."""

ShortText = Annotated[str, StringConstraints(max_length=MAX_TEXT)]

MAX_CALLER_NAME = 200

CallerName = Annotated[str, StringConstraints(max_length=MAX_CALLER_NAME)]
"""The key or token of a caller, as evidence: ``key crm``, ``api key 0``, ``token SUBJECT``."""

Span = Annotated[timedelta, Field(gt=timedelta(), le=timedelta(days=366))]
"""A time that a caller may choose: added to a moment, it must not lead out of the calendar."""


class State(BaseModel):
    """Base of state that the workflow which owns it changes in place."""

    # Unknown keys are ignored, so that a newer sender never stops an older worker; the gateway,
    # which talks to people, forbids them.
    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )


class Message(State):
    """Base of messages, which are sent once and never changed."""

    model_config = ConfigDict(frozen=True)


class CallerMessage(Message):
    """Base of what a caller asks for or tells."""

    requested_by: ShortText = "unknown"
    """The requester: a person's or a program's id in the caller's own system."""
    authenticated_as: CallerName = ""
    """The key or token that the request came with: written by the gateway, which takes it from
    nobody. Empty where there was none, and in what is sent to Temporal directly."""

    @property
    def caller(self) -> str:
        """The requester, with the key or token behind it."""
        return name_of_caller(self.requested_by, self.authenticated_as)


def name_of_caller(requested_by: str, authenticated_as: str) -> str:
    """Name who asked: as whom they said they did, and the key or token that they had."""
    return f"{requested_by} ({authenticated_as})" if authenticated_as else requested_by


@dataclass(frozen=True)
class Unreadable:
    """The reason why a payload cannot be read."""

    problem: str


AnyMessage = TypeVar("AnyMessage", bound=Message)


def read(model: type[AnyMessage], payload: Any) -> AnyMessage | Unreadable:
    """Read a payload from outside; one that does not fit is `Unreadable`, never an error."""
    # For workflows: the SDK drops a signal whose payload does not fit its annotation, and fails the
    # workflow task of such a start for ever. So handlers take anything and read it here.
    if isinstance(payload, Unreadable):
        return payload
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        return Unreadable(explain(error))
    except Exception as error:
        # An error of a validator, as of a number that fits no calendar, is one of the payload.
        return Unreadable(f"payload: cannot be read ({type(error).__name__})")


def read_one(model: type[AnyMessage], payloads: Sequence[Any]) -> AnyMessage | Unreadable:
    """Read the payloads that came with a message: one, or none at all for an empty object."""
    if len(payloads) > 1:
        return Unreadable(f"payload: one is taken, {len(payloads)} came")
    # Some SDKs send `null` where there is nothing to send.
    payload = payloads[0] if payloads else None
    return read(model, {} if payload is None else payload)


def explain(error: ValidationError) -> str:
    """Name in one line the wrong fields and their faults, without repeating their values."""
    return shorten("; ".join(map(explain_one, problems_of(error))))


def problems_of(error: ValidationError) -> list[ErrorDetails]:
    """Return what is wrong, without the values that are."""
    # Without inputs: a history or a log must not repeat what may be personal.
    return error.errors(include_url=False, include_input=False, include_context=False)


def explain_one(problem: ErrorDetails) -> str:
    """Name one wrong field and its fault."""
    where = ".".join(map(str, problem["loc"])) or "payload"
    return f"{where}: {problem['msg'].removeprefix('Value error, ')}"


def shorten(text: str, limit: int = MAX_TEXT) -> str:
    """Bound a text that goes into a history."""
    # A payload above the server's limit fails its task.
    return text if len(text) <= limit else text[: limit - 1] + "…"


def quoted(text: str) -> str:
    """Quote a name from outside for a sentence: short, and in ASCII, as it may hold anything."""
    return ascii(shorten(text, 100))
