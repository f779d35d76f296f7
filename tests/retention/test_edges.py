"""What comes between a plan and its end: does nothing go that was not read, and nothing half?"""

import asyncio
from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities.erasure import STALE_PLAN
from callvault.archive.names import is_manifest_name
from callvault.archive.store import put_bytes
from callvault.contracts import names
from callvault.contracts.erasures import ErasureStatus, ErasureTarget
from callvault.contracts.retention import AtEnd, RetentionTerms
from callvault.retention.inventory import take
from callvault.retention.judgement import Circumstances, judge
from tests.archive.sealed import archived
from tests.reconcile.seeding import QUEUE

from .corpus import HASH, KEYS, SEALED_AT, Corpus
from .erasing import begun, erased, erasing, planned
from .test_channels import CHANNEL_OF_ANA, keep
from .test_erasure import failure

ANA, BEN = "8:acs:ana-secret", "4:+49301234567"
OF_ANA, OF_BEN = (ErasureTarget(participant=HASH(each)) for each in (ANA, BEN))
DAY = timedelta(days=1)


def assert_whole(corpus: Corpus) -> None:
    for report in corpus.verify():
        assert report.ok, report.problems


async def done(client: Client, target: ErasureTarget, token: str) -> ErasureStatus:
    return await asyncio.wait_for((await begun(client, target, token)).result(), 60)


async def test_terms_that_change_after_the_plan_hold_it_back(
    temporal: Client, corpus: Corpus
) -> None:
    """The settings were changed while the erasure had begun."""
    kept = corpus.keep(ANA)

    def after(name: str, attempt: int) -> None:
        if name == "plan_erasure":
            corpus.terms["default"] = RetentionTerms(retention=timedelta(days=36_000))

    async with erasing(temporal, corpus, after):
        status = await erased(temporal, corpus, OF_ANA)
    assert (status.recordings, status.erased) == (1, 0)
    assert "its retention runs until" in status.held_back[0]
    assert corpus.places_with(kept.sample) != []


@pytest.mark.parametrize("moment", [-1, 0, 1])
def test_a_retention_ends_at_its_very_moment(corpus: Corpus, moment: int) -> None:
    kept = corpus.keep(ANA)
    corpus.terms["default"] = RetentionTerms(retention=DAY, at_end=AtEnd.ERASE)
    archive = corpus.archives["main"]
    inventory = take(archive, kept.folder, HASH, KEYS)
    at = SEALED_AT + DAY + timedelta(microseconds=moment)
    for target, verdicts in ((OF_ANA, ("refused", "erase")), (ErasureTarget(), ("kept", "due"))):
        found = judge(archive, inventory, Circumstances(target, at, corpus.terms.get, ()))
        assert found.verdict == verdicts[moment >= 0]
        assert found.erases is (moment >= 0)


async def test_a_retention_that_ends_after_the_plan_makes_it_stale(
    temporal: Client, corpus: Corpus
) -> None:
    """Nobody has read that this one goes, too."""
    corpus.keep(ANA)
    corpus.terms["default"] = RetentionTerms(retention=timedelta(days=36_000))
    token = (await planned(temporal, corpus, OF_ANA)).token
    corpus.terms["default"] = RetentionTerms()
    before = sorted(corpus.root.rglob("*"))
    async with erasing(temporal, corpus):
        assert (await failure(temporal, token)).type == STALE_PLAN
    assert sorted(corpus.root.rglob("*")) == before


async def test_a_token_is_good_once(temporal: Client, corpus: Corpus) -> None:
    corpus.keep(ANA)
    other = corpus.keep(BEN)
    token = (await planned(temporal, corpus, OF_ANA)).token
    async with erasing(temporal, corpus):
        assert (await done(temporal, OF_ANA, token)).erased == 1
        before = {path: path.read_bytes() for path in corpus.root.rglob("*") if path.is_file()}
        assert (await failure(temporal, token)).type == STALE_PLAN
    after = {path: path.read_bytes() for path in corpus.root.rglob("*") if path.is_file()}
    assert after == before
    assert corpus.places_with(other.sample) != []
    assert_whole(corpus)


async def test_a_token_is_good_for_its_archive_and_target_alone(
    temporal: Client, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> None:
    corpus.keep(ANA, BEN)
    elsewhere = Corpus(tmp_path_factory.mktemp("elsewhere"))
    elsewhere.keep(ANA, BEN, archive="fallback")
    tokens = {
        (await planned(temporal, each, target)).token
        for each in (corpus, elsewhere)
        for target in (OF_ANA, OF_BEN, ErasureTarget(recording_id="rec-0"))
    }
    assert len(tokens) == 6
    token = (await planned(temporal, elsewhere, OF_ANA)).token
    async with erasing(temporal, corpus):
        assert (await failure(temporal, token)).type == STALE_PLAN
        token = (await planned(temporal, corpus, OF_BEN)).token
        assert (await failure(temporal, token)).type == STALE_PLAN
    assert_whole(corpus)


async def test_a_call_that_opens_after_the_plan_holds_its_recording_back(
    temporal: Client, corpus: Corpus
) -> None:
    kept = corpus.keep(ANA)
    found = await planned(temporal, corpus, OF_ANA)
    call = await temporal.start_workflow(
        names.WORKFLOW_TYPE, None, id=kept.workflow_id, task_queue=QUEUE
    )
    async with erasing(temporal, corpus):
        assert (await failure(temporal, found.token)).type == STALE_PLAN
    (told,) = (await planned(temporal, corpus, OF_ANA)).plan.recordings
    assert (told.verdict, told.erases) == ("refused", False)
    assert "still open" in told.reason
    await call.terminate()
    assert corpus.places_with(kept.sample) != []


async def test_a_call_that_opens_while_it_is_erased_holds_its_recording_back(
    temporal: Client, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run was begun after the plan: by a late event, say."""
    kept = corpus.keep(ANA)
    planning = True

    async def opened(client: Client, workflow_id: str) -> bool:
        return not planning and workflow_id == kept.workflow_id

    def after(name: str, attempt: int) -> None:
        nonlocal planning
        planning = planning and name != "plan_erasure"

    monkeypatch.setattr("activities.erasure.is_open", opened)
    async with erasing(temporal, corpus, after):
        status = await erased(temporal, corpus, OF_ANA)
    assert (status.recordings, status.erased) == (1, 0)
    assert "still open" in status.held_back[0]
    assert corpus.places_with(kept.sample) != []


async def test_what_was_never_sealed_is_refused_and_says_so(
    temporal: Client, corpus: Corpus
) -> None:
    main = corpus.archives["main"]
    archived(main, recording_id="rec-open", participants=[{"participantId": ANA}])
    (told,) = (
        await planned(temporal, corpus, ErasureTarget(recording_id="rec-open"))
    ).plan.recordings
    assert (told.verdict, told.erases) == ("refused", False)
    assert "not sealed yet" in told.reason


async def test_two_erasures_of_one_recording_at_once_both_come_to_their_end(
    temporal: Client, corpus: Corpus
) -> None:
    shared, hers, his = corpus.keep(ANA, BEN), corpus.keep(ANA), corpus.keep(BEN)
    async with erasing(temporal, corpus):
        plans = [await planned(temporal, corpus, each) for each in (OF_ANA, OF_BEN)]
        running = [
            await begun(temporal, target, plan.token)
            for target, plan in zip((OF_ANA, OF_BEN), plans, strict=True)
        ]
        ended = await asyncio.wait_for(
            asyncio.gather(*(each.result() for each in running), return_exceptions=True), 60
        )
    # The slower one may find its plan stale, or the shared recording gone.
    told = [each for each in ended if isinstance(each, ErasureStatus)]
    assert told
    for status in told:
        assert all("another erasure was faster" in each for each in status.held_back)
    assert corpus.places_with(shared.sample) == []
    assert_whole(corpus)
    for target in (OF_ANA, OF_BEN):
        async with erasing(temporal, corpus):
            await erased(temporal, corpus, target)
    assert corpus.places_with(hers.sample, his.sample, ANA.encode(), BEN.encode()) == []
    assert_whole(corpus)


@pytest.mark.parametrize("first", ["channel", "whole"])
async def test_one_channel_and_the_whole_at_once_leave_no_half(
    temporal: Client, corpus: Corpus, first: str
) -> None:
    """The other one is carried out while this one has planned and not begun."""
    kept = keep(corpus, ANA, BEN)
    whole = ErasureTarget(recording_id=kept.recording_id)
    one, other = (CHANNEL_OF_ANA, whole) if first == "channel" else (whole, CHANNEL_OF_ANA)
    found = {each: (await planned(temporal, corpus, each)).token for each in (one, other)}
    slow_id, is_over = names.erasure_id(found[one]), False

    def after(name: str, attempt: int) -> None:
        is_slow = activity.info().workflow_id == slow_id
        if name == "plan_erasure" and is_slow and not is_over:
            again = timedelta(milliseconds=200)  # planned again, until the other is over
            raise ApplicationError("killed", type="Killed", next_retry_delay=again)

    async with erasing(temporal, corpus, after):
        slow = await begun(temporal, one, found[one])
        await done(temporal, other, found[other])
        is_over = True
        with pytest.raises(Exception, match="Workflow execution failed"):
            await asyncio.wait_for(slow.result(), 60)
    assert corpus.places_with(ANA.encode(), HASH(ANA).encode()) == []
    left = [name for name in corpus.archives["main"].names(kept.folder) if is_manifest_name(name)]
    assert len(left) == (0 if other is whole else 1)
    assert_whole(corpus)


async def test_a_manifest_that_is_added_after_the_plan_is_no_part_of_it(
    temporal: Client, corpus: Corpus
) -> None:
    kept = corpus.keep(ANA)

    def after(name: str, attempt: int) -> None:
        if name == "plan_erasure":
            late = f"{kept.folder}/0001-late.wav"
            put_bytes(corpus.archives["main"], late, b"x", content_type="audio/wav", metadata={})

    async with erasing(temporal, corpus, after):
        status = await erased(temporal, corpus, OF_ANA)
    assert status.erased == 0
    assert "plan again" in status.held_back[0]
    async with erasing(temporal, corpus):
        assert (await erased(temporal, corpus, OF_ANA)).erased == 1
    assert list(corpus.archives["main"].names(kept.folder)) == []
    assert_whole(corpus)
