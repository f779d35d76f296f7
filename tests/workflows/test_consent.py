"""Does the workflow keep ACS silent until consent is there, and say why nothing was recorded?"""

import asyncio
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from callvault.archive.manifests.seal import seal
from callvault.contracts import names
from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.consent import ConsentRecord
from callvault.contracts.manifest import Manifest
from callvault.contracts.participants import participant_hash
from callvault.errors import CallvaultError, InvalidRequest, Unavailable

from .scene import SHORT_WINDOW, Scene, chunk, released

ANA, BEN = participant_hash("8:acs:ana", "key"), participant_hash("8:acs:ben", "key")
ALL: dict[str, Any] = {"consent_policy": "all_parties", "participants": [ANA, BEN]}


class Webhook:
    """The webhook that is called before a recording begins; answers as a test says."""

    def __init__(self, *answers: CallvaultError | None) -> None:
        self.answers = list(answers)
        self.events: list[dict[str, Any]] = []

    def post(self, event: dict[str, Any], _message_id: str, timeout: float) -> None:
        self.events.append(event)
        assert timeout == 30
        if (error := self.answers.pop(0)) is not None:
            raise error


async def decides(scene: Scene, who: str, given: bool, **facts: Any) -> ConsentRecord:
    record: ConsentRecord = await scene.handle.execute_update(
        names.CONSENT,
        {"participant": who, "given": given, "requestedBy": "ivr", **facts},
        result_type=ConsentRecord,
    )
    return record


async def test_recording_begins_with_the_last_consent_and_pauses_with_the_first_withdrawal(
    scene: Scene,
) -> None:
    await scene.keep(**ALL, on_withdrawal="pause_and_mark")
    await scene.until(lambda recording: recording.actual == "paused")
    assert (await scene.recording()).state == "awaiting_consent"
    await decides(scene, ANA, True)
    await scene.signals(names.CONSENT, {"participant": BEN, "given": True, "method": "spoken"})
    await scene.until(lambda recording: recording.actual == "active")
    await decides(scene, BEN, False, reason="changed his mind")
    assert (await scene.recording()).actual == "paused", "the update is answered once ACS confirmed"
    assert scene.service.control_calls() == ["start", "resume", "pause"]

    await scene.asks("stop")
    await scene.announced(chunk())
    result = await scene.result()

    [sealed] = [recording.manifest for recording in result.recordings]
    assert sealed is not None
    manifest = Manifest.model_validate(json.loads(b"".join(scene.archive.read(sealed.object_name))))
    assert [(c.participant, c.given) for c in manifest.consents] == [
        (ANA, True),
        (BEN, True),
        (BEN, False),
    ]
    assert manifest.consents[1].method == "spoken"
    assert [mark.participant for mark in manifest.marked] == [BEN]
    assert len(manifest.consent.holds) == 2
    assert manifest.consent.terms.consent_policy == "all_parties"


async def test_a_withdrawal_while_the_manifest_is_being_written_is_in_the_next_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, withdrawn = threading.Event(), threading.Event()

    def slow(*input: Any) -> SealedRecording:
        sealed = seal(*input)
        written.set()
        withdrawn.wait(30)
        return sealed

    monkeypatch.setattr("activities.seal.seal", slow)
    await scene.keep(**ALL, on_withdrawal="pause_and_mark")
    await decides(scene, ANA, True)
    await decides(scene, BEN, True)
    await scene.until(lambda recording: recording.actual == "active")
    await scene.asks("stop")
    await scene.announced(chunk())
    await asyncio.to_thread(written.wait, 30)
    await scene.signals(names.CONSENT, {"participant": BEN, "given": False})
    withdrawn.set()

    [recording] = (await scene.result()).recordings

    assert recording.manifest is not None
    content = b"".join(scene.archive.read(recording.manifest.object_name))
    assert [mark.participant for mark in Manifest.model_validate_json(content).marked] == [BEN]


async def test_somebody_who_joins_pauses_and_leaving_resumes(scene: Scene) -> None:
    await scene.keep(consent_policy="all_parties", participants=[ANA])
    await decides(scene, ANA, True)
    await scene.until(lambda recording: recording.actual == "active")
    await scene.signals(names.PARTICIPANT_CHANGED, {"participant": BEN, "joined": True})
    await scene.until(lambda recording: recording.actual == "paused")
    await scene.signals(names.PARTICIPANT_CHANGED, {"participant": BEN, "joined": False})
    await scene.until(lambda recording: recording.actual == "active")


async def test_what_waits_for_consent_in_vain_is_declined_and_acs_never_asked(
    scene: Scene,
) -> None:
    await scene.keep(**ALL, before_consent="wait", consent_within="PT2M")
    await scene.passes(timedelta(minutes=1))
    assert (await scene.recording()).state == "awaiting_consent"
    result = await scene.result()
    assert result.outcome == "declined"
    assert scene.service.asked == []
    assert scene.told() == []
    assert "2 of 2 in the call have not agreed" in (await scene.recording()).declined


async def test_what_makes_no_sense_is_refused_as_update_and_noted_as_signal(scene: Scene) -> None:
    await scene.keep(consent_policy="named", consent_participants=[ANA])
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await decides(scene, BEN, True)
    assert "none of the 1 participants" in str(refused.value.cause)
    with pytest.raises(WorkflowUpdateFailedError) as unreadable:
        await decides(scene, "8:acs:ben", True)
    assert "participant" in str(unreadable.value.cause)
    for who in (BEN, "8:acs:ben"):
        await scene.signals(names.CONSENT, {"participant": who, "given": True})
    status = await scene.status()
    assert status.consents == []
    timeline = "\n".join(entry.what for entry in status.timeline)
    assert "refused, " in timeline
    assert "consent could not be read: participant" in timeline
    assert "8:acs" not in timeline


async def test_the_start_in_flight_is_followed_by_what_consent_demands(scene: Scene) -> None:
    gate = scene.service.holds("start")
    with released(gate):
        await scene.keep(**ALL)
        await scene.has_asked("start")
        await decides(scene, ANA, True)
        await decides(scene, BEN, True)
    await scene.until(lambda recording: recording.actual == "active")
    assert scene.service.control_calls() == ["start", "resume"]


async def test_a_recording_begins_once_its_announcement_is_answered(scene: Scene) -> None:
    webhook = Webhook(Unavailable("busy"), None)
    scene.world.webhooks[scene.resource] = webhook
    await scene.keep(requested_by="crm")
    await scene.passes(timedelta(seconds=5))
    await scene.until(lambda recording: recording.actual == "active")
    first, second = webhook.events
    assert first["id"] == second["id"]
    assert second["data"]["serverCallId"] == scene.server_call_id
    assert (await scene.recording()).announcement is not None


@pytest.mark.parametrize(
    ("answers", "says"),
    [([InvalidRequest("no such tune")], "no such tune"), ([Unavailable("busy")] * 50, "busy")],
)
async def test_without_its_announcement_nothing_is_recorded_and_somebody_is_told(
    scene: Scene, answers: list[CallvaultError], says: str
) -> None:
    scene.world.webhooks[scene.resource] = Webhook(*answers)
    await scene.keep()
    result = await scene.result()
    assert result.outcome == "declined"
    assert scene.service.asked == []
    assert says in (await scene.recording()).declined
    assert [alarm.kind for alarm in scene.told()] == [AlarmKind.FAILED_TO_START]


async def test_who_joins_later_hears_the_announcement_before_they_are_recorded(
    scene: Scene,
) -> None:
    answers = [None, Unavailable("busy"), None]
    webhook = scene.world.webhooks[scene.resource] = Webhook(*answers)
    await scene.keep(requested_by="crm")
    await scene.until(lambda recording: recording.actual == "active")
    await scene.signals(names.PARTICIPANT_CHANGED, {"participant": BEN, "joined": True})
    await scene.until(lambda recording: recording.actual == "paused")
    await scene.passes(timedelta(seconds=5))
    await scene.until(lambda recording: recording.actual == "active")
    first, second, third = webhook.events
    assert first["data"]["participant"] is None
    assert (second["type"], second["id"]) == (third["type"], third["id"])
    assert second["type"] == "callvault.participant.announced"
    assert second["data"]["participant"] == BEN
    for joined in (True, False):
        await scene.signals(names.PARTICIPANT_CHANGED, {"participant": BEN, "joined": joined})
    assert len(webhook.events) == 3, "once is enough"


async def test_whom_the_announcement_does_not_reach_holds_the_recording_back_until_they_leave(
    scene: Scene,
) -> None:
    scene.world.webhooks[scene.resource] = Webhook(None, InvalidRequest("no such tune"))
    await scene.keep()
    await scene.until(lambda recording: recording.actual == "active")
    await scene.signals(names.PARTICIPANT_CHANGED, {"participant": BEN, "joined": True})
    await scene.until(lambda recording: recording.actual == "paused")
    await scene.is_notified(1)
    assert [alarm.kind for alarm in scene.told()] == [AlarmKind.NOT_ANNOUNCED]
    assert "no such tune" in scene.told()[0].what
    await scene.signals(names.PARTICIPANT_CHANGED, {"participant": BEN, "joined": False})
    await scene.until(lambda recording: recording.actual == "active")


async def test_a_stop_calls_off_the_announcement(scene: Scene) -> None:
    scene.world.webhooks[scene.resource] = Webhook(*[Unavailable("busy")] * 50)
    await scene.keep()
    await scene.asks("stop")
    assert (await scene.handle.result()).outcome == "empty"
    assert scene.service.asked == []


async def test_what_was_decided_and_who_is_there_is_carried_into_later_runs(scene: Scene) -> None:
    scene.world.max_history_events[scene.resource] = 40
    await scene.keep(**ALL, consent_within="PT2M")
    await scene.until(lambda recording: recording.actual == "paused")
    first = (await scene.handle.describe()).run_id
    await decides(scene, ANA, True, requestId="c1")
    for number in range(12):
        change = {"participant": ANA, "joined": True, "connection": str(number)}
        await scene.signals(names.PARTICIPANT_CHANGED, change)
        await scene.status()
    assert (await scene.handle.describe()).run_id != first
    assert (await scene.recording()).state == "awaiting_consent"
    await decides(scene, ANA, True, requestId="c1")
    await decides(scene, BEN, True)
    await scene.until(lambda recording: recording.actual == "active")
    assert [record.participant for record in (await scene.status()).consents] == [ANA, BEN]
    assert scene.service.control_calls() == ["start", "resume"]


async def test_a_resume_that_only_consent_asked_for_and_acs_refuses_is_alarmed(
    scene: Scene,
) -> None:
    """No backend awaits its answer: without an alarm nobody would know that nothing is recorded."""
    await scene.keep(**ALL)
    await scene.until(lambda recording: recording.actual == "paused")
    scene.service.fails("resume", InvalidRequest("no"), times=1)
    await decides(scene, ANA, True)
    await decides(scene, BEN, True)
    await scene.has_asked("pause")
    await scene.until(lambda recording: recording.actual == "paused")
    [record] = (await scene.status()).alarms
    assert record.alarm.kind is AlarmKind.STATE_UNEXPECTED
    assert "refused to resume it, and it stays paused" in record.alarm.what


async def test_a_recording_that_waits_for_consent_does_not_wait_for_ever(scene: Scene) -> None:
    """No event may tell of the call's end, and ACS cannot be polled about what never began."""
    await scene.keep(**ALL, before_consent="wait")
    result = await scene.result()
    assert result.outcome == "declined"
    assert scene.service.control_calls() == []
    assert "no consent within 2 days" in (await scene.recording()).declined


async def test_a_recording_that_was_started_paused_ends_when_acs_no_longer_knows_it(
    scene: Scene,
) -> None:
    scene.world.windows[scene.resource] = SHORT_WINDOW
    await scene.keep(**ALL)
    await scene.until(lambda recording: recording.actual == "paused")
    await scene.passes(SHORT_WINDOW * 1.1)
    assert (await scene.recording()).actual == "paused", "the call may go on"
    scene.service.forgets("recording-1")
    assert (await scene.result()).outcome in ("declined", "empty")
