"""The kinds of faults that a life may hold; each can be left out."""

from enum import StrEnum


class Fault(StrEnum):
    """A kind of fault."""

    ACS = "acs"
    """ACS is away, refuses, or its answers are lost."""
    LATENESS = "lateness"
    """Requests, changes and workers take their time; what was given up takes effect."""
    MEDDLING = "meddling"
    """Another client of ACS controls the recordings."""
    EVICTION = "eviction"
    """The worker loses the workflow and replays it."""
    UNREADABLE = "unreadable"
    """Messages whose fields are wrong."""
    ODD = "odd"
    """Messages without a payload, with too many, of unknown names and encodings."""
    ARCHIVE = "archive"
    """No archive takes a file, until it is too late."""
    CANCELLATION = "cancellation"
    """Somebody requests the cancellation of the workflow."""


DEFAULT = frozenset(Fault)
