"""The account of a recording's silence: drawn from what was sent to ACS, what came back, and when.

Silence is claimed from proof alone, by clocks that saw it. It begins when a reading that can mean
nothing else has come back, and ends when sound is sent for, answered or not. Whatever else lies in
a time in which silence was wanted is unconfirmed. Nothing else in Callvault claims silence.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from callvault.contracts.activity_io import ACS_TIMEOUT
from callvault.contracts.silence import SilentInterval, UnconfirmedInterval
from callvault.contracts.status import RecordingStatus
from workflows.call import intervals
from workflows.call.intervals import FOREVER, MAX_CLOCK_DIFFERENCE, Span

STARTING_TIMEOUT = timedelta(seconds=30)
"""Longest time for ACS to record after it has accepted a start. Until it was seen to record, ACS
reports a recording that is starting and one that is paused alike."""

ARRIVAL_TIMEOUT = ACS_TIMEOUT + timedelta(seconds=5)
"""Longest time for which a request that was given up may still arrive, and take effect: the
request's own time-out, and as long as a workflow task, whose clock may be behind by so much."""

MAX_TOLD = 16
"""Callbacks whose times are kept, to know those that ACS sends again."""

SLOW_READING = timedelta(milliseconds=500)
"""Time of a reading beyond which somebody else may have resumed while its answer was on its way: it
is read again at once."""


class Sight(StrEnum):
    """The meaning of a reading for the account."""

    SILENT = "silent"
    """It proves silence."""
    AMBIGUOUS = "ambiguous"
    """It says ``inactive``, which may mean that sound is still to come."""
    SOUND = "sound"
    """It says ``active``, where no silence was claimed."""
    CONTRADICTION = "contradiction"
    """It says ``active`` within a silence that was claimed: that claim is taken back."""
    OVERLAP = "overlap"
    """It says ``active``, and was under way as sound was sent for: the claim is taken back."""
    DOUBT = "doubt"
    """It says ``active``, perhaps from before the silence: another reading tells."""


def is_silent(recording: RecordingStatus) -> bool:
    """Tell if ACS is proven to record nothing now: not yet, not any more, or paused."""
    sound = recording.sound
    return sound.begun_at is None or sound.over_at is not None or _open(recording) is not None


def is_read_since(recording: RecordingStatus, since: datetime) -> bool:
    """Tell if silence is proven now, and was read by a request sent after ``since``."""
    if _open(recording) is None:
        return False
    inactive_at = recording.sound.inactive_at
    return inactive_at is not None and inactive_at >= since


def is_to_be_read_again(
    recording: RecordingStatus, sent_at: datetime, received_at: datetime
) -> bool:
    """Tell if silence was proven by this reading, whose answer was long on its way."""
    interval = _open(recording)
    is_proof = interval is not None and interval.since == received_at
    return is_proof and received_at - sent_at > SLOW_READING


def silent_since(recording: RecordingStatus) -> datetime | None:
    """Return since when a silence lasts that is proven now; None if none is."""
    if recording.sound.begun_at is None:
        return recording.requested_at
    interval = _open(recording)
    return interval.since if interval is not None else recording.sound.over_at


def proves_from(recording: RecordingStatus) -> datetime | None:
    """Return the first moment at which a reading can be sent that proves silence.

    None while sound is being asked for, and if the next reading can.
    """
    sound = recording.sound
    moments = (sound.may_arrive_until, sound.starting_until)
    return None if sound.is_sound_asked else max(filter(None, moments), default=None)


# What is sent.


def sound_asked(recording: RecordingStatus, at: datetime, *, is_paused: bool = False) -> None:
    """Take note that sound is sent for, at ``at`` or later: a start, paused or not, or a resume."""
    sound = recording.sound
    if sound.begun_at is None:
        sound.begun_at, sound.is_begun_paused = at, is_paused
    sound.is_begun_paused &= is_paused
    sound.is_unseen = sound.active_at is not None and _open(recording) is None
    sound.is_sound_asked = True
    sound.sounds_sent += 1
    _end_silence(recording, at)


def start_answered(recording: RecordingStatus, received_at: datetime) -> None:
    """Take note that ACS accepted a start."""
    sound = recording.sound
    sound.is_sound_asked = False
    sound.starting_until = received_at + STARTING_TIMEOUT


def start_denied(recording: RecordingStatus) -> None:
    """Take note that ACS has begun nothing: it is as if that start had not been sent.

    What an earlier one that was given up has begun, nobody knows.
    """
    recording.sound.is_sound_asked = False
    if recording.sound.may_arrive_until is not None:
        return
    recording.sound.begun_at = None
    account = recording.silence
    account.unconfirmed = [each for each in account.unconfirmed if each.until is not None]


def resume_answered(
    recording: RecordingStatus, received_at: datetime, unanswered_at: datetime | None
) -> None:
    """Take note that ACS was seen to record after a resume.

    ``unanswered_at`` is when an earlier attempt at it was given up, which may still arrive.
    """
    sound = recording.sound
    sound.is_sound_asked = False
    sound.starting_until = None
    sound.active_at = sound.active_at or received_at
    # Where it may have recorded before, that it records now does not tell that this has arrived.
    asked_at = received_at if sound.is_unseen else unanswered_at
    late = asked_at + ARRIVAL_TIMEOUT if asked_at else None
    sound.may_arrive_until = max(filter(None, (sound.may_arrive_until, late, received_at)))


def sound_given_up(recording: RecordingStatus, now: datetime, *, is_start: bool = False) -> None:
    """Take note that sound is asked for no more, and may have been: nobody knows."""
    sound = recording.sound
    sound.is_sound_asked = False
    late = now + ARRIVAL_TIMEOUT
    sound.may_arrive_until = max(sound.may_arrive_until or late, late)
    if is_start:
        sound.starting_until = late + STARTING_TIMEOUT


# What comes back.


def inactive_read(
    recording: RecordingStatus, sent_at: datetime, received_at: datetime, proof: str
) -> Sight:
    """Fold a reading that says ``inactive``, by the times just before and just after it."""
    was_inactive(recording, sent_at, received_at)
    if _open(recording) is not None:
        return Sight.SILENT
    if not _proves(recording, sent_at):
        return Sight.AMBIGUOUS
    intervals.prove(recording.silence, SilentInterval(since=received_at, proof=proof))
    return Sight.SILENT


def was_inactive(recording: RecordingStatus, sent_at: datetime, received_by: datetime) -> None:
    """Take note of a reading that said ``inactive``, if none is known that was sent later."""
    sound = recording.sound
    if sound.inactive_at is None or sent_at > sound.inactive_at:
        sound.inactive_at, sound.inactive_received_at = sent_at, received_by


def active_read(
    recording: RecordingStatus,
    sent_at: datetime,
    received_at: datetime,
    inactive_at: datetime | None = None,
) -> Sight:
    """Fold a reading that says ``active``.

    ``inactive_at`` is when an earlier reading was sent, by the same poll, that said ``inactive``.
    """
    # Whoever has made it record: there is a file.
    recording.was_active = True
    _sounded(recording, received_at)
    recording.sound.active_at = recording.sound.active_at or received_at
    interval = _claimed_at(recording, sent_at, received_at)
    if interval is None:
        return Sight.SOUND
    if sent_at < interval.since:
        return Sight.DOUBT
    known = (inactive_at, _inactive_before(recording, sent_at))
    sent = (at for at in known if at and at <= sent_at)
    since = max(sent, default=interval.since)
    if _ends_before(recording, interval, received_at):
        why = "a reading that may be from before the resume says that ACS recorded"
        _take_back(recording, interval, since, why, is_finding=False)
        return Sight.OVERLAP
    _take_back(recording, interval, since, "ACS recorded, although it was paused")
    return Sight.CONTRADICTION


def active_told(recording: RecordingStatus, told_at: datetime, now: datetime) -> bool:
    """Fold a callback that says ``active``; one that no request of ours explains is another's.

    ``told_at`` is its own time, by a foreign clock; it may be late. Tell if silence was claimed,
    and the claim is taken back.
    """
    sound = recording.sound
    # By whatever clock it was told, it was before now.
    told_at = min(told_at, now)
    earliest = told_at - MAX_CLOCK_DIFFERENCE
    latest = min(told_at + MAX_CLOCK_DIFFERENCE, now)
    # No sound was sent for in a silence: one that lies in it by any clock is nobody's request.
    claims = [each for each in recording.silence.silent if _lasts(each, earliest, latest, now)]
    is_new = told_at not in sound.sounds_told_at
    if is_new:
        sound.sounds_told_at = [*sound.sounds_told_at, told_at][-MAX_TOLD:]
    if not sound.is_sound_asked and sound.starting_until is not None:
        _sounded(recording, now)
    if is_new and not claims:
        is_ours = sound.sounds_told < sound.sounds_sent
        sound.sounds_told += is_ours
        # One that is told beyond those that were sent for is somebody else's. It counts once: what
        # was told by now tells nothing of a silence that is proven later.
        newest = None if is_ours else _newest_after(recording, earliest)
        claims = [newest] if newest is not None else []
    for interval in claims:
        # What was read since may be a silence of later: somebody else may have paused it again.
        at = max(interval.since, earliest)
        at = min(at, sound.inactive_at or at)
        _take_back(recording, interval, at, "ACS told that it records, although it was paused")
    return bool(claims)


def ended(recording: RecordingStatus, at: datetime) -> None:
    """Fold that the recording is over: nothing records any more."""
    sound = recording.sound
    sound.is_sound_asked = False
    sound.over_at = sound.over_at or at
    _end_silence(recording, sound.over_at)


def reopened(recording: RecordingStatus) -> None:
    """Fold that a recording which counted as over, or as never begun, is not."""
    recording.sound.over_at = None


def lost_sight(recording: RecordingStatus, now: datetime) -> None:
    """Take note that nobody knows what was asked since the last reading: a resume, perhaps."""
    sound = recording.sound
    if sound.begun_at is None or sound.over_at is not None:
        return
    _end_silence(recording, sound.inactive_at or sound.begun_at)
    # What is asked for here is in flight still.
    late = now + ARRIVAL_TIMEOUT
    sound.may_arrive_until = max(sound.may_arrive_until or late, late)


# What was wanted.


def review(
    recording: RecordingStatus,
    wanted_since: datetime | None,
    why: str,
    confirm_within: timedelta,
    now: datetime,
) -> None:
    """Draw up what is unconfirmed, after every event.

    ``wanted_since`` is since when silence is wanted, by the request's own time, and ``why`` in
    words; None while it is not.
    """
    sound, account = recording.sound, recording.silence
    if wanted_since is not None:
        sound.wanted_since = min(sound.wanted_since or wanted_since, wanted_since)
    if sound.wanted_since is None or sound.begun_at is None:
        sound.wanted_since = wanted_since
        account.unconfirmed = intervals.without_empty(account.unconfirmed)
        return
    until = sound.over_at or (FOREVER if wanted_since is not None else now)
    wanted = Span(max(sound.wanted_since, sound.begun_at), until)
    pieces = _unproven(recording, wanted, why)
    account.unconfirmed = _joined(account.unconfirmed, pieces, wanted.since)
    _judge(recording, confirm_within, now)
    sound.wanted_since = None if until != FOREVER else sound.wanted_since


def was_wanted(
    recording: RecordingStatus, wanted: Span, why: str, confirm_within: timedelta, now: datetime
) -> bool:
    """Add a time in which silence was wanted, too, of which is known only now.

    Tell if more is unconfirmed by that.
    """
    sound, account = recording.sound, recording.silence
    if sound.begun_at is None:
        return False
    wanted = Span(max(wanted.since, sound.begun_at), min(wanted.until, sound.over_at or FOREVER))
    pieces = _unproven(recording, wanted, why)
    before = account.unconfirmed
    account.unconfirmed = intervals.merged([*before, *pieces])
    _judge(recording, confirm_within, now)
    return account.unconfirmed != before


def due_at(recording: RecordingStatus, since: datetime, confirm_within: timedelta) -> datetime:
    """Return by when a silence that is wanted since then is to be proven."""
    sound = recording.sound
    # Of what is to begin paused, ACS was never asked for a sound: it may be starting for as long,
    # and no longer once it was seen to record.
    if sound.begun_at is not None and sound.is_begun_paused and since <= sound.begun_at:
        started_by = sound.begun_at + STARTING_TIMEOUT
        return min(started_by, sound.active_at or started_by) + confirm_within
    return since + confirm_within


def doubted(recording: RecordingStatus, doubts: Iterable[UnconfirmedInterval]) -> None:
    """Add doubts of somebody who knows of the recording, too; no silence is claimed in them."""
    known = (_until_proven(recording, each) for each in doubts)
    intervals.doubt(recording.silence, known)


def _until_proven(recording: RecordingStatus, doubt: UnconfirmedInterval) -> UnconfirmedInterval:
    """Return a doubt that was open until what is proven since then, or the end."""
    if doubt.until is not None:
        return doubt
    proven = (each.since for each in recording.silence.silent if each.since >= doubt.since)
    until = next(proven, recording.sound.over_at)
    return _closed(doubt, max(doubt.since, until)) if until is not None else doubt


def _judge(recording: RecordingStatus, confirm_within: timedelta, now: datetime) -> None:
    """Tell what is unconfirmed for longer than it may be: a finding."""
    for interval in recording.silence.unconfirmed:
        lasted = (interval.until or now) - interval.since
        interval.is_finding |= lasted > _limit(recording, interval, confirm_within)


def _limit(
    recording: RecordingStatus, interval: UnconfirmedInterval, confirm_within: timedelta
) -> timedelta:
    return due_at(recording, interval.since, confirm_within) - interval.since


# The parts.


def _open(recording: RecordingStatus) -> SilentInterval | None:
    silent = recording.silence.silent
    return silent[-1] if silent and silent[-1].until is None else None


def _inactive_before(recording: RecordingStatus, at: datetime) -> datetime | None:
    """Return when the last reading was sent that said ``inactive``, if it was back by then.

    Two that are under way at once were answered in any order: sound may have come and gone before
    the one that was sent first.
    """
    sound = recording.sound
    is_back = sound.inactive_received_at is not None and sound.inactive_received_at <= at
    return sound.inactive_at if is_back else None


def _newest_after(recording: RecordingStatus, at: datetime) -> SilentInterval | None:
    """Return the newest silence, unless it had ended by then."""
    newest = recording.silence.silent[-1] if recording.silence.silent else None
    if newest is None or (newest.until is not None and newest.until <= at):
        return None
    return newest


def _lasts(interval: SilentInterval, earliest: datetime, latest: datetime, now: datetime) -> bool:
    """Tell if a silence was claimed from before a time until after it."""
    return interval.since <= earliest and latest <= (interval.until or now)


def _claimed_at(
    recording: RecordingStatus, sent_at: datetime, received_at: datetime
) -> SilentInterval | None:
    """Return the last silence that is claimed within the time of a reading, if one is.

    It may be over: an answer may be heard of late.
    """
    silent = reversed(recording.silence.silent)
    interval = next((each for each in silent if each.since < received_at), None)
    if interval is None or not _ends_before(recording, interval, sent_at):
        return interval
    return None


def _ends_before(recording: RecordingStatus, interval: SilentInterval, at: datetime) -> bool:
    # What was read just before the recording was over may be received after it.
    if interval.until is None or interval.until == recording.sound.over_at:
        return False
    return interval.until < at


def _proves(recording: RecordingStatus, sent_at: datetime) -> bool:
    """Tell if ``inactive``, as the answer to what was sent then, can mean silence alone."""
    sound = recording.sound
    if sound.begun_at is None or sound.over_at is not None or sound.is_sound_asked:
        return False
    quiet_from = proves_from(recording)
    return quiet_from is None or sent_at >= quiet_from


def _sounded(recording: RecordingStatus, at: datetime) -> None:
    """Take note that it recorded by then: what was read before, and is heard of later, is no proof.

    It is not starting any more.
    """
    sound = recording.sound
    sound.starting_until = None
    sound.may_arrive_until = max(sound.may_arrive_until or at, at)


def _end_silence(recording: RecordingStatus, at: datetime) -> None:
    if (interval := _open(recording)) is not None:
        _end(recording, interval, at)


def _end(recording: RecordingStatus, interval: SilentInterval, at: datetime) -> None:
    interval.until = at
    if at <= interval.since:
        recording.silence.silent.remove(interval)


def _take_back(
    recording: RecordingStatus,
    interval: SilentInterval,
    at: datetime,
    why: str,
    *,
    is_finding: bool = True,
) -> None:
    """Claim no silence after ``at``; what was claimed before another sound was sent for stays."""
    account, end = recording.silence, interval.until
    before = account.silent[: account.silent.index(interval)]
    earlier = before[-1].until if before else None
    at = min(max(at, earlier or at), end or FOREVER)
    _end(recording, interval, at)
    # A manifest that was sealed before makes that claim.
    recording.sealed = None
    mark = UnconfirmedInterval(since=at, until=end or at, reason=why, is_finding=is_finding)
    # It may reach back before the silence, to the reading that was to prove it.
    account.unconfirmed = intervals.merged([*account.unconfirmed, mark])


def _unproven(recording: RecordingStatus, wanted: Span, why: str) -> list[UnconfirmedInterval]:
    """Return the parts of a time in which no silence is proven."""
    silent = [intervals.span_of(each) for each in recording.silence.silent]
    return [
        UnconfirmedInterval(since=since, until=None if until == FOREVER else until, reason=why)
        for since, until in intervals.outside(silent, wanted)
    ]


def _joined(
    old: list[UnconfirmedInterval], new: list[UnconfirmedInterval], since: datetime
) -> list[UnconfirmedInterval]:
    """Join what was unconfirmed before with what is now, which may reach further.

    What was open before is told by the new ones from ``since`` on.
    """
    before = [each if each.until else _closed(each, max(each.since, since)) for each in old]
    return intervals.without_empty(intervals.merged([*before, *new]))


def _closed(interval: UnconfirmedInterval, until: datetime) -> UnconfirmedInterval:
    return interval.model_copy(update={"until": until})
