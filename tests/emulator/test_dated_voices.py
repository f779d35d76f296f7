"""Voices that tell the time, a clock of the service that is off, and faults of one call alone."""

import io
import time
import wave
from datetime import datetime
from typing import Any

import httpx
import numpy as np
import pytest

from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings
from tests.emulator.stage import Acs, StagedCall, eventually
from tests.emulator.webhook import Webhook

WAV = {"recordingContentType": "audio", "recordingFormatType": "wav"}
ANA = {"displayName": "Ana", "tellsTime": True}


def tones(file: bytes, tick: int) -> list[int]:
    """List the frequencies of one tick of a mono wav."""
    with wave.open(io.BytesIO(file)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32768
    spectrum = np.abs(np.fft.rfft(samples[tick * 400 : tick * 400 + 400])) / 200
    return [int(each) * 40 for each in np.flatnonzero(spectrum > 0.02)]


def call_of(acs: Acs, **more: Any) -> StagedCall:
    return StagedCall(acs, "Ana", participants=[ANA], **more)


def downloaded(acs: Acs, call: StagedCall) -> bytes:
    return acs.fetch(call.rendered()["chunks"][0]["contentLocation"]).content


def test_a_voice_says_who_speaks_and_how_long_the_recording_has_run(http: httpx.Client) -> None:
    with running(EmulatorSettings(fps=40)) as emulator:
        acs = Acs(emulator, http)
        call = call_of(acs)
        recording = call.is_recorded(**WAV)
        call.lasts(60)
        acs.pause(recording)
        call.lasts(30)
        acs.resume(recording)
        call.lasts(5)
        acs.stop(recording)
        file = downloaded(acs, call)

    # 0 and 1.0 s are tick 0 and 40 = 0x028; who speaks is at 200 Hz, for she came first.
    assert tones(file, 0) == [200, 1200, 2000, 2800]
    assert tones(file, 40) == [200, 1200, 2080, 3120]
    # What follows the pause of half a minute is 90 s into the recording: 3600 ticks are 0xe10.
    after = tones(file, 2400 + 20)
    assert after[:2] == [200, 1200 + 40 * 0xE]


def test_a_call_is_told_by_its_own_clock(acs: Acs, webhook: Webhook) -> None:
    call = call_of(acs, clockOffsetSeconds=-300)
    answer = acs.start(call.server_call_id, recordingStateCallbackUri=webhook.url, **WAV)
    eventually(lambda: len(webhook.requests) == 2)
    call.lasts(1)
    acs.stop(answer.json()["recordingId"])
    recording = call.rendered()
    metadata = acs.fetch(recording["chunks"][0]["metadataLocation"]).json()

    active = datetime.fromisoformat(recording["activeAt"])
    told = datetime.fromisoformat(metadata["chunkStartTime"])
    called = datetime.fromisoformat(webhook.requests[1].body[0]["time"])
    assert (active - told).total_seconds() == pytest.approx(300, abs=0.2)
    assert (active - called).total_seconds() == pytest.approx(300, abs=1)


def test_a_call_may_take_longer_to_be_recorded(acs: Acs) -> None:
    call = call_of(acs, startDelaySeconds=3600)
    recording = acs.start(call.server_call_id, **WAV).json()["recordingId"]

    assert acs.state(recording).json()["recordingState"] == "inactive"
    assert call.truth()["recordings"][0]["state"] == "starting"


@pytest.fixture
def two(acs: Acs) -> tuple[StagedCall, StagedCall]:
    return call_of(acs), call_of(acs)


def meets(acs: Acs, call: StagedCall, kind: str, **rule: Any) -> None:
    body = {"kind": kind, "callId": call.call_id, **rule}
    acs.http.post(f"{acs.emulator.control}/faults", json=body).raise_for_status()


def rules(acs: Acs) -> list[dict[str, Any]]:
    active: list[dict[str, Any]] = acs.http.get(f"{acs.emulator.control}/faults").json()["active"]
    return active


def state(call: StagedCall) -> str:
    found: str = call.truth()["recordings"][-1]["state"]
    return found


def test_a_fault_may_happen_to_one_call_alone(acs: Acs, two: tuple[StagedCall, StagedCall]) -> None:
    faulty, other = two
    meets(acs, faulty, "unavailable", operation="start", times=None)
    meets(acs, faulty, "unavailable", operation="state", times=None)

    assert acs.start(faulty.server_call_id, **WAV).status_code == 503
    assert acs.state(other.is_recorded(**WAV)).status_code == 200
    faulty.ends()
    assert not rules(acs)


def test_an_effect_may_come_later_than_its_answer(
    acs: Acs, two: tuple[StagedCall, StagedCall]
) -> None:
    call, _ = two
    recording = call.is_recorded(**WAV)
    meets(acs, call, "late_effect", operation="pause", effectAfter=0.5)

    assert acs.pause(recording).status_code == 202
    assert state(call) == "active"
    eventually(lambda: state(call) == "paused")


def test_an_effect_may_come_later_than_the_client_waits(
    acs: Acs, two: tuple[StagedCall, StagedCall]
) -> None:
    call, _ = two
    recording = call.is_recorded(**WAV)
    meets(acs, call, "reset", operation="pause", takesEffect=True, effectAfter=0.5)

    with pytest.raises(httpx.HTTPError):
        acs.pause(recording)
    assert state(call) == "active"
    eventually(lambda: state(call) == "paused")


def test_a_slow_answer_tells_what_was_so_when_it_was_asked(
    acs: Acs, two: tuple[StagedCall, StagedCall]
) -> None:
    call, _ = two
    recording = call.is_recorded(**WAV)
    meets(acs, call, "slow", operation="pause", effectAfter=0.2, seconds=0.3)

    before = time.monotonic()
    assert acs.pause(recording).status_code == 202
    assert time.monotonic() - before >= 0.5
    assert state(call) == "paused"


def test_a_start_may_record_although_it_was_to_be_paused(
    acs: Acs, two: tuple[StagedCall, StagedCall]
) -> None:
    call, _ = two
    meets(acs, call, "pause_on_start_ignored", operation="start")
    call.is_recorded(**WAV, pauseOnStart=True)

    assert state(call) == "active"
