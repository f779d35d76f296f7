"""Reading of decisions: what cannot be read fails closed.

Whoever does not say ``given: true`` may have withdrawn, and a withdrawal is never refused for its
form: as much of it as can be read is carried out, by `UNKNOWN_PARTICIPANT` if need be.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from callvault.contracts.base import Unreadable, problems_of, read_one
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.participants import HIDING, UNKNOWN_PARTICIPANT, Hide

_YES = TypeAdapter(bool)


def read_decision(payloads: Sequence[Any]) -> ConsentDecision | Unreadable:
    """Read what came as `consent`; `Unreadable` only if it says ``given: true``."""
    decision = read_one(ConsentDecision, payloads)
    if not isinstance(decision, Unreadable) or any(map(_agrees, payloads)):
        return decision
    return withdrawal_in(payloads[0] if len(payloads) == 1 else None, decision.problem)


def withdrawal_in(
    payload: Any, problem: str, hide: Hide | None = None
) -> ConsentDecision | Unreadable:
    """Make a withdrawal of what can be read of a message; `Unreadable` if it says ``given: true``.

    ``problem`` says why it cannot be read as it is, without repeating what is in it.
    """
    if _agrees(payload):
        return Unreadable(problem)
    context = {HIDING: hide} if hide else None
    said = payload if isinstance(payload, dict) else {}
    for fields in (said, _without_odd(said, context), {}):
        closed = {"participant": UNKNOWN_PARTICIPANT, **fields, "given": False, "problem": problem}
        try:
            return ConsentDecision.model_validate(closed, context=context)
        except ValidationError:
            continue
    return Unreadable(problem)


def _agrees(payload: Any) -> bool:
    try:
        return isinstance(payload, dict) and _YES.validate_python(payload.get("given"))
    except ValidationError:
        return False


def _without_odd(said: dict[Any, Any], context: dict[str, Any] | None) -> dict[Any, Any]:
    """Return the fields that can be read."""
    try:
        ConsentDecision.model_validate({**said, "given": False}, context=context)
    except ValidationError as error:
        odd = {each["loc"][0] for each in problems_of(error) if each["loc"]}
        return {name: value for name, value in said.items() if name not in odd}
    return said
