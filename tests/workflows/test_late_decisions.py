"""Does a decision count before the call is recorded, after its end, and after its sealing?"""

import json
from datetime import timedelta

from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.manifest import Manifest
from callvault.contracts.participants import ParticipantChanged, participant_hash
from callvault.contracts.requests import RecordingRequest
from callvault.contracts.results import CallResult
from callvault.temporal.call_client import CallClient
from callvault.temporal.decisions import DecisionClient

from .scene import Scene, chunk

ANA, BEN = participant_hash("8:acs:ana", "key"), participant_hash("8:acs:ben", "key")


def decisions(scene: Scene) -> DecisionClient:
    return DecisionClient(CallClient(scene.environment.client))


def unkept(scene: Scene) -> RecordingRequest:
    """Return the request that keeps a call for what is decided before it is recorded."""
    return RecordingRequest(
        server_call_id=scene.server_call_id, resource=scene.resource, start_recording=False
    )


def manifest_of(scene: Scene, result: CallResult) -> Manifest:
    [recording] = result.recordings
    assert recording.manifest is not None
    return Manifest.model_validate(
        json.loads(b"".join(scene.archive.read(recording.manifest.object_name)))
    )


async def archived(scene: Scene, on_withdrawal: str) -> CallResult:
    """Record and archive a call to which Ana agreed."""
    await scene.keep(consent_policy="all_parties", participants=[ANA], on_withdrawal=on_withdrawal)
    await scene.signals(names.CONSENT, {"participant": ANA, "given": True})
    await scene.until(lambda recording: recording.actual == "active")
    await scene.signals(names.CALL_ENDED, {})
    await scene.announced(chunk())
    return await scene.result()


async def test_a_withdrawal_after_the_workflow_has_ended_renews_the_signed_manifest(
    scene: Scene,
) -> None:
    first = manifest_of(scene, await archived(scene, "pause_and_mark"))
    assert [consent.given for consent in first.consents] == [True]
    asked = scene.service.control_calls()

    with scene.environment.with_time_skipping_disabled():
        record = await decisions(scene).decide(
            scene.handle.id, ConsentDecision(participant=ANA, given=False, requested_by="crm")
        )
    assert record.given is False
    second = manifest_of(scene, await scene.result())

    assert [consent.given for consent in second.consents] == [True, False]
    assert [mark.participant for mark in second.marked] == [ANA]
    assert second.earlier is not None
    assert second.earlier.object_name == first.object_name
    assert second.chunks == first.chunks
    assert second.consent.participants == first.consent.participants
    told = [alarm.kind for alarm in scene.told()]
    assert told == [AlarmKind.DUTIES], "nothing was abandoned"
    assert scene.service.control_calls() == asked, "and ACS is asked for nothing more"


async def test_a_withdrawal_is_in_the_manifest_without_marks_too(scene: Scene) -> None:
    await archived(scene, "pause")
    with scene.environment.with_time_skipping_disabled():
        await decisions(scene).tell(scene.handle.id, ConsentDecision(participant=ANA, given=False))
    renewed = manifest_of(scene, await scene.result())
    assert [consent.given for consent in renewed.consents] == [True, False]
    assert renewed.marked == ()


async def test_what_was_decided_and_who_came_before_the_request_counts_for_the_recording(
    scene: Scene,
) -> None:
    told = decisions(scene)
    with scene.environment.with_time_skipping_disabled():
        refusal = ConsentDecision(participant=BEN, given=False)
        await told.decide(scene.handle.id, refusal, unkept(scene))
        came = ParticipantChanged(participant=ANA, joined=True, connection="a")
        await told.joined(unkept(scene), came)
    start = {"consentPolicy": "all_parties", "participants": [ANA], "requestedBy": "crm"}
    await scene.signals(names.START, start)
    await scene.signals(names.CONSENT, {"participant": ANA, "given": True})
    recording = await scene.until(lambda recording: recording.actual == "paused")
    assert recording.is_held
    await scene.signals(names.CONSENT, {"participant": BEN, "given": True})
    await scene.until(lambda recording: recording.actual == "active")
    assert len((await scene.status()).participants) == 1, "she is named, and known by her device"


async def test_a_call_that_nobody_records_is_kept_for_a_day_and_no_longer(scene: Scene) -> None:
    with scene.environment.with_time_skipping_disabled():
        refusal = ConsentDecision(participant=BEN, given=False)
        await decisions(scene).tell(scene.handle.id, refusal, unkept(scene))
        await scene.status()
    await scene.passes(timedelta(hours=23))
    assert (await scene.handle.describe()).close_time is None
    assert (await scene.result()).outcome == "empty"


async def test_a_withdrawal_from_an_earlier_recording_marks_it_and_holds_the_next(
    scene: Scene,
) -> None:
    await scene.keep(
        consent_policy="any_party", participants=[ANA, BEN], on_withdrawal="pause_and_mark"
    )
    await scene.signals(names.CONSENT, {"participant": ANA, "given": True})
    await scene.until(lambda recording: recording.actual == "active")
    await scene.asks("stop")
    named = {"consentPolicy": "named", "consentParticipants": [BEN]}
    await scene.signals(names.START, {**named, "onWithdrawal": "pause_and_mark"})
    await scene.signals(names.CONSENT, {"participant": BEN, "given": True})
    await scene.until(lambda recording: recording.actual == "active", number=2)
    record = await decisions(scene).decide(
        scene.handle.id, ConsentDecision(participant=ANA, given=False, requested_by="crm")
    )
    assert record.participant == ANA
    first, second = (await scene.status()).recordings
    assert [[mark.participant for mark in each.marked] for each in (first, second)] == [[ANA]] * 2
    assert second.actual == "paused"
