"""The seal loop: writes the manifest of every recording that has reached its end."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.causes import Cause
from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.status import RecordingStatus
from workflows import activity_calls
from workflows.activity_errors import files_erased, files_gone, problem, reason
from workflows.activity_options import SEAL_TIMEOUT
from workflows.call import chunks, deadlines
from workflows.call.activity_ids import seal_id
from workflows.call.alarms import Alarms
from workflows.call.chunks import ChunkKey
from workflows.call.lifecycle import Lifecycle
from workflows.loops.clock import Moment
from workflows.loops.loop import Run, one_at_a_time

_NOT_SEALED = "its files are archived, its manifest is not written"


class SealLoop:
    """Seals recordings one after the other, each with the manifest of the one before."""

    is_interruptible = False

    def __init__(
        self, run: Run, call: Lifecycle, alarms: Alarms, unsealable: tuple[int, ...]
    ) -> None:
        self._run = run
        self._call = call
        self._alarms = alarms
        self.unsealable = set(unsealable)
        """The numbers of the recordings whose manifest could not be written."""
        self._is_sealing = False
        self._gone: dict[int, str] = {}
        """By the number of a recording that is archived and sealed anew, why."""

    @property
    def is_idle(self) -> bool:
        """True if no manifest is being written, or to be written."""
        # A late file may make a recording unfinished again while its manifest is being written.
        return not self._is_sealing and self._to_seal() is None

    is_done = is_idle

    async def run(self) -> None:
        """Seal every recording that has reached its end."""
        await one_at_a_time(self._run, self._to_seal, self._seal)

    def _to_seal(self) -> RecordingStatus | None:
        recordings = chunks.to_seal(self._call.status)
        return next((r for r in recordings if r.number not in self.unsealable), None)

    def is_to_seal(self, recording: RecordingStatus) -> bool:
        """Tell if a manifest of the recording is being written, or to be written."""
        is_unsealed = any(each is recording for each in chunks.to_seal(self._call.status))
        return is_unsealed and recording.number not in self.unsealable

    def archive_anew(self, key: ChunkKey, sealed: SealedRecording, why: str) -> None:
        """Archive a file and seal its recording once more: the archive lacks it or the manifest.

        The file is copied or, where the archive still holds it, read back.
        """
        recording, _ = chunks.find_chunk(self._call.status, key)
        # Another file of the recording may have found that before.
        if recording.sealed == sealed:
            self._gone[recording.number] = why
        what = f"recording {recording.number}: chunk {key.index} is archived anew: {why}"
        self._call.note(workflow.now(), what)
        chunks.export_anew(self._call.status, recording, {key})

    async def _seal(self, recording: RecordingStatus) -> None:
        archives = {each.archived.archive for each in recording.chunks if each.archived}
        if len(archives) > 1:
            why = f"they lie in the archives {', '.join(sorted(archives))}"
            self._not_sealed(recording, (why, Cause.ARCHIVE))
        else:
            self._call.lies_in(recording, archives.pop())
            self._is_sealing = True
            await self._write_manifest(recording)
            self._is_sealing = False

    async def _write_manifest(self, recording: RecordingStatus) -> None:
        before = recording.model_dump_json()
        sealing = activity_calls.seal(self._call.status, recording)
        await self._watch(recording, sealing)
        try:
            sealed = await sealing
        except ActivityError as error:
            if erased := files_erased(error):
                keys = {ChunkKey(*each) for each in erased}
                self._call.files_erased(recording, keys, reason(error), workflow.now())
            elif gone := files_gone(error):
                self._copy_again(recording, gone, reason(error))
            else:
                self._not_sealed(recording, problem(error))
            # An alarm about these files tells of it, or none is due: they were erased.
            self._gone.pop(recording.number, None)
        else:
            # An event may have been folded meanwhile, which this manifest does not know: then it
            # is no seal, and another manifest follows it.
            if recording.model_dump_json() == before:
                self._call.sealed(recording, sealed, workflow.now())
                self._tell_of(recording, sealed)

    def _tell_of(self, recording: RecordingStatus, sealed: SealedRecording) -> None:
        """Raise the alarms about what only the manifest brought to light."""
        now = workflow.now()
        if why := self._gone.pop(recording.number, ""):
            what = f"it was sealed, and had to be archived and sealed anew: {why}"
            self._alarms.add(AlarmKind.ARCHIVE_CHANGED, Severity.ERROR, what, recording, now)
        if sealed.contradictions:
            what = "; ".join(sealed.contradictions)
            self._alarms.add(AlarmKind.CONTRADICTED, Severity.CRITICAL, what, recording, now)
        if sealed.duties:
            what = f"{sealed.duties} things are to be done about it: `callvault duties` lists them"
            self._alarms.add(AlarmKind.DUTIES, Severity.WARNING, what, recording, now)

    async def _watch(
        self, recording: RecordingStatus, sealing: workflow.ActivityHandle[SealedRecording]
    ) -> None:
        """Wait until the manifest is written or given up; raise an alarm at every step till then.

        The steps are those of the escalation, counted from now.
        """
        policy, since = self._call.policy, workflow.now()
        for age in deadlines.escalation_ages(policy):
            due = Moment(since + age, f"the manifest of recording {recording.number} is late")
            if not sealing.done():
                await self._run.clock.changed(sealing.done, due)
            if sealing.done():
                return
            left = deadlines.in_words(since + SEAL_TIMEOUT - workflow.now())
            what = f"{_NOT_SEALED}, and is given up in {left}"
            severity, activity_id = deadlines.severity(policy, age), seal_id(recording.number)
            self._alarms.add(
                AlarmKind.NOT_SEALED,
                severity,
                what,
                recording,
                workflow.now(),
                activity_id=activity_id,
            )

    def _copy_again(
        self, recording: RecordingStatus, gone: list[tuple[str, int]], why: str
    ) -> None:
        """Copy the files again that the archive has lost, while the service still has them."""
        chunks.export_anew(self._call.status, recording, {ChunkKey(*each) for each in gone})
        now, indices = workflow.now(), ", ".join(str(index) for _, index in gone)
        self._call.note(now, f"recording {recording.number}: chunks {indices} are copied again")
        what = f"chunks {indices} were archived, and are copied again: {why}"
        self._alarms.add(AlarmKind.ARCHIVE_CHANGED, Severity.ERROR, what, recording, now)

    def _not_sealed(self, recording: RecordingStatus, why: tuple[str, Cause | None]) -> None:
        self.unsealable.add(recording.number)
        problem, cause = why
        kind, severity, what = AlarmKind.NOT_SEALED, Severity.ERROR, f"{_NOT_SEALED}: {problem}"
        self._alarms.add(kind, severity, what, recording, workflow.now(), cause=cause)
