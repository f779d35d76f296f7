"""Dead letters in Azurite, and the gateway's quarantine, are swept into a real Temporal."""

import asyncio
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient
from temporalio.client import Client

from callvault.config.settings import Settings
from callvault.config.storage import DeadLetterSettings
from callvault.contracts import names
from callvault.contracts.sweeps import SweepReport
from callvault.errors import (
    ConfigurationError,
    ObjectExists,
    StateConflict,
    Throttled,
    Unavailable,
)
from callvault.ingest.dead_letters import DeadLetterContainer
from callvault.ingest.deliveries import Delivery
from callvault.ingest.intake import Intake
from callvault.ingest.quarantine import Quarantine
from callvault.ingest.router import Router
from callvault.ingest.sweep import MAX_CONCURRENT_READS, Sweep
from callvault.ingest.undelivered import DeadLetter
from callvault.local.azurite import Azurite
from tests.gateway.conftest import TOPIC, Call, as_cloud_event
from tests.ingest.conftest import IntakeOf
from tests.ingest.dead_lettering import dead_lettered, marked, put


@pytest.fixture
def configured(
    container: ContainerClient, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> DeadLetterSettings:
    monkeypatch.setenv("TEST_LETTERS", azurite.connection_string)
    return DeadLetterSettings.model_validate(
        {"container": container.container_name, "connection_string": "env:TEST_LETTERS"}
    )


async def sweep(settings: DeadLetterSettings, intake: Intake) -> SweepReport:
    with closing(DeadLetterContainer.open("grid", settings)) as store:
        return await Sweep(store, intake).run()


async def test_dead_letters_of_both_schemas_are_delivered_and_marked(
    container: ContainerClient,
    configured: DeadLetterSettings,
    intake_of: IntakeOf,
    temporal: Client,
    call: Call,
) -> None:
    letters = {
        put(container, [dead_lettered(call.recorded()), dead_lettered(call.ended())]),
        put(container, [dead_lettered(as_cloud_event(call.recorded()))]),
        put(container, dead_lettered(call.recorded())),
    }
    report = await sweep(configured, intake_of(temporal))
    assert (report.location, report.dead_letters, report.not_understood) == (
        "dead letters grid",
        3,
        0,
    )
    assert report.delivered + report.ignored == 4
    assert (await call.names_received()).count(names.FILE_STATUS_UPDATED) >= 1
    assert marked(container) == letters
    assert (await sweep(configured, intake_of(temporal))).dead_letters == 0


async def test_d9_folders_of_a_hierarchical_account_are_no_letters(
    container: ContainerClient,
    configured: DeadLetterSettings,
    intake_of: IntakeOf,
    temporal: Client,
    call: Call,
) -> None:
    dead_letter = put(container, dead_lettered(call.recorded()))
    for folder in ("topic", "topic/subscription", "topic/subscription/2026"):
        container.upload_blob(folder, b"", metadata={"hdi_isfolder": "true"})
    report = await sweep(configured, intake_of(temporal))
    assert (report.dead_letters, report.not_understood, report.problems) == (1, 0, ())
    assert marked(container) == {dead_letter}


async def test_what_is_not_understood_stays_and_is_tried_again_when_it_is_mended(
    container: ContainerClient,
    configured: DeadLetterSettings,
    intake_of: IntakeOf,
    known: Settings,
    temporal: Client,
    call: Call,
) -> None:
    odd = put(container, b"no json")
    foreign = put(container, [dead_lettered(call.recorded(topic=TOPIC + "new")), call.recorded()])
    report = await sweep(configured, intake_of(temporal))
    assert (report.dead_letters, report.delivered, report.not_understood) == (2, 1, 2)
    told = "; ".join(report.problems)
    assert f"{odd}: the body is not JSON" in told
    assert f"{foreign}: no resource has the topic" in told
    assert marked(container) == set()

    resources = {**known.resources, "new": known.resources["default"].model_copy()}
    resources["new"] = resources["new"].model_copy(update={"topic": TOPIC + "new"})
    mended = known.model_copy(update={"resources": resources})
    report = await sweep(configured, intake_of(temporal, mended))
    assert report.not_understood == 1
    assert marked(container) == {foreign}


async def test_while_temporal_is_away_nothing_is_marked(
    container: ContainerClient,
    configured: DeadLetterSettings,
    intake_of: IntakeOf,
    temporal_away: Client,
    call: Call,
) -> None:
    put(container, [dead_lettered(call.recorded())])
    with pytest.raises(Unavailable):
        await sweep(configured, intake_of(temporal_away))
    assert marked(container) == set()


async def test_a_letter_that_has_to_wait_does_not_keep_the_others_from_it(
    container: ContainerClient,
    configured: DeadLetterSettings,
    intake_of: IntakeOf,
    temporal: Client,
    temporal_away: Client,
    call: Call,
) -> None:
    class Slow(Intake):
        """Finds Temporal away for one event."""

        def __init__(self) -> None:
            pass

        async def deliver(self, values: Any) -> Any:
            client = temporal_away if values[0]["id"] == "late" else temporal
            return await intake_of(client).deliver(values)

    put(container, [dead_lettered(call.recorded(id="late"))])
    dead_letter = put(container, [dead_lettered(call.recorded())])
    with pytest.raises(Unavailable, match="1 letters wait"):
        await sweep(configured, Slow())
    assert marked(container) == {dead_letter}


async def test_letters_that_wait_for_a_call_of_their_own_do_not_keep_newer_ones_from_it(
    container: ContainerClient,
    configured: DeadLetterSettings,
    intake_of: IntakeOf,
    temporal: Client,
    call: Call,
    other_call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As those of a call whose last workflow cannot be asked: for them Temporal is not away."""
    deliver = Router.deliver

    async def delivering(self: Router, event: Any) -> str | None:
        if event.files.recording_id == call.recording_id:
            raise Unavailable("the decisions of its earlier workflow cannot be read")
        return await deliver(self, event)

    monkeypatch.setattr(Router, "deliver", delivering)
    for _ in range(2 * MAX_CONCURRENT_READS):
        put(container, [dead_lettered(call.recorded())], "A")
    new = put(container, [dead_lettered(other_call.recorded())], "B")
    with pytest.raises(Unavailable, match=r"32 letters wait: .* earlier workflow cannot be read"):
        await sweep(configured, intake_of(temporal))
    assert marked(container) == {new}


class Archived(DeadLetterContainer):
    """Some blobs were moved to the Archive tier, as a life-cycle rule may do: none can be read."""

    archived: frozenset[str] = frozenset()

    def read(self, dead_letter: DeadLetter) -> Delivery:
        if dead_letter.name in self.archived:
            raise StateConflict("This operation is not permitted on an archived blob.", status=409)
        return super().read(dead_letter)


async def test_letters_that_cannot_be_read_do_not_keep_newer_ones_from_being_swept(
    container: ContainerClient,
    configured: DeadLetterSettings,
    intake_of: IntakeOf,
    temporal: Client,
    call: Call,
) -> None:
    old = {
        put(container, [dead_lettered(call.recorded())], "A")
        for _ in range(MAX_CONCURRENT_READS + 1)
    }
    new = put(container, [dead_lettered(call.recorded())], "B")
    with closing(Archived.open("grid", configured)) as store:
        store.archived = frozenset(old)
        report = await Sweep(store, intake_of(temporal)).run()
    assert (report.dead_letters, report.delivered, report.failed) == (len(old) + 1, 1, len(old))
    assert "not permitted on an archived blob" in report.problems[0]
    assert marked(container) == {new}


async def test_b9_no_letter_whatever_it_holds_ends_a_sweep(
    container: ContainerClient,
    configured: DeadLetterSettings,
    intake_of: IntakeOf,
    temporal: Client,
    call: Call,
) -> None:
    class Poisoned(DeadLetterContainer):
        """Some letters hold what nobody thought of."""

        def read(self, dead_letter: DeadLetter) -> Delivery:
            if dead_letter.name in poison:
                raise UnicodeEncodeError("utf-8", "x", 0, 1, "surrogates not allowed")
            return super().read(dead_letter)

    poison = {put(container, [call.recorded()], "A") for _ in range(MAX_CONCURRENT_READS + 1)}
    odd = call.recorded(id="\ud83d", subject="/recording/call/\ud83d")
    half = put(container, [dead_lettered(odd), dead_lettered(call.recorded())], "B")
    good = put(container, [dead_lettered(call.recorded())], "C")
    with closing(Poisoned.open("grid", configured)) as store:
        report = await Sweep(store, intake_of(temporal)).run()
    assert (report.dead_letters, report.failed, report.delivered) == (
        len(poison) + 2,
        len(poison),
        2,
    )
    assert "an error of Callvault's own: UnicodeEncodeError" in report.problems[0]
    assert marked(container) == {good}
    assert half in "; ".join(report.problems)


async def test_d9_the_directories_of_a_hierarchical_account_are_no_letters(
    container: ContainerClient,
    configured: DeadLetterSettings,
    intake_of: IntakeOf,
    temporal: Client,
    call: Call,
) -> None:
    for folder, key in (("CALLVAULT", "hdi_isfolder"), ("CALLVAULT/2026", "Hdi_IsFolder")):
        container.upload_blob(folder, b"", metadata={key: "true"})
    letter = put(container, [dead_lettered(call.recorded())])
    report = await sweep(configured, intake_of(temporal))
    assert (report.dead_letters, report.delivered, report.not_understood) == (1, 1, 0)
    assert marked(container) == {letter}


async def test_d13_dead_letters_of_a_namespace_are_delivered(
    container: ContainerClient,
    configured: DeadLetterSettings,
    intake_of: IntakeOf,
    temporal: Client,
    call: Call,
) -> None:
    about = {"deadletterreason": "Maximum delivery attempts was exceeded"}
    dead_letter = {"deadLetterProperties": about, "event": as_cloud_event(call.recorded())}
    name = put(container, [dead_letter])
    assert (await sweep(configured, intake_of(temporal))).delivered == 1
    assert marked(container) == {name}


async def test_a_letter_that_cannot_be_marked_is_delivered_and_told_of(
    container: ContainerClient,
    configured: DeadLetterSettings,
    intake_of: IntakeOf,
    temporal: Client,
    call: Call,
) -> None:
    class Immutable(DeadLetterContainer):
        """One blob is under a retention policy."""

        def mark_delivered(self, dead_letter: DeadLetter) -> None:
            if dead_letter.name == kept:
                raise ObjectExists("a retention policy forbids it", status=409)
            super().mark_delivered(dead_letter)

    kept = put(container, [dead_lettered(call.recorded())])
    dead_letter = put(container, [dead_lettered(call.recorded())])
    with closing(Immutable.open("grid", configured)) as store:
        report = await Sweep(store, intake_of(temporal)).run()
    assert (report.dead_letters, report.delivered, report.failed) == (2, 2, 1)
    assert report.problems == (f"{kept}: delivered, but not marked: a retention policy forbids it",)
    assert marked(container) == {dead_letter}


async def test_while_no_letter_can_be_read_for_now_the_sweep_ends(
    container: ContainerClient,
    configured: DeadLetterSettings,
    intake_of: IntakeOf,
    temporal: Client,
) -> None:
    class Away(DeadLetterContainer):
        """The storage answers the list, and nothing after it."""

        def read(self, dead_letter: DeadLetter) -> bytes:
            raise Throttled("the account is busy", status=503)

    put(container, b"[]")
    with (
        closing(Away.open("grid", configured)) as store,
        pytest.raises(Unavailable, match="the account is busy"),
    ):
        await Sweep(store, intake_of(temporal)).run()


async def test_two_sweepers_at_once_are_as_good_as_one(
    container: ContainerClient,
    configured: DeadLetterSettings,
    intake_of: IntakeOf,
    temporal: Client,
    call: Call,
) -> None:
    letters = {put(container, [dead_lettered(call.recorded())]) for _ in range(20)}
    reports = await asyncio.gather(*(sweep(configured, intake_of(temporal)) for _ in range(2)))
    assert sum(report.delivered for report in reports) >= 20
    assert marked(container) == letters


async def test_a_letter_that_changed_since_it_was_read_is_not_marked(
    container: ContainerClient, configured: DeadLetterSettings
) -> None:
    name = put(container, b"[]")
    with closing(DeadLetterContainer.open("grid", configured)) as store:
        [dead_letter] = store.pending()
        container.upload_blob(name, b"[{}]", overwrite=True)
        store.mark_delivered(dead_letter)
        assert marked(container) == set()
        container.delete_blob(name)
        store.mark_delivered(dead_letter)


async def test_only_the_subscription_that_is_wanted_is_swept(
    container: ContainerClient,
    configured: DeadLetterSettings,
    intake_of: IntakeOf,
    temporal: Client,
) -> None:
    put(container, b"?", "ANOTHER")
    only = configured.model_copy(update={"prefix": "CALLVAULT/"})
    assert (await sweep(only, intake_of(temporal))).dead_letters == 0


async def test_a_container_that_does_not_exist_is_said(
    configured: DeadLetterSettings, intake_of: IntakeOf, temporal: Client
) -> None:
    missing = configured.model_copy(update={"container": "no-such-container"})
    with pytest.raises(ConfigurationError, match="dead letters grid, listing the container"):
        await sweep(missing, intake_of(temporal))


async def test_the_quarantine_is_swept_of_what_can_be_understood_now(
    known: Settings, tmp_path: Path, intake_of: IntakeOf, temporal: Client, call: Call
) -> None:
    quarantine = Quarantine.open(known.gateway.quarantine)
    directory = tmp_path / "quarantine"
    good = await quarantine.store("no resource", {}, json.dumps([call.recorded()]).encode())
    odd = await quarantine.store("not JSON", {}, b"?")
    cut = directory / "20260727T152023.000000Z-abc-cut.event"
    cut.write_bytes(b"{}\n[")
    report = await Sweep(quarantine, intake_of(temporal)).run()
    assert (report.dead_letters, report.delivered, report.not_understood) == (3, 1, 2)
    assert f"{cut.name}: only its beginning was kept" in report.problems
    assert await call.names_received() == [names.FILE_STATUS_UPDATED]
    assert {path.name for path in directory.iterdir()} == {odd, cut.name, "delivered"}
    assert [path.name for path in (directory / "delivered").iterdir()] == [good]


async def test_where_the_quarantine_cannot_be_written_its_events_are_delivered_all_the_same(
    known: Settings, tmp_path: Path, intake_of: IntakeOf, temporal: Client, call: Call
) -> None:
    quarantine = Quarantine.open(known.gateway.quarantine)
    for _ in range(2):
        await quarantine.store("no resource", {}, json.dumps([call.recorded()]).encode())
    (tmp_path / "quarantine" / "delivered").write_bytes(b"no folder")
    report = await Sweep(quarantine, intake_of(temporal)).run()
    assert (report.delivered, report.failed) == (2, 2)
    assert "let this user write there" in report.problems[0]
