"""The decision about a recording as it lies in an archive, from its manifests and the settings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from callvault.archive.manifests.holds import Hold
from callvault.archive.store import Archive, protection
from callvault.contracts.base import shorten
from callvault.contracts.erasures import MAX_REASON, ErasureCause, ErasureTarget, PlannedRecording
from callvault.contracts.retention import RetentionTerms
from callvault.errors import InvalidRequest
from callvault.retention.channels import channels_of
from callvault.retention.decision import Decision, Facts, Verdict, decide, strictest
from callvault.retention.inventory import Inventory

PROTECTED = "protected"
"""Verdict on a recording that the storage account itself keeps."""

TermsOf = Callable[[str], RetentionTerms | None]
"""The terms of a resource by its name; None for one that the settings do not have."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The facts beside the archive's own that decide about recordings."""

    target: ErasureTarget
    now: datetime
    terms_of: TermsOf
    holds: tuple[Hold, ...]
    """Of all archives: a hold counts wherever it was placed."""
    open_workflows: frozenset[str] = frozenset()


def judge(archive: Archive, inventory: Inventory, around: Circumstances) -> PlannedRecording:
    """Decide about a recording in this archive, and tell all that its erasure would delete."""
    decision = _decide(inventory, around)
    kept = _protected(inventory, around.now) if decision.erases else ""
    channels: dict[str, int] = {}
    if decision.erases and not kept and around.target.channel_only and not inventory.sealed_in:
        try:
            channels = channels_of(archive, inventory, around.target.participant or "")
        except InvalidRequest as error:
            decision = Decision(Verdict.REFUSED, str(error))
    return PlannedRecording(
        archive=inventory.archive,
        folder=inventory.folder,
        erases=decision.erases and not kept,
        verdict=PROTECTED if kept else decision.verdict,
        # A plan has hundreds of them, and what somebody wrote of a hold is as long as they liked.
        reason=shorten(kept or decision.reason, MAX_REASON),
        until=decision.until,
        objects=len(inventory.objects),
        size=inventory.size,
        index_entries=len(inventory.entries),
        channels=channels,
        content=inventory.content,
        workflows=inventory.workflows,
        ids=inventory.ids,
        sealed_in=inventory.sealed_in,
    )


def _decide(inventory: Inventory, around: Circumstances) -> Decision:
    held = inventory.holds(around.holds)
    asked = around.target.cause is not ErasureCause.RETENTION
    if not inventory.manifests:
        return decide(
            Facts(None, holds=held, erasure_asked=asked, doubt=inventory.doubt), around.now
        )
    is_open = not around.open_workflows.isdisjoint(inventory.workflows)
    sealed_at = min(each.manifest.sealed_at for each in inventory.manifests)
    return strictest(
        decide(
            Facts(
                sealed_at=sealed_at,
                terms=around.terms_of(each.manifest.recording.resource),
                requested=each.manifest.recording.retention,
                holds=held,
                is_open=is_open,
                erasure_asked=asked,
                doubt=inventory.doubt,
            ),
            around.now,
        )
        for each in inventory.manifests
    )


def _protected(inventory: Inventory, now: datetime) -> str:
    told = [(each.name, protection(each, now)) for each in inventory.objects]
    kept = [(name, why) for name, why in told if why]
    if not kept:
        return ""
    more = f" (and {len(kept) - 1} more)" if len(kept) > 1 else ""
    return f"{kept[0][0]}{more}: {kept[0][1]}"


def may_be_due(inventory: Inventory, now: datetime, terms_of: TermsOf) -> bool:
    """Tell if a recording is due, unless a hold or anything else stands against it."""
    return _decide(inventory, Circumstances(ErasureTarget(), now, terms_of, ())).erases
