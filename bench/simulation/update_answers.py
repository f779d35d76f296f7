"""The judge of answers to control requests: told when it is known what became of them.

The one exception is a pause, whose caller is told after the time that it may take.
"""

from datetime import datetime, timedelta

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload

from bench.simulation.instance import Broken
from callvault.contracts import names
from callvault.contracts.status import ControlRecord

PAUSE_CONFIRM_WITHIN = timedelta(seconds=5)
"""The default of settings, which no call of the simulation changes."""

SEEN_LATE = timedelta(seconds=1)
"""Time that a pause is given which was asked long before it was seen."""


def judge_answer(payload: Payload, now: datetime) -> None:
    """Raise `Broken` for an answer that comes before its time, or that claims too much."""
    if b'"state":"pending"' not in payload.data:
        return
    try:
        record = ControlRecord.model_validate_json(payload.data)
    except ValidationError as error:
        raise Broken(f"the answer to a request cannot be read: {error}") from error
    if record.operation != names.PAUSE:
        raise Broken("a request is answered before it is known what became of it")
    due = max(record.requested_at + PAUSE_CONFIRM_WITHIN, record.received_at + SEEN_LATE)
    if now < due:
        raise Broken("a pause is answered as unconfirmed before its time")
    if record.settled_at is not None or not record.problem:
        raise Broken("an unconfirmed pause is answered without saying why")
