"""Does a developer see each event and alarm as a webhook gets it, and only those of ours?"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from activities.recording_events import ping, recording_event
from activities.webhooks import Webhook, alarm_event
from callvault.contracts.alarms import Alarm, AlarmKind, Severity
from callvault.contracts.recording_events import EventFile, EventKind
from callvault.contracts.states import ChunkState, RecordingState
from callvault.errors import AccessDenied, CallvaultError
from callvault.local.receiver import MAX_BODY_SIZE, LocalReceiver, receiving
from tests.activities.test_recording_events import EVENT

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
FILE = EventFile(
    index=0, document_id="d", state=ChunkState.ARCHIVED, location="/archive/0.mp4", size=42
)
ALARM = Alarm(
    id="1",
    kind=AlarmKind.EXPORT_LATE,
    severity=Severity.WARNING,
    at=AT,
    what="file 0 is not archived:\nthe disk is full",
    workflow_id="recording-1",
    resource="default",
    page_url="http://ui/recording-1",
    runbook_url="http://docs/operations.md#export_late",
)


@dataclass
class Scene:
    receiver: LocalReceiver
    told: list[str]
    http: httpx.Client

    def webhook(self, secret: str | None = None, now: datetime | None = None) -> Webhook:
        """The sender of a worker."""
        secrets = [secret or self.receiver.secret]
        at = now or datetime.now(UTC)
        return Webhook(lambda: self.receiver.url, lambda: secrets, self.http, now=lambda: at)

    def post(self, event: dict[str, object]) -> int:
        return self.webhook().post(event, str(event["id"]), timeout=5)


@pytest.fixture
def scene() -> Iterator[Scene]:
    told: list[str] = []
    with receiving(told.append) as receiver, httpx.Client(trust_env=False) as http:
        yield Scene(receiver, told, http)


def test_an_event_about_a_recording_is_told_in_one_line(scene: Scene) -> None:
    archived = EVENT.model_copy(update={"files": (FILE,)})
    assert scene.post(recording_event(archived)) == 204
    about = "recording-1, recording 1 is archived, /archive/0.mp4 (42 bytes)"
    assert scene.told == [f"webhook recording.archived {about}"]


def test_the_reason_of_an_end_is_told_and_a_lost_file_has_no_place(scene: Scene) -> None:
    file = EventFile(index=0, document_id="d", state=ChunkState.LOST, lost_reason="gone")
    lost = {"kind": EventKind.LOST, "state": RecordingState.LOST, "reason": "gone"}
    scene.post(recording_event(EVENT.model_copy(update={**lost, "files": (file,)})))
    assert scene.told == ["webhook recording.lost recording-1, recording 1 is lost, gone"]


def test_an_alarm_is_told_in_one_line_with_its_links(scene: Scene) -> None:
    scene.post(alarm_event(ALARM))
    [line] = scene.told
    assert line == (
        "webhook alarm.export_late firing, warning: file 0 is not archived: the disk is full"
        " [page: http://ui/recording-1] [runbook: http://docs/operations.md#export_late]"
    )


def test_a_ping_is_told(scene: Scene) -> None:
    scene.post(ping("default", "ping-1", AT))
    assert scene.told == ["webhook ping"]


@pytest.mark.parametrize("is_old", [True, False], ids=["long ago", "another secret"])
def test_what_is_not_signed_here_and_now_is_refused(scene: Scene, is_old: bool) -> None:
    webhook = (
        scene.webhook(now=datetime.now(UTC) - timedelta(minutes=6))
        if is_old
        else scene.webhook("whsec_c2VjcmV0")
    )
    with pytest.raises(AccessDenied):
        webhook.send(ALARM)
    assert scene.told == [
        "webhook refused: it is not signed with the secret of `callvault dev`",
    ]


def test_while_a_secret_is_rotated_one_of_two_signatures_is_enough(scene: Scene) -> None:
    secrets = ["whsec_c2VjcmV0", scene.receiver.secret]
    webhook = Webhook(lambda: scene.receiver.url, lambda: secrets, scene.http)
    assert webhook.send(ALARM) == 204


def test_what_is_longer_than_any_event_is_refused_unread(scene: Scene) -> None:
    with pytest.raises(CallvaultError):
        scene.post({"id": "1", "type": "x", "data": "x" * MAX_BODY_SIZE})
    assert scene.http.post(scene.receiver.url, content=iter([b"{}"])).status_code == 413
    assert scene.told == []


def test_a_doctor_is_answered(scene: Scene) -> None:
    assert scene.http.head(scene.receiver.url).status_code == 204


def test_the_secret_is_not_printed(scene: Scene) -> None:
    assert scene.receiver.secret not in repr(scene.receiver)
