"""The answers of everything around the workflow: ACS, archives, webhooks, settings.

An attempt arrives or not, is refused for good, or is made and its answer is lost. What fails and is
worth another try goes on: Temporal repeats it.
"""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio.bridge.proto.activity_result import ActivityResolution

from activities.export import NOT_ARCHIVED
from activities.translate import FILES_GONE
from bench.simulation import protocol
from bench.simulation.acs import FakeAcs
from bench.simulation.acs_requests import REPEAT, AcsRequests
from bench.simulation.instance import Broken
from bench.simulation.messages import hold_id
from bench.simulation.outages import Delivery
from bench.simulation.server import Activity, Server
from callvault.contracts import names
from callvault.contracts.activity_io import (
    ArchivedChunk,
    Beginning,
    FoundRecordings,
    PolledResult,
    ResourcePolicy,
    SealedRecording,
)
from callvault.contracts.alarms import AlarmStatus
from callvault.contracts.events import FileStatusUpdated, RecordingChunk
from callvault.contracts.hold_messages import WrittenHold
from callvault.contracts.recording_events import RecordingEvent
from callvault.contracts.signal_times import SignalTimes
from callvault.contracts.status import RecordingStatus

_OBJECTS = "https://acs.example/v1/objects"
_SHA256 = "0" * 64
_GOES_BACK = 0.05
"""The probability that an archive went back before it is sealed in, or asked for what is sealed."""
_LATE = (None, timedelta(), timedelta(milliseconds=3), timedelta(seconds=1), timedelta(minutes=2))
"""The times by which signals come before they are seen; none where that is not known any more."""
_END_REASONS = {True: "SessionEnded", False: "ChunkMaximumSizeExceeded"}


class Surroundings:
    """Everything that activities of one life reach."""

    def __init__(
        self, server: Server, acs: FakeAcs, requests: AcsRequests, policy: ResourcePolicy
    ) -> None:
        self._server = server
        self._acs = acs
        self._requests = requests
        self._policy = policy
        self.sent: set[str] = set()
        """The ids of the alarms and announcements that a receiver has got."""
        self.fired: set[str] = set()
        """The episodes of alarms of which a receiver has heard, by dedup key."""
        self.over: set[str] = set()
        """Those of them that a receiver was told to be over."""
        self.events: list[RecordingEvent] = []
        """Those that the webhook has got, or a workflow of its own delivers, in that order."""
        self.sealed = 0
        self.manifests: dict[str, RecordingStatus] = {}
        """The recordings as the manifests tell of them, by the manifest's name."""
        self.to_delete: set[str] = set()
        """The files whose copy at the service was to be deleted."""
        self.holds: set[str] = set()
        self.released: set[str] = set()
        """The ids of legal holds of which the archives have a record, and one of the release."""
        self._answer_of: dict[str, Callable[[Activity, random.Random], Any]] = {
            names.BEGIN_ACTIVITY: self._begin,
            names.SIGNAL_TIMES_ACTIVITY: self._find_signal_times,
            "poll_result": self._poll_result,
            "delete_source": self._delete,
            "export_chunk": self._export,
            "seal_recording": self._seal,
            # No run of a life forgets what was sealed: Temporal is not restored.
            "find_sealed": lambda activity, rng: FoundRecordings(),
            "place_legal_hold": self._hold,
            "release_legal_hold": self._release,
            "raise_alarm": self._raise_alarm,
            "announce_recording": self._announce,
            "deliver_event": self._deliver_event,
            names.HAND_OVER_EVENT_ACTIVITY: self._deliver_event,
        }

    def _begin(self, activity: Activity, rng: random.Random) -> Beginning:
        # No run of a life is reset to its very beginning.
        return Beginning(
            policy=self._policy if activity.input.resource is not None else None,
            was_cancelled=activity.input.unheard_run in self._server.cancelled_runs,
        )

    def _hold(self, activity: Activity, rng: random.Random) -> WrittenHold:
        hold = hold_id(activity.input.requested_by)
        self.holds.add(hold)
        return WrittenHold(id=hold, archives=("main",))

    def _release(self, activity: Activity, rng: random.Random) -> WrittenHold:
        self.released.add(activity.input.hold)
        return WrittenHold(id=activity.input.hold, archives=("main",))

    def scheduled(self, activity: Activity) -> None:
        """Take note of an activity that is to be made."""
        if activity.kind == "delete_source":
            self.to_delete.add(activity.input.delete_location.rpartition("/")[2])
        self._requests.scheduled(activity)

    def attempt(
        self, activity: Activity, delivery: Delivery, rng: random.Random
    ) -> ActivityResolution | None:
        """Make one attempt; None if it has to be repeated, or is still under way."""
        self._acs.catch_up()
        if activity.is_cancelled and rng.random() < 0.7:
            self._give_up(activity, delivery, rng)
            return protocol.cancelled()
        if delivery is Delivery.REFUSED and (refusal := self._refuse(activity)) is not None:
            return refusal
        answer = self._answer(activity, delivery, rng)
        if isinstance(answer, ActivityResolution):
            return answer
        if answer is REPEAT:
            return self._repeat(activity, rng)
        self._told(activity, answer)
        return protocol.completed(answer)

    def _give_up(self, activity: Activity, delivery: Delivery, rng: random.Random) -> None:
        if self._requests.takes(activity):
            self._requests.give_up(activity, delivery, rng)
        elif rng.random() < 0.5 and delivery is not Delivery.LOST:
            self._answer_of[activity.kind](activity, rng)

    def _answer(self, activity: Activity, delivery: Delivery, rng: random.Random) -> Any:
        if self._requests.takes(activity):
            return self._requests.attempt(activity, delivery, rng)
        if delivery is Delivery.LOST:
            return REPEAT
        answer = self._answer_of[activity.kind](activity, rng)
        is_heard = delivery is Delivery.ANSWERED or isinstance(answer, ActivityResolution)
        return answer if is_heard else REPEAT

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
            if getattr(activity.input, "status", None) is AlarmStatus.RESOLVED:
                self.over.add(activity.input.dedup_key)

    def _repeat(self, activity: Activity, rng: random.Random) -> ActivityResolution | None:
        if not activity.is_quick:
            return None
        if rng.random() < 0.3:
            return protocol.timed_out(activity.timeout_type)
        return protocol.failed("Unavailable", "ACS is away", is_final=False)

    def _refuse(self, activity: Activity) -> ActivityResolution | None:
        """Refuse for good; None where that does not happen."""
        kind = "InvalidRequest"
        if activity.kind in _NEVER_REFUSED:
            return None
        if activity.kind == "export_chunk":
            if not activity.input.may_refuse:
                return None
            kind = "ArchiveRefused"
        if activity.kind == "start_recording" and not self._requests.may_refuse_start(activity):
            return None
        return protocol.failed(kind, "refused", is_final=True)

    def _poll_result(self, activity: Activity, rng: random.Random) -> Any:
        files = self._acs.files.get(activity.input.recording_id, [])
        if {file.document_id for file in files} <= set(activity.input.known):
            return REPEAT
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
        manifest = activity.input.sealed.object_name
        if manifest in self.manifests and rng.random() < _GOES_BACK:
            # The archive goes back behind the manifest, perhaps behind the file.
            del self.manifests[manifest]
            if rng.random() < 0.5:
                file.vanish()
        if manifest not in self.manifests or not self._is_held(activity.input.document_id):
            return protocol.failed(FILES_GONE, "it is gone", is_final=True)
        if not file.is_archived:
            raise Broken("the service's copy of a file is deleted that is not archived")
        file.is_deleted = True
        return None

    def _is_held(self, document_id: str) -> bool:
        """Tell if an archive holds a file that it has held."""
        return bool(self._acs.file(document_id).lies_in)

    def _find_signal_times(self, activity: Activity, rng: random.Random) -> Any:
        """Tell that signals came before they were seen, or that nothing is known of that."""
        drawn = ((signal, rng.choice(_LATE)) for signal in activity.input.signals)
        times = (None if by is None else signal.received_at - by for signal, by in drawn)
        return SignalTimes(times=tuple(times))

    # The archive and the webhooks.

    def _export(self, activity: Activity, rng: random.Random) -> Any:
        input, now = activity.input, self._server.now
        file = self._acs.file(input.chunk.document_id)
        if input.is_archived_alone and input.archive not in file.lies_in:
            return protocol.failed(NOT_ARCHIVED, "it is not there", is_final=True)
        is_gone = now > input.expires_at + timedelta(hours=1) or file.is_deleted
        if is_gone and input.earlier_copy is None and input.archive not in file.lies_in:
            return REPEAT
        file.lies_in.add(input.archive)
        return ArchivedChunk(
            archive=input.archive,
            object_name=file.document_id,
            location=f"/{input.archive}/{file.document_id}",
            size=1,
            sha256=_SHA256,
            verified_at=now,
        )

    def _seal(self, activity: Activity, rng: random.Random) -> Any:
        archived = [each.chunk for each in activity.input.recording.chunks if each.archived]
        if rng.random() < _GOES_BACK:
            self._acs.file(rng.choice(archived).document_id).vanish()
        if gone := [each for each in archived if not self._is_held(each.document_id)]:
            keys = [(each.document_id, each.index) for each in gone]
            return protocol.failed(FILES_GONE, "files are gone", is_final=True, details=keys)
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
        alarm = activity.input
        if alarm.id in self.sent:
            raise Broken("an alarm is sent again that was accepted")
        if alarm.status is AlarmStatus.FIRING:
            if alarm.dedup_key in self.over:
                raise Broken("an alarm is sent after it was told to be over")
            self.fired.add(alarm.dedup_key)
        elif alarm.dedup_key not in self.fired:
            raise Broken("an alarm is told to be over of which no receiver knows")
        return None

    def _deliver_event(self, activity: Activity, rng: random.Random) -> Any:
        self.events.append(activity.input.event)
        return None

    def _announce(self, activity: Activity, rng: random.Random) -> Any:
        if activity.input.id in self.sent:
            raise Broken("a recording is announced again")
        return None


_NEVER_REFUSED = (
    names.BEGIN_ACTIVITY,
    names.HAND_OVER_EVENT_ACTIVITY,
    "stop_recording",
    "poll_state",
    "raise_alarm",
)
