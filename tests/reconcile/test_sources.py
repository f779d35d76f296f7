"""Is what cannot be read reported as unknown, without a hang?"""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    QueryWorkflowInput,
    WorkflowHandle,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.seal import seal
from callvault.archive.store import Archive
from callvault.clients import open_keyring
from callvault.config.storage import DirectorySettings
from callvault.contracts import names
from callvault.contracts.reconciliation import ReconcileInput, Reconciliation, Verdict
from callvault.errors import Unavailable
from callvault.reconcile import temporal_source as reading
from callvault.reconcile.run import reconcile
from tests.archive import sealed as sealing

from .seeding import QUEUE, StandIn, Vault, are_listed, ended, run_all, standing_in

OPEN: list[WorkflowHandle[StandIn, object]] = []


class Queries(Interceptor):
    """Counts what workflows are asked."""

    def __init__(self) -> None:
        self.count = 0

    def of(self, client: Client) -> Client:
        return Client(**{**client.config(), "interceptors": [self]})

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002
        return Counting(next, self)


class Counting(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, queries: Queries) -> None:  # noqa: A002
        super().__init__(next)
        self._queries = queries

    async def query_workflow(self, input: QueryWorkflowInput) -> Any:
        self._queries.count += 1
        return await super().query_workflow(input)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    vault = Vault(tmp_path)
    vault.open().make()
    return vault


OTHER = Signer.generate()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait where no worker is."""
    monkeypatch.setattr(reading, "RPC_TIMEOUT", timedelta(seconds=0.5))


@pytest.fixture(autouse=True)
async def nothing_left_open(temporal: Client) -> AsyncIterator[None]:
    """Clear what a test leaves open, which would be a gap of the next one."""
    yield
    while OPEN:
        await OPEN.pop().terminate()
    await are_listed(temporal, 0, "Running")


async def opened(client: Client, call: str, state: str | None = None) -> None:
    """Begin a workflow that goes on, and on which no worker works (yet)."""
    shown = [SearchAttributePair(names.STATE, state)] if state else []
    handle = await client.start_workflow(
        StandIn.run,
        None,
        id=names.workflow_id(call),
        task_queue=QUEUE,
        search_attributes=TypedSearchAttributes(shown),
    )
    OPEN.append(handle)
    await are_listed(client, len(OPEN), "Running")


async def look(
    client: Client,
    vault: Vault,
    archives: dict[str, Callable[[], Archive]] | None = None,
    *,
    deep: bool = False,
    keys: Keyring | None = None,
) -> Reconciliation:
    input = ReconcileInput(since=timedelta(hours=1), deep=deep)
    opening = archives or {"main": vault.open}
    return await reconcile(client, opening, input, 100, lambda _: keys or Keyring())


def verdict_of(report: Reconciliation, call: str) -> tuple[Verdict, str]:
    [gap] = [gap for gap in report.gaps if gap.workflow_id == names.workflow_id(call)]
    return gap.verdict, gap.what


async def test_open_calls_on_which_no_worker_works_are_told_of_by_the_list(
    temporal: Client, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_CONCURRENT_READS", 1)
    for call in ("a", "b", "c", "d", "e", "f", "g"):
        await opened(temporal, f"archiving-{call}", "archiving")
    await opened(temporal, "untaken")

    queries = Queries()
    report = await look(queries.of(temporal), vault)

    assert report.verdicts[Verdict.OPEN] == 7
    assert queries.count == reading.MAX_UNANSWERED
    found, what = verdict_of(report, "untaken")
    assert found is Verdict.UNKNOWN
    assert "no worker has begun to keep it" in what
    assert "no worker answered" in report.sources[0].problem
    assert not report.is_met


async def test_an_open_call_answers_by_its_worker(
    temporal: Client, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "RPC_TIMEOUT", timedelta(seconds=20))
    await opened(temporal, "answering")
    async with standing_in(temporal):
        report = await look(temporal, vault)
    assert names.workflow_id("answering") not in {gap.workflow_id for gap in report.gaps}
    assert not report.sources[0].problem


async def test_a_call_whose_workflow_was_ended_by_somebody_is_unknown_without_a_worker(
    temporal: Client, vault: Vault
) -> None:
    await opened(temporal, "ended")
    await OPEN.pop().terminate()
    await are_listed(temporal, 0, "Running")

    found, what = verdict_of(await look(temporal, vault), "ended")

    assert found is Verdict.UNKNOWN
    assert what == "its workflow is terminated, and no worker tells what it had"


async def test_an_archive_that_cannot_be_opened_makes_its_recordings_unknown(
    temporal: Client, vault: Vault
) -> None:
    workflow_ids = vault.keep("unreachable")
    async with standing_in(temporal):
        await run_all(temporal, [workflow_ids.result])

    def away() -> Archive:
        raise Unavailable("the share is not mounted", owner="archive")

    report = await look(temporal, vault, {"main": away})
    found, what = verdict_of(report, "unreachable")
    assert found is Verdict.UNKNOWN
    assert "the share is not mounted" in what
    assert report.sources[1].problem == "the share is not mounted"
    assert [source.name for source in report.unread] == ["archive main"]

    found, what = verdict_of(await look(temporal, vault, {"other": vault.open}), "unreachable")
    assert (found, "no archive of this name" in what) == (Verdict.UNKNOWN, True)


async def test_what_an_archive_may_hold_that_cannot_be_read_is_no_success(
    temporal: Client, vault: Vault
) -> None:
    """All that is known is complete, and what lies in the other archive alone is not known."""
    vault.keep("whole")

    def away() -> Archive:
        raise Unavailable("the share is not mounted", owner="archive")

    report = await look(temporal, vault, {"main": vault.open, "spare": away})
    assert [source.name for source in report.unread] == ["archive spare"]
    assert (await look(temporal, vault)).unread == ()


async def test_open_calls_that_do_not_answer_are_no_success(temporal: Client, vault: Vault) -> None:
    """The list says that a call is being archived, and not that its manifest cannot be written."""
    await opened(temporal, "archiving-silent", "archiving")
    [source] = (await look(temporal, vault)).unread
    assert "for 1 calls" in source.problem


async def test_files_that_nobody_knows_and_manifests_that_nobody_can_read_are_told(
    temporal: Client, vault: Vault
) -> None:
    stray, broken = vault.keep("stray"), vault.keep("broken")
    vault.path(stray.manifest.object_name).unlink()
    vault.path(broken.manifest.object_name).write_text("{}")

    report = await look(temporal, vault)

    [gap] = [gap for gap in report.gaps if gap.workflow_id == broken.manifest.object_name]
    assert gap.verdict is Verdict.UNKNOWN
    assert report.unreferenced_objects == 2


async def test_deep_reads_the_files_themselves(temporal: Client, vault: Vault) -> None:
    archive, now = vault.open(), datetime.now(UTC)
    chunk = sealing.archived(archive)
    input = sealing.seal_input(archive, sealing.recording(chunk), recorded_on=now)
    seal(archive, input, sealing.SIGNER, lambda: now)
    before = [await look(temporal, vault, deep=deep) for deep in (False, True)]
    path = vault.path(chunk.archived.object_name if chunk.archived else "")
    path.write_bytes(path.read_bytes()[::-1])
    after = [await look(temporal, vault, deep=deep) for deep in (False, True)]

    assert [report.verdicts[Verdict.COMPLETE] for report in (*before, *after)] == [1, 1, 1, 0]
    [gap] = [gap for gap in after[1].gaps if gap.recording_id == "rec-1"]
    assert chunk.archived is not None
    assert chunk.archived.object_name in gap.what


@pytest.mark.parametrize(
    ("believed", "complete"), [((sealing.SIGNER,), 1), ((), 0), ((sealing.SIGNER, OTHER), 1)]
)
async def test_deep_believes_no_other_key_than_those_of_the_settings(
    temporal: Client,
    vault: Vault,
    tmp_path: Path,
    believed: tuple[Signer, ...],
    complete: int,
) -> None:
    """Whoever can write to the archive can put a key of their own there, and sign with that."""
    archive, now = vault.open(), datetime.now(UTC)
    chunk = sealing.archived(archive)
    input = sealing.seal_input(archive, sealing.recording(chunk), recorded_on=now)
    seal(archive, input, sealing.SIGNER, lambda: now)
    files = [tmp_path / f"{number}.pub" for number in range(3)]
    for file, signer in zip(files, (OTHER, *believed), strict=False):
        file.write_bytes(signer.public.pem())
    settings = DirectorySettings(
        kind="directory", path=tmp_path, public_keys=tuple(f for f in files if f.exists())
    )
    report = await look(temporal, vault, deep=True, keys=open_keyring(settings))
    assert report.verdicts[Verdict.COMPLETE] == complete
    if not complete:
        [gap] = [gap for gap in report.gaps if gap.recording_id == "rec-1"]
        assert "which is not among those given" in gap.what


async def test_a_call_that_is_older_than_the_period_is_no_gap_of_it(
    temporal: Client, vault: Vault
) -> None:
    async with standing_in(temporal):
        await run_all(temporal, [ended("long-ago", "lost")])
    input = ReconcileInput(since=timedelta(microseconds=1))
    report = await reconcile(temporal, {"main": vault.open}, input, 100)
    assert names.workflow_id("long-ago") not in {gap.workflow_id for gap in report.gaps}
    assert names.workflow_id("long-ago") in {
        gap.workflow_id for gap in (await look(temporal, vault)).gaps
    }
