"""Reconciliation: the calls of a period, the verdict on each recording, and the gaps."""

import math
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from callvault.contracts.base import Message, OpaqueId
from callvault.contracts.requests import ResourceName

Percentage = Annotated[float, Field(ge=0, le=100)]


class CallSeen(Message):
    """Trace of a call that Event Grid told of; it lies in the memo of a ``CallSeenWorkflow``."""

    server_call_id: OpaqueId
    resource: ResourceName
    what: Literal["began", "ended"]
    at: datetime
    all_recorded: bool
    """True if, when it was seen, every call of the resource was to be recorded."""


class ReconcileInput(Message):
    """Input of ``ReconcileWorkflow``: look back this far."""

    since: timedelta = timedelta(hours=24)
    target: Percentage | None = None
    """Least percentage of complete recordings; none for the one in the settings."""
    deep: bool = False
    """Read every file again and compare its SHA-256, as `callvault verify` does."""


class Verdict(StrEnum):
    """The verdict on a recording, or on a call that has none."""

    COMPLETE = "complete"
    """Every file lies in the archive, with its size, and its manifest as it was sealed."""
    PARTIAL = "partial"
    """Some of its files are archived; the others are lost, and that was said."""
    LOST = "lost"
    """None of its files is archived, and that was said."""
    MISSING = "missing"
    """Something that should be there is not: no recording, no file, another size, no manifest."""
    UNKNOWN = "unknown"
    """Not to be told: no worker or no archive answers."""
    DECLINED = "declined"
    """Refused by consent."""
    NO_SUCH_CALL = "no_such_call"
    """Asked for under a ``serverCallId`` that ACS does not know: nothing could be recorded."""
    EMPTY = "empty"
    """Nothing was recorded, so nothing is to be kept."""
    ERASED = "erased"
    """Erased from the archives, by a record: nothing is to be kept of it."""
    OPEN = "open"
    """Still recorded, awaited or being archived."""
    NOT_ASKED = "not_asked"
    """A call without a request to record it, of a resource that does not record all."""

    @property
    def counts(self) -> bool:
        """True if it enters the percentage: a file was to be kept, and it is time to judge."""
        return self in _COUNTED


_COUNTED = frozenset(
    {Verdict.COMPLETE, Verdict.PARTIAL, Verdict.LOST, Verdict.MISSING, Verdict.UNKNOWN}
)


class Gap(Message):
    """A recording that is not complete, by name."""

    verdict: Verdict
    what: str
    """The reason, in a sentence."""
    workflow_id: str
    resource: str
    recording: int | None = None
    """Number in the call; none for a call without a recording."""
    recording_id: str | None = None
    objects: tuple[str, ...] = ()
    """Objects that are not in the archive as they should be: ``archive/object name``."""


class Source(Message):
    """A source of the figures, its reach, and its faults."""

    name: str
    summary: str
    """Summary of what it told, in words."""
    problem: str = ""
    is_unread: bool = False
    """True if it did not tell what it should: no figure says anything of what it may hold."""


class Reconciliation(Message):
    """Result of ``ReconcileWorkflow``, and what `callvault reconcile --json` prints."""

    since: datetime
    until: datetime
    target: float
    percentage: float
    """Complete recordings of those that count; 100 where there are none."""
    is_met: bool
    """True if the percentage reaches the target, nothing is missing, and every source was read."""
    calls_seen: int
    """Calls that Event Grid told of, or that were kept, or of which a manifest tells."""
    recordings_requested: int
    recordings_started: int
    """Those that ACS gave an id."""
    files_announced: int
    files_archived: int
    """Media files that lie in an archive now, with the size they should have."""
    verdicts: dict[Verdict, int]
    """Number of recordings for each verdict; a call without any counts as one."""
    with_findings: int = 0
    """Complete recordings whose manifest remarks on something."""
    unreferenced_objects: int = 0
    """Files of the period that neither a workflow nor a manifest knows (yet)."""
    gaps: tuple[Gap, ...] = ()
    """Recordings that count and are not complete, and those that are declined, or of no call; the
    worst first."""
    gaps_left_out: int = 0
    sources: tuple[Source, ...] = ()

    @property
    def unread(self) -> tuple[Source, ...]:
        """The sources that did not tell what they should."""
        return tuple(source for source in self.sources if source.is_unread)

    @property
    def shown_percentage(self) -> str:
        """The percentage with two decimals, rounded down: 99.999 is not all."""
        return f"{math.floor(self.percentage * 100) / 100:.2f} %"
