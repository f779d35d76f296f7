"""The export loop: copies every announced file into the archive."""

from datetime import datetime
from typing import NamedTuple

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.causes import Cause
from callvault.contracts.activity_io import ArchivedChunk
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.status import ChunkStatus
from workflows import activity_calls
from workflows.activity_errors import (
    gave_up_archive,
    is_archives_fault,
    is_final,
    is_not_archived,
    problem,
    reason,
    was_erased,
)
from workflows.call import chunks, deadlines
from workflows.call.alarms import Alarms
from workflows.call.chunks import ChunkKey, find_chunk
from workflows.call.lifecycle import Lifecycle
from workflows.loops.clock import Moment
from workflows.loops.delete_source import SourceDeletionLoop
from workflows.loops.loop import Run


class Conditions(NamedTuple):
    """The conditions of one export activity: once they change, it is called off."""

    priority: int
    archive: str
    has_file: bool
    chunk_has_time: bool
    run_has_time: bool


class ExportLoop:
    """Gives every announced chunk an export of its own, at once."""

    is_interruptible = True

    def __init__(
        self,
        run: Run,
        call: Lifecycle,
        alarms: Alarms,
        deletions: SourceDeletionLoop,
        archived_before: dict[ChunkKey, ArchivedChunk],
    ) -> None:
        self._run = run
        self._call = call
        self._alarms = alarms
        self._deletions = deletions
        self._archived_before = archived_before
        """The copies that an earlier workflow of the call has made, perhaps under other names."""
        self._exporting: set[ChunkKey] = set()

    @property
    def is_idle(self) -> bool:
        """True if no export is under way: each is finished, called off, or not begun."""
        return not self._exporting

    @property
    def is_done(self) -> bool:
        """True if every announced chunk is archived or lost."""
        return not self._exporting and not chunks.to_export(self._call.status)

    async def run(self) -> None:
        """Export every announced chunk, each on its own."""
        self._run.begin_each(self._exporting, self._to_export, self._export)

    def _to_export(self) -> list[ChunkKey]:
        # Sorted, as a set has no order of its own: a replay must give the same commands.
        return sorted(chunks.to_export(self._call.status))

    async def _export(self, key: ChunkKey) -> None:
        """Archive one chunk, or know after the end of its window that it is lost."""
        _, chunk = find_chunk(self._call.status, key)
        copy = self._reused_copy(key)
        # An earlier run may have been about to give it up.
        if copy is None and not chunk.lost_reason:
            try:
                copy = await self._copy(key)
            except ActivityError as error:
                if self._is_erased(key, error):
                    return
                self._call.chunk_doubtful(key, reason(error))
        if copy is None and chunk.lost_reason:
            copy = await self._last_look(key, chunk)
        if copy is not None:
            self._copied(key, copy)

    async def _last_look(self, key: ChunkKey, chunk: ChunkStatus) -> ArchivedChunk | None:
        """Return the copy that an archive holds; the chunk is lost once none is left to ask.

        The answer of an earlier attempt may be lost, its worker may be dead, or Temporal may have
        been restored: what the last attempt says of the service tells nothing of the archives.
        """
        archives = self._archives_of(key) if chunk.earlier_copy is None else ()
        for archive in archives:
            if self._run.is_draining or not chunk.lost_reason:
                return None  # the next run looks again, or a file has come
            looking = activity_calls.find_copy(self._call.status, key, archive)
            await self._answered(looking, key, chunk)
            looking.cancel()
            try:
                copy = await looking
            except ActivityError as error:
                if self._is_erased(key, error) or not is_not_archived(error):
                    return None  # or it was called off
            else:
                self._call.chunk_found(key, archive, workflow.now())
                return copy
        # Empty if the service has told of a file meanwhile, which is tried then.
        if chunk.lost_reason:
            self._not_copied(key, chunk.lost_reason)
        return None

    def _is_erased(self, key: ChunkKey, error: ActivityError) -> bool:
        if was_erased(error):
            recording, _ = find_chunk(self._call.status, key)
            self._call.files_erased(recording, {key}, reason(error), workflow.now())
        return was_erased(error)

    def _archives_of(self, key: ChunkKey) -> tuple[str, ...]:
        policy, (recording, _) = self._call.policy, find_chunk(self._call.status, key)
        names = recording.archive, policy.archive, policy.fallback_archive
        return tuple(dict.fromkeys(name for name in names if name))

    async def _answered(
        self,
        looking: workflow.ActivityHandle[ArchivedChunk],
        key: ChunkKey,
        chunk: ChunkStatus,
    ) -> None:
        """Wait until an archive has answered, and say so if it does not, or until all is off."""

        def is_over() -> bool:
            return looking.done() or self._run.is_draining or not chunk.lost_reason

        overdue = Moment(
            workflow.now() + deadlines.LOOK_TIMEOUT, f"no archive tells of chunk {key.index}"
        )
        while not is_over():
            moments = [] if chunk.is_undecided else [overdue]
            await self._run.clock.changed(lambda: (is_over(), chunk.is_undecided), *moments)
            if not is_over() and workflow.now() >= overdue.at:
                self._archive_is_away(key, ("it does not answer", None))

    def _copied(self, key: ChunkKey, copy: ArchivedChunk) -> None:
        recording, _ = find_chunk(self._call.status, key)
        if copy.archive == recording.archive:
            self._call.chunk_archived(key, copy, workflow.now())
            self._deletions.consider(key)
        else:
            # The recording has gone to another archive meanwhile: the chunk is copied there, too.
            self._call.copied_elsewhere(key, copy)

    def _reused_copy(self, key: ChunkKey) -> ArchivedChunk | None:
        copy = self._archived_before.get(key)
        return copy if copy is not None and self._call.reuse_copy(key, copy) else None

    async def _copy(self, key: ChunkKey) -> ArchivedChunk | None:
        """Copy one chunk until it succeeds, or until its last chance is over.

        Returns None if it was called off because the run is draining.
        """
        while True:
            conditions = self._conditions(key, workflow.now())
            try:
                return await self._copy_under(conditions, key)
            except ActivityError as error:
                is_unchanged = conditions == self._conditions(key, workflow.now())
                was_last_chance = is_unchanged and not conditions.chunk_has_time
                if gave_up_archive(error):
                    self._archive_refused(key, conditions.archive, reason(error))
                elif was_last_chance and self._is_undecided(key, error):
                    self._archive_is_away(key, problem(error))
                elif is_final(error) or was_last_chance:
                    raise
            if self._run.is_draining:
                return None

    async def _copy_under(self, conditions: Conditions, key: ChunkKey) -> ArchivedChunk:
        """Copy while the conditions hold; then call the activity off, and return how it ended."""
        _, chunk = find_chunk(self._call.status, key)
        copying = self._start_copy(conditions, key)
        what = f"chunk {key.index} becomes more urgent, or may be deleted"
        while not copying.done() and self._conditions(key, workflow.now()) == conditions:
            await self._run.clock.changed(
                # A later event may move the deadline, and with it the next step.
                lambda: (
                    copying.done(),
                    self._conditions(key, self._run.clock.seen.now),
                    _deadline(chunk),
                ),
                *_next_step(chunk, what),
            )
        copying.cancel()
        # Awaited even so: it may have succeeded, and two copies at once would meet each other.
        return await copying

    def _start_copy(
        self, conditions: Conditions, key: ChunkKey
    ) -> workflow.ActivityHandle[ArchivedChunk]:
        _, chunk = find_chunk(self._call.status, key)
        if conditions.chunk_has_time or chunk.is_undecided:
            return activity_calls.export(self._call.status, key, conditions.priority)
        now, window = workflow.now(), self._call.policy.export_window
        self._call.note(now, f"the window has closed on chunk {key.index}: a last try")
        # The service may have begun to count later than at the file's birth.
        notified_at = chunk.notified_at or chunk.announced_at
        timeout = max(deadlines.last_chance_timeout(window), notified_at + window - now)
        return activity_calls.last_chance_export(self._call.status, key, timeout)

    def _is_undecided(self, key: ChunkKey, error: ActivityError) -> bool:
        """Tell if only the archive stands in the way of knowing whether the chunk is lost."""
        _, chunk = find_chunk(self._call.status, key)
        # An earlier attempt may have brought it there, and the service may have it still.
        return chunk.earlier_copy is None and is_archives_fault(error)

    def _archive_is_away(self, key: ChunkKey, why: tuple[str, Cause | None]) -> None:
        recording, chunk = find_chunk(self._call.status, key)
        if not chunk.is_undecided:
            chunk.is_undecided = True
            what = f"chunk {key.index}"
            self._alarms.undecided(recording, what, why, workflow.now(), chunk)

    def _archive_refused(self, key: ChunkKey, archive: str, why: str) -> None:
        recording, _ = find_chunk(self._call.status, key)
        # Another file of the recording may have made it leave this archive already.
        if recording.archive == archive:
            self._alarms.change_archive(recording, why, workflow.now())

    def _conditions(self, key: ChunkKey, now: datetime) -> Conditions:
        recording, chunk = find_chunk(self._call.status, key)
        return Conditions(
            priority=deadlines.priority(_deadline(chunk) - now),
            archive=recording.archive,
            has_file=chunk.chunk.content_location is not None,
            chunk_has_time=_deadline(chunk) > now,
            run_has_time=not self._run.is_draining,
        )

    def _not_copied(self, key: ChunkKey, why: str) -> None:
        """Fold the end of all tries: only a chunk that no archive holds is lost."""
        now = workflow.now()
        recording, chunk = find_chunk(self._call.status, key)
        if (earlier_copy := chunk.earlier_copy) is None:
            self._call.chunk_lost(key, why, now)
            what = f"chunk {key.index} is lost: {why}"
            self._alarms.add(AlarmKind.LOST, Severity.CRITICAL, what, recording, now, chunk)
            return
        self._call.note(now, f"chunk {key.index} stays in archive {earlier_copy.archive}: {why}")
        self._call.chunk_archived(key, earlier_copy, now)


def _deadline(chunk: ChunkStatus) -> datetime:
    return chunk.expires_at or chunk.retention_starts_at


def _next_step(chunk: ChunkStatus, what: str) -> list[Moment]:
    """Return when a chunk becomes more urgent, or may be gone; nothing once it may be."""
    deadline, now = _deadline(chunk), workflow.now()
    return [Moment(deadlines.next_priority_at(deadline, now), what)] if deadline > now else []
