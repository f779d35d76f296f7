"""Retention: how long a recording must be kept, and what may end that earlier or later."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from callvault.contracts.base import Message

Retention = Annotated[timedelta, Field(gt=timedelta(), le=timedelta(days=36_600))]
"""A time for which a recording is kept: up to a hundred years."""


class AtEnd(StrEnum):
    """The end of a recording whose retention is over."""

    KEEP = "keep"
    """It stays until somebody asks for its erasure."""
    ERASE = "erase"
    """It is due: `callvault retention apply` erases it, or the Schedule does."""


class OnErasure(StrEnum):
    """The answer to a request for erasure while the retention runs."""

    REFUSE = "refuse"
    """The law demands that it is kept: it is erased after that, if it is asked for again."""
    ERASE = "erase"
    """The retention is a wish, and the person's right comes first."""


class RetentionTerms(Message):
    """The terms of a resource. None of them beats a legal hold."""

    retention: Retention | None = None
    """Time, counted from sealing, for which a recording is kept; none for no such time."""
    at_end: AtEnd = AtEnd.KEEP
    on_erasure: OnErasure = OnErasure.REFUSE
