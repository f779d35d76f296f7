"""Control of recordings at ACS: start, pause, resume, stop, read back.

Every method sends one request and reads back its effect; Temporal repeats what fails. The ends
that belong to a recording's life (it is over) are answers, not errors. A quick attempt waits for
ACS no longer than `QUICK_REQUEST_TIMEOUT`, so that what hangs is soon asked for again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Literal

from temporalio import activity

from activities.clock import ServerTime
from activities.heartbeat import left_note
from activities.polling import PollingActivities
from activities.readings import read, result
from activities.translate import translated
from callvault.acs.client import AcsClient
from callvault.acs.models import (
    ExternalStorage,
    RecordingStateResponse,
    Repeatability,
    ServerCallLocator,
    StartRecording,
)
from callvault.archive.store import Archive
from callvault.archive.transfer.own_storage import container_of
from callvault.contracts.activity_io import (
    ACS_TIMEOUT,
    QUICK_ATTEMPT_TIMEOUT,
    ControlProgress,
    ControlResult,
    RecordingInput,
    ResourcePolicy,
    StartInput,
    ToldRecording,
)
from callvault.contracts.archive_only import refusal_of_control
from callvault.errors import (
    AlreadyRecording,
    InvalidRequest,
    NeverAgain,
    NotOurs,
    NotReady,
    RecordingNotFound,
    StateConflict,
    TryAgain,
    Unavailable,
)

State = Literal["active", "inactive", "gone"]

QUICK_REQUEST_TIMEOUT = 1.5
"""Seconds that ACS may take for each of the two requests of a quick attempt."""

EFFECT_TIMEOUT = timedelta(seconds=2)
"""Time that ACS may take to make a change it has accepted, before the change is asked for again."""

GONE_AFTER = timedelta(seconds=1.5)
"""Time for which ACS must deny a recording before it counts as over. After a failover ACS denies
one that is on; whoever waits for a pause waits five seconds."""

MAX_QUICK_AGE = QUICK_ATTEMPT_TIMEOUT - timedelta(seconds=QUICK_REQUEST_TIMEOUT)
"""Longest time since a quick attempt was given out until something is sent: after its time-out
another worker may do it."""

MAX_ATTEMPT_AGE = 2 * ACS_TIMEOUT
"""The same for any other attempt, which has three times as long as ACS."""

OCCUPIED = AlreadyRecording.__name__
"""Type of the error of a start in a call where a recording of its kind runs."""

MAY_HAVE_BEGUN = "an earlier attempt got no answer"
"""Detail of the error of a start that was refused, if it may have begun before that."""


class ControlActivities:
    """Built once by a worker, with its clients and the settings of its resources."""

    def __init__(
        self,
        client_of: Callable[[str], AcsClient],
        policy_of: Callable[[str], ResourcePolicy],
        archive_of: Callable[[str], Archive],
        server_time: ServerTime | None = None,
        refuse_other_region: Callable[[str, str], None] = lambda resource, archive: None,
    ) -> None:
        """``refuse_other_region`` raises where ACS must not write recordings to an archive."""
        self._refuse_other_region = refuse_other_region
        self._client_of = client_of
        self._policy_of = policy_of
        self._archive_of = archive_of
        self._server_time = server_time or ServerTime()
        self.polling = PollingActivities(client_of, self._server_time)

    @activity.defn
    def start_recording(self, input: StartInput) -> ControlResult:
        """Start a recording; to a repeated request ACS answers with the one it already started."""
        with translated():
            self._refuse_old_task()
            if self._policy_of(input.resource).archive_only:
                raise InvalidRequest(refusal_of_control(input.resource))
            sent_at = self._server_time.now()
            with self._doubting_refusals():
                answer = self._start(input)
            # ACS says `inactive` until it records: then `confirm_active` reads the state back.
            is_active = answer.recording_state == "active" and not input.pause_on_start
            received_at = self._server_time.latest()
            return ControlResult(
                recording_id=answer.recording_id,
                state="active" if is_active else "inactive",
                accepted_at=self._latest(),
                sent_at=sent_at,
                received_at=received_at,
            )

    @activity.defn
    def confirm_active(self, input: RecordingInput) -> ControlResult:
        """Read the state of a recording that was started; not yet active is worth another try."""
        with translated():
            return _settled(self._read_patiently(input), "active")

    @activity.defn
    def read_state(self, input: RecordingInput) -> ControlResult:
        """Read the state."""
        with translated():
            return self._read_patiently(input)

    @activity.defn
    def identify_recording(self, input: RecordingInput) -> ToldRecording:
        """Read back whose recording it is that a callback told of; nothing is changed."""
        with translated():
            client = self._client(input)
            try:
                is_of_call = client.belongs_to(input.recording_id, input.server_call_id)
            except RecordingNotFound:
                _confirm_denied(input, _left())
                return ToldRecording(is_known=False)
            return ToldRecording(is_known=True, is_of_call=is_of_call)

    @activity.defn
    def pause_recording(self, input: RecordingInput) -> ControlResult:
        """Pause, and read back that ACS records no more."""
        with translated():
            return self._change(input, self._client(input).pause, "inactive")

    @activity.defn
    def resume_recording(self, input: RecordingInput) -> ControlResult:
        """Resume, and read back that ACS records again."""
        with translated():
            return self._change(input, self._client(input).resume, "active")

    @activity.defn
    def stop_recording(self, input: RecordingInput) -> ControlResult:
        """Stop, and read back that ACS knows the recording no more, if that can be read."""
        with translated():
            self._refuse_old_task(is_quick=input.is_quick)
            sent_at = self._server_time.now()
            try:
                self._client(input).stop(input.recording_id, input.server_call_id)
            except RecordingNotFound:
                # A known issue of ACS: a stop may get 404 though the files are delivered.
                _confirm_denied(input, _left())
                return result(input, "gone", sent_at, self._server_time)
            stopped = result(input, "inactive", sent_at, self._server_time)
            accepted_at = self._latest()
            stopped = stopped.model_copy(update={"accepted_at": accepted_at})
            return self._confirm_stopped(input, stopped)

    def _start(self, input: StartInput) -> RecordingStateResponse:
        return self._client_of(input.resource).start(
            StartRecording(
                call_locator=ServerCallLocator(server_call_id=input.server_call_id),
                recording_content_type=input.recording_content_type,
                recording_channel_type=input.recording_channel_type,
                recording_format_type=input.recording_format_type,
                pause_on_start=input.pause_on_start,
                external_storage=self._external_storage(input.resource, input.own_storage),
                recording_state_callback_uri=input.callback_uri,
            ),
            Repeatability(
                request_id=input.repeatability_request_id,
                first_sent=input.repeatability_first_sent,
            ),
        )

    @contextmanager
    def _doubting_refusals(self) -> Iterator[None]:
        """Believe a refusal only once no earlier attempt at the start may still arrive.

        Such an attempt may have begun a recording all the same, which is over by now, say.
        """
        info = activity.info()
        unanswered_at = info.current_attempt_scheduled_time if info.attempt > 1 else None
        if (told := left_note(ControlProgress)) is not None:
            unanswered_at = told.unanswered_at
        try:
            yield
        except TryAgain as error:
            is_unanswered = isinstance(error, Unavailable)
            given_up_at = self._latest() if is_unanswered else unanswered_at
            activity.heartbeat(ControlProgress(unanswered_at=given_up_at))
            raise
        except (NeverAgain, NotOurs) as refusal:
            if unanswered_at is None:
                raise
            if self._server_time.now() >= unanswered_at + ACS_TIMEOUT:
                refusal.details = (MAY_HAVE_BEGUN,)
                raise
            activity.heartbeat(ControlProgress(unanswered_at=unanswered_at))
            raise NotReady(
                f"{refusal} An earlier attempt may still arrive: asking again."
            ) from None

    def _client(self, input: RecordingInput) -> AcsClient:
        client = self._client_of(input.resource)
        return client.with_timeout(QUICK_REQUEST_TIMEOUT) if input.is_quick else client

    def _refuse_old_task(self, *, is_quick: bool = False) -> None:
        """Raise `TaskTooOld` if the task may be overtaken; right before something is sent."""
        self._server_time.begin()
        self._server_time.refuse_old_task(MAX_QUICK_AGE if is_quick else MAX_ATTEMPT_AGE)

    def _change(
        self, input: RecordingInput, request: Callable[[str, str], None], wanted: State
    ) -> ControlResult:
        """Ask for a change, then read back that it is the case."""
        before = _progress(input)
        # Only a change that ACS is known to have accepted is read before it is asked for again: ACS
        # reports a recording that is starting and one that is paused alike as `inactive`, so that
        # its state alone cannot tell whether an earlier attempt arrived.
        if before.accepted_at is not None:
            seen = _doubted(self._read(input), input, before)
            waited = self._server_time.now() - before.accepted_at
            if seen.state in (wanted, "gone") or waited < EFFECT_TIMEOUT:
                return _settled(seen, wanted).model_copy(update=_told(before))
        self._refuse_old_task(is_quick=input.is_quick)
        sent_at = self._server_time.now()
        try:
            progress = self._ask(input, request, before)
        except RecordingNotFound:
            _confirm_denied(input, before)
            gone = result(input, "gone", sent_at, self._server_time)
            return gone.model_copy(update=_told(before))
        effect = self._effect(input, wanted, progress)
        return effect.model_copy(update={"sent_at": sent_at})

    def _confirm_stopped(self, input: RecordingInput, stopped: ControlResult) -> ControlResult:
        """Return the stop as it was confirmed; one that is not seen yet is asked for again."""
        try:
            seen = self._read(input)
        except TryAgain:
            # A reading that fails holds up no end: then the answer to the stop itself has to do.
            return stopped
        _settled(seen, "gone")
        return stopped.model_copy(update={"received_at": seen.received_at})

    def _ask(
        self, input: RecordingInput, request: Callable[[str, str], None], before: ControlProgress
    ) -> ControlProgress:
        """Ask for a change; the attempt that comes next learns what became of this one."""
        progress = before.model_copy(update={"gone_since": None})
        try:
            request(input.recording_id, input.server_call_id)
            now = self._latest()
            # Of two that were accepted one is seen, and the other may still take effect.
            unanswered_at = now if before.accepted_at else before.unanswered_at
            progress = ControlProgress(accepted_at=now, unanswered_at=unanswered_at)
        # Asked twice, ACS may answer 202 or a conflict: only its state tells what is the case.
        except StateConflict as conflict:
            activity.logger.info("ACS reports a conflict, reading the state: %s", conflict)
        except Unavailable:
            # It may still arrive.
            progress = before.model_copy(update={"unanswered_at": self._latest()})
            raise
        except RecordingNotFound:
            progress = _denied(before)
            raise
        finally:
            # No other attempt comes after a quick one.
            if not input.is_quick:
                activity.heartbeat(progress)
        return progress

    def _effect(
        self, input: RecordingInput, wanted: State, progress: ControlProgress
    ) -> ControlResult:
        """Read the effect of a change; a quick attempt does not wait for it."""
        try:
            seen = _settled(_doubted(self._read(input), input, progress), wanted)
        except TryAgain:
            if progress.accepted_at is None or not input.is_quick:
                raise
            now = self._server_time.now()
            unseen = result(input, "unknown", now, self._server_time)
            seen = unseen.model_copy(update={"is_settled": False})
        return seen.model_copy(update=_told(progress))

    def _latest(self) -> datetime:
        """Return the latest time that it can be, or as late a one as can be told."""
        return self._server_time.latest() or self._server_time.now()

    def _external_storage(self, resource: str, archive: str | None) -> ExternalStorage | None:
        if archive is None:
            return None
        self._refuse_other_region(resource, archive)
        url = container_of(self._archive_of(archive))
        return ExternalStorage(recording_destination_container_url=url)

    def _read(self, input: RecordingInput) -> ControlResult:
        return read(self._client(input), input, self._server_time)

    def _read_patiently(self, input: RecordingInput) -> ControlResult:
        """Read a state for which nobody waits: one attempt more tells if it is gone."""
        try:
            return _doubted(self._read(input), input, _left())
        except NotReady as doubt:
            doubt.retry_after = GONE_AFTER
            raise


def _doubted(
    seen: ControlResult, input: RecordingInput, progress: ControlProgress
) -> ControlResult:
    """Return what was seen; a denial only once it is confirmed, as `_confirm_denied` has it."""
    if seen.state == "gone":
        _confirm_denied(input, progress)
    elif progress.gone_since is not None:
        # ACS knows it: an earlier denial no longer counts.
        activity.heartbeat(progress.model_copy(update={"gone_since": None}))
    return seen


def _confirm_denied(input: RecordingInput, progress: ControlProgress) -> None:
    """Return if ACS has denied the recording for long enough, else raise for another attempt.

    ``progress`` is what earlier attempts came to; the next one is told when ACS first denied it.
    """
    now = activity.info().started_time
    if now - (progress.gone_since or now) >= GONE_AFTER:
        return
    # No other attempt comes after a quick one: the first of those with patience takes note.
    if not input.is_quick:
        activity.heartbeat(_denied(progress))
    raise NotReady("ACS does not know the recording: asking once more, before it counts as over.")


def _denied(progress: ControlProgress) -> ControlProgress:
    """Note that ACS denies the recording, by this attempt or already by an earlier one."""
    since = progress.gone_since or activity.info().started_time
    return progress.model_copy(update={"gone_since": since})


def _settled(seen: ControlResult, wanted: State) -> ControlResult:
    if seen.state in (wanted, "gone"):
        return seen
    raise NotReady(f"ACS reports the recording as {seen.state}, not yet {wanted}: asking again.")


def _progress(input: RecordingInput) -> ControlProgress:
    """Return what became of earlier attempts at a change, as far as these could tell."""
    info = activity.info()
    if (told := left_note(ControlProgress)) is not None:
        return told
    # Of an attempt whose worker died nothing is known: it may have asked just before.
    is_unanswered = info.attempt > 1 or input.is_unanswered
    return ControlProgress(
        accepted_at=input.accepted_at,
        unanswered_at=info.current_attempt_scheduled_time if is_unanswered else None,
    )


def _left() -> ControlProgress:
    return left_note(ControlProgress) or ControlProgress()


def _told(progress: ControlProgress) -> dict[str, datetime | None]:
    return {"accepted_at": progress.accepted_at, "unanswered_at": progress.unanswered_at}
