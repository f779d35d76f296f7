"""The emulator put together: state, clock, media and events, without a server."""

import tempfile
from importlib.util import find_spec
from pathlib import Path

from .agenda import Agenda
from .calls import Call, CallKind, CallRegistry
from .clock import EmulatorClock
from .eventgrid.events import call_ended, call_started, recording_file_status_updated
from .eventgrid.subscriptions import EventGrid
from .ids import IdFactory
from .journal import Journal
from .production import Production
from .recordings import Recording, RecordingService
from .settings import EmulatorSettings
from .storage import TemporaryStorage


class MissingMediaExtra(RuntimeError):
    """The packages that make media are not installed."""


class Emulator:
    """One ACS resource. ``endpoint`` is the base URL under which it is reached."""

    def __init__(self, settings: EmulatorSettings, endpoint: str) -> None:
        _require_media_extra()
        self.settings = settings
        self.endpoint = endpoint
        self.clock = EmulatorClock()
        self.journal = Journal(self.clock)
        self.storage = TemporaryStorage(self.clock)
        self.ids = IdFactory(settings)
        self.calls = CallRegistry(self.clock, self.ids)
        self._agenda = Agenda(self.clock)
        self._directory = tempfile.TemporaryDirectory(
            prefix="callvault-emulator-", ignore_cleanup_errors=True
        )
        self.event_grid = EventGrid(settings.topic, self.clock, self._agenda, self.journal)
        production = Production(
            settings,
            self.clock,
            self.ids,
            self._agenda,
            self.storage,
            self.journal,
            Path(self._directory.name),
            on_file=self._announce,
        )
        self.recordings = RecordingService(
            self.clock, self.ids, settings.start_delay, on_end=production.take
        )
        for webhook in settings.event_grid_endpoints:
            self.event_grid.subscribe(webhook)

    def start_call(self, kind: CallKind, participants: list[tuple[str, str | None]]) -> Call:
        """A call with its first participants (display name, raw id), announced as started."""
        call = self.calls.create(kind)
        for display_name, raw_id in participants:
            self.calls.join(call, display_name, raw_id)
        if kind is CallKind.ACS:
            self.event_grid.publish(call_started(self.ids.event_id(), call))
        return call

    def end_call(self, call: Call) -> None:
        """End the call and its recordings, and announce it."""
        self.calls.end(call)
        self.recordings.end_all(call)
        if call.kind is CallKind.ACS:
            self.event_grid.publish(call_ended(self.ids.event_id(), call, self.clock.now()))

    def close(self) -> None:
        """Stop all background work and remove the files."""
        self._agenda.close()
        self.event_grid.close()
        self._directory.cleanup()

    def _announce(self, recording: Recording) -> None:
        now = self.clock.now()
        self.event_grid.publish(
            recording_file_status_updated(self.ids.event_id(), now, recording, self.endpoint)
        )


def _require_media_extra() -> None:
    missing = [name for name in ("av", "numpy", "PIL") if find_spec(name) is None]
    if missing:
        raise MissingMediaExtra(
            f"the emulator renders real media and needs {', '.join(missing)}: "
            "install callvault[media]"
        )
