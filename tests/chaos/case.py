"""A run without a violation, for tests that break one promise."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from bench.chaos.checker import Case, check, losses_of
from bench.chaos.generator import DeliveryMode, Scenario, scenario
from bench.chaos.history import Chunk, History, Run
from bench.chaos.objects import Object
from bench.chaos.parts import Outage
from bench.chaos.proxy import ReceivedAlarm, SentEvent
from bench.chaos.violations import Violation
from bench.chaos.workload import PlayedScenario
from bench.chaos.world_checks import WorldFacts
from callvault.contracts.alarms import Alarm, AlarmKind, Severity

ENDED = 1_000.0
DOCUMENT, RECORDING = "document-1", "recording-1"
BEGAN = ENDED - 60
TRUTH = {"recordingId": RECORDING, "activeAt": datetime.fromtimestamp(BEGAN, UTC).isoformat()}
"""What the emulator tells of the recording."""
MEDIA, METADATA = "media-sha", "metadata-sha"


@dataclass
class Trial:
    """One scenario with one recording and one file, archived correctly."""

    recording: dict[str, Any] = field(
        default_factory=lambda: {
            "recordingId": RECORDING,
            "state": "archived",
            "chunks": [{"documentId": DOCUMENT, "state": "archived"}],
        }
    )
    chunk: Chunk = field(
        default_factory=lambda: Chunk(1, RECORDING, DOCUMENT, MEDIA, METADATA, ENDED)
    )
    twins: list[Chunk] = field(default_factory=list)
    """Second documents of the same file, after a failover of the service."""
    objects: list[Object] = field(
        default_factory=lambda: [Object("recordings/1.wav", DOCUMENT, MEDIA, METADATA)]
    )
    made: int = 1
    """Recordings that the emulator began."""
    sent_event: SentEvent = field(
        default_factory=lambda: SentEvent(
            1, frozenset({DOCUMENT}), DeliveryMode.ON_TIME, ENDED, ENDED
        )
    )
    told_more: list[dict[str, Any]] = field(default_factory=list)
    status: str = "COMPLETED"
    failed_tasks: list[str] = field(default_factory=list)
    alarms: list[ReceivedAlarm] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    early_deletions: set[str] = field(default_factory=set)
    problem: str = ""
    starts: int = 1
    unstopped: int = 0
    polls_result: bool = False
    world: WorldFacts = field(default_factory=WorldFacts)

    def loses_the_file(
        self, mode: DeliveryMode = DeliveryMode.ON_TIME, *, accepted_at: float | None = None
    ) -> None:
        """Take the file out of the archive, with a record of the loss and an alarm."""
        self.objects.clear()
        self.recording |= {"state": "lost", "chunks": []}
        self.sent_event.mode, self.sent_event.accepted_at = mode, accepted_at
        self.alarms.append(ReceivedAlarm(self.alarm(AlarmKind.LOST), ENDED + 60))

    def alarm(self, kind: AlarmKind) -> Alarm:
        return Alarm(
            id="1",
            kind=kind,
            severity=Severity.CRITICAL,
            at=datetime.fromtimestamp(ENDED, UTC),
            what="it is so",
            workflow_id=self.played.workflow_id,
            resource="default",
            recording_id=RECORDING,
        )

    @property
    def scenario(self) -> Scenario:
        plan = scenario(1, 1, of=10)
        return replace(plan, recordings=plan.recordings[:1] * self.starts)

    @property
    def played(self) -> PlayedScenario:
        ids = "call-1", "server-call-1"
        return PlayedScenario(self.scenario, *ids, self.problem, unstopped=self.unstopped)

    def violations(self) -> list[str]:
        """Check the case and return the violations."""
        case = self._case()
        found: list[Violation] = check(case, losses_of(case))
        return [each.what for each in found]

    def causes(self) -> list[str]:
        return [loss.cause for loss in losses_of(self._case())]

    def _case(self) -> Case:
        run = Run(
            self.played.workflow_id,
            "run-1",
            self.status,
            {"recordings": [self.recording, *self.told_more]},
            self.failed_tasks,
        )
        history = History(
            {1: {"recordings": [TRUTH] * self.made}}, [self.chunk, *self.twins], self.objects, [run]
        )
        return Case(
            [self.played],
            history,
            [self.sent_event],
            self.alarms,
            self.outages,
            self.early_deletions,
            self.polls_result,
            self.world,
        )
