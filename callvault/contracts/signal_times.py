"""The search for the times of signals that told none: Temporal's server alone knows when they came.

A workflow sees a signal with its next workflow task, which may be much later: no worker ran, or the
one that keeps the call stood still.
"""

from datetime import datetime
from typing import Literal

from callvault.contracts.base import Message


class UntimedSignal(Message):
    """A signal that did not tell its time, known by its place in the history of its run."""

    name: str
    about: Literal["request", "withdrawal", "presence"]
    subject: str
    """The key of the request, or the participant, that it told of."""
    joined: bool | None = None
    """True for a coming, False for a going; none if it told of neither."""
    connection: str = ""
    """The connection by which they came or went, as the history of presence has it."""
    run_id: str
    history_length: int
    """Length of the history at the workflow task that saw it: the signal's own event lies in it."""
    number: int
    """Its number among the signals of its name which that task saw, from 0."""
    received_at: datetime
    """Time of that task."""


class SignalTimesQuery(Message):
    """Order to find out when signals came."""

    workflow_id: str
    signals: tuple[UntimedSignal, ...]


class SignalTimes(Message):
    """Answer to a `SignalTimesQuery`."""

    times: tuple[datetime | None, ...]
    """In the order of the query's signals; None for one that was not found."""
