"""Settings of retention: how long recordings of a resource are kept, and what may end that."""

from typing import Self

from pydantic import model_validator

from callvault.config.types import Duration, Section
from callvault.contracts.retention import AtEnd, OnErasure, RetentionTerms


class RetentionSettings(Section):
    """The retention of a resource's recordings. A legal hold beats all of it."""

    keep_for: Duration | None = None
    """Time for which each recording must be kept, counted from sealing; a request may lengthen it,
    never shorten it. By default nothing says how long."""
    at_end: AtEnd = AtEnd.KEEP
    """What becomes of a recording after that: `keep` leaves it until somebody asks for its erasure,
    `erase` has `callvault retention apply`, or its Schedule, erase it."""
    on_erasure: OnErasure = OnErasure.REFUSE
    """Answer to a request for erasure before that: `refuse`, where a law demands the retention, or
    `erase`."""

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if self.at_end is AtEnd.ERASE and self.keep_for is None:
            raise ValueError('at_end = "erase" needs keep_for: without it there is no end')
        return self

    @property
    def terms(self) -> RetentionTerms:
        """The terms by which recordings are decided about."""
        return RetentionTerms(
            retention=self.keep_for, at_end=self.at_end, on_erasure=self.on_erasure
        )
