"""Is everything of a person gone after an erasure, however it was interrupted, and is it proven?"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.service import RPCError

from activities.erasure import STALE_PLAN
from callvault.archive.access_log.log import AccessLog
from callvault.archive.manifests.holds import Said, place_hold
from callvault.archive.store import put_bytes
from callvault.contracts import names
from callvault.contracts.erasures import ErasureStatus, ErasureTarget
from callvault.contracts.hold_messages import HoldTarget
from callvault.contracts.results import CallResult
from tests.archive.sealed import SIGNER
from tests.reconcile.seeding import QUEUE, standing_in

from .corpus import HASH, NOW, Corpus, Kept, event
from .erasing import begun, erased, erasing, planned

ANA, BEN = "8:acs:ana-secret", "4:+49301234567"
OF_ANA = ErasureTarget(participant=HASH(ANA))


async def call(client: Client, kept: Kept) -> WorkflowHandle[Any, Any]:
    """Let the call of a recording have a closed history, which names who was in it."""
    result = CallResult(
        server_call_id=kept.server_call_id, resource="default", outcome="archived", recordings=()
    )
    async with standing_in(client):
        handle = await client.start_workflow(
            names.WORKFLOW_TYPE, result, id=kept.workflow_id, task_queue=QUEUE
        )
        await handle.result()
    return handle


async def is_deleted(handle: WorkflowHandle[Any, Any]) -> bool:
    for _ in range(100):
        try:
            await handle.describe()
        except RPCError:
            return True
        await asyncio.sleep(0.1)
    return False


def files(corpus: Corpus) -> list[Path]:
    return sorted(corpus.root.rglob("*"))


def certificate_name(status: ErasureStatus) -> str:
    (place,) = status.certificates
    return f"erasures/{place.partition('/erasures/')[2]}"


def of_a_person(corpus: Corpus) -> tuple[list[Kept], list[Kept]]:
    """Keep recordings with her and without, and letters about both."""
    hers = [corpus.keep(ANA, BEN), corpus.keep(ANA), corpus.keep(ANA, archive="fallback")]
    others = [corpus.keep(BEN), corpus.keep(BEN, archive="fallback")]
    corpus.letter("hers", event(hers[0], ANA))
    corpus.letter("delivered", event(others[0], ANA), delivered=True)
    corpus.letter("others", event(others[0], BEN))
    return hers, others


def assert_gone(corpus: Corpus, hers: list[Kept], others: list[Kept]) -> None:
    """Nothing but hashes is left of her; everything of the others is."""
    samples = [each.sample for each in hers]
    left = corpus.places_with(ANA.encode(), *samples)
    assert left == []
    # Her hash stays in the access log alone, which tells who erased what.
    assert corpus.places_with(HASH(ANA).encode()) == []
    for each in others:
        assert corpus.places_with(each.sample) != []
    assert corpus.places_with(BEN.encode()) != []
    for report in corpus.verify():
        assert report.ok, report.problems


async def test_everything_of_a_person_is_gone_and_verify_is_green(
    temporal: Client, corpus: Corpus
) -> None:
    hers, others = of_a_person(corpus)
    history, other = await call(temporal, hers[0]), await call(temporal, others[0])
    async with erasing(temporal, corpus):
        status = await erased(temporal, corpus, OF_ANA)
    assert (status.step, status.recordings, status.erased) == ("done", 3, 3)
    assert status.held_back == ()
    assert len(status.certificates) == 2
    assert {each for each in status.certificates if each not in map(str, files(corpus))} == set()
    assert_gone(corpus, hers, others)
    assert await is_deleted(history)
    assert (await other.describe()).id == others[0].workflow_id
    told = [
        (each.action, each.by, each.authenticated_as, each.reason, each.recordings)
        for each in AccessLog(corpus.archives["fallback"], None).records()
    ]
    assert told == [("erased", "officer-1", "cli:root", "request 2026-17", (hers[2].folder,))]


async def test_records_keep_hashes_and_the_certificate_names_them(
    temporal: Client, corpus: Corpus
) -> None:
    (kept,) = [corpus.keep(ANA, BEN)]
    media = corpus.root / "main" / kept.folder
    before = {each.name for each in media.iterdir() if not each.name.startswith(".")}
    async with erasing(temporal, corpus):
        status = await erased(temporal, corpus, OF_ANA)
    certificate = json.loads(b"".join(corpus.archives["main"].read(certificate_name(status))))
    assert (certificate["objects"], certificate["erasure"]) == (3, status.token)
    record = json.loads(
        (corpus.root / "main" / certificate["records"][0]["objectName"]).read_bytes()
    )
    assert {each["objectName"].rpartition("/")[2] for each in record["erased"]} == before
    assert (record["cause"], record["requestedBy"]) == ("person", "officer-1")
    assert "nothing" not in record["decision"]
    assert "it has no retention" in record["decision"]


@pytest.mark.slow("a new worker for each of fifteen steps, and a retry of each")
async def test_an_erasure_whose_worker_ends_after_each_step_comes_to_its_end(
    temporal: Client, corpus: Corpus
) -> None:
    """Every step is done and not reported; then the worker is gone, and another one begins."""
    hers, others = of_a_person(corpus)
    await call(temporal, hers[0])
    found = await planned(temporal, corpus, OF_ANA)
    handle = await begun(temporal, OF_ANA, found.token)
    steps: list[str] = []
    over = asyncio.Event()

    def after(name: str, attempt: int) -> None:
        if attempt == 1:
            steps.append(name)
            over.set()
            raise ApplicationError("killed", type="Killed")

    ended = asyncio.ensure_future(handle.result())
    while not ended.done():
        over.clear()
        async with erasing(temporal, corpus, after):
            killed = asyncio.ensure_future(over.wait())
            await asyncio.wait({ended, killed}, return_when=asyncio.FIRST_COMPLETED)
            killed.cancel()
    status = await handle.result()
    assert (status.step, status.erased) == ("done", 3)
    # Plan, two for each of three recordings, a history for each, letters, two certificates.
    assert len(steps) == 1 + 2 * 3 + 3 + 1 + 2
    assert_gone(corpus, hers, others)


@pytest.mark.parametrize("deletions", [0, 2, 4])
async def test_an_erasure_that_is_interrupted_between_two_deletions_comes_to_its_end(
    temporal: Client, corpus: Corpus, monkeypatch: pytest.MonkeyPatch, deletions: int
) -> None:
    kept, other = corpus.keep(ANA), corpus.keep(BEN)
    archive, left = corpus.archives["main"], [deletions]
    delete = archive.delete

    def dying(object_name: str, *, etag: str) -> bool:
        left[0] -= 1
        if left[0] == -1:
            raise ApplicationError("killed", type="Killed")
        return delete(object_name, etag=etag)

    monkeypatch.setattr(archive, "delete", dying)
    async with erasing(temporal, corpus):
        status = await erased(temporal, corpus, OF_ANA)
    assert status.erased == 1
    assert left[0] < -1, "it was interrupted, and went on"
    assert_gone(corpus, [kept], [other])


async def failure(client: Client, token: str) -> ApplicationError:
    handle = await begun(client, OF_ANA, token)
    with pytest.raises(WorkflowFailureError) as failed:
        await asyncio.wait_for(handle.result(), 30)
    cause = failed.value.cause
    while isinstance(cause, ActivityError):
        cause = cause.cause
    assert isinstance(cause, ApplicationError)
    return cause


async def test_a_stale_token_erases_nothing(temporal: Client, corpus: Corpus) -> None:
    corpus.keep(ANA)
    token = (await planned(temporal, corpus, OF_ANA)).token
    corpus.keep(ANA)
    before = files(corpus)
    async with erasing(temporal, corpus):
        assert (await failure(temporal, token)).type == STALE_PLAN
    assert files(corpus) == before


async def test_without_a_token_nothing_is_erased(temporal: Client, corpus: Corpus) -> None:
    corpus.keep(ANA)
    async with erasing(temporal, corpus):
        with pytest.raises(WorkflowFailureError) as failed:
            await temporal.execute_workflow(
                names.ERASURE_TYPE,
                {"target": {"participant": HASH(ANA)}},
                id="erasure-without",
                task_queue=names.CONTROL_QUEUE,
            )
    assert "needs the token of its plan" in str(failed.value.cause)
    assert corpus.places_with(ANA.encode())


@pytest.mark.parametrize("event_between", ["hold", "late file"])
async def test_what_comes_between_plan_and_deletion_counts(
    temporal: Client, corpus: Corpus, event_between: str
) -> None:
    """The decision is made once more, right before it is written down that it is erased."""
    first, second = corpus.keep(ANA), corpus.keep(ANA)
    archive = corpus.archives["main"]

    def come_between() -> None:
        if event_between == "hold":
            target = HoldTarget(recording_id=second.recording_id)
            place_hold(archive, target, Said("counsel-1", "case 7"), SIGNER, lambda: NOW)
        else:
            name = f"{second.folder}/0009-late.wav"
            put_bytes(archive, name, b"late", content_type="audio/wav", metadata={})

    def after(name: str, attempt: int) -> None:
        if name == "plan_erasure":
            come_between()

    async with erasing(temporal, corpus, after):
        status = await erased(temporal, corpus, OF_ANA)
    assert (status.recordings, status.erased) == (2, 1)
    (told,) = status.held_back
    assert second.folder in told
    assert ("case 7" if event_between == "hold" else "plan again") in told
    assert corpus.places_with(first.sample) == []
    assert corpus.places_with(second.sample) != []
    assert all(report.ok for report in corpus.verify())


async def test_an_erased_file_that_is_put_back_is_found(temporal: Client, corpus: Corpus) -> None:
    kept = corpus.keep(ANA)
    (media,) = (corpus.root / "main" / kept.folder).glob("*.wav")
    content = media.read_bytes()
    async with erasing(temporal, corpus):
        await erased(temporal, corpus, OF_ANA)
    media.parent.mkdir(parents=True)
    media.write_bytes(content)
    problems = [each.text for report in corpus.verify() for each in report.problems]
    assert len(problems) == 1
    assert "is there again" in problems[0]


async def test_what_no_record_names_is_missed(temporal: Client, corpus: Corpus) -> None:
    """A thief who deletes another recording beside an erasure is found."""
    corpus.keep(ANA)
    other = corpus.keep(BEN)
    async with erasing(temporal, corpus):
        await erased(temporal, corpus, OF_ANA)
    for path in (corpus.root / "main" / other.folder).iterdir():
        path.unlink()
    problems = [each.text for report in corpus.verify() for each in report.problems]
    assert problems == ["it is missing"], "its manifest, which alone the chain names"


async def test_an_erasure_says_where_it_stands(temporal: Client, corpus: Corpus) -> None:
    corpus.keep(ANA)
    held = corpus.keep(ANA)
    target = HoldTarget(recording_id=held.recording_id)
    place_hold(corpus.archives["main"], target, Said("counsel-1", "case 7"), SIGNER, lambda: NOW)
    async with erasing(temporal, corpus):
        found = await planned(temporal, corpus, OF_ANA)
        handle = await begun(temporal, OF_ANA, found.token)
        await handle.result()
        status = await handle.query(names.STATUS, result_type=ErasureStatus)
    assert (status.step, status.recordings, status.erased) == ("done", 1, 1)
    assert "case 7" in status.held_back[0]
