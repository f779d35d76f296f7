"""A recording service that behaves as ACS: the truth, against all that Callvault believes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

FORGET_TIMEOUT = timedelta(seconds=20)
"""Longest time for which a stopped recording may count as the call's only one."""


@dataclass
class Callback:
    """A change of a recording's state that ACS tells its callback address."""

    number: int
    recording_id: str
    is_active: bool
    at: datetime


@dataclass
class Sound:
    """A time in which a recording recorded."""

    recording: int
    since: datetime
    until: datetime | None = None
    """None while it records."""


@dataclass
class File:
    """A file of a recording that has ended."""

    document_id: str
    index: int
    is_last: bool
    is_announced: bool = False
    """True if an event about it has reached the workflow."""
    is_archived: bool = False
    is_doubted: bool = False
    """True if a manifest has found something amiss: then the service's copy stays."""
    is_deleted: bool = False


@dataclass
class FakeAcs:
    """The recordings of one call, and what is under way to be told of them."""

    active: dict[str, bool] = field(default_factory=dict)
    """By recording id, from start to stop."""
    numbers: dict[str, int] = field(default_factory=dict)
    """Which recording of the call each id belongs to."""
    starts: dict[str, str] = field(default_factory=dict)
    """The recording that each start began, by its repeatability id."""
    told: set[str] = field(default_factory=set)
    """The recordings whose start was answered."""
    callbacks: list[Callback] = field(default_factory=list)
    """Not delivered yet."""
    sounded: set[int] = field(default_factory=set)
    """Recordings of which there is sound."""
    sounds_heard: list[Sound] = field(default_factory=list)
    meddled: set[int] = field(default_factory=set)
    """Recordings that another client of ACS changed: only a callback tells of it."""
    files: dict[str, list[File]] = field(default_factory=dict)
    """By the id of a recording that has ended."""
    stopped_at: datetime | None = None
    is_call_over: bool = False

    def sounds(self, number: int) -> bool:
        """Tell if a recording records now, and no other client of ACS has meddled with it."""
        if number in self.meddled:
            return False
        return any(on and self.numbers[of] == number for of, on in self.active.items())

    def change(self, recording_id: str, active: bool, now: datetime) -> None:
        if self.active.get(recording_id) is active:
            return
        self.active[recording_id] = active
        self._queue_callback(recording_id, active, now)
        self._silence(recording_id, now)
        if active:
            self.sounded.add(self.numbers[recording_id])
            self.sounds_heard.append(Sound(self.numbers[recording_id], now))

    def meddle(self, now: datetime) -> None:
        """Let another client of ACS change every recording; a callback tells of it, in time."""
        for recording_id, active in list(self.active.items()):
            self.meddled.add(self.numbers[recording_id])
            self.change(recording_id, not active, now)

    def start(self, request_id: str, number: int, paused: bool, now: datetime) -> str:
        recording_id = f"recording-{len(self.numbers) + 1}"
        self.numbers[recording_id] = number
        self.starts[request_id] = recording_id
        self.change(recording_id, not paused, now)
        return recording_id

    def stop(self, recording_id: str, now: datetime) -> None:
        self.stopped_at = now
        self._silence(recording_id, now)
        if self.active.pop(recording_id, None):
            self._queue_callback(recording_id, False, now)
        if self.numbers[recording_id] in self.sounded and recording_id not in self.files:
            count = 1 + len(recording_id) * self.numbers[recording_id] % 2
            self.files[recording_id] = [
                File(f"{recording_id}-{index}", index, index == count - 1) for index in range(count)
            ]

    def end_call(self, now: datetime) -> None:
        """Everybody hangs up: every recording is over."""
        self.is_call_over = True
        for recording_id in list(self.active):
            self.stop(recording_id, now)

    def is_slow_to_forget(self, now: datetime) -> bool:
        """Tell if a start may be refused because of a recording that was just stopped."""
        return self.stopped_at is not None and now - self.stopped_at < FORGET_TIMEOUT

    def file(self, document_id: str) -> File:
        """Look a file up."""
        every = (file for files in self.files.values() for file in files)
        return next(file for file in every if file.document_id == document_id)

    def _silence(self, recording_id: str, now: datetime) -> None:
        for sound in self.sounds_heard:
            if sound.recording == self.numbers[recording_id] and sound.until is None:
                sound.until = now

    def _queue_callback(self, recording_id: str, active: bool, now: datetime) -> None:
        self.callbacks.append(Callback(self.numbers[recording_id], recording_id, active, now))
