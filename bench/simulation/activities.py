"""The answers of everything around the workflow: ACS, archives, webhooks, settings.

An attempt arrives or not, is refused for good, or is made and its answer is lost. What fails and is
worth another try goes on: Temporal repeats it.
"""

import random
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal

from temporalio.bridge.proto.activity_result import ActivityResolution

from bench.simulation import protocol
from bench.simulation.acs import FakeAcs
from bench.simulation.instance import Broken
from bench.simulation.server import Activity, Server
from callvault.contracts import names
from callvault.contracts.activity_io import (
    ArchivedChunk,
    ControlResult,
    FoundRecordings,
    PolledResult,
    ResourcePolicy,
    SealedRecording,
    ToldRecording,
)
from callvault.contracts.events import FileStatusUpdated, RecordingChunk
from callvault.contracts.signal_times import SignalTimes
from callvault.contracts.status import RecordingStatus

_OBJECTS = "https://acs.example/v1/objects"
_SHA256 = "0" * 64
_LATE = (None, timedelta(), timedelta(milliseconds=3), timedelta(seconds=1), timedelta(minutes=2))
"""The times by which signals come before they are seen; none where that is not known any more."""
_END_REASONS = {True: "SessionEnded", False: "ChunkMaximumSizeExceeded"}


class Delivery(StrEnum):
    """The fate of one attempt."""

    ANSWERED = "answered"
    LOST = "lost"
    UNHEARD = "unheard"
    """It has its effect, and the answer is lost."""
    REFUSED = "refused"


class Surroundings:
    """Everything that activities of one life reach."""

    def __init__(self, server: Server, acs: FakeAcs, policy: ResourcePolicy) -> None:
        self._server = server
        self._acs = acs
        self._policy = policy
        self.sent: set[str] = set()
        """The ids of the alarms and announcements that a receiver has got."""
        self.sealed = 0
        self.manifests: dict[str, RecordingStatus] = {}
        """The recordings as the manifests tell of them, by the manifest's name."""
        self.to_delete: set[str] = set()
        """The files whose copy at the service was to be deleted."""
        self._answer_of: dict[str, Callable[[Activity, random.Random], Any]] = {
            "describe_resource": lambda activity, rng: self._policy,
            names.RESET_ACTIVITY: lambda activity, rng: False,
            names.SIGNAL_TIMES_ACTIVITY: self._find_signal_times,
            "start_recording": self._start,
            "confirm_active": self._confirm,
            "read_state": self._read,
            "identify_recording": self._identify,
            "pause_recording": self._pause,
            "resume_recording": self._resume,
            "stop_recording": self._stop,
            "poll_state": self._poll_state,
            "poll_result": self._poll_result,
            "delete_source": self._delete,
            "export_chunk": self._export,
            "seal_recording": self._seal,
            # No run of a life forgets what was sealed: Temporal is not restored.
            "find_sealed": lambda activity, rng: FoundRecordings(),
            "raise_alarm": self._raise_alarm,
            "announce_recording": self._announce,
        }

    def scheduled(self, activity: Activity) -> None:
        """Take note of an activity that is to be made."""
        if activity.kind == "delete_source":
            self.to_delete.add(activity.input.delete_location.rpartition("/")[2])

    def attempt(
        self, activity: Activity, delivery: Delivery, rng: random.Random
    ) -> ActivityResolution | None:
        """Make one attempt; None if it has to be repeated."""
        if activity.is_cancelled and rng.random() < 0.7:
            if rng.random() < 0.5 and delivery is not Delivery.LOST:
                self._answer_of[activity.kind](activity, rng)
            return protocol.cancelled()
        if delivery is Delivery.REFUSED and (refusal := self._refuse(activity)) is not None:
            return refusal
        answer = _REPEAT
        if delivery is not Delivery.LOST:
            answer = self._answer_of[activity.kind](activity, rng)
        if isinstance(answer, ActivityResolution):
            return answer
        if delivery is not Delivery.ANSWERED or answer is _REPEAT:
            return self._repeat(activity, rng)
        self._told(activity, answer)
        return protocol.completed(answer)

    def _told(self, activity: Activity, answer: Any) -> None:
        """Note what the workflow learns by this answer."""
        if activity.kind == "start_recording":
            self._acs.told.add(answer.recording_id)
        elif activity.kind == "poll_result":
            for file in self._acs.files[activity.input.recording_id]:
                file.is_announced = True
        elif activity.kind == "export_chunk":
            self._acs.file(activity.input.chunk.document_id).is_archived = True
        elif activity.kind in ("raise_alarm", "announce_recording"):
            self.sent.add(activity.input.id)

    def _repeat(self, activity: Activity, rng: random.Random) -> ActivityResolution | None:
        if not activity.is_local or activity.kind == "describe_resource":
            return None
        if rng.random() < 0.3:
            return protocol.timed_out(is_local=True)
        return protocol.failed("Unavailable", "ACS is away", is_final=False, is_local=True)

    def _refuse(self, activity: Activity) -> ActivityResolution | None:
        """Refuse for good; None where that does not happen."""
        kind = "InvalidRequest"
        if activity.kind in _NEVER_REFUSED:
            return None
        if activity.kind == "export_chunk":
            if not activity.input.may_refuse:
                return None
            kind = "ArchiveRefused"
        # A start that has begun something is not refused.
        if (
            activity.kind == "start_recording"
            and activity.input.repeatability_request_id in self._acs.starts
        ):
            return None
        return protocol.failed(kind, "refused", is_final=True, is_local=activity.is_local)

    # ACS.

    def _start(self, activity: Activity, rng: random.Random) -> Any:
        acs, now, input = self._acs, self._server.now, activity.input
        begun = acs.starts.get(input.repeatability_request_id)
        number = int(input.callback_uri.rpartition("/")[2])
        is_in_the_way = begun is None and bool(acs.active)
        is_remembered = begun is None and acs.is_slow_to_forget(now) and rng.random() < 0.5
        meets_itself = begun in acs.active and rng.random() < 0.1
        if is_in_the_way or is_remembered or meets_itself:
            return protocol.failed("AlreadyRecording", "8553", is_final=True, is_local=False)
        if begun is None:
            if acs.is_call_over:
                return protocol.failed("InvalidRequest", "no call", is_final=True, is_local=False)
            if number in acs.numbers.values():
                raise Broken("a recording is started a second time")
            begun = acs.start(input.repeatability_request_id, number, input.pause_on_start, now)
        return ControlResult(
            recording_id=begun,
            state="inactive",
            accepted_at=now,
            sent_at=now,
            received_at=now,
        )

    def _confirm(self, activity: Activity, rng: random.Random) -> Any:
        seen = self._state(activity)
        return _REPEAT if seen.state == "inactive" else seen

    def _read(self, activity: Activity, rng: random.Random) -> Any:
        return self._state(activity)

    def _identify(self, activity: Activity, rng: random.Random) -> Any:
        is_known = activity.input.recording_id in self._acs.active
        return ToldRecording(is_known=is_known, is_of_call=True if is_known else None)

    def _pause(self, activity: Activity, rng: random.Random) -> Any:
        return self._change(activity, rng, active=False)

    def _resume(self, activity: Activity, rng: random.Random) -> Any:
        return self._change(activity, rng, active=True)

    def _stop(self, activity: Activity, rng: random.Random) -> Any:
        if activity.input.recording_id not in self._acs.active:
            return self._state(activity)
        self._acs.stop(activity.input.recording_id, self._server.now)
        return self._seen(activity, "inactive").model_copy(update={"accepted_at": self._server.now})

    def _change(self, activity: Activity, rng: random.Random, *, active: bool) -> Any:
        recording_id, now = activity.input.recording_id, self._server.now
        if recording_id not in self._acs.active:
            return self._state(activity)
        if activity.is_local and rng.random() < 0.15:
            # Accepted, and not made yet; a later attempt finds that it has to ask again.
            return ControlResult(
                recording_id=recording_id, state="unknown", accepted_at=now, is_settled=False
            )
        self._acs.change(recording_id, active, now)
        return self._state(activity).model_copy(update={"accepted_at": now})

    def _state(self, activity: Activity) -> ControlResult:
        recording_id = activity.input.recording_id
        is_active = self._acs.active.get(recording_id)
        if is_active is None:
            return self._seen(activity, "gone")
        return self._seen(activity, "active" if is_active else "inactive")

    def _seen(
        self, activity: Activity, state: Literal["active", "inactive", "gone"]
    ) -> ControlResult:
        now = self._server.now
        return ControlResult(
            recording_id=activity.input.recording_id,
            state=state,
            sent_at=now,
            read_at=now,
            received_at=now,
        )

    def _poll_state(self, activity: Activity, rng: random.Random) -> Any:
        seen, input = self._state(activity), activity.input
        # The first denial is not believed.
        is_sure = seen.state == "gone" and activity.memory.get("denied", False)
        activity.memory["denied"] = seen.state == "gone"
        is_proof = input.proves_from is not None and self._server.now >= input.proves_from
        is_news = seen.state not in ("gone", input.expected)
        if is_sure or is_news or (seen.state == "inactive" and is_proof):
            return seen.model_copy(update={"inactive_at": activity.memory.get("inactive_at")})
        if seen.state == "inactive":
            activity.memory["inactive_at"] = self._server.now
        return _REPEAT

    def _poll_result(self, activity: Activity, rng: random.Random) -> Any:
        files = self._acs.files.get(activity.input.recording_id, [])
        if {file.document_id for file in files} <= set(activity.input.known):
            return _REPEAT
        return PolledResult(files=self.event(activity.input.recording_id, range(len(files))))

    def event(self, recording_id: str, indices: Any) -> FileStatusUpdated:
        """Return the event about files of a recording."""
        files = self._acs.files[recording_id]
        return FileStatusUpdated(
            event_time=self._server.now,
            recording_id=recording_id,
            session_end_reason="CallEnded",
            chunks=tuple(
                RecordingChunk(
                    document_id=files[index].document_id,
                    index=files[index].index,
                    end_reason="SessionEnded"
                    if files[index].is_last
                    else "ChunkMaximumSizeExceeded",
                    content_location=f"{_OBJECTS}/{files[index].document_id}/content/video",
                    delete_location=f"{_OBJECTS}/{files[index].document_id}",
                )
                for index in indices
            ),
        )

    def _delete(self, activity: Activity, rng: random.Random) -> Any:
        file = self._acs.file(activity.input.delete_location.rpartition("/")[2])
        if not file.is_archived:
            raise Broken("the service's copy of a file is deleted that is not archived")
        file.is_deleted = True
        return None

    def _find_signal_times(self, activity: Activity, rng: random.Random) -> Any:
        """Tell that signals came before they were seen, or that nothing is known of that."""
        drawn = ((signal, rng.choice(_LATE)) for signal in activity.input.signals)
        times = (None if by is None else signal.received_at - by for signal, by in drawn)
        return SignalTimes(times=tuple(times))

    # The archive and the webhooks.

    def _export(self, activity: Activity, rng: random.Random) -> Any:
        input, now = activity.input, self._server.now
        file = self._acs.file(input.chunk.document_id)
        is_gone = now > input.expires_at + timedelta(hours=1) or file.is_deleted
        if is_gone and input.earlier_copy is None:
            return _REPEAT
        return ArchivedChunk(
            archive=input.archive,
            object_name=file.document_id,
            location=f"/{input.archive}/{file.document_id}",
            size=1,
            sha256=_SHA256,
            verified_at=now,
        )

    def _seal(self, activity: Activity, rng: random.Random) -> Any:
        self.sealed += 1
        self.manifests[f"manifest-{self.sealed}"] = activity.input.recording
        return SealedRecording(
            archive=activity.input.archive,
            object_name=f"manifest-{self.sealed}",
            location=f"/manifest-{self.sealed}",
            sequence=self.sealed,
            sha256=_SHA256,
            key_id=None,
            findings=("amiss",) if rng.random() < 0.2 else (),
        )

    def _raise_alarm(self, activity: Activity, rng: random.Random) -> Any:
        if activity.input.id in self.sent:
            raise Broken("an alarm is sent again that was accepted")
        return None

    def _announce(self, activity: Activity, rng: random.Random) -> Any:
        if activity.input.id in self.sent:
            raise Broken("a recording is announced again")
        return None


class _Repeat:
    """The answer of an attempt that has to be repeated."""


_REPEAT = _Repeat()
_NEVER_REFUSED = ("describe_resource", "stop_recording", "poll_state", "raise_alarm")
