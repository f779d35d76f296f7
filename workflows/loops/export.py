"""Brings the files of a call into the archive, and seals each recording."""

import asyncio
from datetime import datetime
from typing import NamedTuple

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.contracts.activity_io import ArchivedChunk
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.status import ChunkStatus, RecordingStatus
from workflows import activity_calls as asking
from workflows import activity_options as policies
from workflows.call import chunks as files
from workflows.call import deadlines as deadline
from workflows.call.alarms import Alarms
from workflows.call.chunks import ChunkKey
from workflows.call.lifecycle import Lifecycle
from workflows.loops.continue_as_new import Shift
from workflows.loops.delete_source import Clearing


class Urgency(NamedTuple):
    """What decides how, and whether, a chunk is copied now."""

    priority: int
    archive: str
    has_file: bool
    chunk_has_time: bool
    run_has_time: bool


class Exports:
    """The exports of one call."""

    def __init__(
        self,
        call: Lifecycle,
        alarms: Alarms,
        shift: Shift,
        clearing: Clearing,
        known: dict[ChunkKey, ArchivedChunk],
    ) -> None:
        self._call = call
        self._alarms = alarms
        self._shift = shift
        self._clearing = clearing
        self._known = known
        """What an earlier workflow of the call has archived, perhaps under other names."""
        self._exporting: set[ChunkKey] = set()

    @property
    def are_finished(self) -> bool:
        """Whether no export runs, and every recording at its end is sealed, as far as it can be."""
        return not self._exporting and not self._to_seal() and self._clearing.is_finished

    @property
    def are_resting(self) -> bool:
        """Whether none is under way: each is finished, called off, or not begun."""
        return not self._exporting

    @property
    def is_sealing(self) -> bool:
        """Whether a manifest is being written, or about to be."""
        return bool(self._to_seal())

    async def keep_exporting(self, group: asyncio.TaskGroup) -> None:
        """Give every announced chunk an export of its own, at once."""
        while not self._shift.is_over():
            await workflow.wait_condition(lambda: self._shift.is_over() or bool(self._to_export()))
            for key in sorted(self._to_export()):
                self._exporting.add(key)
                group.create_task(self._export(key))

    def _to_export(self) -> set[ChunkKey]:
        if self._shift.is_ending():
            return set()
        return files.to_export(self._call.status) - self._exporting

    async def _export(self, key: ChunkKey) -> None:
        """Archive one chunk, or know after the end of its window that it is lost."""
        try:
            archived = self._known_copy(key) or await self._copy(key)
        except ActivityError as error:
            self._not_copied(key, asking.reason(error))
        else:
            if archived is not None:
                self._copied(key, archived)
        self._exporting.discard(key)

    def _known_copy(self, key: ChunkKey) -> ArchivedChunk | None:
        """What an earlier workflow has archived, where the recording can be kept there."""
        known = self._known.get(key)
        recording, chunk = files.find_chunk(self._call.status, key)
        if known is None or known.archive == recording.archive:
            return known
        if recording.archive_changes or any(each.archived for each in recording.chunks):
            chunk.held = known
            return None
        recording.archive = known.archive
        return known

    def _copied(self, key: ChunkKey, archived: ArchivedChunk) -> None:
        """Fold a copy; where its recording has gone to another archive meanwhile, it goes on."""
        recording, chunk = files.find_chunk(self._call.status, key)
        if archived.archive == recording.archive:
            self._call.chunk_archived(key, archived, workflow.now())
            self._clearing.add(key)
        else:
            chunk.held = archived

    async def _copy(self, key: ChunkKey) -> ArchivedChunk | None:
        """Copy, with rising urgency, until it succeeds or the chunk must be gone.

        None where it was called off because the shift ends.
        """
        _, chunk = files.find_chunk(self._call.status, key)
        while True:
            urgency = self._urgency(key, chunk)
            try:
                return await self._copy_at_this_urgency(key, chunk, urgency)
            except ActivityError as error:
                is_over = not urgency.chunk_has_time and self._urgency(key, chunk) == urgency
                if asking.gave_up_archive(error):
                    self._archive_refuses(key, urgency.archive, asking.reason(error))
                elif is_over or asking.is_final(error):
                    raise
            if self._shift.is_ending():
                return None

    def _archive_refuses(self, key: ChunkKey, archive: str, why: str) -> None:
        """Leave an archive that refuses, unless another file has made the recording leave it."""
        recording, _ = files.find_chunk(self._call.status, key)
        if recording.archive == archive:
            self._alarms.change_archive(recording, why, workflow.now())

    async def _copy_at_this_urgency(
        self, key: ChunkKey, chunk: ChunkStatus, urgency: Urgency
    ) -> ArchivedChunk:
        """Copy until the chunk is more urgent, goes elsewhere, or may be gone: then end it.

        Or until the shift ends.
        """
        copying = self._ask_for_copy(key, chunk, urgency)
        while not copying.done() and self._urgency(key, chunk) == urgency:
            await self._shift.clock.changed(
                lambda: (copying.done(), self._urgency(key, chunk)),
                self._next_step(chunk) if urgency.chunk_has_time else None,
                f"chunk {key.index} becomes more urgent, or may be deleted",
            )
        copying.cancel()
        return await copying

    def _ask_for_copy(
        self, key: ChunkKey, chunk: ChunkStatus, urgency: Urgency
    ) -> workflow.ActivityHandle[ArchivedChunk]:
        if urgency.chunk_has_time:
            return asking.export(self._call.status, key, urgency.priority)
        now, window = workflow.now(), self._call.policy.export_window
        self._call.note(now, f"the window has closed on chunk {key.index}: a last try")
        told_at = chunk.told_at or chunk.announced_at
        within = max(policies.last_chance(window), told_at + window - now)
        return asking.last_export(self._call.status, key, within)

    def _urgency(self, key: ChunkKey, chunk: ChunkStatus) -> Urgency:
        policy, now = self._call.policy, workflow.now()
        recording, _ = files.find_chunk(self._call.status, key)
        return Urgency(
            priority=deadline.priority(policy, now - chunk.born_at),
            archive=recording.archive,
            has_file=chunk.chunk.content_location is not None,
            chunk_has_time=_deadline(chunk) > now,
            run_has_time=not self._shift.is_ending(),
        )

    def _next_step(self, chunk: ChunkStatus) -> datetime:
        """When a chunk becomes more urgent, or may be gone."""
        passed = deadline.rungs_passed(self._call.policy, workflow.now() - chunk.born_at)
        rung = deadline.next_rung(self._call.policy, passed)
        return min(_deadline(chunk), chunk.born_at + rung) if rung else _deadline(chunk)

    def _not_copied(self, key: ChunkKey, reason: str) -> None:
        """Fold the end of all tries: lost is only what no archive holds."""
        _, chunk = files.find_chunk(self._call.status, key)
        if chunk.held is None:
            self._lost(key, reason)
            return
        now, held = workflow.now(), chunk.held
        self._call.note(now, f"chunk {key.index} stays in archive {held.archive}: {reason}")
        self._call.chunk_archived(key, held, now)

    def _lost(self, key: ChunkKey, reason: str) -> None:
        now = workflow.now()
        self._call.chunk_lost(key, reason, now)
        recording, chunk = files.find_chunk(self._call.status, key)
        what = f"chunk {key.index} is lost: {reason}"
        self._alarms.add(AlarmKind.LOST, Severity.CRITICAL, what, recording, now, chunk)

    async def keep_sealing(self) -> None:
        """Seal recordings one after the other, each with the manifest of the one before."""
        while not self._shift.is_over():
            await workflow.wait_condition(lambda: self._shift.is_over() or bool(self._to_seal()))
            for recording in self._to_seal():
                await self._seal(recording)

    def _to_seal(self) -> list[RecordingStatus]:
        unsealable = self._clearing.unsealable
        return [r for r in files.to_seal(self._call.status) if r.number not in unsealable]

    async def _seal(self, recording: RecordingStatus) -> None:
        archives = {each.archived.archive for each in recording.chunks if each.archived}
        if len(archives) > 1:
            self._not_sealed(recording, f"they lie in the archives {', '.join(sorted(archives))}")
            return
        [recording.archive] = archives
        before = recording.model_copy(deep=True)
        try:
            sealed = await asking.seal(self._call.status, recording)
        except ActivityError as error:
            self._not_sealed(recording, asking.reason(error))
        else:
            if recording == before:  # else the manifest lacks what has been learnt meanwhile
                self._call.sealed(recording, sealed, workflow.now())

    def _not_sealed(self, recording: RecordingStatus, why: str) -> None:
        self._clearing.unsealable.add(recording.number)
        what = f"its files are archived, its manifest is not written: {why}"
        self._alarms.add(AlarmKind.NOT_SEALED, Severity.ERROR, what, recording, workflow.now())


def _deadline(chunk: ChunkStatus) -> datetime:
    return chunk.expires_at or chunk.born_at
