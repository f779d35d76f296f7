"""Is everything of a person gone from containers, too?"""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from callvault.archive.store import Archive
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.blob_immutability import Immutability
from callvault.azure_storage.clients import StorageAccess
from callvault.contracts.erasures import ErasureTarget
from callvault.local.azurite import Azurite
from tests.archive.immutable_account import Account, immutable_account
from tests.archive.test_immutability import proxied

from .corpus import ARCHIVES, HASH, NOW, Corpus
from .erasing import erased, erasing, planned

ANA, BEN = "8:acs:ana-secret", "4:+49301234567"
DAY = timedelta(days=1)


@pytest.fixture
def corpus(azurite: Azurite, tmp_path: Path) -> Iterator[Corpus]:
    access = StorageAccess(connection_string=azurite.connection_string)
    run = uuid.uuid4().hex

    def reopen(name: str) -> Archive:
        return BlobArchive.open(name, access, f"{name}-{run}")

    containers = {name: reopen(name) for name in ARCHIVES}
    yield Corpus(tmp_path, archives=containers, reopen=reopen)
    for archive in containers.values():
        archive.close()


def everything(corpus: Corpus) -> bytes:
    """All names and all bytes of all containers."""
    return b"".join(place.encode() + content for place, content in corpus.everything())


async def test_everything_of_a_person_is_gone_from_containers(
    temporal: Client, corpus: Corpus
) -> None:
    hers = [corpus.keep(ANA, BEN), corpus.keep(ANA, archive="fallback")]
    other = corpus.keep(BEN)
    assert ANA.encode() in everything(corpus)
    async with erasing(temporal, corpus):
        status = await erased(temporal, corpus, ErasureTarget(participant=HASH(ANA)))
    assert (status.erased, status.held_back, len(status.certificates)) == (2, (), 2)
    left = everything(corpus)
    for needle in (ANA.encode(), HASH(ANA).encode(), *(kept.sample for kept in hers)):
        assert needle not in left
    assert other.sample in left
    assert BEN.encode() in left
    for report in corpus.verify():
        assert report.ok, report.problems


@pytest.fixture
def account(azurite: Azurite) -> Iterator[Account]:
    with immutable_account(azurite.blob_endpoint) as account:
        yield account


async def test_what_the_account_keeps_is_held_back_and_then_erased_with_its_versions(
    temporal: Client, azurite: Azurite, account: Account, tmp_path: Path
) -> None:
    access = proxied(azurite, account)

    def reopen(name: str) -> Archive:
        return BlobArchive.open(name, access, "unused", immutability=Immutability(DAY))

    corpus = Corpus(tmp_path, archives={"main": reopen("main")}, reopen=reopen)
    corpus.archives["fallback"].close()
    del corpus.archives["fallback"]
    kept = corpus.keep(ANA)
    target = ErasureTarget(participant=HASH(ANA))
    (found,) = (await planned(temporal, corpus, target)).plan.recordings
    assert (found.verdict, found.erases) == ("protected", False)
    assert "immutability policy keeps it until" in found.reason
    async with erasing(temporal, corpus):
        status = await erased(temporal, corpus, target)
        assert (status.recordings, status.erased) == (0, 0)
        assert kept.sample in everything(corpus)
        for each in account.protected.values():
            each.until = NOW
        status = await erased(temporal, corpus, target)
    assert (status.recordings, status.erased) == (1, 1)
    left = everything(corpus) + account.everything()
    assert kept.sample not in left
    assert ANA.encode() not in left
    assert all(report.ok for report in corpus.verify())
    corpus.archives["main"].close()
