"""A recording service that behaves as ACS: the truth, against all that Callvault believes.

What is asked of it may arrive late, and what it has accepted may take its time.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

FORGET_TIMEOUT = timedelta(seconds=20)
"""Longest time for which a stopped recording may count as the call's only one."""

_TIMES_TO_BEGIN = (*[0] * 8, 0.5, 3, 12, 29)
"""Seconds from an accepted start to its first sound."""


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
    is_foreign: bool = False
    """True if another client of ACS has begun it."""
    is_read: bool = False
    """True if a reading that was made meanwhile has told the workflow of it."""


@dataclass(order=True)
class Arrival:
    """Something that comes about at ACS at a moment of its own."""

    at: datetime
    number: int
    arrive: Callable[[], None] = field(compare=False)
    change: tuple[str, bool] | None = field(default=None, compare=False)
    """The recording that this makes record, or cease to; None if it is something else."""


@dataclass
class File:
    """A file of a recording that has ended."""

    document_id: str
    index: int
    is_last: bool
    is_announced: bool = False
    """True if an event about it has reached the workflow."""
    is_archived: bool = False
    """True if the workflow was told that an archive holds it."""
    lies_in: set[str] = field(default_factory=set)
    """The archives that hold it."""
    is_doubted: bool = False
    """True if a manifest has found something amiss: then the service's copy stays."""
    is_deleted: bool = False
    has_vanished: bool = False
    """True if an archive held it, and went back behind it."""

    def vanish(self) -> None:
        """Be in no archive any more."""
        self.lies_in.clear()
        self.is_archived, self.has_vanished = False, True


@dataclass
class FakeAcs:
    """The recordings of one call, and what is under way to it, and from it."""

    clock: Callable[[], datetime]
    note: Callable[[str], None] = lambda what: None
    """Tells a story's reader of what comes about."""
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
    newly_read: list[Sound] = field(default_factory=list)
    """Those of which the next activation tells, or this one."""
    meddled: set[int] = field(default_factory=set)
    """Recordings that another client of ACS changed: only a callback tells of it."""
    disobeyed: set[int] = field(default_factory=set)
    """Recordings that were to begin paused, and did not."""
    files: dict[str, list[File]] = field(default_factory=dict)
    """By the id of a recording that has ended."""
    stopped_at: datetime | None = None
    is_call_over: bool = False
    asked_at: list[datetime] = field(default_factory=list)
    """When sound was asked for here."""
    starting: dict[str, bool] = field(default_factory=dict)
    """By the id of a recording that does not record yet: True if no pause keeps it from that."""
    _arrivals: list[Arrival] = field(default_factory=list)
    _count: int = 0
    _now: datetime | None = None
    """The moment at which something arrives."""

    @property
    def now(self) -> datetime:
        """The moment at which what is being done comes about."""
        return self._now or self.clock()

    def later(
        self,
        after: timedelta,
        what: str,
        arrive: Callable[[], None],
        change: tuple[str, bool] | None = None,
    ) -> None:
        """Let something come about after some time."""
        self._count += 1

        def tell() -> None:
            self.note(f"({what} at {self.now:%H:%M:%S.%f})")
            arrive()

        self._arrivals.append(Arrival(self.now + after, self._count, tell, change))

    def catch_up(self) -> None:
        """Let all come about that has its moment by now."""
        while self._arrivals and (first := min(self._arrivals)).at <= self.clock():
            self._arrivals.remove(first)
            self._now = first.at
            try:
                first.arrive()
            finally:
                self._now = None

    def sounds(self, number: int) -> bool:
        """Tell if a recording records now by what was asked here, or as was read since."""
        return any(
            sound.recording == number and sound.until is None
            for sound in self.sounds_heard
            if not sound.is_foreign or sound.is_read
        )

    def change(self, recording_id: str, active: bool, *, is_foreign: bool = False) -> None:
        """Begin or cease to record."""
        is_stubborn = self.starting.get(recording_id, False)
        if active or not is_stubborn:
            self.starting.pop(recording_id, None)
        was_active = self.active.get(recording_id)
        if was_active is active:
            if active and not is_foreign:
                self._take_over(recording_id)
            return
        self.active[recording_id] = active
        self._queue_callback(recording_id, active)
        self._silence(recording_id)
        if active:
            number = self.numbers[recording_id]
            self.sounded.add(number)
            self.sounds_heard.append(Sound(number, self.now, is_foreign=is_foreign))

    def _take_over(self, recording_id: str) -> None:
        """Let a sound that another client has begun go on as one that was asked for here."""
        number = self.numbers[recording_id]
        if any(
            s.recording == number and s.until is None and s.is_foreign for s in self.sounds_heard
        ):
            self._silence(recording_id)
            self.sounds_heard.append(Sound(number, self.now))

    def meddle(self, rng: random.Random) -> None:
        """Let another client of ACS change every recording, and perhaps change it back."""
        for recording_id, active in list(self.active.items()):
            self._meddle(recording_id, not active)
            if rng.random() < 0.5:
                after = timedelta(seconds=rng.choice([0.5, 3, 20, 90]))
                self.later(after, "meddled again", partial(self._meddle, recording_id, active))

    def _meddle(self, recording_id: str, active: bool) -> None:
        if recording_id in self.active:
            self.meddled.add(self.numbers[recording_id])
            # What was asked for here, and takes its time, has come about by that.
            change = (recording_id, active)
            self._arrivals = [each for each in self._arrivals if each.change != change]
            self.change(recording_id, active, is_foreign=True)

    def start(self, request_id: str, number: int, paused: bool, rng: random.Random) -> str:
        """Accept a start; it may take its time to record."""
        recording_id = f"recording-{len(self.numbers) + 1}"
        self.numbers[recording_id] = number
        self.starts[request_id] = recording_id
        # That it is to begin paused may go unheard.
        begins_paused = paused and rng.random() < 0.95
        if paused and not begins_paused:
            self.disobeyed.add(number)
        takes = timedelta(seconds=rng.choice(_TIMES_TO_BEGIN))
        if begins_paused or not takes:
            self.change(recording_id, not begins_paused)
            return recording_id
        self.active[recording_id] = False
        self.starting[recording_id] = rng.random() < 0.5
        self.later(takes, f"{recording_id} begins", lambda: self._begin(recording_id))
        return recording_id

    def _begin(self, recording_id: str) -> None:
        if recording_id in self.active and recording_id in self.starting:
            self.change(recording_id, True)

    def read(self, recording_id: str, sent_at: datetime, read_at: datetime) -> None:
        """Take note that the workflow is told of a reading that says ``active``."""
        for sound in self.sounds_heard:
            was_on = sound.since <= sent_at and (sound.until is None or read_at < sound.until)
            # Else it may be what was asked for here.
            is_unasked = not any(sound.since <= at <= read_at for at in self.asked_at)
            is_its = sound.recording == self.numbers[recording_id]
            if is_its and was_on and is_unasked and not sound.is_read:
                sound.is_read = True
                self.newly_read.append(sound)

    def heard(self, *, by_nobody: bool) -> None:
        """Take note that the workflow was told of readings, or that its run was just over."""
        for sound in self.newly_read:
            sound.is_read = not by_nobody
        self.newly_read.clear()

    def stop(self, recording_id: str) -> None:
        """End a recording."""
        self.stopped_at = self.now
        self._silence(recording_id)
        if self.active.pop(recording_id, None):
            self._queue_callback(recording_id, False)
        if self.numbers[recording_id] in self.sounded and recording_id not in self.files:
            count = 1 + len(recording_id) * self.numbers[recording_id] % 2
            self.files[recording_id] = [
                File(f"{recording_id}-{index}", index, index == count - 1) for index in range(count)
            ]

    def end_call(self) -> None:
        """Everybody hangs up: every recording is over."""
        self.is_call_over = True
        for recording_id in list(self.active):
            self.stop(recording_id)

    def is_slow_to_forget(self) -> bool:
        """Tell if a start may be refused because of a recording that was just stopped."""
        return self.stopped_at is not None and self.now - self.stopped_at < FORGET_TIMEOUT

    def file(self, document_id: str) -> File:
        """Look a file up."""
        every = (file for files in self.files.values() for file in files)
        return next(file for file in every if file.document_id == document_id)

    def _silence(self, recording_id: str) -> None:
        for sound in self.sounds_heard:
            if sound.recording == self.numbers[recording_id] and sound.until is None:
                sound.until = self.now

    def _queue_callback(self, recording_id: str, active: bool) -> None:
        number = self.numbers[recording_id]
        self.callbacks.append(Callback(number, recording_id, active, self.now))
