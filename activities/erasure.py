"""Erasure: plan it, decide about each recording for the last time, delete, certify.

Each activity is a small step that can be repeated: what an attempt has done, the next one finds.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities.clock import server_clock
from activities.heartbeat import background_heartbeat
from activities.translate import translated
from callvault.archive.access_log.log import AccessLog
from callvault.archive.manifests.keys import Signer, SignerOf
from callvault.archive.manifests.records import keep_record
from callvault.archive.store import Archive
from callvault.archive.subjects.index import entry_name
from callvault.contracts.access import Access, AccessAction
from callvault.contracts.base import shorten
from callvault.contracts.erasures import (
    CertifyErasure,
    EraseHistories,
    EraseLetters,
    EraseRecording,
    ErasureInput,
    ErasureRecord,
    ErasureTarget,
    KeptHistories,
    PlannedErasure,
    PlannedRecording,
    RecordedErasure,
)
from callvault.errors import InvalidRequest
from callvault.retention.channels import Removal
from callvault.retention.inventory import Inventory, has_unsealed, take, take_unsealed
from callvault.retention.judgement import Circumstances, judge
from callvault.retention.latecomers import delete_latecomers
from callvault.retention.letters import delete_letters
from callvault.retention.plan import Places, all_holds, plan
from callvault.retention.records import certify, delete_recorded, find_erasure, record_erasure
from callvault.retention.tombstones import buried_by, bury
from callvault.temporal.deletion import delete_closed, is_open

STALE_PLAN = "StalePlan"
"""Type of the failure of an erasure whose plan is not what its token stands for."""

GONE = "nothing of it is there any more: another erasure was faster"

UNSEALED = "archive {} has got files of it that are not sealed there: plan again"

CHANGED = "it has changed since it was planned: plan again"


async def make_plan(
    client: Client, places: Places, target: ErasureTarget, now: Callable[[], datetime]
) -> PlannedErasure:
    """Make the plan of an erasure; by a worker or by the command line, it is the same."""
    loop = asyncio.get_running_loop()

    def opened(workflows: Iterable[str]) -> frozenset[str]:
        asked = open_workflows(client, workflows)
        return asyncio.run_coroutine_threadsafe(asked, loop).result()

    return await asyncio.to_thread(plan, places, target, opened, now())


async def open_workflows(client: Client, workflows: Iterable[str]) -> frozenset[str]:
    """Return those of the workflows that have not ended."""
    return frozenset([each for each in sorted(workflows) if await is_open(client, each)])


class ErasureActivities:
    """Built once by a worker of exports, with its archives and their signing keys."""

    def __init__(
        self,
        client: Client,
        places: Places,
        archive_of: Callable[[str], Archive],
        signer_of: SignerOf,
    ) -> None:
        self._client = client
        self._places = places
        self._archive_of = archive_of
        self._signer_of = signer_of

    @property
    def all(self) -> list[Callable[..., Any]]:
        """All activities, for a worker."""
        return [
            self.plan_erasure,
            self.record_erasure,
            self.delete_recording,
            self.delete_histories,
            self.delete_letters,
            self.certify_erasure,
        ]

    @activity.defn
    async def plan_erasure(self, order: ErasureInput) -> PlannedErasure:
        """Plan anew; fails for good where the plan is not the one that somebody has read."""
        with translated(), background_heartbeat():
            now = server_clock()
            planned = await make_plan(self._client, self._places, order.target, now)
        if order.token not in (None, planned.token):
            raise ApplicationError(
                "what would be erased is not what the plan says any more: plan it again, read it,"
                " and run it with its new token",
                type=STALE_PLAN,
                non_retryable=True,
            )
        return planned

    @activity.defn
    async def record_erasure(self, order: EraseRecording) -> RecordedErasure:
        """Decide about a recording once more, now; write down that it is erased, or why not."""
        with translated(retry_permanent=True), background_heartbeat():
            planned = order.recording
            opened = await open_workflows(self._client, planned.workflows)
            return await asyncio.to_thread(self._record, order, opened, server_clock())

    @activity.defn(no_thread_cancel_exception=True)
    def delete_recording(self, order: EraseRecording) -> str:
        """Delete what the record names, and everybody's index entries; what is gone is gone.

        Before that a tombstone is set in every archive. Returns why something stays, or nothing.
        """
        now = server_clock()
        with translated(retry_permanent=True), background_heartbeat():
            archive = self._archive_of(order.recording.archive)
            record = find_erasure(archive, order.erasure, order.number)
            if record is None:
                raise ApplicationError("its erasure is not recorded", non_retryable=True)
            # From here on nothing of it comes any more: what has come by now is looked at after.
            self._bury(order, now)
            # First, for manifests and metadata files tell who has one.
            _delete_index(archive, self._take(order), record)
            delete_recorded(archive, record, activity.heartbeat)
            if order.order.target.channel_only:
                return ""
            return delete_latecomers(archive, order.recording.folder, record, self._places.hash_of)

    @activity.defn
    async def delete_histories(self, order: EraseHistories) -> KeptHistories:
        """Delete the closed histories of workflows; return those that are open."""
        with translated(retry_permanent=True), background_heartbeat():
            kept = [each for each in order.workflows if not await self._delete_history(each)]
        return KeptHistories(workflows=tuple(kept))

    @activity.defn(no_thread_cancel_exception=True)
    def delete_letters(self, order: EraseLetters) -> None:
        """Delete letters; one that is gone is gone."""
        with translated(retry_permanent=True), background_heartbeat():
            delete_letters(self._places.letters, order.letters)

    @activity.defn(no_thread_cancel_exception=True)
    def certify_erasure(self, order: CertifyErasure) -> str:
        """Look for everything once more, and certify that it is gone; return the place."""
        now = server_clock()
        with translated(retry_permanent=True), background_heartbeat():
            archive = self._archive_of(order.archive)
            found = certify(archive, order.erasure, self._signer_of(order.archive), now)
            return "" if found is None else archive.location(found.object_name)

    def _record(
        self, order: EraseRecording, opened: frozenset[str], now: Callable[[], datetime]
    ) -> RecordedErasure:
        planned = order.recording
        archive, signer = self._archive_of(planned.archive), self._signer_of(planned.archive)
        if (there := find_erasure(archive, order.erasure, order.number)) is not None:
            keep_record(archive, there, signer)
            return RecordedErasure(record=there.object_name, reason=there.decision)
        found = self._take(order)
        if not found.objects:
            return RecordedErasure(record=None, reason=GONE)
        if not planned.sealed_in and (name := self._unsealed_elsewhere(planned)):
            return RecordedErasure(record=None, reason=UNSEALED.format(name))
        removal = self._removal(order, archive, signer, now)
        # What an interrupted attempt has made is no change from outside.
        before = found.without(removal.own(found)) if removal else found
        judged = judge(archive, before, self._around(order, opened, now()))
        if not judged.erases or judged.content != planned.content:
            return RecordedErasure(record=None, reason=CHANGED if judged.erases else judged.reason)
        AccessLog(archive, signer, now).record(_access(order))
        if removal:
            try:
                removal.seal(found)
            except InvalidRequest as error:
                return RecordedErasure(record=None, reason=shorten(str(error)))
        erased = removal.replaced(before) if removal else before.objects
        record = record_erasure(archive, erased, before.told, order, judged.reason, signer, now)
        return RecordedErasure(record=record.object_name, reason=record.decision)

    def _bury(self, order: EraseRecording, now: Callable[[], datetime]) -> None:
        if order.recording.sealed_in and order.order.target.channel_only:
            return  # a file that is no longer needed: the recording stays where it is sealed
        for buried in buried_by(self._take(order), order.recording.channels):
            for name, open_archive in self._places.archives.items():
                activity.heartbeat()
                with closing(open_archive()) as archive:
                    bury(archive, buried, order.erasure, self._signer_of(name), now)

    def _around(
        self, order: EraseRecording, opened: frozenset[str], now: datetime
    ) -> Circumstances:
        places, target = self._places, order.order.target
        return Circumstances(target, now, places.terms_of, all_holds(places), opened)

    def _removal(
        self,
        order: EraseRecording,
        archive: Archive,
        signer: Signer | None,
        now: Callable[[], datetime],
    ) -> Removal | None:
        """Return how one person is taken out; None where the whole recording goes."""
        target, channels = order.order.target, order.recording.channels
        if not channels or target.participant is None:
            return None
        hash_of, keys = self._places.hash_of, self._places.believed(archive)
        return Removal(
            archive, order.erasure, target.participant, channels, hash_of, signer, keys, now
        )

    def _take(self, order: EraseRecording) -> Inventory:
        recording, hash_of = order.recording, self._places.hash_of
        sealing = self._archive_of(recording.sealed_in or recording.archive)
        sealed = take(sealing, recording.folder, hash_of, self._places.believed(sealing))
        if not recording.sealed_in:
            return sealed
        return take_unsealed(self._archive_of(recording.archive), sealed, hash_of)

    def _unsealed_elsewhere(self, planned: PlannedRecording) -> str:
        """Name another archive that holds unsealed files of it: those of a failback, say."""
        for name, open_archive in self._places.archives.items():
            if name != planned.archive:
                with closing(open_archive()) as archive:
                    if has_unsealed(archive, planned.folder):
                        return name
        return ""

    async def _delete_history(self, workflow_id: str) -> bool:
        return await delete_closed(self._client, workflow_id)


def _delete_index(archive: Archive, inventory: Inventory, record: ErasureRecord) -> None:
    """Delete the index entries whose evidence the record names."""
    erased = {each.object_name for each in record.erased}
    for entry in inventory.entries:
        name = entry_name(entry)
        found = archive.stat(name) if entry.evidence[0] in erased else None
        if found is not None:
            archive.delete(name, etag=found.etag or "")


def _access(order: EraseRecording) -> Access:
    asked = order.order
    return Access(
        action=AccessAction.ERASED,
        by=asked.requested_by,
        authenticated_as=asked.authenticated_as,
        recordings=(order.recording.folder,),
        reason=asked.reason,
    )
