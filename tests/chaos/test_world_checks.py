"""Does the checker find each broken promise about a world that goes back and forth?"""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from activities.webhooks import signature_headers
from bench.chaos import rotation
from bench.chaos.alarm_receiver import OVERLAP, AlarmReceiver
from bench.chaos.cluster_settings import SIGNING_KEY
from bench.chaos.false_losses import losses_not_taken_back
from bench.chaos.history import History
from bench.chaos.proxy import RefusedAlarm
from bench.chaos.rotation import SigningKey
from bench.chaos.world import Restore
from bench.chaos.world_checks import WorldFacts, world_violations
from callvault.contracts.alarms import AlarmKind

from .case import DOCUMENT, ENDED, RECORDING, Trial

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
BODY = b'{"data": 1}'


def moment(seconds: float) -> str:
    return (AT + timedelta(seconds=seconds)).isoformat()


def manifest(*silent: tuple[float, float | None], key: str = "new", sealed: float = 100) -> Any:
    claims = [
        {"since": moment(since), "until": None if until is None else moment(until)}
        for since, until in silent
    ]
    return {
        "recording": {"recordingId": RECORDING},
        "silence": {"silent": claims},
        "sealedAt": moment(sealed),
        "signature": {"keyId": key},
    }


def history(*paused: tuple[float, float], **documents: Any) -> History:
    """A recording from second 0 to 60 that was paused at these times."""
    truth = {
        "recordingId": RECORDING,
        "activeAt": moment(0),
        "endedAt": moment(60),
        "pausedIntervals": [
            {"startTime": moment(since), "duration": (until - since) * 1000}
            for since, until in paused
        ],
    }
    named = {name.replace("__", "/") + ".json": each for name, each in documents.items()}
    return History({1: {"recordings": [truth]}}, [], [], [], named)


def violations(found: History, world: WorldFacts | None = None) -> list[str]:
    return [each.what for each in world_violations(world or WorldFacts(), found)]


def test_silence_that_was_silence_is_no_violation() -> None:
    found = history((10, 20), (30, 90), recordings__manifest=manifest((10.1, 20), (31, None)))
    assert violations(found) == []


def test_silence_that_was_claimed_too_early_is_found() -> None:
    [said] = violations(history((10, 20), recordings__manifest=manifest((9, 20))))
    assert said.endswith("claims silence, and 1.0 s are heard")


def test_silence_that_was_claimed_to_the_end_is_found() -> None:
    [said] = violations(history((10, 20), recordings__manifest=manifest((10, None))))
    assert said.endswith("40.0 s are heard")


@pytest.mark.parametrize(("interruptions", "count"), [([], 1), ([(0.0, 1e12)], 0)])
def test_a_silence_that_had_to_be_withdrawn_is_found(
    interruptions: list[tuple[float, float]], count: int
) -> None:
    """The service's own account contradicts it: it was claimed for as long as that was not read."""
    withdrawn = manifest()
    reason = "the service's own account tells of sound in them"
    doubt = {"since": moment(9), "until": moment(20), "reason": reason}
    withdrawn["silence"]["unconfirmed"] = [doubt, {**doubt, "reason": "asked for a pause"}]
    found = history((10, 20), recordings__manifest=withdrawn)
    said = violations(found, WorldFacts(interruptions=interruptions))
    assert len(said) == count
    assert all("1.0 s are heard in it" in each for each in said)


def test_a_manifest_that_is_sealed_twice_is_found() -> None:
    link = {"manifest": {"objectName": "recordings/manifest.json"}}
    [said] = violations(history(manifests__1=link, manifests__2=link))
    assert "sealed twice" in said


def test_a_manifest_that_is_signed_with_a_replaced_key_is_found() -> None:
    keys = [SigningKey("new", AT.timestamp())]
    late = manifest(key="old", sealed=OVERLAP + 1)
    [said] = violations(history(recordings__manifest=late), WorldFacts(signing_keys=keys))
    assert "replaced" in said
    soon = manifest(key="old", sealed=OVERLAP - 1)
    assert violations(history(recordings__manifest=soon), WorldFacts(signing_keys=keys)) == []


def test_what_is_written_to_a_place_that_is_not_the_archive_is_found() -> None:
    [said] = violations(history(), WorldFacts(intruders=["recordings/1.mp4"]))
    assert "not mounted" in said


def test_an_alarm_that_nobody_could_believe_is_found() -> None:
    world = WorldFacts(refused_alarms=[RefusedAlarm("it was signed with another key", 1)])
    assert violations(history(), world) == [
        "an alarm was not believed: it was signed with another key"
    ]


def headers(key: str, at: float) -> dict[str, str]:
    return signature_headers([key], "1", BODY, int(at))


def test_the_receiver_believes_the_right_key_at_the_right_time_alone() -> None:
    receiver = AlarmReceiver()
    assert receiver.problem(headers(receiver.key, 1000), BODY, 1200) == ""
    assert "off" in receiver.problem(headers(receiver.key, 1000), BODY, 1301)
    assert "another key" in receiver.problem(headers(receiver.key, 1000), b"{}", 1000)
    assert receiver.problem({}, BODY, 1000) == "it is not signed"


def test_the_receiver_believes_a_replaced_key_for_a_while() -> None:
    receiver = AlarmReceiver()
    old = receiver.key
    receiver.replace_key()
    now = datetime.now(UTC).timestamp()
    assert receiver.problem(headers(old, now), BODY, now) == ""
    later = now + OVERLAP + 1
    assert "another key" in receiver.problem(headers(old, now), BODY, later)


def restored(*, named: bool, is_stored: bool = False) -> Trial:
    """A file that the archive had, and lost by a restore after the service's copy was deleted."""
    trial = Trial()
    trial.objects.clear()
    trial.chunk = replace(trial.chunk, is_stored=is_stored)
    trial.world = WorldFacts(
        restores=[Restore(ENDED, ENDED + 1, False, frozenset({DOCUMENT}))],
        named_missing={RECORDING} if named else set(),
    )
    return trial


def test_a_file_that_the_harness_took_is_told_of_or_found() -> None:
    assert restored(named=True).violations() == []
    assert restored(named=False).violations() == [f"{DOCUMENT} is neither archived nor lost"]


def test_a_file_that_the_service_still_has_must_be_copied_again() -> None:
    [said] = restored(named=True, is_stored=True).violations()
    assert "neither archived nor lost" in said


def test_a_loss_that_is_none_is_found() -> None:
    trial = Trial()
    trial.loses_the_file(accepted_at=ENDED)
    trial.objects = Trial().objects
    assert f"{RECORDING} was told as lost, and lies archived" in trial.violations()
    assert trial.alarms[0].alarm.kind is AlarmKind.LOST


def test_a_loss_that_is_told_before_anybody_heard_of_the_file_is_none_of_these() -> None:
    """Event Grid repeats an event after 10, 30 and 60 s: a short window closes before."""
    trial = Trial()
    trial.loses_the_file(accepted_at=ENDED + 0.5)
    trial.objects = Trial().objects
    trial.recording |= Trial().recording
    assert trial.violations() == []


@pytest.mark.parametrize(("state", "count"), [("lost", 1), ("archived", 0)])
def test_a_loss_that_is_not_taken_back_is_found(state: str, count: int) -> None:
    """The newest manifest counts: that of the file which came late."""
    trial = Trial()
    of = {"recordingId": RECORDING, "state": state}
    sealed = {**manifest(), "recording": of, "chunks": [{"state": "archived"}], "silence": {}}
    found = History(
        {},
        [trial.chunk],
        trial.objects,
        [],
        {
            "recordings/manifest-2.json": sealed,
            "recordings/manifest.json": {**sealed, "recording": {**of, "state": "lost"}}
            | {"sealedAt": moment(1)},
        },
    )
    assert len([*losses_not_taken_back(found)]) == count


def test_a_key_counts_from_before_a_worker_may_sign_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A manifest of the tenth of a second after the writing counted as signed with an old key."""
    written: dict[str, float] = {}
    monkeypatch.setattr(
        rotation, "write_secret", lambda file, _: written.setdefault(file.name, time.time())
    )
    monkeypatch.setattr(rotation, "_rotate_acs", lambda _: time.sleep(0.01))
    plan = SimpleNamespace(has_directory=True)
    cluster: Any = SimpleNamespace(home=tmp_path, outages=[], plan=plan)
    assert rotation.rotate(cluster, AlarmReceiver()).since <= written[SIGNING_KEY]
