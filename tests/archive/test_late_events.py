"""A recording that was sealed, and of which an event comes late, when its workflow has ended."""

from pathlib import Path
from typing import Any

import pytest

from callvault.archive.manifests.documents import Keyring, signed
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.late_events import OF_THE_SEALING
from callvault.archive.manifests.seal import seal
from callvault.archive.names import link_object_name
from callvault.archive.store import Archive, put_bytes
from callvault.archive.stores.directory import DirectoryArchive
from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.consent import (
    ConsentHold,
    ConsentPolicy,
    ConsentRecord,
    ConsentTerms,
    DeletionMark,
    Presence,
)
from callvault.contracts.manifest import Manifest
from callvault.contracts.silence import SilenceAccount, SilentInterval, UnconfirmedInterval
from callvault.contracts.states import RecordingState
from callvault.contracts.status import ChunkStatus
from callvault.errors import BrokenContent

from .sealed import (
    NOON,
    SERVER_CALL,
    SIGNER,
    archived,
    lost,
    manifest_of,
    pause_request,
    paused,
    recording,
    seal_input,
)


def sealed_by_the_first_run(archive: Archive, *chunks: ChunkStatus) -> SealedRecording:
    of = recording(*chunks, number=2, pauses=[paused()])
    asked = seal_input(archive, of, requests=[pause_request()])
    return seal(archive, asked, SIGNER, lambda: NOON)


def sealed_by_a_late_event(archive: Archive, *chunks: ChunkStatus, **facts: Any) -> SealedRecording:
    of = recording(*chunks, origin="announced", requested_by="", **facts)
    return seal(archive, seal_input(archive, of, run_id="run-2"), SIGNER, lambda: NOON)


@pytest.mark.parametrize("indices", [(0, 1), (1,)])
def test_a_repeated_event_gets_the_manifest_that_is_there(
    archive: Archive, indices: tuple[int, ...]
) -> None:
    chunks = [archived(archive, index) for index in range(2)]
    first = sealed_by_the_first_run(archive, *chunks)
    objects = set(archive.names())
    assert sealed_by_a_late_event(archive, *(chunks[index] for index in indices)) == first
    assert set(archive.names()) == objects


def test_a_manifest_whose_link_a_restore_took_is_linked_by_an_event(
    directory_archive: DirectoryArchive,
) -> None:
    """A backup of the archive may have been made between the two."""
    archive = directory_archive
    sealed_by_the_first_run(archive, archived(archive, 0))
    Path(archive.location(link_object_name(1))).unlink()
    again = sealed_by_a_late_event(archive, archived(archive, 0))
    assert again.object_name.endswith("/manifest.json")
    assert archive.stat(link_object_name(1)) is not None
    assert again.sequence == 1


def test_a_late_event_in_another_spelling_of_the_call_is_of_the_same_recording(
    archive: Archive,
) -> None:
    """A9: one recording has one manifest, however its call's id is padded."""
    first = sealed_by_the_first_run(archive, archived(archive, 0))
    of = recording(archived(archive, 0), origin="announced", requested_by="")
    padded = seal_input(archive, of, run_id="run-2", server_call_id=SERVER_CALL + "==")
    assert seal(archive, padded, SIGNER, lambda: NOON) == first


def test_a_file_of_another_content_is_sealed_anew(archive: Archive) -> None:
    first = sealed_by_the_first_run(archive, archived(archive, 0))
    second = sealed_by_a_late_event(archive, archived(archive, 0, document="another"))
    assert second.sequence == first.sequence + 1


def test_a_further_file_completes_what_is_known_and_forgets_nothing(archive: Archive) -> None:
    one, two = archived(archive, 0), archived(archive, 1)
    first = sealed_by_the_first_run(archive, one)
    second = sealed_by_a_late_event(
        archive, two, state=RecordingState.LOST, window_closed=True, problem="only chunks 1 were"
    )
    before, after = manifest_of(archive, first), manifest_of(archive, second)
    assert [chunk.index for chunk in after.chunks] == [0, 1]
    assert (after.pauses, after.requests) == (before.pauses, before.requests)
    assert after.recording.requested_by == "agent-7"
    assert after.recording.number == 2
    assert after.recording.state is RecordingState.ARCHIVED
    assert not [finding for finding in after.findings if "window" in finding]
    assert after.earlier is not None
    assert after.earlier.object_name == first.object_name


@pytest.mark.parametrize("adds", [False, True], ids=["adds nothing", "a further file"])
@pytest.mark.parametrize("signer", [None, Signer.generate()], ids=["unsigned", "another key"])
def test_what_nobody_signed_is_not_completed_nor_taken_for_the_recording(
    directory_archive: DirectoryArchive, signer: Signer | None, adds: bool
) -> None:
    archive, keys = directory_archive, Keyring([SIGNER.public])
    chunks = [archived(archive, index) for index in range(2)]
    first = sealed_by_the_first_run(archive, *chunks[: 1 if adds else 2])
    forged = manifest_of(archive, first).model_copy(
        update={"object_name": (planted := first.object_name.replace(".json", "-2.json"))}
        | {"pauses": (), "requests": ()}
    )
    data = signed(forged, signer)
    put_bytes(archive, planted, data, content_type="application/json", metadata={})
    of = recording(*chunks, origin="announced", requested_by="")
    order = seal_input(archive, of, run_id="run-2")
    last = seal(archive, order, SIGNER, lambda: NOON, keys)
    found = manifest_of(archive, last)
    assert last.object_name.endswith("/manifest-3.json" if adds else "/manifest.json")
    assert found.pauses == manifest_of(archive, first).pauses
    if adds:
        assert found.earlier is not None
        assert found.earlier.object_name == first.object_name
    assert seal(archive, order, SIGNER, lambda: NOON, keys) == last


@pytest.mark.parametrize("adds", [False, True], ids=["adds nothing", "a further file"])
@pytest.mark.parametrize("signer", [None, Signer.generate()], ids=["unsigned", "another key"])
def test_a_late_event_replaces_no_manifest_that_nobody_vouches_for(
    directory_archive: DirectoryArchive, signer: Signer | None, adds: bool
) -> None:
    """Signing was switched on since, or its key replaced: the pauses would be told no more."""
    archive, keys = directory_archive, Keyring([SIGNER.public])
    chunks = [archived(archive, index) for index in range(2)]
    asked = seal_input(archive, recording(*chunks[: 1 if adds else 2], pauses=[paused()]))
    first = seal(archive, asked, signer, lambda: NOON)
    manifests = [each for each in archive.names() if "manifest" in each]
    of = recording(*chunks, origin="announced", requested_by="")
    order = seal_input(archive, of, run_id="run-2")
    with pytest.raises(BrokenContent, match="no key of the archive's settings has signed"):
        seal(archive, order, SIGNER, lambda: NOON, keys)
    assert [each for each in archive.names() if "manifest" in each] == manifests
    assert archive.stat(link_object_name(2)) is None
    if signer is not None:
        both = Keyring([SIGNER.public, signer.public])
        last = seal(archive, order, SIGNER, lambda: NOON, both)
        assert (last.object_name == first.object_name) is not adds
        assert manifest_of(archive, last).pauses == manifest_of(archive, first).pauses


def test_a_late_event_is_sealed_beside_a_strange_manifest_of_another_recording(
    directory_archive: DirectoryArchive,
) -> None:
    """Recordings whose id is not known share a folder."""
    archive, keys = directory_archive, Keyring([SIGNER.public])
    of = recording(archived(archive, 0), origin="announced", requested_by="")
    order = seal_input(archive, of, run_id="run-2")
    first = seal(archive, order, SIGNER, lambda: NOON, keys)
    manifest = manifest_of(archive, first)
    other = manifest.recording.model_copy(update={"recording_id": "rec-2"})
    planted = first.object_name.replace(".json", "-2.json")
    data = signed(manifest.model_copy(update={"object_name": planted, "recording": other}), None)
    put_bytes(archive, planted, data, content_type="application/json", metadata={})
    further = recording(archived(archive, 1), origin="announced", requested_by="")
    last = seal(archive, seal_input(archive, further, run_id="run-3"), SIGNER, lambda: NOON, keys)
    assert last.object_name.endswith("/manifest-3.json")


def test_a_manifest_of_a_key_that_is_not_believed_is_found_by_its_own_signer(
    directory_archive: DirectoryArchive,
) -> None:
    """The public half of the signing key was forgotten in the settings: not sealed without end."""
    archive, keys = directory_archive, Keyring([Signer.generate().public])
    order = seal_input(archive, recording(archived(archive, 0)))
    first = seal(archive, order, SIGNER, lambda: NOON, keys)
    assert seal(archive, order, SIGNER, lambda: NOON, keys) == first


def test_a_loss_is_taken_back_once_the_missing_file_has_come_late(archive: Archive) -> None:
    one, two = archived(archive, 0), archived(archive, 1)
    one.chunk = one.chunk.model_copy(update={"end_reason": "ChunkMaximumSizeExceeded"})
    asked = recording(
        one, state=RecordingState.LOST, window_closed=True, problem="only chunks 0 were announced"
    )
    first = seal(archive, seal_input(archive, asked), SIGNER, lambda: NOON)
    assert manifest_of(archive, first).recording.state is RecordingState.LOST

    second = sealed_by_a_late_event(archive, one, two)

    after = manifest_of(archive, second)
    assert after.recording.state is RecordingState.ARCHIVED
    assert (after.recording.problem, after.findings) == ("", ())


def test_a_loss_stands_while_a_file_is_still_missing(archive: Archive) -> None:
    one, three = archived(archive, 0), archived(archive, 2)
    asked = recording(
        one, state=RecordingState.LOST, window_closed=True, problem="only chunks 0 were announced"
    )
    seal(archive, seal_input(archive, asked), SIGNER, lambda: NOON)
    after = manifest_of(archive, sealed_by_a_late_event(archive, three))
    assert after.recording.state is RecordingState.LOST


def test_a_late_loss_is_recorded_beside_what_was_archived(archive: Archive) -> None:
    sealed_by_the_first_run(archive, archived(archive, 0))
    second = sealed_by_a_late_event(archive, archived(archive, 0), lost(1, "it was gone"))
    after = manifest_of(archive, second)
    assert [chunk.state for chunk in after.chunks] == ["archived", "lost"]
    assert after.recording.state is RecordingState.LOST
    assert any("it was gone" in finding for finding in after.findings)


def test_what_is_amiss_with_the_metadata_of_a_known_file_is_not_forgotten(
    archive: Archive,
) -> None:
    one, two = archived(archive, 0, metadata_problem="it was denied"), archived(archive, 1)
    sealed_by_the_first_run(archive, one)
    second = sealed_by_a_late_event(archive, two)
    assert [finding for finding in second.findings if "it was denied" in finding]


def test_g21_a_completed_manifest_keeps_all_that_the_sealed_one_told(archive: Archive) -> None:
    hold = ConsentHold(since=NOON, until=NOON, reason="nobody has agreed")
    mark = DeletionMark(participant="a" * 64, since=NOON, until=NOON, marked_at=NOON)
    doubt = UnconfirmedInterval(since=NOON, until=NOON, reason="card number")
    silence = SilenceAccount(
        silent=[SilentInterval(since=NOON, until=NOON, proof="read back")], unconfirmed=[doubt]
    )
    of = recording(
        archived(archive, 0),
        pauses=[paused()],
        holds=[hold],
        marked=[mark],
        silence=silence,
        consent=ConsentTerms(consent_policy=ConsentPolicy.ALL_PARTIES),
        consented_at=NOON,
        started_at=NOON,
    )
    decision = ConsentRecord(participant="a" * 64, given=False, decided_at=NOON, received_at=NOON)
    here = Presence(participant="a" * 64, told_at=NOON)
    asked = seal_input(archive, of, consents=(decision,), participants=(here,))
    first = manifest_of(archive, seal(archive, asked, SIGNER, lambda: NOON))
    second = manifest_of(archive, sealed_by_a_late_event(archive, archived(archive, 1)))

    told = set(Manifest.model_fields) - set(OF_THE_SEALING) - {"chunks"}
    assert {name: getattr(second, name) for name in told} == {
        name: getattr(first, name) for name in told
    }
    assert first.marked
    assert first.consent.holds
    assert len(second.chunks) == 2
