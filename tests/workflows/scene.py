"""Helpers of the workflow tests: start, requests, events, and the end of one call."""

import asyncio
import itertools
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from activities.alarm_causes import AlarmCauses
from activities.alarm_sender import AlarmSender
from activities.clock import ServerTime
from activities.control import ControlActivities
from activities.erased_files import ErasedFiles
from activities.export import ExportActivities
from activities.legal_holds import LegalHoldActivities
from activities.recording_events import RecordingEventActivities
from activities.seal import SealActivities
from activities.webhooks import AlarmActivities, AnnouncementActivities
from callvault.archive.access_log.log import AccessLog
from callvault.archive.identity import ProvenArchive, make_identity
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.keys import PublicKey, Signer
from callvault.archive.stores.directory import DirectoryArchive
from callvault.config.worker import WorkerSettings
from callvault.contracts import names
from callvault.contracts.activity_io import ResourcePolicy
from callvault.contracts.alarms import Alarm, AlarmKind, AlarmStatus, Severity
from callvault.contracts.requests import ControlRequest, RecordingRequest
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus, ControlRecord, RecordingStatus
from callvault.errors import ArchiveGone, ConfigurationError, InvalidRequest, Unavailable
from callvault.logged_archives import LoggedArchive
from callvault.temporal import updates
from tests.patience import WAIT
from tests.policies import a_policy
from workers.begin import BeginActivities
from workers.recall import Recall
from workers.recording_events import EventHandOver
from workers.registry import (
    control_worker,
    event_worker,
    export_worker,
    notification_worker,
    sandbox,
)
from workflows.loops.continue_as_new import CarriedState

from .service import ScriptedService

WINDOW = timedelta(hours=48)
CHECKED_EVERY = timedelta(minutes=15)
SHORT_WINDOW = timedelta(hours=4)
"""Short window for tests with many attempts at an export: each attempt costs real time."""

BRIEF_WINDOW = timedelta(minutes=40)
"""Window longer than the shortest last chance, for tests with an attempt every minute."""

SETTINGS = WorkerSettings(max_concurrent_exports=8)


FIRST_TASK_EVENTS = 4
"""Events of a history whose first workflow task is done: started; scheduled, started, completed."""


class Told:
    """A receiver of alarms that keeps them in a list."""

    def __init__(self) -> None:
        self.alarms: list[Alarm] = []

    def send(self, alarm: Alarm) -> None:
        self.alarms.append(alarm)


class VirtualTime(ServerTime):
    """The time of a server that lets each workflow have a time of its own."""

    def __init__(self) -> None:
        self._times: dict[str, ServerTime] = defaultdict(ServerTime)

    @property
    def _own(self) -> ServerTime:
        return self._times[activity.info().workflow_id or ""]

    def now(self) -> datetime:
        return self._own.now()

    def latest(self) -> datetime | None:
        return self._own.latest()

    def begin(self) -> None:
        self._own.begin()

    def refuse_old_task(self, limit: timedelta) -> None:
        self._own.refuse_old_task(limit)


class World:
    """All resources of a test session: one for each test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.told = Told()
        self.sender_of: Callable[[Client], AlarmSender] = lambda _: AlarmSender(self.told)
        self.signer = Signer.generate()
        self.former_keys: list[PublicKey] = []
        self.services: dict[str, ScriptedService] = {}
        self.delete_source: set[str] = set()
        self.archive_only: set[str] = set()
        self.windows: dict[str, timedelta] = {}
        self.checked_every: dict[str, timedelta] = {}
        self.fallbacks: dict[str, str] = {}
        self.max_history_events: dict[str, int] = {}
        self.polls_result: set[str] = set()
        self.refusing: set[str] = set()
        self.without_key: set[str] = set()
        self.holding: set[str] = set()
        """Names of the archives that legal holds are written into."""
        self.gone: set[str] = set()
        """Names of archives of which the settings say that they are gone for good."""
        self.made: dict[str, str] = {}
        """Ids of the archives that were made, by name."""
        self.webhooks: dict[str, Any] = {}
        """Announcement webhooks, by resource."""
        self.receivers: dict[str, Any] = {}
        """Webhooks for events about recordings, by resource or by URL."""
        self.other_control: list[Callable[..., Any]] = []
        self.other_exports: list[Callable[..., Any]] = []
        """Activities of other workflows than a call's, on its task queues."""

    def policy_of(self, name: str) -> ResourcePolicy:
        if name not in self.services:
            raise InvalidRequest(f"there is no resource {name!r} in the configuration")
        return a_policy(
            resource=name,
            archive=name,
            export_window=self.windows.get(name, WINDOW),
            state_poll_interval=self.checked_every.get(name, CHECKED_EVERY),
            delete_source=name in self.delete_source,
            archive_only=name in self.archive_only,
            fallback_archive=self.fallbacks.get(name),
            polls_result=name in self.polls_result,
            max_history_events=self.max_history_events.get(name, SETTINGS.max_history_events),
            announce_within=timedelta(seconds=30) if name in self.webhooks else None,
            announce_late_joiners=name in self.webhooks,
            tells_events=name in self.receivers,
            webhook_allowed_urls=tuple(url for url in self.receivers if "://" in url),
        )

    def archive_of(self, name: str) -> DirectoryArchive:
        if name in self.refusing:
            # As long as real ones, with their tracebacks: Temporal keeps a part of such an error.
            raise Unavailable("the archive is full", owner="archive") from OSError("x" * 5_000)
        archive = DirectoryArchive(name, self.directory / name)
        if name not in self.made:
            self.made[name] = make_identity(archive, None, datetime.now(UTC)).id
        return archive

    def proven_archive_of(self, name: str) -> ProvenArchive:
        """Open an archive as a worker does."""
        if name in self.gone:
            raise ArchiveGone(f"archive {name} is gone for good, as the settings say: it burned")
        return ProvenArchive(self.archive_of(name), self.made[name])

    def logged_archive_of(self, name: str) -> LoggedArchive:
        """Open an archive with its access log, as a worker does."""
        archive, signer = self.proven_archive_of(name), self.signer_of(name)
        return LoggedArchive(archive, AccessLog(archive, signer), signer)

    def receiver_of(self, name: str, url: str | None) -> Any:
        """Return the webhook of a resource for events, or the one at a URL."""
        return self.receivers.get(url or name)

    def signer_of(self, name: str) -> Signer:
        if name in self.without_key:
            raise ConfigurationError("the signing key cannot be read: make one")
        return self.signer

    def keys_of(self, name: str) -> Keyring:
        return Keyring([self.signer.public, *self.former_keys])

    @asynccontextmanager
    async def working(
        self, client: Client, settings: WorkerSettings = SETTINGS
    ) -> AsyncIterator[None]:
        """Run a worker with the real activities, whose clients are the tests' services."""
        client_of: Any = self.services.__getitem__
        archive_of = self.proven_archive_of
        control = ControlActivities(client_of, self.policy_of, archive_of, VirtualTime())
        export = ExportActivities(client_of, archive_of)
        seal = SealActivities(archive_of, self.signer_of, erased=ErasedFiles(self.keys_of))
        holds = LegalHoldActivities(self.holding, self.logged_archive_of)
        recall, begin = Recall(client), BeginActivities(client, self.policy_of)
        async with (
            control_worker(
                client,
                control,
                settings,
                others=[
                    recall.recall_run,
                    begin.begin_run,
                    EventHandOver(client).hand_over_event,
                    *self.other_control,
                ],
                runner=sandbox(),
            ),
            notification_worker(
                client,
                AlarmActivities(self.sender_of(client), AlarmCauses(client)),
                AnnouncementActivities(self.webhooks.get),
                settings,
            ),
            event_worker(client, RecordingEventActivities(self.receiver_of), settings),
            export_worker(client, export, seal, settings, others=[*holds.all, *self.other_exports]),
        ):
            yield


class Scene:
    """One call of one test."""

    def __init__(self, environment: WorkflowEnvironment, world: World) -> None:
        self.environment = environment
        self.world = world
        self.resource = f"r{uuid.uuid4().hex[:12]}"
        self.service = world.services[self.resource] = ScriptedService()
        self.archive = world.archive_of(self.resource)
        self.server_call_id = f"call-{uuid.uuid4().hex}"
        self._numbers = itertools.count(1)

    @property
    def handle(self) -> WorkflowHandle[Any, CallResult]:
        return self.environment.client.get_workflow_handle(
            names.workflow_id(self.server_call_id), result_type=CallResult
        )

    def with_fallback(self) -> DirectoryArchive:
        """Give the resource a second archive, and return it."""
        self.world.fallbacks[self.resource] = f"{self.resource}-fallback"
        return self.world.archive_of(f"{self.resource}-fallback")

    async def recorded_as_sound(self) -> None:
        """Record and stop real sound, whose files pass the check of the media."""
        self.service.records_sound = True
        await self.recorded(recordingContentType="audio", recordingFormatType="wav")
        await self.asks("stop")

    # Actions.

    async def keep(self, **request: Any) -> None:
        """Start the workflow; time is real until `passes` or `result`."""
        request = {"server_call_id": self.server_call_id, "resource": self.resource, **request}
        with self.environment.with_time_skipping_disabled():
            await self.environment.client.start_workflow(
                names.WORKFLOW_TYPE,
                RecordingRequest.model_validate(request),
                id=names.workflow_id(self.server_call_id),
                task_queue=names.CONTROL_QUEUE,
            )

    async def hears_late(self, event: dict[str, Any], earlier: CallResult | None = None) -> None:
        """Announce files of a call without an open workflow: one is started.

        ``earlier`` is the result of the call's last workflow, if there was one.
        """
        request = RecordingRequest(
            server_call_id=self.server_call_id, resource=self.resource, start_recording=False
        )
        with self.environment.with_time_skipping_disabled():
            await self.environment.client.start_workflow(
                names.WORKFLOW_TYPE,
                args=[request, None, earlier],
                id=names.workflow_id(self.server_call_id),
                task_queue=names.CONTROL_QUEUE,
                start_signal=names.FILE_STATUS_UPDATED,
                start_signal_args=[event],
            )

    async def is_restored_to(self, status: CallStatus) -> None:
        """Begin the workflow with an earlier state, as it is after a restore of Temporal."""
        request = RecordingRequest(
            server_call_id=self.server_call_id, resource=self.resource, start_recording=False
        )
        with self.environment.with_time_skipping_disabled():
            await self.environment.client.start_workflow(
                names.WORKFLOW_TYPE,
                args=[request, CarriedState.taken_over(status)],
                id=names.workflow_id(self.server_call_id),
                task_queue=names.CONTROL_QUEUE,
            )

    async def recorded(self, **request: Any) -> None:
        """Start the workflow and wait until ACS records."""
        await self.keep(requested_by="backend", **request)
        await self.until(lambda recording: recording.actual == "active")

    async def asks(self, operation: str, **request: Any) -> ControlRecord:
        """Send an update, which returns once ACS has confirmed."""
        asked = ControlRequest.model_validate(request)
        return await updates.update(
            self.environment.client, self.handle.id, operation, asked, ControlRecord
        )

    async def signals(self, operation: str, payload: Any) -> None:
        await self.handle.signal(operation, payload)

    async def says(self, operation: str, **request: Any) -> None:
        """Send a signal."""
        await self.signals(operation, ControlRequest.model_validate(request))

    async def announced(self, *chunks: dict[str, Any], **event: Any) -> None:
        """Send a file-status event, as Event Grid would."""
        await self.signals(names.FILE_STATUS_UPDATED, self.event(*chunks, **event))

    def event(self, *chunks: dict[str, Any], recording: int = 1, **facts: Any) -> dict[str, Any]:
        """Make an Event Grid event about chunks of the ``recording``-th recording."""
        recording_id = facts.pop("recording_id", f"recording-{recording}")
        data = {
            "recordingStorageInfo": {"recordingChunks": list(chunks)},
            "recordingChannelType": "Mixed",
            "recordingContentType": "AudioVideo",
            "recordingFormatType": "Mp4",
            "sessionEndReason": "CallEnded",
            **facts.pop("data", {}),
        }
        return {
            "id": str(uuid.uuid4()),
            "subject": f"/recording/call/c1/serverCallId/{self.server_call_id}"
            f"/recordingId/{recording_id}",
            "eventType": "Microsoft.Communication.RecordingFileStatusUpdated",
            "eventTime": datetime.now().astimezone().isoformat(),
            "data": data,
            **facts,
        }

    def event_of_a_long_recording(self) -> dict[str, Any]:
        """Make an event about two chunks; the first is older than the export window."""
        duration = self.world.windows[self.resource] * 1.5
        data = {
            "recordingStartTime": (datetime.now(UTC) - duration).isoformat(),
            "recordingDurationMs": duration / timedelta(milliseconds=1),
        }
        return self.event(chunk(0, last=False), chunk(1), data=data)

    async def passes(self, duration: timedelta) -> None:
        """Let virtual time pass."""
        await self._first_task_is_done()
        await self.environment.fast_forward(self.handle, duration)

    async def result(self) -> CallResult:
        """Let time pass as fast as it can until the workflow ends."""
        await self._first_task_is_done()
        while True:
            try:
                await self.environment.fast_forward(self.handle)
                return await self.handle.result()
            except RPCError as error:
                # The server's own race, as time is skipped while a history is read: it asks to be
                # asked again.
                if "branch tokens" not in str(error):
                    raise

    async def _first_task_is_done(self) -> None:
        # The server loses a first task that waits for its worker as time begins to be skipped.
        with suppress(TimeoutError):
            async with asyncio.timeout(20):
                while (await self.handle.describe()).history_length < FIRST_TASK_EVENTS:
                    await asyncio.sleep(0.02)

    # State.

    async def status(self) -> CallStatus:
        status: CallStatus = await self.handle.query(names.STATUS, result_type=CallStatus)
        return status

    async def waiting_activities(self) -> list[str]:
        """Return the types of the activities that run, or wait for a retry."""
        described = await self.handle.describe()
        return [a.activity_type.name for a in described.raw_description.pending_activities]

    async def is_terminated_unsealed(self) -> None:
        """Terminate the workflow of a call whose files are archived and whose key is missing."""
        # Between two attempts at the manifest: one that runs as the key comes back would write it.
        async with asyncio.timeout(WAIT):
            while not await self._rests_from_sealing():
                await asyncio.sleep(0.02)
        await self.handle.terminate()
        assert not [name for name in self.archive.names("recordings/") if "manifest" in name]

    async def _rests_from_sealing(self) -> bool:
        described = (await self.handle.describe()).raw_description
        return any(
            each.activity_type.name == "seal_recording"
            and each.attempt > 1
            and each.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
            for each in described.pending_activities
        )

    async def details(self) -> str:
        """Return the details of the call in the Web UI."""
        metadata = await self.handle.query("__temporal_workflow_metadata")
        shown: str = metadata.current_details
        return shown

    async def recording(self, number: int = 1) -> RecordingStatus:
        return next(r for r in (await self.status()).recordings if r.number == number)

    async def until(
        self, condition: Callable[[RecordingStatus], bool], number: int = 1
    ) -> RecordingStatus:
        """Wait, in real time, until a recording is as expected."""
        async with asyncio.timeout(WAIT):
            while not condition(recording := await self.recording(number)):
                await asyncio.sleep(0.02)
        return recording

    async def has_asked(self, operation: str, times: int = 1) -> None:
        """Wait until the service has received this many requests of a kind."""
        async with asyncio.timeout(WAIT):
            while self.service.asked.count(operation) < times:
                await asyncio.sleep(0.02)

    async def is_notified(self, times: int) -> None:
        """Wait until this many alarms of the call were sent, and their activities have ended."""
        async with asyncio.timeout(WAIT):
            while len([r for r in (await self.status()).alarms if r.sent_at]) < times:
                await asyncio.sleep(0.02)

    def told(self) -> list[Alarm]:
        """Return the alarms of this call, in the order of their delivery."""
        return [a for a in self._notifications() if a.status is AlarmStatus.FIRING]

    def resolved(self) -> list[Alarm]:
        """Return what was told to be over, in the order of delivery."""
        return [a for a in self._notifications() if a.status is AlarmStatus.RESOLVED]

    def _notifications(self) -> list[Alarm]:
        return [a for a in self.world.told.alarms if a.resource == self.resource]

    def archived(self) -> set[bytes]:
        """Return the content of every media file in the archive."""
        return {
            b"".join(self.archive.read(name))
            for name in self.archive.names()
            if name.startswith("recordings/") and not name.endswith(".json")
        }


def chunk(index: int = 0, *, last: bool = True, document: str | None = None) -> dict[str, Any]:
    """Make a chunk as an event announces it."""
    document = document or f"0-eus-d1-{index:032x}"
    base = f"https://us-storage.asm.skype.com/v1/objects/{document}"
    return {
        "documentId": document,
        "index": index,
        "endReason": "SessionEnded" if last else "ChunkMaximumSizeExceeded",
        "contentLocation": f"{base}/content/video",
        "metadataLocation": f"{base}/content/acsmetadata",
        "deleteLocation": base,
    }


@contextmanager
def released(*gates: Any) -> Iterator[None]:
    """Release held requests at the end, also after a failure."""
    try:
        yield
    finally:
        for gate in gates:
            gate.set()


def an_alarm(group_key: str = "") -> Alarm:
    """Make an alarm of a call of its own, in a group of its own unless one is named."""
    who = f"recording-{uuid.uuid4().hex}"
    return Alarm(
        id=f"{who}/1",
        kind=AlarmKind.NO_FILE_EVENT,
        severity=Severity.ERROR,
        at=datetime.now(UTC),
        what="no file is announced",
        workflow_id=who,
        resource="default",
        dedup_key=f"{who}/1",
        group_key=group_key or f"resource/{who}/no_file_event",
        resolves=True,
    )
