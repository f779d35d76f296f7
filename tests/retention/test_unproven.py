"""Does a manifest that nobody proves decide nothing: no erasure, no date, nothing sealed on it?"""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client

from callvault.archive.failback.candidates import failback_candidates
from callvault.archive.failback.failback import Failback
from callvault.archive.manifests.believed_keys import believed_keys
from callvault.archive.manifests.documents import Keyring, signed
from callvault.archive.manifests.holds import Said, place_hold
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.seal import find_manifest, find_manifests
from callvault.archive.names import link_object_name, manifest_in
from callvault.archive.store import put_bytes
from callvault.contracts.erasures import ErasurePlan, ErasureTarget, PlannedRecording
from callvault.contracts.hold_messages import HoldTarget
from callvault.contracts.manifest import Manifest
from callvault.contracts.retention import AtEnd, RetentionTerms
from callvault.errors import BrokenContent, RecordingErased
from callvault.retention.channels import Removal
from callvault.retention.inventory import take
from callvault.retention.plan import plan
from callvault.retention.tombstones import Buried, bury
from tests.archive.sealed import SIGNER

from .corpus import HASH, KEYS, NOW, Corpus, Kept
from .erasing import erased, erasing
from .test_channels import CHANNEL_OF_ANA, keep

ANA, BEN = "8:acs:ana-secret", "4:+49301234567"
OF_ANA, OF_ALL = ErasureTarget(participant=HASH(ANA)), ErasureTarget()
YEARS = timedelta(days=3_650)
ELSEWHERE = "recordings/2010/01/01/x/y"
STRANGER = Signer.generate()


@pytest.fixture
def kept(corpus: Corpus) -> Kept:
    """A recording that has to be kept for years, and then to be erased."""
    corpus.terms["default"] = RetentionTerms(retention=YEARS, at_end=AtEnd.ERASE)
    return corpus.keep(ANA, BEN)


def own(corpus: Corpus, kept: Kept) -> Manifest:
    return find_manifests(corpus.archives["main"], kept.folder)[0].manifest


def plant(
    corpus: Corpus, manifest: Manifest, name: str, signer: Signer | None = None, **changed: Any
) -> None:
    """Put a manifest there that was sealed ten years ago, if it is believed."""
    of_old = {"object_name": name, "sealed_at": NOW - YEARS - timedelta(days=1)}
    forged = signed(manifest.model_copy(update=of_old | changed), signer)
    put_bytes(corpus.archives["main"], name, forged, content_type="application/json", metadata={})


def of_another(manifest: Manifest) -> dict[str, Any]:
    ids = {"recording_id": "y", "server_call_id": "other"}
    return {"recording": manifest.recording.model_copy(update=ids)}


def planned(corpus: Corpus, target: ErasureTarget = OF_ALL) -> ErasurePlan:
    return plan(corpus.places, target, lambda _: frozenset(), NOW).plan


def found(corpus: Corpus, folder: str, target: ErasureTarget = OF_ALL) -> PlannedRecording:
    (one,) = [each for each in planned(corpus, target).recordings if each.folder == folder]
    return one


@pytest.mark.parametrize("signer", [None, STRANGER], ids=["unsigned", "another key"])
def test_it_does_not_name_the_files_of_a_recording_under_a_hold(
    corpus: Corpus, kept: Kept, signer: Signer | None
) -> None:
    target = HoldTarget(recording_id=kept.recording_id)
    place_hold(corpus.archives["main"], target, Said("counsel", "7"), SIGNER, lambda: NOW)
    manifest = own(corpus, kept)
    plant(corpus, manifest, manifest_in(ELSEWHERE, 1), signer, **of_another(manifest))
    assert found(corpus, kept.folder).verdict == "held"
    planted = found(corpus, ELSEWHERE)
    assert (planted.erases, planted.verdict, planted.objects) == (False, "kept", 1)
    assert "proves nothing" in planted.reason


@pytest.mark.parametrize("signer", [None, STRANGER], ids=["unsigned", "another key"])
@pytest.mark.parametrize("target", [OF_ALL, OF_ANA], ids=["retention", "person"])
def test_it_does_not_end_the_retention_of_a_recording(
    corpus: Corpus, kept: Kept, signer: Signer | None, target: ErasureTarget
) -> None:
    plant(corpus, own(corpus, kept), manifest_in(kept.folder, 2), signer)
    told = found(corpus, kept.folder, target)
    assert not told.erases
    assert told.verdict == ("kept" if target is OF_ALL else "refused")


def test_what_was_sealed_in_another_place_is_no_manifest_of_this_one(
    corpus: Corpus, kept: Kept
) -> None:
    archive, corpus.terms["default"] = corpus.archives["main"], RetentionTerms()
    (true,) = find_manifests(archive, kept.folder)
    copied = manifest_in(kept.folder, 2)
    put_bytes(archive, copied, true.data, content_type="application/json", metadata={})
    told = found(corpus, kept.folder, OF_ANA)
    assert (told.erases, told.verdict) == (False, "refused")
    assert "it was sealed as" in told.reason


def test_a_proven_manifest_does_not_name_what_another_recording_has(
    corpus: Corpus, kept: Kept
) -> None:
    manifest = own(corpus, kept)
    plant(corpus, manifest, manifest_in(ELSEWHERE, 1), SIGNER, **of_another(manifest))
    told = found(corpus, ELSEWHERE)
    assert not told.erases
    assert "which are another recording's" in told.reason


@pytest.mark.parametrize("name", [link_object_name(1), "archive.json"])
def test_a_manifest_does_not_name_what_is_no_recording_s(
    corpus: Corpus, kept: Kept, name: str
) -> None:
    manifest = own(corpus, kept)
    (chunk,) = manifest.chunks
    assert chunk.media
    media = chunk.media.model_copy(update={"object_name": name})
    forged = chunk.model_copy(update={"media": media, "metadata": None})
    plant(corpus, manifest, manifest_in(ELSEWHERE, 1), SIGNER, chunks=(forged,))
    told = found(corpus, ELSEWHERE)
    assert not told.erases
    assert f"names {name}" in told.reason


def test_without_any_key_unsigned_manifests_count_as_ever(corpus: Corpus, kept: Kept) -> None:
    plant(corpus, own(corpus, kept), manifest_in(kept.folder, 2))
    archive = corpus.archives["main"]
    inventory = take(archive, kept.folder, HASH, believed_keys(archive, Keyring()))
    assert (len(inventory.manifests), inventory.doubt) == (2, "")


async def test_one_that_comes_after_the_plan_holds_the_erasure_back(
    temporal: Client, corpus: Corpus, kept: Kept
) -> None:
    corpus.terms["default"] = RetentionTerms()

    def after(name: str, attempt: int) -> None:
        if name == "plan_erasure":
            plant(corpus, own(corpus, kept), manifest_in(kept.folder, 2))

    async with erasing(temporal, corpus, after):
        status = await erased(temporal, corpus, OF_ANA)
    assert status.erased == 0
    assert "proves nothing" in status.held_back[0]
    assert corpus.places_with(kept.sample) != []


def test_nothing_is_sealed_on_it_where_one_person_is_taken_out(corpus: Corpus) -> None:
    kept = keep(corpus, ANA, BEN)
    archive = corpus.archives["main"]
    (true,) = find_manifests(archive, kept.folder)
    refusals = tuple(each.model_copy(update={"given": False}) for each in true.manifest.consents)
    forged = {"earlier": true.reference, "consents": refusals}
    channels = found(corpus, kept.folder, CHANNEL_OF_ANA).channels
    plant(corpus, true.manifest, manifest_in(kept.folder, 2), **forged)
    assert not found(corpus, kept.folder, CHANNEL_OF_ANA).erases
    removal = Removal(archive, "e" * 64, HASH(ANA), channels, HASH, SIGNER, KEYS, lambda: NOW)
    # A race: the other one is not seen before the name of the next one is chosen.
    before = take(archive, kept.folder, HASH, KEYS)
    with pytest.raises(BrokenContent, match="written by somebody else"):
        removal.seal(before)
    assert find_manifest(archive, manifest_in(kept.folder, 3)) is None


@pytest.mark.parametrize("names", [link_object_name(1), "rec-0/0001-another.wav"])
def test_a_failback_of_what_was_erased_deletes_nothing_that_it_names(
    corpus: Corpus, kept: Kept, names: str
) -> None:
    """Whoever can write into the fallback alone knows from a tombstone what was erased."""
    main, fallback = corpus.archives["main"], corpus.archives["fallback"]
    name = names if names.startswith("manifests/") else f"{kept.folder[:-5]}{names}"
    if main.stat(name) is None:
        put_bytes(main, name, b"not sealed yet", content_type="audio/wav", metadata={})
    manifest = own(corpus, kept)
    (chunk,) = manifest.chunks
    assert chunk.media
    media = chunk.media.model_copy(update={"object_name": name})
    told = of_another(manifest) | {
        "object_name": manifest_in(ELSEWHERE, 1),
        "chunks": (chunk.model_copy(update={"media": media, "metadata": None}),),
    }
    forged = signed(manifest.model_copy(update=told), None)
    put_bytes(
        fallback, manifest_in(ELSEWHERE, 1), forged, content_type="application/json", metadata={}
    )
    bury(main, Buried("y", "other", (), 1), "a" * 64, SIGNER, lambda: NOW)
    (candidate,) = failback_candidates(fallback)
    failback = Failback(fallback, main, KEYS, SIGNER, lambda: NOW, primary_keys=KEYS)
    with pytest.raises(RecordingErased):
        failback.fail_back(candidate)
    assert main.stat(name) is not None
