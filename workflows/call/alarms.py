"""The alarms of a call, and the moments at which they fall due.

Every step of the escalation raises one alarm for each file that is announced and not archived, and
for each recording that has stopped and whose files are not announced.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from callvault.causes import Cause
from callvault.contracts.activity_io import ResourcePolicy
from callvault.contracts.alarms import Alarm, AlarmKind, Severity, explained
from callvault.contracts.consent import ConsentRecord
from callvault.contracts.participants import UNKNOWN_PARTICIPANT
from callvault.contracts.states import ChunkState, RecordingState
from callvault.contracts.status import CallStatus, ChunkStatus, ControlRecord, RecordingStatus
from workflows.call import chunks, deadlines
from workflows.call.activity_ids import export_id
from workflows.call.alarm_records import AlarmRecords
from workflows.call.recording_state import is_awaiting


class Alarms(AlarmRecords):
    """Raises the alarms of one call into its status; the workflow sends them from there."""

    def __init__(self, status: CallStatus, workflow_id: str) -> None:
        super().__init__(status)
        self._workflow_id = workflow_id

    def next_due(self) -> datetime | None:
        """Return when the next alarm falls due; None while nothing is late."""
        policy = self._status.policy
        if policy is None:
            return None
        moments = [
            *(moment for moment, _, _ in self._late_chunks(policy)),
            *(moment for moment, _ in self._missing_files(policy)),
            *(moment for moment, _ in self._fallbacks(policy)),
        ]
        return min(moments, default=None)

    def raise_due(self, now: datetime) -> None:
        """Raise every alarm that has fallen due."""
        policy = self._status.policy
        if policy is None:
            return
        for moment, recording, chunk in list(self._late_chunks(policy)):
            if moment <= now:
                self._chunk_is_late(policy, recording, chunk, now)
        for moment, recording in list(self._missing_files(policy)):
            if moment <= now:
                self._file_is_missing(policy, recording, now)
        for moment, recording in list(self._fallbacks(policy)):
            if moment <= now:
                self.change_archive(recording, "it is not archived in time", now)

    def change_archive(self, recording: RecordingStatus, why: str, now: datetime) -> None:
        """Let the whole recording converge on the other archive, if there is one, and say so.

        That is the fallback, or the first archive again if the fallback will not do either.
        """
        policy = self._status.policy
        if policy is None or not chunks.may_change_archive(self._status, recording):
            return
        before, fallback = recording.archive, policy.fallback_archive or ""
        recording.archive = policy.archive if before == fallback else fallback
        recording.archive_changes += 1
        chunks.export_again(self._status, recording)
        what = f"it goes to archive {recording.archive} instead of {before}: {why}"
        self.add(AlarmKind.FALLBACK_USED, Severity.ERROR, what, recording, now)

    def failed_to_start(
        self, recording: RecordingStatus, why: str, now: datetime, cause: Cause | None = None
    ) -> None:
        """Say that a recording which was asked for does not begin."""
        self.add(AlarmKind.FAILED_TO_START, Severity.ERROR, why, recording, now, cause=cause)

    def undecided(
        self,
        recording: RecordingStatus,
        what: str,
        why: tuple[str, Cause | None],
        now: datetime,
        chunk: ChunkStatus | None = None,
    ) -> None:
        """Say that something may be lost, which only an archive that is away could tell."""
        problem, cause = why
        text = (
            f"whether {what} is lost is not known: the window has closed, and the archive cannot be"
            f" used ({problem}). Mend it: it is asked until it answers"
        )
        kind, severity = AlarmKind.ARCHIVE_UNREACHABLE, Severity.CRITICAL
        self.add(kind, severity, text, recording, now, chunk, cause)

    def is_undecided(self, recording: RecordingStatus) -> bool:
        """Tell if that was said of a recording as a whole."""
        return any(
            record.alarm.kind is AlarmKind.ARCHIVE_UNREACHABLE
            and record.alarm.recording_id == recording.recording_id
            and record.alarm.chunk_index is None
            for record in self._status.alarms
        )

    def pause_forced(
        self, recording: RecordingStatus, record: ControlRecord, now: datetime
    ) -> None:
        """Tell those whose pauses were still held that a resume by force released them."""
        names = ", ".join(holder.caller for holder in record.released)
        what = (
            f"{record.requested_by} resumed by force ({record.reason or 'no reason given'}), while"
            f" it was still paused by {names}: their pauses are released, and ACS is asked to"
            " resume"
        )
        self.add(AlarmKind.PAUSE_FORCED, Severity.WARNING, what, recording, now)

    def too_much(self, now: datetime) -> None:
        """Say once that files were left out, because a call may not have so many."""
        if not any(record.alarm.kind is AlarmKind.TOO_MUCH for record in self._status.alarms):
            what = (
                "more files are announced than a call may have: its timeline says what is left out"
            )
            self.add(AlarmKind.TOO_MUCH, Severity.CRITICAL, what, None, now)

    def consent_unclear(
        self, refusal: ConsentRecord, recording: RecordingStatus | None, now: datetime
    ) -> None:
        """Say that somebody who is not known in the call refused, or withdrew, consent."""
        if refusal.participant == UNKNOWN_PARTICIPANT:
            what = (
                f"a message may withdraw consent, and cannot be read ({refusal.problem}): recording"
                " is held back. Find out who is meant, send the withdrawal again in their name, and"
                f" then an agreement of participant {UNKNOWN_PARTICIPANT}"
            )
            self.add(AlarmKind.CONSENT_UNCLEAR, Severity.ERROR, what, recording, now)
            return
        what = (
            f"{refusal.participant[:8]}…, who is not known in this call, does not agree to be"
            " recorded: recording is held back until they agree or leave. If they should be known,"
            " look at the spelling of their id, and at the key that made the hash"
        )
        self.add(AlarmKind.CONSENT_UNCLEAR, Severity.WARNING, what, recording, now)

    def not_announced(self, recording: RecordingStatus, what: str, now: datetime) -> None:
        """Say that somebody joined whom the announcement did not reach."""
        self.add(AlarmKind.NOT_ANNOUNCED, Severity.ERROR, what, recording, now)

    def taken_over(
        self, recording: RecordingStatus | None, now: datetime, *, is_adopted: bool = False
    ) -> None:
        """Say that nobody minded a recording, and that this workflow does now."""
        if is_adopted:
            what = (
                "no workflow knew of it: it is adopted. Look what ACS recorded until now, for no"
                " pause and no consent was heeded"
            )
            self.add(AlarmKind.ABANDONED, Severity.WARNING, what, recording, now)
            return
        what = (
            "its workflow was terminated, timed out or failed before all was archived: another one"
            " has taken over. Look what ACS recorded meanwhile, and who ended the workflow"
        )
        self.add(AlarmKind.ABANDONED, Severity.CRITICAL, what, recording, now)

    def cancelled(self, recording: RecordingStatus | None, now: datetime) -> None:
        """Say that the workflow was cancelled; ``recording`` is the newest that was asked for."""
        what = (
            "the workflow was cancelled in Temporal, and it is not known who asked for that: what"
            " it records is asked to stop, and files are kept. Start again if recording is to go on"
        )
        self.add(AlarmKind.CANCELLED, Severity.ERROR, what, recording, now)

    def add(
        self,
        kind: AlarmKind,
        severity: Severity,
        what: str,
        recording: RecordingStatus | None,
        now: datetime,
        chunk: ChunkStatus | None = None,
        cause: Cause | None = None,
        activity_id: str | None = None,
    ) -> None:
        """Raise an alarm about a call, about a recording of it, or about one file of that.

        What is to be done about the cause is said at its end; where an activity is named, its last
        error is added as the alarm is sent.
        """
        about = f"recording {recording.number}: " if recording else ""
        expires_at = recording.expires_at if recording else None
        alarm = Alarm(
            id=self._new_id(now),
            kind=kind,
            severity=severity,
            at=now,
            what=explained(f"{about}{what}", cause),
            cause=cause,
            workflow_id=self._workflow_id,
            resource=self._status.resource,
            archive=recording.archive if recording else "",
            recording=recording.number if recording else None,
            recording_id=recording.recording_id if recording else None,
            chunk_index=chunk.chunk.index if chunk else None,
            expires_at=chunk.expires_at if chunk else expires_at,
            activity_id=activity_id,
        )
        self.enter(alarm, recording)

    def _new_id(self, now: datetime) -> str:
        # Unique also among the workflows that a late event may begin for a call that was over.
        number = len(self._status.alarms) + self._status.alarms_left_out + 1
        return f"{self._workflow_id}/{now:%Y%m%dT%H%M%SZ}/{number}"

    def _late_chunks(
        self, policy: ResourcePolicy
    ) -> Iterator[tuple[datetime, RecordingStatus, ChunkStatus]]:
        for recording, chunk in chunks.chunks_of(self._status):
            age = deadlines.next_step(policy, chunk.escalations)
            if chunk.state is ChunkState.ANNOUNCED and age is not None:
                yield chunk.retention_starts_at + age, recording, chunk

    def _missing_files(self, policy: ResourcePolicy) -> Iterator[tuple[datetime, RecordingStatus]]:
        for recording in filter(is_awaiting, self._status.recordings):
            if recording.state is RecordingState.DECLINED:
                # Nothing is known to be recorded: that no file comes is as it should be.
                continue
            if recording.escalations == 0:
                # The first alarm comes early, those after it at the steps of the escalation.
                yield _end(recording) + policy.event_expected_within, recording
            elif (age := deadlines.next_step(policy, recording.escalations - 1)) is not None:
                yield _end(recording) + age, recording

    def _fallbacks(self, policy: ResourcePolicy) -> Iterator[tuple[datetime, RecordingStatus]]:
        age = deadlines.fallback_age(policy)
        for recording, chunk in chunks.chunks_of(self._status) if age is not None else ():
            if chunk.state is ChunkState.ANNOUNCED and recording.archive_changes == 0:
                yield _fallback_due(policy, chunk, age or timedelta()), recording

    def _chunk_is_late(
        self,
        policy: ResourcePolicy,
        recording: RecordingStatus,
        chunk: ChunkStatus,
        now: datetime,
    ) -> None:
        age = now - chunk.retention_starts_at
        left = policy.export_window - age
        chunk.escalations = deadlines.steps_passed(policy, age)
        until = f"in {deadlines.in_words(left)}" if left > timedelta() else "any moment"
        what = f"chunk {chunk.chunk.index} is not archived, and may be deleted {until}"
        severity, activity_id = deadlines.severity(policy, age), _export_of(chunk)
        kind = AlarmKind.EXPORT_LATE
        self.add(kind, severity, what, recording, now, chunk, activity_id=activity_id)

    def _file_is_missing(
        self, policy: ResourcePolicy, recording: RecordingStatus, now: datetime
    ) -> None:
        age = now - _end(recording)
        recording.escalations = 1 + deadlines.steps_passed(policy, age)
        known = (
            f"only {len(recording.chunks)} of its files are" if recording.chunks else "no file is"
        )
        what = (
            f"it ended {deadlines.in_words(age)} ago, and {known} announced: look at the Event Grid"
            " subscription and its dead letters"
        )
        severity = deadlines.severity(policy, age)
        self.add(AlarmKind.NO_FILE_EVENT, severity, what, recording, now)


def _fallback_due(policy: ResourcePolicy, chunk: ChunkStatus, age: timedelta) -> datetime:
    """Return the moment at which a chunk takes its recording to the fallback archive."""
    # Of the time left to a chunk that was announced late, the first archive has half.
    left = (chunk.expires_at or chunk.announced_at) - chunk.announced_at
    left = max(left, deadlines.last_chance_timeout(policy.export_window))
    return max(chunk.retention_starts_at + age, chunk.announced_at + min(age, left / 2))


def _export_of(chunk: ChunkStatus) -> str:
    return export_id(chunk.chunk.document_id, chunk.chunk.index)


def _end(recording: RecordingStatus) -> datetime:
    return recording.stopped_at or recording.requested_at
