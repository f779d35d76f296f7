"""The emulator without a server: state, clock, media and events, wired together."""

import tempfile
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from callvault.emulator.behaviours import LiveBehaviours
from callvault.emulator.callbacks import CallbackSender
from callvault.emulator.calls import CallRegistry
from callvault.emulator.clock import EmulatorClock
from callvault.emulator.credentials import AccessKeys, TokenSigner
from callvault.emulator.eventgrid import events
from callvault.emulator.eventgrid.events import file_event, file_payloads
from callvault.emulator.eventgrid.subscriptions import EventGrid
from callvault.emulator.external_storage import Exporter
from callvault.emulator.faults import FaultScript
from callvault.emulator.ids import IdFactory
from callvault.emulator.model import Call, CallKind, MediaState, Participant, Recording
from callvault.emulator.recordings import RecordingService
from callvault.emulator.render_jobs import RenderJobs
from callvault.emulator.request_log import RequestLog
from callvault.emulator.scheduler import Scheduler
from callvault.emulator.settings import EmulatorSettings
from callvault.emulator.snapshot import SavedState, StateFile
from callvault.emulator.storage import StoredChunk, TemporaryStorage, failover_duplicate


class MissingMediaExtra(RuntimeError):
    """The packages that render media are not installed."""


class Emulator:
    """One emulated ACS resource.

    ``endpoint`` is its base URL, ``content_host`` the base URL of the second listener, which stands
    for the service's content hosts, and ``content_port`` that listener's port.
    """

    def __init__(
        self, settings: EmulatorSettings, endpoint: str, content_host: str, content_port: int
    ) -> None:
        _require_media_extra()
        self.settings = settings
        self.endpoint = endpoint
        self.content_host = content_host
        self.content_port = content_port
        self.signer = TokenSigner(settings.openid_issuer, str(settings.resource_uuid))
        self._state = StateFile(settings.state_dir) if settings.state_dir else None
        self._open(self._state.loaded if self._state else None)

    @property
    def file_locations(self) -> str:
        """The base URL of the locations in events."""
        other = self.behaviours.now.content_host == "other"
        return self.content_host if other else self.endpoint

    def start_call(
        self,
        kind: CallKind,
        participants: list[tuple[str, str | None, bool]],
        media_bytes: int | None = None,
        clock_offset: timedelta = timedelta(),
        start_delay: timedelta | None = None,
    ) -> Call:
        """Create a call with its first participants and announce it.

        A participant has a display name, a raw id, and whether the voice tells the time.
        """
        call = self.calls.create(kind, media_bytes, clock_offset, start_delay)
        # Before CallStarted is published, which names the first participant.
        joined = [self.calls.join(call, *who) for who in participants]
        if call.is_announced:
            self.event_grid.publish(events.call_started(self.ids.event_id(), call))
            if self.behaviours.now.call_leg_events:
                self.event_grid.publish(events.call_leg_established(self.ids.event_id(), call))
        for who in joined:
            self._announce_presence(call, who)
        return call

    def join(
        self, call: Call, display_name: str, raw_id: str | None, tells_time: bool = False
    ) -> Participant:
        who = self.calls.join(call, display_name, raw_id, tells_time)
        self._announce_presence(call, who)
        return who

    def leave(self, call: Call, raw_id: str) -> None:
        self._announce_presence(call, self.calls.leave(call, raw_id))

    def end_call(self, call: Call) -> None:
        """End the call and its recordings, and announce it."""
        left = self.calls.end(call)
        self.faults.forget(call.call_id)
        self.recordings.end_all(call)
        for who in left:
            self._announce_presence(call, who)
        if call.is_announced:
            now = self.clock.now()
            self.event_grid.publish(events.call_ended(self.ids.event_id(), call, now))

    def save(self) -> None:
        """Save the state for the next start, if there is a state directory."""
        if self._state:
            self._state.save(self)

    def reset(self) -> None:
        """Go back to the state of the first start; blocks until work in progress has stopped."""
        # Before the files are deleted: a job that still runs would write new ones.
        self._stop()
        self._delete_state()
        self._open(None)

    def close(self) -> None:
        """Stop all background work, and remove the files unless there is a state directory."""
        # Before the stop, which abandons renderings: the next start submits those again.
        self.save()
        self._stop()

    def _open(self, saved: SavedState | None) -> None:
        settings = self.settings
        self.clock = EmulatorClock(saved.clock_advanced if saved else timedelta())
        self.request_log = RequestLog(self.clock)
        self.behaviours = LiveBehaviours(settings.behaviours)
        self.faults = FaultScript(settings.seed)
        self.keys = AccessKeys(settings)
        self.storage = TemporaryStorage(self.clock)
        self.ids = IdFactory(settings)
        self.calls = CallRegistry(self.clock, self.ids)
        self.scheduler = Scheduler(self.clock)
        self.event_grid = EventGrid(
            settings, self.behaviours, self.clock, self.scheduler, self.request_log
        )
        self._callbacks = CallbackSender(
            self.clock, self.ids, self.scheduler, self.request_log, self.signer
        )
        self._exporter = Exporter(settings.external_storage_key.get_secret_value())
        self._directory, self._render_jobs = self._open_media_directory()
        self.recordings = RecordingService(
            self.clock,
            self.ids,
            settings.start_delay,
            self.behaviours,
            on_change=self._callbacks.follow,
            on_end=self._render_jobs.submit,
        )
        # Subscribed before the state is restored, which may publish file events at once.
        for webhook in settings.event_grid_endpoints:
            self.event_grid.subscribe(webhook)
        if saved:
            self._restore(saved)

    def _open_media_directory(self) -> tuple[tempfile.TemporaryDirectory[str] | None, RenderJobs]:
        """Make the render jobs, in the state directory or in a temporary one that is returned."""
        kept = self.settings.state_dir
        # Errors of its removal are ignored: an abandoned rendering may still write into it.
        temporary = (
            None
            if kept
            else tempfile.TemporaryDirectory(
                prefix="callvault-emulator-", ignore_cleanup_errors=True
            )
        )
        files = kept / "files" if kept else Path(temporary.name if temporary else "")
        files.mkdir(exist_ok=True)
        render_jobs = RenderJobs(
            self.settings,
            self.clock,
            self.ids,
            self.scheduler,
            self.storage,
            self.request_log,
            files,
            on_file=self._announce_files,
        )
        return temporary, render_jobs

    def _restore(self, saved: SavedState) -> None:
        # First, because the jobs below draw ids, of which none may come twice.
        self.ids.restart(saved.run + 1)
        self.keys.generations.update(saved.key_generations)
        for call in (each.restored() for each in saved.calls):
            self.calls.add(call)
            self.recordings.restore(call.recordings)
            for recording in call.recordings:
                self._resume(recording, set(saved.available))
        # After the recordings that it refers to.
        self.recordings.restore_repeatable(saved.repeatable)

    def _resume(self, recording: Recording, available: set[str]) -> None:
        """Resume a recording of an earlier run: render it, or publish its file event."""
        for chunk in (*recording.chunks, *recording.failover_duplicates):
            if chunk.document_id in available:
                self.storage.add(chunk)
        if recording.ended_at and recording.media_state in {
            MediaState.AWAITED,
            MediaState.RENDERING,
        }:
            self._render_jobs.submit(recording)
        elif recording.media_state is MediaState.READY and not recording.announced:
            self.scheduler.soon(lambda: self._announce_files(recording))

    def _stop(self) -> None:
        # Before the scheduler, which waits for its jobs: renderings end as soon as this is set.
        self._render_jobs.close()
        self.scheduler.close()
        self.event_grid.close()
        self._callbacks.close()
        if self._directory:
            self._directory.cleanup()

    def _delete_state(self) -> None:
        for chunk in self.storage.available():
            self.storage.delete(chunk.document_id)
        if self._state:
            self._state.forget()

    def _announce_presence(self, call: Call, who: Participant) -> None:
        wanted = self.behaviours.now.participant_events
        if not (wanted and call.is_announced and who.is_acs_user):
            return
        build = events.participant_added if who.presence.is_on else events.participant_removed
        self.event_grid.publish(build(self.ids.event_id(), call, who, self.clock.now()))

    def _announce_files(self, recording: Recording) -> None:
        if recording.options.container_url:
            self._exporter.export(recording, self.clock.now())
            self.request_log.note("export", recording.export_error or "done")
        form = self.behaviours.now
        if form.file_events == "failover" and not (
            recording.announced or recording.failover_duplicates
        ):
            recording.failover_duplicates = self._make_failover_duplicates(recording)
            self.save()  # an announced document must be there after a restart, too
        # Saved after publishing: a crash between the two announces the files once more.
        recording.announced = True
        for subject, data in file_payloads(recording, self.file_locations, form):
            now = recording.call.told(self.clock.now())
            self.event_grid.publish(file_event(self.ids.event_id(), now, subject, data))
        self.save()

    def _make_failover_duplicates(self, recording: Recording) -> tuple[StoredChunk, ...]:
        failover_duplicates = tuple(
            failover_duplicate(chunk, self.ids.failover_id()) for chunk in recording.chunks
        )
        for chunk in failover_duplicates:
            self.storage.add(chunk)
        return failover_duplicates


def _require_media_extra() -> None:
    missing = [name for name in ("av", "numpy", "PIL") if find_spec(name) is None]
    if missing:
        raise MissingMediaExtra(
            f"the emulator renders real media and needs {', '.join(missing)}: "
            "install callvault[media]"
        )
