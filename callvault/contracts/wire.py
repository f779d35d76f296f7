"""The base of everything that crosses a boundary: JSON objects with camelCase keys.

Both spellings are read (``serverCallId`` and ``server_call_id``); only camelCase is written.
Unknown keys are ignored when a payload is read back from a workflow history, so that a newer
sender never stops an older worker; the gateway, which talks to people, forbids them.
"""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

MAX_TEXT = 1_024
"""Longest free text (reasons, messages) that is carried in a payload, in characters."""

OpaqueId = Annotated[str, StringConstraints(min_length=1, max_length=2_048, pattern=r"^[!-~]+$")]
"""An id that the service made: printable ASCII without spaces, never interpreted."""

ShortText = Annotated[str, StringConstraints(max_length=MAX_TEXT)]


class State(BaseModel):
    """Changed in place by the workflow that owns it."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )


class Message(State):
    """Sent once and never changed."""

    model_config = ConfigDict(frozen=True)


class Unreadable(Message):
    """What a workflow receives instead of a payload that does not fit: it notes it and goes on."""

    problem: str


def explain(error: ValidationError) -> str:
    """Say in one line which fields are wrong and why, without repeating their values."""
    problems = (
        f"{'.'.join(str(part) for part in problem['loc']) or 'payload'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    )
    return shorten("; ".join(problems))


def shorten(text: str, limit: int = MAX_TEXT) -> str:
    """Bound a text that goes into a history: a payload above the server's limit fails its task."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def reader(model: type[Message]) -> Callable[[Any], Message]:
    """A pydantic ``PlainValidator`` function: what does not fit ``model`` becomes `Unreadable`.

    Without it the SDK drops a signal it cannot decode, and a start it cannot decode fails the
    workflow task for ever.
    """

    def read(value: Any) -> Message:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            return Unreadable(problem=explain(error))

    return read
