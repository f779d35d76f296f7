"""The account of a recording's silence: what is proven, and what is not.

Silence is claimed only where it was proven. Every time is one of Temporal's server.
"""

from datetime import datetime

from callvault.contracts.base import State


class SilentInterval(State):
    """A time in which ACS was proven to record nothing."""

    since: datetime
    """Time at which the reading that proves it had come back."""
    until: datetime | None = None
    """Time at which sound was sent for, answered or not; none while it lasts."""
    proof: str
    """The reading that proves it, in words."""


class UnconfirmedInterval(State):
    """A time in which recording was not wanted, and in which ACS may have recorded."""

    since: datetime
    """Time at which silence was asked for, by the request's own time."""
    until: datetime | None = None
    """Time at which silence was proven, or wanted no more, or the recording was over."""
    reason: str
    """The reason why silence was wanted, or why it is not proven."""
    is_finding: bool = False
    """True if it lasted longer than a pause may take, or contradicts what was known."""


class SilenceAccount(State):
    """The times of a recording in which it is proven silent, and those in which it only should be.

    Nothing is said of all other times: then recording was wanted.
    """

    silent: list[SilentInterval] = []
    unconfirmed: list[UnconfirmedInterval] = []


class SoundEvidence(State):
    """The facts from which the account is drawn: what was sent to ACS, and seen of it."""

    begun_at: datetime | None = None
    """Time at which a start was sent first; none as long as nothing can have been recorded."""
    over_at: datetime | None = None
    """Time at which ACS was known to have ended it."""
    is_begun_paused: bool = False
    """True if that start was to begin paused, and no sound was sent for since."""
    wanted_since: datetime | None = None
    """Time since which silence is wanted; none while it is not."""
    is_sound_asked: bool = False
    """True while a request that makes sound (a start, a resume) is unanswered."""
    is_unseen: bool = False
    """True if it may have recorded already when sound was sent for last: then no reading tells that
    the request has come through."""
    may_arrive_until: datetime | None = None
    """Time until which such a request may still take effect that was answered or given up, or at
    which it was last seen to record: what was read before proves nothing."""
    starting_until: datetime | None = None
    """Time until which ``inactive`` may mean that it is only starting; none once it was seen to
    record."""
    active_at: datetime | None = None
    """Time at which the first reading came back that said ``active``: by then there was sound."""
    inactive_at: datetime | None = None
    """Time at which the last reading was sent that said ``inactive``."""
    inactive_received_at: datetime | None = None
    """Time by which its answer had come back."""
    sounds_sent: int = 0
    """Number of requests that make sound."""
    sounds_told: int = 0
    """Number of callbacks of sound that these explain: one more is somebody else's."""
    sounds_told_at: list[datetime] = []
    """Times that the last such callbacks told, by ACS's clock."""
