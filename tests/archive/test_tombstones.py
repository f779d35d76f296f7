"""Does what was erased stay away, and nothing else, whoever writes into the archive?"""

from datetime import timedelta

import pytest

from callvault.archive.manifests.documents import Keyring, signed
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.seal import find_manifests, seal
from callvault.archive.manifests.tombstones import find_tombstones
from callvault.archive.names import folder_of, tombstone_name
from callvault.archive.store import Archive, put_bytes
from callvault.contracts.erasures import ErasedDocument, Tombstone
from callvault.errors import RecordingErased
from callvault.retention.tombstones import Buried, bury

from .sealed import NOON, SERVER_CALL, SIGNER, archived, recording, seal_input

KEYS = Keyring([SIGNER.public])
ERASURE, ANOTHER = "a" * 64, "b" * 64
FIRST, SECOND = (ErasedDocument(document_id=f"doc-{each}", index=each) for each in (0, 1))
WHOLE = Buried("rec-1", SERVER_CALL, (), 3)


def buried(archive: Archive, what: Buried = WHOLE, erasure: str = ERASURE) -> None:
    bury(archive, what, erasure, SIGNER, lambda: NOON)


def test_all_of_a_recording_is_refused_what_nobody_announced_too(archive: Archive) -> None:
    buried(archive)
    found = find_tombstones(archive, "rec-1", SERVER_CALL, KEYS)
    with pytest.raises(RecordingErased, match=r"erased on 2026-03-02.*not archived again") as said:
        found.refuse(("never-seen", 7))
    assert said.value.documents == (("never-seen", 7),)
    assert (found.is_partial, found.last_manifest) == (False, 3)
    other = find_tombstones(archive, "rec-2", SERVER_CALL, KEYS)
    other.refuse(("never-seen", 7))


def test_of_files_that_are_named_those_alone_are_refused(archive: Archive) -> None:
    buried(archive, Buried("rec-1", SERVER_CALL, (FIRST,), 1))
    buried(archive, Buried("rec-1", SERVER_CALL, (SECOND,), 2), ANOTHER)
    found = find_tombstones(archive, "rec-1", SERVER_CALL, KEYS)
    assert (found.is_partial, found.last_manifest) == (True, 2)
    with pytest.raises(RecordingErased) as said:
        found.refuse(("doc-0", 0), ("doc-0", 5), ("doc-1", 1))
    assert said.value.documents == (("doc-0", 0), ("doc-1", 1))


def test_a_recording_without_an_id_is_known_by_its_call_in_any_spelling(archive: Archive) -> None:
    buried(archive, Buried(None, SERVER_CALL, (FIRST,), 1))
    found = find_tombstones(archive, None, f"{SERVER_CALL}==", KEYS)
    assert found.of("doc-0", 0) is not None
    assert find_tombstones(archive, "rec-1", SERVER_CALL, KEYS).of("doc-0", 0) is None


def test_the_same_again_writes_nothing(archive: Archive) -> None:
    buried(archive)
    before = set(archive.names())
    bury(archive, WHOLE, ERASURE, SIGNER, lambda: NOON + timedelta(days=1))
    assert set(archive.names()) == before


@pytest.mark.parametrize("signer", [None, Signer.generate()])
@pytest.mark.parametrize("named", ["rec-1", "rec-9"])
def test_a_planted_tombstone_keeps_no_recording_out_and_no_tombstone(
    archive: Archive, signer: Signer | None, named: str
) -> None:
    """Whoever can write into the archive must not be able to have a recording refused."""
    planted = Tombstone(
        object_name=tombstone_name(named, SERVER_CALL, 1),
        archive=archive.name,
        erasure=ERASURE,
        last_manifest=3,
        recorded_at=NOON,
        software="",
        signature=None,
    )
    data, name = signed(planted, signer), tombstone_name("rec-1", SERVER_CALL, 1)
    put_bytes(archive, name, data, content_type="application/json", metadata={})
    assert find_tombstones(archive, "rec-1", SERVER_CALL, KEYS).whole is None
    buried(archive)
    assert find_tombstones(archive, "rec-1", SERVER_CALL, KEYS).whole is not None


def test_a_tombstone_under_another_name_is_of_another_recording(archive: Archive) -> None:
    buried(archive)
    data = b"".join(archive.read(tombstone_name("rec-1", SERVER_CALL, 1)))
    copy = tombstone_name("rec-2", SERVER_CALL, 1)
    put_bytes(archive, copy, data, content_type="application/json", metadata={})
    assert find_tombstones(archive, "rec-2", SERVER_CALL, KEYS).whole is None


def test_damage_hides_no_other_tombstone(archive: Archive) -> None:
    name = tombstone_name("rec-1", SERVER_CALL, 1)
    put_bytes(archive, name, b"{", content_type="application/json", metadata={})
    buried(archive)
    assert find_tombstones(archive, "rec-1", SERVER_CALL).whole is not None


def test_an_order_for_what_was_erased_is_not_sealed(archive: Archive) -> None:
    order = seal_input(archive, recording(archived(archive)))
    buried(archive)
    before = set(archive.names())
    with pytest.raises(RecordingErased):
        seal(archive, order, SIGNER, lambda: NOON, KEYS)
    assert set(archive.names()) == before


def test_no_later_manifest_takes_the_name_of_an_erased_one(archive: Archive) -> None:
    """Its record would call the new one erased, and there again."""
    buried(archive, Buried(None, SERVER_CALL, (FIRST,), 2))
    of = recording(archived(archive, recording_id="rec-1")).model_copy(
        update={"recording_id": None}
    )
    found = seal(archive, seal_input(archive, of), SIGNER, lambda: NOON, KEYS)
    assert found.object_name.endswith("/_unknown/manifest-3.json")
    assert len(find_manifests(archive, folder_of(found.object_name))) == 1
