"""Contents of a manifest; sealing can be repeated, resumed and raced."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from callvault.archive.manifests import seal as sealing
from callvault.archive.manifests.chain import append, head
from callvault.archive.manifests.documents import (
    Keyring,
    canonical,
    is_proven_by,
    read_document,
    sha256,
    signed,
)
from callvault.archive.manifests.keys import PublicKey, Signer
from callvault.archive.manifests.seal import seal
from callvault.archive.names import key_object_name, link_object_name
from callvault.archive.store import Archive
from callvault.archive.stores.directory_files import sidecar_path
from callvault.archive.verify.verifier import verify_archive
from callvault.contracts.events import RecordingChunk
from callvault.contracts.manifest import ChainLink, Manifest, ObjectReference
from callvault.contracts.media import MediaVerdict
from callvault.contracts.silence import SilenceAccount, UnconfirmedInterval
from callvault.errors import BrokenContent, ConfigurationError, ContentMissing, InvalidRequest
from tests.archive.sealed import (
    MEDIA_HOST,
    NOON,
    SIGNER,
    archived,
    lost,
    manifest_of,
    pause_request,
    paused,
    recording,
    seal_input,
    sealed,
    service_pause,
    wav,
)


def names(archive: Archive) -> set[str]:
    return set(archive.names())


def test_a_manifest_tells_everything_that_is_known(archive: Archive) -> None:
    chunk = archived(
        archive, pauses=(service_pause(),), response_headers={"Date": "Mon, 02 Mar 2026 12:00:00"}
    )
    asked = seal_input(
        archive, recording(chunk, pauses=[paused()]), requests=[pause_request()], run_id="run-9"
    )
    found = seal(archive, asked, SIGNER, lambda: NOON)
    manifest = manifest_of(archive, found)
    (told,) = manifest.chunks
    assert chunk.archived
    assert told.media
    assert told.check
    assert (told.media.object_name, told.media.size, told.media.sha256) == (
        chunk.archived.object_name,
        chunk.archived.size,
        chunk.archived.sha256,
    )
    assert told.metadata
    assert told.metadata.object_name == chunk.archived.metadata_object_name
    assert told.source.host == MEDIA_HOST
    assert told.source.path.endswith("/content/audio")
    assert told.check.verdict is MediaVerdict.COMPLETE
    assert told.response_headers == {"Date": "Mon, 02 Mar 2026 12:00:00"}
    assert told.service_pauses == (service_pause(),)
    assert manifest.pauses == (paused(),)
    assert manifest.requests == (pause_request(),)
    assert manifest.workflow.run_id == "run-9"
    assert manifest.findings == found.findings == ()
    assert manifest.software.startswith("callvault ")


def test_no_query_of_a_source_gets_into_a_manifest(archive: Archive) -> None:
    chunk = archived(archive)
    document = chunk.chunk.document_id
    blob = f"https://contoso.blob.core.windows.net/own/0-audio.{document}.wav?sig=secret"
    chunk.chunk = RecordingChunk(document_id=document, content_location=blob)
    found = sealed(archive, chunk)
    assert blob.rpartition("/")[2].partition("?")[0].encode() in b"".join(
        archive.read(found.object_name)
    )
    assert b"secret" not in b"".join(archive.read(found.object_name))


def test_a_manifest_lies_beside_the_chunks_under_its_name(archive: Archive) -> None:
    chunk = archived(archive)
    found = sealed(archive, chunk)
    assert chunk.archived
    folder = chunk.archived.object_name.rpartition("/")[0]
    assert found.object_name == f"{folder}/manifest.json"
    assert found.location == archive.location(found.object_name)


def test_a_manifest_is_canonical_and_its_signature_proves_it(archive: Archive) -> None:
    found = sealed(archive, archived(archive))
    data = b"".join(archive.read(found.object_name))
    manifest = read_document(Manifest, data)
    assert canonical(manifest) == data
    assert is_proven_by(SIGNER.public, manifest, data)
    assert not is_proven_by(Signer.generate().public, manifest, data)
    assert found.key_id == SIGNER.public.key_id


def test_the_public_key_lies_in_the_archive_under_its_id(archive: Archive) -> None:
    sealed(archive, archived(archive))
    pem = b"".join(archive.read(key_object_name(SIGNER.public.key_id)))
    assert PublicKey.from_pem(pem).key_id == SIGNER.public.key_id


def test_without_a_key_a_manifest_is_unsigned_but_linked(archive: Archive) -> None:
    found = sealed(archive, archived(archive), signer=None)
    assert found.key_id is None
    assert manifest_of(archive, found).signature is None
    assert found.sequence == 1


def test_the_same_order_twice_gives_one_manifest_and_one_link(archive: Archive) -> None:
    asked = seal_input(archive, recording(archived(archive)))
    first = seal(archive, asked, SIGNER, lambda: NOON)
    there = names(archive)
    assert seal(archive, asked, SIGNER, lambda: NOON + timedelta(hours=1)) == first
    assert names(archive) == there


def test_a_sealing_that_died_before_its_link_is_finished_by_the_next(
    directory_archive: Archive,
) -> None:
    archive = directory_archive
    sealed(archive, archived(archive))
    chunk = archived(archive, recording_id="rec-2")
    asked = seal_input(archive, recording(chunk, recording_id="rec-2"))

    class Dies(Exception):
        pass

    def write(name: str, **kept: int) -> object:
        if name == link_object_name(2):
            raise Dies
        return begin(name, **kept)

    begin = archive.begin
    archive.begin = write  # type: ignore[method-assign, assignment]
    with pytest.raises(Dies):
        seal(archive, asked, SIGNER, lambda: NOON)
    archive.begin = begin  # type: ignore[method-assign]
    sealed(archive, archived(archive, recording_id="rec-3"), recording_id="rec-3")
    found = seal(archive, asked, SIGNER, lambda: NOON)
    assert found.sequence == 3
    assert seal(archive, asked, SIGNER, lambda: NOON) == found


def goes_back_to(archive: Archive, links: int) -> None:
    """Take the links behind these away, as a restore of the archive does."""
    for name in list(archive.names("manifests/")):
        if int(Path(name).stem) > links:
            path = Path(archive.location(name))
            for each in (path, sidecar_path(path)):
                each.unlink()


def chain_of(archive: Archive) -> list[tuple[str, bool]]:
    """Return what each link names, and if it holds the hash of the one before."""
    found, before = [], None
    for name in sorted(archive.names("manifests/")):
        data = b"".join(archive.read(name))
        link = ChainLink.model_validate_json(data)
        is_whole = (link.previous.sha256 if link.previous else None) == before
        found.append((link.manifest.object_name, is_whole))
        before = sha256(data)
    return found


def test_what_a_backup_caught_between_manifest_and_link_is_linked_before_the_next(
    directory_archive: Archive,
) -> None:
    """Its workflow goes on from a state of before, and seals the recording by another order."""
    archive = directory_archive
    chunk = archived(archive, 0)
    first = sealed(archive, chunk)
    goes_back_to(archive, 0)
    second = sealed(archive, chunk, archived(archive, 1))
    assert chain_of(archive) == [(first.object_name, True), (second.object_name, True)]
    third = sealed(archive, chunk, archived(archive, 1), lost(2, "the window closed"))
    assert [name for name, _ in chain_of(archive)][2:] == [third.object_name], "linked once"


def test_what_nobody_believed_has_signed_is_not_linked(directory_archive: Archive) -> None:
    archive = directory_archive
    chunk = archived(archive, 0)
    sealed(archive, chunk, signer=Signer.generate())
    goes_back_to(archive, 0)
    order = seal_input(archive, recording(chunk, archived(archive, 1)))
    found = seal(archive, order, SIGNER, lambda: NOON, Keyring([SIGNER.public]))
    assert chain_of(archive) == [(found.object_name, True)]


@pytest.mark.parametrize("grows", [False, True])
def test_a_chain_that_was_set_back_behind_a_manifest_goes_on_without_a_gap(
    directory_archive: Archive, grows: bool
) -> None:
    """The backup had the manifest, and not the links that it was made behind."""
    archive = directory_archive
    sealed(archive, archived(archive, recording_id="rec-1"), recording_id="rec-1")
    sealed(archive, archived(archive, recording_id="rec-2"), recording_id="rec-2")
    chunk = archived(archive, recording_id="rec-3")
    order = seal_input(archive, recording(chunk, recording_id="rec-3"))
    seal(archive, order, SIGNER, lambda: NOON)
    goes_back_to(archive, 1)
    if grows:
        sealed(archive, archived(archive, recording_id="rec-4"), recording_id="rec-4")
    again = seal(archive, order, SIGNER, lambda: NOON)
    assert again.sequence == (3 if grows else 2)
    assert seal(archive, order, SIGNER, lambda: NOON) == again
    chain = chain_of(archive)
    assert (len(chain), all(is_whole for _, is_whole in chain)) == (again.sequence, True)


def test_a_manifest_that_went_with_its_archive_before_it_was_linked_is_there_again(
    directory_archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen under `make chaos`: its recording was sealed again, under the name that it had."""
    archive, keys = directory_archive, Keyring([SIGNER.public])

    def going_back(archive: Archive, manifest: ObjectReference, *args: Any, **rest: Any) -> Any:
        path = Path(archive.location(manifest.object_name))
        path.unlink()
        sidecar_path(path).unlink()
        return append(archive, manifest, *args, **rest)

    first = archived(archive)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(sealing, "append", going_back)
        seal(archive, seal_input(archive, recording(first)), SIGNER, lambda: NOON)
    both = seal_input(archive, recording(first, archived(archive, 1)))
    seal(archive, both, SIGNER, lambda: NOON)
    chain = chain_of(archive)
    assert len({name for name, _ in chain}) == len(chain) == 2
    report = verify_archive(archive, keys)
    assert report.ok, report.problems


def test_a_link_says_that_the_archive_was_set_back_behind_what_it_names(
    directory_archive: Archive,
) -> None:
    """`callvault verify` failed for good, and nobody could mend it."""
    archive, keys = directory_archive, Keyring([SIGNER.public])
    orders = [
        seal_input(archive, recording(archived(archive, recording_id=each), recording_id=each))
        for each in ("rec-1", "rec-2", "rec-3")
    ]
    for order in orders:
        seal(archive, order, SIGNER, lambda: NOON)
    goes_back_to(archive, 1)
    for order in reversed(orders):
        seal(archive, order, SIGNER, lambda: NOON)
    report = verify_archive(archive, keys)
    assert report.ok, report.problems
    assert ["the archive was set back" in each.text for each in report.warnings] == [True]

    # Where the link does not say so, it is a problem.
    path = Path(archive.location(link_object_name(2)))
    link = ChainLink.model_validate_json(path.read_bytes())
    path.chmod(0o600)
    path.write_bytes(signed(link.model_copy(update={"set_back_from": None}), SIGNER))
    told = [each.text for each in verify_archive(archive, keys, quick=True).problems]
    assert any("it was sealed after another link 2" in each for each in told), told


def test_a_late_chunk_gives_a_further_manifest_that_names_the_earlier_one(
    archive: Archive,
) -> None:
    first_chunk = archived(archive, 0)
    first = sealed(archive, first_chunk)
    second = sealed(archive, first_chunk, archived(archive, 1))
    third = sealed(archive, first_chunk, archived(archive, 1), lost(2, "the window closed"))
    assert second.object_name == first.object_name.replace("manifest.json", "manifest-2.json")
    assert third.object_name == first.object_name.replace("manifest.json", "manifest-3.json")
    earlier = manifest_of(archive, third).earlier
    assert earlier
    assert (earlier.object_name, earlier.sha256) == (second.object_name, second.sha256)
    assert [first.sequence, second.sequence, third.sequence] == [1, 2, 3]


def test_recordings_without_an_id_share_a_folder_and_nothing_else(archive: Archive) -> None:
    one = recording(archived(archive), number=1)
    two = recording(archived(archive, 1), number=2)
    for each in (one, two):
        each.recording_id = None
    first = seal(archive, seal_input(archive, one), SIGNER, lambda: NOON)
    second = seal(archive, seal_input(archive, two), SIGNER, lambda: NOON)
    assert second.object_name.endswith("_unknown/manifest-2.json")
    assert manifest_of(archive, first).earlier is None
    assert manifest_of(archive, second).earlier is None


def test_every_link_holds_the_hash_of_the_one_before(archive: Archive) -> None:
    for number in range(1, 6):
        sealed(archive, archived(archive, recording_id=f"r{number}"), recording_id=f"r{number}")
    newest = head(archive)
    assert newest
    assert newest.sequence == 5
    for sequence in range(5, 1, -1):
        data = b"".join(archive.read(link_object_name(sequence)))
        link = read_document(ChainLink, data)
        assert link.previous
        assert link.previous.sequence == sequence - 1


def test_a_chunk_that_is_gone_or_changed_is_not_sealed(archive: Archive) -> None:
    chunk = archived(archive)
    assert chunk.archived
    gone = chunk.archived.model_copy(update={"object_name": "recordings/2026/elsewhere.wav"})
    with pytest.raises(ContentMissing, match="gone"):
        sealed(archive, chunk.model_copy(update={"archived": gone}))
    changed = chunk.archived.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(BrokenContent, match="not what was verified"):
        sealed(archive, chunk.model_copy(update={"archived": changed}))
    assert not head(archive)


def test_a_chunk_of_another_archive_is_not_sealed_here(archive: Archive) -> None:
    chunk = archived(archive)
    assert chunk.archived
    elsewhere = chunk.archived.model_copy(update={"archive": "fallback"})
    with pytest.raises(InvalidRequest, match="lies in archive fallback"):
        sealed(archive, chunk.model_copy(update={"archived": elsewhere}))


def test_everything_amiss_is_said_in_sentences(archive: Archive) -> None:
    short = archived(archive, 0, media=wav(0.5), duration_ms=9_000)
    found = sealed(archive, short, lost(1, "the window closed"), archived(archive, 3))
    text = "\n".join(found.findings)
    assert "duration_mismatch: it plays 0.5 s; the service says 9.0 s" in text
    assert "chunk 1 (lost-1) is lost: the window closed" in text
    assert "gap: of chunks 0 to 3 there is no 2" in text


def test_a_doubtful_interval_stands_in_the_manifest_and_its_findings(archive: Archive) -> None:
    interval = UnconfirmedInterval(
        since=NOON, until=NOON + timedelta(seconds=7), reason="a pause", is_finding=True
    )
    account = SilenceAccount(unconfirmed=[interval])
    found = sealed(archive, archived(archive, 0), silence=account)
    (finding,) = found.findings
    assert finding.startswith("doubtful: from 2026-03-02 12:00:00 to 12:00:07 UTC it may hold")
    assert manifest_of(archive, found).silence == account


def test_an_adopted_recording_says_since_when_it_is_known(archive: Archive) -> None:
    """Its manifest read as if nothing had been paused, and nobody had refused, before then."""
    found = sealed(archive, archived(archive, 0), adopted_at=NOON)
    (finding,) = found.findings
    assert finding.startswith("adopted at 2026-03-02 12:00:00 UTC: what was asked for, paused")
    assert manifest_of(archive, found).recording.adopted_at == NOON


def test_two_documents_under_one_index_are_an_overlap(archive: Archive) -> None:
    found = sealed(archive, archived(archive, 0), archived(archive, 0, document="0-wus-d1-b"))
    assert found.findings == ("overlap: 2 documents stand at index 0, all are kept",)


@pytest.mark.parametrize(("said", "kind"), [(3_000, "gap"), (500, None), (1_200, None)])
def test_the_chunks_together_are_compared_with_the_session(
    directory_archive: Archive, said: float, kind: str | None
) -> None:
    found = sealed(directory_archive, archived(directory_archive), recording_duration_ms=said)
    assert bool(found.findings) == (kind is not None)
    assert all(finding.startswith(f"{kind}: all chunks together") for finding in found.findings)


def test_no_bit_of_a_document_can_be_spelt_otherwise() -> None:
    with pytest.raises(BrokenContent, match="not canonical"):
        read_document(Manifest, b'{"a": 1}')
    with pytest.raises(BrokenContent, match="not JSON"):
        read_document(Manifest, b"\xff")
    with pytest.raises(BrokenContent, match="not canonical"):
        read_document(Manifest, b'{"a":1,"a":1}')


def test_a_signing_key_is_pem_or_base64() -> None:
    raw = base64.b64encode(bytes(range(32))).decode()
    signer = Signer.from_secret(f" {raw}\n")
    assert Signer.from_secret(signer.pem().decode()).public.key_id == signer.public.key_id
    for wrong in ("c2hvcnQ=", "no key", SIGNER.public.pem().decode(), "-----BEGIN X-----"):
        with pytest.raises(ConfigurationError, match="keygen") as refused:
            Signer.from_secret(wrong)
        assert wrong not in str(refused.value)


def test_an_order_survives_the_way_through_a_history(directory_archive: Archive) -> None:
    asked = seal_input(directory_archive, recording(archived(directory_archive)))
    assert type(asked).model_validate(json.loads(asked.model_dump_json())) == asked


@pytest.mark.parametrize("duration_ms", [2.0**53, 1_152_921_504_606_847_000.0, 9e20, 1e21])
def test_a_length_of_any_size_can_be_sealed_and_read_again(
    directory_archive: Archive, duration_ms: float
) -> None:
    chunk = archived(directory_archive)
    assert chunk.archived
    assert chunk.archived.media
    facts = chunk.archived.media.facts.model_copy(update={"duration_ms": duration_ms})
    check = chunk.archived.media.model_copy(update={"facts": facts})
    told = chunk.archived.model_copy(update={"media": check, "duration_ms": duration_ms})
    chunk = chunk.model_copy(update={"archived": told})
    found = sealed(directory_archive, chunk)
    assert sealed(directory_archive, chunk) == found
    manifest = read_document(Manifest, b"".join(directory_archive.read(found.object_name)))
    assert manifest.chunks[0].duration_ms == duration_ms
    assert is_proven_by(
        SIGNER.public, manifest, b"".join(directory_archive.read(found.object_name))
    )


def test_what_could_not_be_read_again_is_not_written(directory_archive: Archive) -> None:
    found = sealed(directory_archive, archived(directory_archive))
    manifest = manifest_of(directory_archive, found)
    for signer in (SIGNER, None):
        with pytest.raises(InvalidRequest, match="could not be read again"):
            signed(manifest.model_copy(update={"input_sha256": "no digest"}), signer)
