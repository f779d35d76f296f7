"""Does an erased recording stay away, by whichever road it would come again?"""

from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from callvault.archive.failback.candidates import failback_candidates
from callvault.archive.failback.failback import Failback
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.folders import find_folders
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.seal import find_manifest
from callvault.archive.manifests.tombstones import find_tombstones
from callvault.archive.store import put_bytes
from callvault.contracts.consent import ConsentRecord
from callvault.contracts.erasures import ErasedDocument, ErasureTarget
from callvault.contracts.manifest import SealInput
from callvault.contracts.states import ChunkState
from callvault.contracts.status import ChunkStatus
from callvault.errors import RecordingErased
from callvault.evidence.recording import newest_manifest, newest_manifests
from callvault.retention.tombstones import Buried, bury
from tests.archive.sealed import SIGNER, announced, archived, manifest_of, recording, seal_input

from .corpus import HASH, KEYS, NOW, SEALED_AT, Corpus, Kept, event
from .erasing import begun, erased, erasing, planned
from .late import export_input, exported, looked_up, refusal, seals, service_of
from .test_channels import CHANNEL_OF_ANA, keep

ANA, BEN = "8:acs:ana-secret", "4:+49301234567"
OF_ANA = ErasureTarget(participant=HASH(ANA))


def order_of(corpus: Corpus, kept: Kept) -> SealInput:
    """The order to seal it, as a workflow that was restored to before gives it again."""
    place = corpus.archives[kept.archive]
    (found,) = looked_up(corpus, kept).recordings[0].chunks
    chunk = ChunkStatus(
        chunk=announced(0, f"0-eus-d1-{0:032x}"),
        state=ChunkState.ARCHIVED,
        announced_at=SEALED_AT,
        retention_starts_at=SEALED_AT,
        archived=found.archived,
    )
    agreed = ConsentRecord(
        participant=HASH(ANA), given=True, decided_at=SEALED_AT, received_at=SEALED_AT
    )
    return seal_input(
        place,
        recording(chunk, recording_id=kept.recording_id),
        server_call_id=kept.server_call_id,
        consents=[agreed],
    )


def contents(corpus: Corpus) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in corpus.root.rglob("*") if path.is_file()}


async def erase(temporal: Client, corpus: Corpus, target: ErasureTarget = OF_ANA) -> None:
    async with erasing(temporal, corpus):
        status = await erased(temporal, corpus, target)
    assert (status.erased, status.held_back) == (status.recordings, ())


@pytest.mark.parametrize("archive", ["main", "fallback"])
@pytest.mark.parametrize(
    "road",
    [
        {},
        {"call_id": None},
        {"chunk": announced(3, "nobody-announced-it-before")},
        {"is_archived_alone": True},
        {"is_kind_assumed": True, "call_id": None},
    ],
    ids=["a late event", "a polled result", "a late file", "the last look", "an orphan"],
)
async def test_no_file_of_an_erased_recording_is_archived_again(
    temporal: Client, corpus: Corpus, archive: str, road: dict[str, Any]
) -> None:
    """Event Grid, a sweep, a command and a restored workflow all lead to an export."""
    kept, other = corpus.keep(ANA, BEN), corpus.keep(BEN)
    service = service_of(corpus, kept)
    await erase(temporal, corpus)
    before = contents(corpus)
    refused = refusal(corpus, service, export_input(kept, archive, **road))
    assert (refused.type, refused.non_retryable) == ("RecordingErased", True)
    assert "it was erased on" in refused.message
    assert service.asked == 0
    assert contents(corpus) == before
    another = export_input(other, archive, chunk=announced(1, "another"))
    assert exported(corpus, service, another)


async def test_what_is_copied_while_it_is_erased_is_dropped(
    temporal: Client, corpus: Corpus
) -> None:
    kept = corpus.keep(ANA)
    service = service_of(corpus, kept)
    await erase(temporal, corpus)
    tombstones = sorted((corpus.root / "main" / "tombstones").rglob("*.json"))
    held = [(path, path.read_bytes()) for path in tombstones]
    for path, _ in held:
        path.unlink()

    def stands_again() -> None:
        for path, data in held:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    service.at_reading = stands_again
    assert refusal(corpus, service, export_input(kept, "main")).type == "RecordingErased"
    assert service.asked == 1
    assert corpus.places_with(kept.sample) == []
    assert all(report.ok for report in corpus.verify())


async def test_an_order_from_before_is_refused_with_the_names_of_its_files(
    temporal: Client, corpus: Corpus
) -> None:
    """As by Temporal that was restored, or a run that took over what another one knew."""
    kept = corpus.keep(ANA)
    order = order_of(corpus, kept)
    await erase(temporal, corpus)
    before = contents(corpus)
    with pytest.raises(ApplicationError) as refused:
        ActivityEnvironment().run(seals(corpus).seal_recording, order)
    assert (refused.value.type, refused.value.non_retryable) == ("RecordingErased", True)
    assert refused.value.details == ((f"0-eus-d1-{0:032x}", 0),)
    assert contents(corpus) == before


async def test_who_looks_for_it_is_told(temporal: Client, corpus: Corpus) -> None:
    kept, other = corpus.keep(ANA), corpus.keep(BEN)
    await erase(temporal, corpus)
    assert "it was erased on" in looked_up(corpus, kept).erased
    found = looked_up(corpus, other)
    assert (found.erased, len(found.recordings)) == ("", 1)


def failback(corpus: Corpus, **facts: Any) -> Failback:
    fallback, main = corpus.archives["fallback"], corpus.archives["main"]
    known = {"hash_of": HASH, "primary_keys": KEYS, **facts}
    return Failback(fallback, main, KEYS, SIGNER, lambda: NOW, **known)


FORMER = Signer.generate()


@pytest.mark.parametrize("signer", [SIGNER, FORMER], ids=["the key of now", "a former key"])
def test_a_failback_brings_nothing_back_that_was_erased(corpus: Corpus, signer: Signer) -> None:
    """Its copy in the fallback was held back, by an immutability policy, say."""
    keys = Keyring([SIGNER.public, FORMER.public])
    kept, other = corpus.keep(ANA, archive="fallback"), corpus.keep(BEN, archive="fallback")
    buried = Buried(kept.recording_id, kept.server_call_id, (), 1)
    bury(corpus.archives["main"], buried, "a" * 64, signer, lambda: NOW)
    hers, his = failback_candidates(corpus.archives["fallback"])
    with pytest.raises(RecordingErased, match="it was erased on"):
        failback(corpus, primary_keys=keys).fail_back(hers)
    assert not (corpus.root / "main" / kept.folder).exists()
    assert failback(corpus, primary_keys=keys).fail_back(his).manifests == 1
    assert (corpus.root / "main" / other.folder).exists()


@pytest.mark.parametrize("at", ["copying", "reading back"])
def test_a_failback_that_runs_while_it_is_erased_leaves_nothing(corpus: Corpus, at: str) -> None:
    kept = corpus.keep(ANA, archive="fallback")
    main = corpus.archives["main"]

    def on_step(what: str, done: int, total: int | None) -> None:
        if what.startswith(at):
            buried = Buried(kept.recording_id, kept.server_call_id, (), 1)
            bury(main, buried, "a" * 64, SIGNER, lambda: NOW)

    (hers,) = failback_candidates(corpus.archives["fallback"])
    with pytest.raises(RecordingErased):
        failback(corpus, on_step=on_step).fail_back(hers)
    assert not (corpus.root / "main" / kept.folder).exists()


async def test_a_channel_that_was_taken_out_does_not_come_back(
    temporal: Client, corpus: Corpus
) -> None:
    kept = keep(corpus, ANA, BEN)
    order, service = order_of(corpus, kept), service_of(corpus, kept)
    await erase(temporal, corpus, CHANNEL_OF_ANA)
    before = contents(corpus)
    assert refusal(corpus, service, export_input(kept, "main")).type == "RecordingErased"
    with pytest.raises(ApplicationError) as refused:
        ActivityEnvironment().run(seals(corpus).seal_recording, order)
    assert refused.value.details == ((f"0-eus-d1-{0:032x}", 0),)
    assert contents(corpus) == before
    found = looked_up(corpus, kept)
    assert found.erased == ""
    (sealed,) = found.recordings
    assert sealed.manifest.endswith("/manifest-2.json")


async def test_a_late_file_of_it_is_sealed_beside_the_silent_one_by_a_manifest_without_them(
    temporal: Client, corpus: Corpus
) -> None:
    """The manifest that is sealed knows the person no more; an order from before does."""
    kept = keep(corpus, ANA, BEN)
    main = corpus.archives["main"]
    order = order_of(corpus, kept)
    await erase(temporal, corpus, CHANNEL_OF_ANA)
    late = archived(main, 1, recording_id=kept.recording_id)
    gone = order.recording.chunks[0].model_copy(
        update={"state": ChunkState.ERASED, "archived": None}
    )
    again = order.recording.model_copy(update={"chunks": [gone, late]})
    sealed = seals(corpus)
    renewed = ActivityEnvironment().run(
        sealed.seal_recording, order.model_copy(update={"recording": again})
    )
    assert renewed.object_name.endswith("/manifest-3.json")
    manifest = manifest_of(main, renewed)
    silent, new = manifest.chunks
    assert silent.media is not None
    assert new.media is not None
    assert silent.silenced[0].channel == 0
    assert manifest.earlier is not None
    assert manifest.earlier.object_name.endswith("/manifest-2.json")
    assert any("is silent since erasure" in each for each in manifest.findings)
    assert corpus.places_with(HASH(ANA).encode(), ANA.encode()) == []
    for report in corpus.verify():
        assert report.ok, report.problems


@pytest.mark.parametrize("whole", [True, False])
async def test_files_in_an_archive_that_the_recording_has_left_go_too(
    temporal: Client, corpus: Corpus, whole: bool
) -> None:
    """It went to the fallback after its first file had been archived."""
    kept = keep(corpus, ANA, BEN)
    left = corpus.archives["fallback"]
    archived(left, media=kept.media, recording_id=kept.recording_id, participants=[])
    pending = corpus.letter("about-it", event(kept))
    target = OF_ANA if whole else CHANNEL_OF_ANA
    found = await planned(temporal, corpus, target)
    assert [(each.archive, each.sealed_in, each.erases) for each in found.plan.recordings] == [
        ("fallback", "main", True),
        ("main", "", True),
    ]
    await erase(temporal, corpus, target)
    assert list(left.names("recordings/")) == []
    assert pending.exists() is not whole, "a recording that stays needs what is announced of it"
    assert all(report.ok for report in corpus.verify())


async def test_files_that_another_archive_gets_before_it_is_erased_hold_it_back(
    temporal: Client, corpus: Corpus
) -> None:
    """A failback has begun meanwhile: erased in one archive it would be complete in the other."""
    kept = corpus.keep(ANA, archive="fallback")

    def after(name: str, attempt: int) -> None:
        if name == "plan_erasure":
            put = f"{kept.folder}/0000-begun.wav"
            put_bytes(corpus.archives["main"], put, b"x", content_type="audio/wav", metadata={})

    async with erasing(temporal, corpus, after):
        status = await erased(temporal, corpus, OF_ANA)
    assert (status.recordings, status.erased) == (1, 0)
    assert "archive main has got files of it" in status.held_back[0]
    assert corpus.places_with(kept.sample) != []


@pytest.mark.parametrize("what", ["a file", "a manifest"])
async def test_what_comes_between_record_and_tombstone_goes_or_is_told(
    temporal: Client, corpus: Corpus, what: str
) -> None:
    kept = corpus.keep(ANA)
    main = corpus.archives["main"]

    def after(name: str, attempt: int) -> None:
        if name == "record_erasure":
            late = archived(
                main, 1, recording_id=kept.recording_id, participants=[{"participantId": ANA}]
            )
            if what == "a manifest":
                of = recording(late, recording_id=kept.recording_id)
                order = seal_input(main, of, server_call_id=kept.server_call_id)
                ActivityEnvironment().run(seals(corpus).seal_recording, order)

    async with erasing(temporal, corpus, after):
        status = await erased(temporal, corpus, OF_ANA)
    assert status.erased == 1
    if what == "a file":
        assert (status.held_back, list(main.names(kept.folder))) == ((), [])
        assert corpus.places_with(ANA.encode()) == []
    else:
        assert "sealed while it was erased" in status.held_back[0]
        assert (
            await planned(temporal, corpus, ErasureTarget(recording_id=kept.recording_id))
        ).plan.erasable
    for report in corpus.verify():
        assert report.ok, report.problems


async def test_tombstones_stand_in_every_archive_before_anything_is_deleted(
    temporal: Client, corpus: Corpus
) -> None:
    kept = corpus.keep(ANA)
    found = await planned(temporal, corpus, OF_ANA)
    stood: list[bool] = []
    delete = corpus.archives["main"].delete

    def deleting(object_name: str, *, etag: str) -> bool:
        for archive in corpus.archives.values():
            tombstones = find_tombstones(archive, kept.recording_id, kept.server_call_id, KEYS)
            stood.append(tombstones.whole is not None)
        return delete(object_name, etag=etag)

    corpus.archives["main"].delete = deleting  # type: ignore[method-assign]
    async with erasing(temporal, corpus):
        await (await begun(temporal, OF_ANA, found.token)).result()
    assert len(stood) >= 6
    assert all(stood)


async def test_of_a_recording_without_an_id_its_files_alone_stay_away(
    temporal: Client, corpus: Corpus
) -> None:
    """Others of the call lie in the same folder, and more may come."""
    kept = corpus.keep(ANA)
    main = corpus.archives["main"]
    of = recording(archived(main, recording_id="x", document="old")).model_copy(
        update={"recording_id": None}
    )
    order = seal_input(main, of, server_call_id=kept.server_call_id)
    ActivityEnvironment().run(seals(corpus).seal_recording, order)
    buried = Buried(None, kept.server_call_id, (ErasedDocument(document_id="old", index=0),), 1)
    bury(main, buried, "a" * 64, SIGNER, lambda: NOW)
    service = service_of(corpus, kept)
    old = export_input(kept, "main", recording_id=None, chunk=announced(0, "old"))
    assert refusal(corpus, service, old).type == "RecordingErased"
    assert exported(corpus, service, old.model_copy(update={"chunk": announced(1, "new")}))


async def test_where_the_first_manifest_is_gone_the_newest_is_found_by_everybody(
    temporal: Client, corpus: Corpus
) -> None:
    """They counted manifests from 1, and found none."""
    kept = keep(corpus, ANA, BEN)
    main = corpus.archives["main"]
    await erase(temporal, corpus, CHANNEL_OF_ANA)
    newest = f"{kept.folder}/manifest-2.json"
    assert [each for each in main.names(kept.folder) if "manifest" in each] == [newest]
    assert newest_manifests(main, kept.folder) == [newest]
    assert newest_manifest(main, newest) == newest
    for word in (kept.server_call_id, kept.workflow_id, kept.recording_id):
        assert find_folders(main, word) == [kept.folder]


@pytest.mark.parametrize("was_home", [True, False])
async def test_a_failback_goes_on_from_the_newest_manifest(
    temporal: Client, corpus: Corpus, was_home: bool
) -> None:
    """One channel was erased in the fallback, before or after the recording had come home."""
    keep(corpus, BEN)
    kept = keep(corpus, ANA, BEN, archive="fallback")
    if was_home:
        for candidate in failback_candidates(corpus.archives["fallback"]):
            assert failback(corpus).fail_back(candidate).manifests == 1
    await erase(temporal, corpus, CHANNEL_OF_ANA)
    for _ in range(2):
        for candidate in failback_candidates(corpus.archives["fallback"]):
            failback(corpus).fail_back(candidate)
    main = corpus.archives["main"]
    (newest,) = newest_manifests(main, kept.folder)
    manifest = find_manifest(main, newest)
    assert manifest is not None
    assert manifest.manifest.chunks[0].silenced
    assert corpus.places_with(ANA.encode(), HASH(ANA).encode()) == []
    for report in corpus.verify():
        assert report.ok, report.problems
