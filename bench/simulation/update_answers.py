"""The judge of answers to control requests: told when it is known what became of them.

Two exceptions: the caller of a pause is told after the time that it may take; and of those who wait
for anything else, the longest waiting is told where too many do, or they alone keep a run whose
history is long.
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


PATIENT = (names.START, names.RESUME, names.STOP)
"""What its caller may wait for without an end."""

MOST_PATIENT = 5
"""Most of these that wait: the server takes ten updates at a time, and a pause must get in."""


def judge_answer(payload: Payload, now: datetime, *, is_in_the_way: bool = False) -> None:
    """Raise `Broken` for an answer that comes before its time, or that claims too much.

    ``is_in_the_way`` tells of anything but a pause that too many wait, or keep a run.
    """
    if b'"state":"pending"' not in payload.data:
        return
    try:
        record = ControlRecord.model_validate_json(payload.data)
    except ValidationError as error:
        raise Broken(f"the answer to a request cannot be read: {error}") from error
    if record.settled_at is not None or not record.problem:
        raise Broken("an unconfirmed request is answered without saying why")
    if record.operation != names.PAUSE:
        if not is_in_the_way:
            raise Broken("a request is answered before it is known what became of it")
        return
    due = max(record.requested_at + PAUSE_CONFIRM_WITHIN, record.received_at + SEEN_LATE)
    if now < due:
        raise Broken("a pause is answered as unconfirmed before its time")
