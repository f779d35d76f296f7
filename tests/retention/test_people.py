"""After the erasure of many people one by one: is nothing of them left, and all of the others?"""

import asyncio
import os
import random
from collections.abc import Iterator

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from callvault.contracts import names
from callvault.contracts.erasures import ErasureTarget
from callvault.contracts.results import CallResult
from tests.reconcile.seeding import QUEUE, standing_in

from .corpus import HASH, Corpus, Kept, event
from .erasing import erased, erasing

PEOPLE = int(os.environ.get("ERASURE_PEOPLE", "4"))
"""People who are erased; three times as many are in the corpus, each in a few recordings."""

IN_ALL = 3 * PEOPLE
SEED = 17


def person(number: int) -> str:
    """Every third person is a telephone number."""
    if number % 3:
        return f"8:acs:5eed-{number:08d}-secret"
    return f"4:+4930{number:08d}"


def seeded(corpus: Corpus) -> dict[int, list[Kept]]:
    """Keep recordings of drawn people, with letters about some; return them by person."""
    draw = random.Random(SEED)
    of: dict[int, list[Kept]] = {number: [] for number in range(IN_ALL)}
    for number in range(IN_ALL):
        people = {number, *draw.sample(range(IN_ALL), draw.randint(0, 2))}
        kept = corpus.keep(*map(person, sorted(people)), archive=draw.choice(("main", "fallback")))
        for each in people:
            of[each].append(kept)
        if draw.random() < 0.5:
            named = [person(each) for each in people]
            corpus.letter(f"about-{number}", event(kept, *named), delivered=draw.random() < 0.5)
    return of


async def have_histories(client: Client, corpus: Corpus) -> None:
    async with standing_in(client):
        for kept in corpus.kept:
            result = CallResult(
                server_call_id=kept.server_call_id,
                resource="default",
                outcome="archived",  # type: ignore[arg-type]
                recordings=(),
            )
            await client.execute_workflow(
                names.WORKFLOW_TYPE, result, id=kept.workflow_id, task_queue=QUEUE
            )


async def without_history(client: Client, all_kept: Iterator[Kept]) -> set[str]:
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


@pytest.mark.slow("erases several people one after the other, each by a workflow")
@pytest.mark.timeout(60 + 30 * PEOPLE)
async def test_after_erasing_many_people_nothing_of_them_is_found(
    temporal: Client, corpus: Corpus
) -> None:
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
    erased_people = [person(number).encode() for number in range(PEOPLE)]
    hashes = [HASH(person(number)).encode() for number in range(PEOPLE)]
    samples = [kept.sample for kept in gone.values()]
    assert corpus.places_with(*erased_people, *hashes, *samples) == []
    rest = [kept for kept in corpus.kept if kept.folder + kept.archive not in gone]
    assert rest
    for kept in rest:
        assert len(corpus.places_with(kept.sample)) == 1
    assert await without_history(temporal, iter(gone.values())) == {
        kept.workflow_id for kept in gone.values()
    }
    for kept in rest:
        assert (await temporal.get_workflow_handle(kept.workflow_id).describe()).id
    for report in corpus.verify():
        assert report.ok, report.problems
