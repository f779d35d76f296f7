"""After the erasure of many people one by one: is nothing of them left, and all of the others?"""

import asyncio
import logging
import os
import random
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient
from temporalio.client import Client
from temporalio.service import RPCError

from callvault.archive.store import Archive
from callvault.archive.stores.blob import BlobArchive
from callvault.azure_storage.clients import StorageAccess
from callvault.contracts import names
from callvault.contracts.erasures import ErasureTarget
from callvault.contracts.results import CallResult
from callvault.ingest.dead_letters import DeadLetterContainer
from callvault.local.azurite import Azurite
from tests.reconcile.seeding import QUEUE, standing_in

from .corpus import ARCHIVES, DEAD_LETTERS, HASH, Corpus, Kept, event
from .erasing import erased, erasing

PEOPLE = int(os.environ.get("ERASURE_PEOPLE", "3"))
"""People who are erased; three times as many are in the corpus, each in a few recordings."""

IN_ALL = 3 * PEOPLE
SEED = 17
AT_ONCE = 16
"""Calls whose histories are made at the same time."""


def person(number: int) -> str:
    """Every third person is a telephone number."""
    if number % 3:
        return f"8:acs:5eed-{number:08d}-secret"
    return f"4:+4930{number:08d}"


@pytest.fixture(params=["directories", "containers"])
def corpus(request: pytest.FixtureRequest, azurite: Azurite, tmp_path: Path) -> Iterator[Corpus]:
    """Archives of either kind; dead letters lie in a container of Event Grid's in both."""
    access = StorageAccess(connection_string=azurite.connection_string)
    run = uuid.uuid4().hex
    letters = ContainerClient.from_connection_string(azurite.connection_string, f"dead-{run}")
    letters.create_container()

    def reopen(name: str) -> Archive:
        return BlobArchive.open(name, access, f"{name}-{run}")

    def dead_letters() -> DeadLetterContainer:
        container = ContainerClient.from_connection_string(azurite.connection_string, f"dead-{run}")
        return DeadLetterContainer(DEAD_LETTERS, container)

    if request.param == "directories":
        yield Corpus(tmp_path, dead_letters=dead_letters)
    else:
        containers = {name: reopen(name) for name in ARCHIVES}
        yield Corpus(tmp_path, archives=containers, reopen=reopen, dead_letters=dead_letters)
        for archive in containers.values():
            archive.close()
    letters.close()


def seeded(corpus: Corpus) -> dict[int, list[Kept]]:
    """Keep recordings of drawn people, with letters about some; return them by person."""
    draw = random.Random(SEED)
    of: dict[int, list[Kept]] = {number: [] for number in range(IN_ALL)}
    for number in range(IN_ALL):
        people = {number, *draw.sample(range(IN_ALL), draw.randint(0, 2))}
        kept = corpus.keep(*map(person, sorted(people)), archive=draw.choice(("main", "fallback")))
        for each in people:
            of[each].append(kept)
        told = event(kept, *map(person, sorted(people)))
        for put in (corpus.letter, corpus.dead_letter):
            if draw.random() < 0.5:
                put(f"about-{number}", told, delivered=draw.random() < 0.5)
    return of


async def have_histories(client: Client, corpus: Corpus) -> None:
    """Let each call have a closed history, which names those who were in it."""

    async def run(kept: Kept) -> None:
        result = CallResult(
            server_call_id=kept.server_call_id,
            resource="default",
            outcome="archived",  # type: ignore[arg-type]
            recordings=(),
        )
        async with limit:
            await client.execute_workflow(
                names.WORKFLOW_TYPE,
                result,
                id=kept.workflow_id,
                task_queue=QUEUE,
                memo={"about": kept.recording_id},
            )

    limit = asyncio.Semaphore(AT_ONCE)
    async with standing_in(client):
        await asyncio.gather(*map(run, corpus.kept))


async def without_history(client: Client, all_kept: Iterable[Kept]) -> set[str]:
    """Return the workflows that Temporal knows nothing of; those to come are waited for."""
    gone = set()
    for kept in all_kept:
        for _ in range(100):
            try:
                await client.get_workflow_handle(kept.workflow_id).describe()
            except RPCError:
                gone.add(kept.workflow_id)
                break
            await asyncio.sleep(0.1)
    return gone


async def told_by_temporal(client: Client) -> dict[str, bytes]:
    """Return all that Temporal has of each workflow: its history, and what visibility lists."""
    found: dict[str, bytes] = {}
    async for run in client.list_workflows():
        handle = client.get_workflow_handle(run.id, run_id=run.run_id)
        events = [e.SerializeToString() async for e in handle.fetch_history_events()]
        listed = str(run.raw_info).encode()
        found[run.id] = b"".join([listed, *events])
    return found


def places_of(corpus: Corpus, needles: Iterable[bytes]) -> Counter[bytes]:
    """Count the places in which each of these stands; every byte is read once."""
    wanted, found = list(needles), Counter[bytes]()
    for place, content in corpus.everything():
        found.update(each for each in wanted if each in content or each in place.encode())
    return found


@pytest.mark.slow("erases several people one after the other, each by a workflow")
@pytest.mark.timeout(120 + 30 * PEOPLE)
async def test_after_erasing_many_people_nothing_of_them_is_found(
    temporal: Client, corpus: Corpus, caplog: pytest.LogCaptureFixture
) -> None:
    """Byte by byte: archives, quarantine, dead letters, histories, visibility, logs."""
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.WARNING, "azure")  # each request, as in no process of ours
    of = seeded(corpus)
    await have_histories(temporal, corpus)
    gone: dict[str, Kept] = {}
    async with erasing(temporal, corpus):
        for number in range(PEOPLE):
            status = await erased(temporal, corpus, ErasureTarget(participant=HASH(person(number))))
            expected = {kept.folder + kept.archive for kept in of[number]} - gone.keys()
            assert status.erased == len(expected), "exactly the recordings with that person"
            assert status.held_back == ()
            gone |= {kept.folder + kept.archive: kept for kept in of[number]}
    ids = [person(number).encode() for number in range(PEOPLE)]
    hashes = [HASH(person(number)).encode() for number in range(PEOPLE)]
    erased_samples = [kept.sample for kept in gone.values()]
    rest = [kept for kept in corpus.kept if kept.folder + kept.archive not in gone]
    assert rest
    found = places_of(corpus, [*ids, *hashes, *erased_samples, *(kept.sample for kept in rest)])
    assert found == Counter({kept.sample: 1 for kept in rest})
    assert await without_history(temporal, gone.values()) == {
        kept.workflow_id for kept in gone.values()
    }
    await _assert_temporal_forgot(temporal, ids, hashes, gone.values(), rest)
    logged = caplog.text.encode()
    assert [each for each in (*ids, *hashes) if each in logged] == []
    for report in corpus.verify():
        assert report.ok, report.problems


async def _assert_temporal_forgot(
    temporal: Client,
    ids: list[bytes],
    hashes: list[bytes],
    gone: Iterable[Kept],
    rest: Iterable[Kept],
) -> None:
    told = await told_by_temporal(temporal)
    assert {kept.workflow_id for kept in rest} <= told.keys()
    assert not {kept.workflow_id for kept in gone} & told.keys()
    for workflow_id, content in told.items():
        assert [each for each in ids if each in content] == []
        # The erasure itself was asked for by the hash, and its history expires.
        if not workflow_id.startswith("erasure-"):
            assert [each for each in hashes if each in content] == []
