"""Reading of control requests: a pause is never refused for its form.

Whoever sends `pause` wants silence, whatever else the message says; what cannot be read of it is
left out, and its reason says so.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from callvault.contracts import names
from callvault.contracts.base import Unreadable, problems_of, read, read_one, shorten
from callvault.contracts.requests import ControlRequest, StartRequest


def read_control(operation: str, payloads: Sequence[Any]) -> ControlRequest | Unreadable:
    """Read what came as a control request; a pause is never `Unreadable`."""
    model = StartRequest if operation == names.START else ControlRequest
    request = read_one(model, payloads)
    if operation != names.PAUSE or not isinstance(request, Unreadable):
        return request
    said = payloads[0] if len(payloads) == 1 and isinstance(payloads[0], dict) else {}
    return _pause_of(_without_odd(said), request.problem)


def _pause_of(fields: dict[Any, Any], problem: str) -> ControlRequest:
    odd = f"the request could not be read in full: {problem}"
    kept = read(ControlRequest, fields)
    request = ControlRequest() if isinstance(kept, Unreadable) else kept
    reason = f"{request.reason} ({odd})" if request.reason else odd
    return request.model_copy(update={"reason": shorten(reason)})


def _without_odd(said: dict[Any, Any]) -> dict[Any, Any]:
    """Return the fields that can be read."""
    try:
        ControlRequest.model_validate(said)
    except ValidationError as error:
        odd = {each["loc"][0] for each in problems_of(error) if each["loc"]}
        return {name: value for name, value in said.items() if to_camel(str(name)) not in odd}
    # An error of a validator itself, as of a number that fits no calendar.
    except Exception:
        return {}
    return said
