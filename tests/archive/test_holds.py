"""Is a legal hold placed, found, released and proven, and does nothing else end it?"""

import base64
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from pydantic import ValidationError

from callvault.archive.manifests.documents import Keyring, signed
from callvault.archive.manifests.folders import find_folders
from callvault.archive.manifests.holds import (
    Hold,
    Said,
    active_on,
    find_holds,
    place_hold,
    release_hold,
)
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.seal import seal
from callvault.archive.names import folder_of, hold_record_name, link_object_name
from callvault.archive.store import Archive, put_bytes
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.verifier import verify_archive
from callvault.contracts import names
from callvault.contracts.call_ids import spellings_of
from callvault.contracts.hold_messages import HoldRequest, HoldTarget, asked_target
from callvault.contracts.holds import HoldAction, HoldRecord
from callvault.errors import InvalidRequest

from .sealed import NOON, SERVER_CALL, SIGNER, archived, manifest_of, recording, seal_input, sealed

ON_CALL = HoldTarget(server_call_id=SERVER_CALL)
ON_RECORDING = HoldTarget(recording_id="rec-1")
COUNSEL = Said("counsel-1", "case 7", "cli:root")
KEYS = Keyring([SIGNER.public])


def place(archive: Archive, target: HoldTarget = ON_CALL, said: Said = COUNSEL) -> HoldRecord:
    return place_hold(archive, target, said, SIGNER, lambda: NOON, KEYS)


def release(archive: Archive, hold_id: str, signer: Signer | None = SIGNER) -> HoldRecord:
    return release_hold(archive, hold_id, Said("counsel-2", "settled"), signer, lambda: NOON)


@pytest.mark.parametrize("target", [ON_CALL, ON_RECORDING])
def test_a_hold_is_on_its_recording_until_it_is_released(
    archive: Archive, target: HoldTarget
) -> None:
    placed = place(archive, target)
    manifest = manifest_of(archive, sealed(archive, archived(archive)))
    assert active_on(find_holds(archive, KEYS), manifest) == [placed]
    released = release(archive, placed.id)
    assert find_holds(archive, KEYS) == [Hold(placed, released)]
    assert active_on(find_holds(archive, KEYS), manifest) == []
    report = verify_archive(archive, KEYS)
    assert report.ok, report.problems
    assert report.head is not None
    assert report.head.sequence == 3


def test_a_hold_on_another_call_or_recording_is_not_on_this_one(archive: Archive) -> None:
    manifest = manifest_of(archive, sealed(archive, archived(archive)))
    place(archive, HoldTarget(server_call_id="another"))
    place(archive, HoldTarget(recording_id="rec-10"))
    assert active_on(find_holds(archive, KEYS), manifest) == []


def test_a_call_is_held_in_each_spelling_of_its_id(archive: Archive) -> None:
    manifest = manifest_of(archive, sealed(archive, archived(archive)))
    place(archive, HoldTarget(server_call_id=f"{SERVER_CALL}=="))
    assert len(active_on(find_holds(archive, KEYS), manifest)) == 1


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


CALL_ID = "41b1c0a6-7e29-4f1a-9f5f-0a1f6c7a3a11"
RECORDING = in_base64(f'{{"PlatformEndpointId":"{CALL_ID}","ResourceSpecificId":"{CALL_ID}??>"}}')


def test_a_recording_is_held_in_each_spelling_of_its_id(archive: Archive) -> None:
    kept, *others = {RECORDING, *spellings_of(RECORDING)}
    assert len(others) == 3, "both alphabets, padded and not"
    chunk = archived(archive, recording_id=kept)
    manifest = seal(
        archive,
        seal_input(archive, recording(chunk, recording_id=kept)),
        SIGNER,
        lambda: NOON,
    )
    holds = {place(archive, HoldTarget(recording_id=each)).id for each in others}
    assert len(holds) == 1, "the same hold"
    assert len(active_on(find_holds(archive, KEYS), manifest_of(archive, manifest))) == 1
    for each in (kept, *others):
        assert find_folders(archive, each) == [folder_of(manifest.object_name)]


NO_RECORDING = [
    CALL_ID,
    CALL_ID.upper(),
    names.workflow_id("call"),
    SERVER_CALL,
    f"{SERVER_CALL}==",
]


@pytest.mark.parametrize("told", [*NO_RECORDING, "recordings/2026/03/02/call-1/rec-1"])
def test_a_hold_on_a_recording_under_another_id_is_refused(told: str) -> None:
    """It would lie on nothing, and nobody would notice."""
    for message in (partial(asked_target, None), partial(HoldRequest, reason="case 7")):
        with pytest.raises(ValidationError, match="give the recordingId"):
            message(recording_id=told)


@pytest.mark.parametrize("told", [*NO_RECORDING[:3], *sorted(spellings_of(RECORDING))])
def test_a_hold_on_a_call_under_another_id_is_refused(told: str) -> None:
    with pytest.raises(ValidationError, match="give the serverCallId"):
        asked_target(told, None)


@pytest.mark.parametrize(
    "target", [HoldTarget(recording_id=CALL_ID), HoldTarget(server_call_id=RECORDING)]
)
def test_a_hold_that_lies_under_another_id_is_read_and_can_be_released(
    archive: Archive, target: HoldTarget
) -> None:
    """One that was placed by mistake must not keep everything else from being erased for ever."""
    placed = place(archive, target)
    place(archive)
    assert len(find_holds(archive, KEYS)) == 2
    release(archive, placed.id)
    [found] = [each for each in find_holds(archive, KEYS) if each.placed == placed]
    assert found.released is not None
    assert verify_archive(archive, KEYS).ok


def test_the_same_hold_again_is_one_and_after_its_release_another(archive: Archive) -> None:
    first = place(archive)
    assert place(archive) == first
    assert archive.stat(link_object_name(2)) is None
    place(archive, said=Said("counsel-3", "case 8"))
    release(archive, first.id)
    again = place_hold(archive, ON_CALL, COUNSEL, SIGNER, lambda: NOON + timedelta(seconds=1), KEYS)
    assert again.id != first.id
    assert [hold.released is None for hold in find_holds(archive, KEYS)] == [
        hold.placed.id != first.id for hold in find_holds(archive, KEYS)
    ]


def test_a_hold_released_twice_is_released_once(archive: Archive) -> None:
    placed = place(archive)
    assert release(archive, placed.id) == release(archive, placed.id)
    assert archive.stat(link_object_name(3)) is None


@pytest.mark.parametrize("hold_id", ["0" * 16, "../../etc/passwd", ""])
def test_a_hold_that_is_not_there_cannot_be_released(archive: Archive, hold_id: str) -> None:
    place(archive)
    before = set(archive.names())
    with pytest.raises(InvalidRequest, match="is no hold of archive"):
        release(archive, hold_id)
    assert set(archive.names()) == before


@pytest.mark.parametrize("signer", [None, Signer.generate()])
@pytest.mark.parametrize("keys", [KEYS, None])
def test_a_forged_release_ends_nothing(
    archive: Archive, signer: Signer | None, keys: Keyring | None
) -> None:
    """Whoever can write into the archive, and has no key of it, cannot end a hold."""
    placed = place(archive)
    forged = placed.model_copy(
        update={
            "action": HoldAction.RELEASED,
            "object_name": hold_record_name(placed.id, released=True),
            "signature": None,
        }
    )
    data = signed(forged, signer)
    put_bytes(archive, forged.object_name, data, content_type="application/json", metadata={})
    assert find_holds(archive, keys) == [Hold(placed)]
    assert not verify_archive(archive, KEYS).ok


def test_the_release_of_another_hold_ends_nothing(archive: Archive) -> None:
    first, second = place(archive), place(archive, ON_RECORDING)
    released = release(archive, first.id)
    put_bytes(
        archive,
        hold_record_name(second.id, released=True),
        b"".join(archive.read(released.object_name)),
        content_type="application/json",
        metadata={},
    )
    ends = {hold.placed.id: hold.released for hold in find_holds(archive, KEYS)}
    assert ends == {first.id: released, second.id: None}


def test_a_hold_record_that_is_removed_is_noticed(directory_archive: DirectoryArchive) -> None:
    placed = place(directory_archive)
    Path(directory_archive.location(placed.object_name)).unlink()
    problems = verify_archive(directory_archive, KEYS).problems
    assert [(each.object_name, each.text) for each in problems] == [
        (placed.object_name, "it is missing")
    ]


def test_holds_of_an_archive_without_a_key_count_and_end(archive: Archive) -> None:
    placed = place_hold(archive, ON_CALL, COUNSEL, None, lambda: NOON)
    assert find_holds(archive) == [Hold(placed)]
    released = release(archive, placed.id, None)
    assert find_holds(archive) == [Hold(placed, released)]


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"server_call_id": "a", "recording_id": "b"},
        {"server_call_id": "12345678-1234-1234-1234-123456789abc"},
        {"server_call_id": f"recording-{'0' * 32}"},
        {"recording_id": ""},
    ],
)
def test_a_hold_that_would_lie_on_nothing_is_refused(named: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"recordingId|serverCallId|at least 1"):
        HoldTarget.model_validate(named)
