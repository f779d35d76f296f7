"""Does a decision count before the call is recorded, after its end, and after its sealing?"""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.consent import ConsentDecision, ConsentPolicy, ConsentTerms
from callvault.contracts.events import FileStatusUpdated
from callvault.contracts.manifest import Manifest
from callvault.contracts.participants import ParticipantChanged, participant_hash
from callvault.contracts.requests import RecordingRequest
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus
from callvault.errors import Unavailable
from callvault.temporal.call_client import CallClient
from callvault.temporal.decisions import DecisionClient
from tests.patience import WAIT
from workers import adoption

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


@pytest.mark.parametrize("again", [False, True])
async def test_a_file_that_is_announced_after_the_end_is_kept_with_what_was_decided(
    scene: Scene, again: bool
) -> None:
    """Nothing of it was known to its workflow: who had withdrawn, whose recording it is."""
    await archived(scene, "pause_and_mark")
    with scene.environment.with_time_skipping_disabled():
        withdrawal = ConsentDecision(participant=ANA, given=False)
        await decisions(scene).decide(scene.handle.id, withdrawal)
    before = await scene.result()
    first = manifest_of(scene, before)
    event = FileStatusUpdated.model_validate(scene.event(chunk(0 if again else 1)))
    if again:
        [lost] = scene.world.directory.glob(f"{scene.resource}/**/*.mp4")
        lost.unlink()
    copied = scene.service.asked.count("open_content")
    with scene.environment.with_time_skipping_disabled():
        calls = CallClient(scene.environment.client)
        await calls.announce(unkept(scene), event, None if again else before, again=again)
    result = await scene.result()
    late = manifest_of(scene, result)
    assert len(late.chunks) == (1 if again else 2)
    assert [mark.participant for mark in late.marked] == [ANA]
    assert late.consents == first.consents
    assert scene.service.asked.count("open_content") == copied + 1
    assert [each.origin for each in result.recordings] == ["requested"]


async def test_a_recording_that_is_adopted_after_the_workflow_has_ended_is_held_by_a_withdrawal(
    scene: Scene,
) -> None:
    await archived_before_the_call_ends(scene)
    scene.service.recordings["adopted-1"] = "active"
    request = unkept(scene)
    found = adoption._status(request, "adopted-1", datetime.now(UTC), is_on=True)
    found.consent = ConsentTerms(consent_policy=ConsentPolicy.NAMED, consent_participants=(ANA,))
    resource = {"endpoint": "https://c.example", "credential": {"entra": True}}
    archives = {scene.resource: {"kind": "directory", "path": "/archive"}}
    settings = Settings.model_validate(
        {"resources": {scene.resource: resource}, "archives": archives}
    )
    with scene.environment.with_time_skipping_disabled():
        await adoption.adopt(scene.environment.client, settings, request, found)
        async with asyncio.timeout(WAIT):
            while len((await scene.status()).recordings) < 2:
                await asyncio.sleep(0.02)
        await scene.until(lambda recording: recording.actual == "paused", number=2)
    known = [(each.participant, each.given) for each in (await scene.status()).consents]
    assert known == [(ANA, True), (ANA, False)]


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


async def test_a_recording_after_the_workflow_has_ended_knows_who_withdrew(scene: Scene) -> None:
    await archived_before_the_call_ends(scene)
    with scene.environment.with_time_skipping_disabled():
        calls = CallClient(scene.environment.client)
        request = asked(scene, consent_policy="named", consent_participants=[BEN])
        assert (await calls.start(request)).is_new
        await scene.signals(names.CONSENT, {"participant": BEN, "given": True})
        held = await scene.until(lambda recording: recording.is_held, number=2)
    assert held.actual in ("none", "paused"), "Ana, who withdrew before, is in the call still"
    known = [(each.participant, each.given) for each in (await scene.status()).consents]
    assert known == [(ANA, True), (ANA, False), (BEN, True)]
    await scene.signals(names.CONSENT, {"participant": ANA, "given": True})
    await scene.until(lambda recording: recording.actual == "active", number=2)


async def test_a_confirmed_start_after_the_workflow_has_ended_knows_who_agreed(
    scene: Scene,
) -> None:
    await archived_before_the_call_ends(scene, withdraws=False)
    with scene.environment.with_time_skipping_disabled():
        calls = CallClient(scene.environment.client)
        record = await calls.start_confirmed(asked(scene, consent_policy="all_parties"))
        assert (record.state, record.recording) == ("confirmed", 2)
        await scene.until(lambda recording: recording.actual == "active", number=2)


@pytest.mark.parametrize("is_confirmed", [True, False])
async def test_a_start_after_the_workflow_was_ended_by_force_knows_who_withdrew(
    is_confirmed: bool, scene: Scene
) -> None:
    await scene.keep(consent_policy="named", consent_participants=[BEN], participants=[ANA, BEN])
    await scene.signals(names.CONSENT, {"participant": BEN, "given": True})
    await scene.until(lambda recording: recording.actual == "active")
    await scene.asks("stop")
    await scene.signals(names.CONSENT, {"participant": ANA, "given": False})
    await scene.status()
    await scene.handle.terminate("by mistake")
    with scene.environment.with_time_skipping_disabled():
        calls = CallClient(scene.environment.client)
        request = asked(scene, consent_policy="named", consent_participants=[BEN])
        await (calls.start_confirmed(request) if is_confirmed else calls.start(request))
        # The earlier one is told to it: it comes before, and has another number.
        await scene.until(lambda recording: recording.is_held and recording.actual != "stopped")
        status = await scene.status()
    assert len(status.recordings) == 2
    known = {each.participant: each.given for each in status.consents}
    assert known == {ANA: False, BEN: True}


async def test_a_start_after_the_end_of_the_call_begins_anew(scene: Scene) -> None:
    await archived(scene, "pause")
    with scene.environment.with_time_skipping_disabled():
        await CallClient(scene.environment.client).start(asked(scene))
        assert [each.number for each in (await scene.status()).recordings] == [1]


async def test_nothing_is_begun_where_an_earlier_workflow_cannot_be_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await archived_before_the_call_ends(scene)
    calls = CallClient(scene.environment.client)
    ended = await scene.handle.describe()

    async def no_answer(self: CallClient, workflow_id: str) -> CallStatus:
        raise Unavailable("the workflow does not answer")

    monkeypatch.setattr(CallClient, "status", no_answer)
    for start in (calls.start, calls.start_confirmed):
        with pytest.raises(Unavailable, match="nothing was begun, because the decisions"):
            await start(asked(scene))
    assert (await scene.handle.describe()).run_id == ended.run_id


def asked(scene: Scene, **terms: Any) -> RecordingRequest:
    request = {"server_call_id": scene.server_call_id, "resource": scene.resource, **terms}
    return RecordingRequest.model_validate({"requested_by": "crm", **request})


async def archived_before_the_call_ends(scene: Scene, *, withdraws: bool = True) -> None:
    """Record and archive a part of a call that goes on, to which Ana agreed."""
    await scene.keep(consent_policy="all_parties", participants=[ANA])
    await scene.signals(names.CONSENT, {"participant": ANA, "given": True})
    await scene.until(lambda recording: recording.actual == "active")
    if withdraws:
        await scene.signals(names.CONSENT, {"participant": ANA, "given": False})
    await scene.asks("stop")
    await scene.announced(chunk(), session_end_reason="CallRecordingStopped")
    await scene.result()
