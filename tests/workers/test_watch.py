"""Does a worker tell, by name, of secrets, clocks and services that are amiss?"""

import base64
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.clock import ServerTime
from activities.webhooks import Webhook
from callvault.causes import Cause
from callvault.clocks import Clocks
from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.contracts.alarms import Alarm
from callvault.emulator.server import RunningEmulator, running
from callvault.errors import Unavailable
from callvault.local.azurite import Azurite
from callvault.probes import Answer
from callvault.temporal.clock import Measured, server_time
from workers import watch as watching
from workers.watch import Watch


@pytest.fixture(scope="module")
async def temporal(temporal_binary: Path) -> AsyncIterator[Client]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary), search_attributes=names.SEARCH_ATTRIBUTES
    ) as environment:
        yield environment.client


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with running() as emulator:
        yield emulator


class Place:
    """Secrets in files, and the settings that name them."""

    def __init__(self, folder: Path, emulator: RunningEmulator, azurite: Azurite) -> None:
        self.acs, self.storage = folder / "acs", folder / "storage"
        self.acs.write_text(emulator.connection_string)
        self.storage.write_text(azurite.connection_string)
        self.settings = Settings.model_validate(
            {
                "resources": {
                    "europe": {
                        "endpoint": emulator.endpoint,
                        "credential": {"connection_string": f"file:{self.acs}"},
                    }
                },
                "archives": {
                    "main": {
                        "kind": "azure_blob",
                        "container": f"test-{uuid.uuid4().hex}",
                        "connection_string": f"file:{self.storage}",
                    }
                },
            }
        )


@pytest.fixture
def place(tmp_path: Path, emulator: RunningEmulator, azurite: Azurite) -> Place:
    return Place(tmp_path, emulator, azurite)


def watch(client: Client, place: Place, ahead: float = 0.0) -> Watch:
    return Watch(client, place.settings, Clocks(lambda: time.time() + ahead))


async def test_where_all_is_well_nothing_is_told_and_every_clock_is_compared(
    temporal: Client, place: Place
) -> None:
    clocks = Clocks()
    looking = Watch(temporal, place.settings, clocks)
    for look in (looking.look_at_attributes, looking.look_at_secrets, looking.ask_services):
        await look()
    assert looking.problems.current() == {}
    assert set(clocks.differences()) == {"Temporal", "resources.europe", "archives.main"}


async def test_h12_a_key_that_a_service_refuses_is_told_by_name_and_its_mending_too(
    temporal: Client, place: Place, azurite: Azurite
) -> None:
    looking = watch(temporal, place)
    good = place.acs.read_text(), place.storage.read_text()
    wrong = base64.b64encode(b"a key of another resource").decode()
    place.acs.write_text(good[0].partition("accesskey=")[0] + f"accesskey={wrong}")
    place.storage.write_text(good[1].replace(azurite.account_key, wrong))
    with capture_logs() as logs:
        await looking.look_at_secrets()
        assert looking.problems.current() == {}, "they have the right form"
        await looking.ask_services()
        assert set(looking.problems.current()) == {"resources.europe", "archives.main"}
        place.acs.write_text(good[0])
        place.storage.write_text(good[1])
        await looking.ask_services()
    assert looking.problems.current() == {}
    told = [(line["event"], line["what"]) for line in logs if "what" in line]
    assert sorted(told) == [
        ("amiss", "archives.main"),
        ("amiss", "resources.europe"),
        ("mended", "archives.main"),
        ("mended", "resources.europe"),
    ]
    assert wrong not in str(logs)


class Webhooks:
    """A receiver of alarms that is away at first."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.told: list[Alarm] = []

    def send(self, alarm: Alarm) -> None:
        self.away -= 1
        if self.away >= 0:
            raise Unavailable("the alarm webhook answered 503")
        self.told.append(alarm)


async def test_a_wrong_key_and_a_wrong_clock_are_alarmed_once_and_so_is_their_mending(
    temporal: Client, place: Place
) -> None:
    ahead, webhook = 600.0, Webhooks(away=1)
    clocks = Clocks(lambda: time.time() + ahead)
    looking = Watch(temporal, place.settings, clocks, send=webhook.send)
    good = place.acs.read_text()
    wrong = base64.b64encode(b"a key of another resource").decode()
    place.acs.write_text(good.partition("accesskey=")[0] + f"accesskey={wrong}")
    await looking.ask_services()
    assert webhook.told == [], "it may be a blip"
    for _ in range(3):
        await looking.ask_services()
    assert len({alarm.id for alarm in webhook.told}) == len(webhook.told) == 2
    of = {alarm.what.split(": ")[1]: alarm for alarm in webhook.told}
    assert set(of) == {"resources.europe", "the clock of this machine"}
    assert of["resources.europe"].resource == "europe"
    clock = of["the clock of this machine"]
    assert (clock.kind, clock.severity, clock.cause) == ("worker_problem", "error", Cause.CLOCK)
    assert abs(clock.at - datetime.now(UTC)) < timedelta(seconds=10), "the time that others have"
    assert wrong not in str(webhook.told)

    place.acs.write_text(good)
    ahead = 0.0
    await looking.ask_services()
    mended = webhook.told[2:]
    assert sorted(alarm.what.split(": ", 1)[1] for alarm in mended) == [
        "resources.europe: mended",
        "the clock of this machine: mended",
    ]
    assert {alarm.status for alarm in mended} == {"resolved"}
    assert {alarm.dedup_key for alarm in mended} == {alarm.dedup_key for alarm in of.values()}


async def test_a_secret_that_lacks_is_alarmed(temporal: Client, place: Place) -> None:
    webhook = Webhooks()
    looking = Watch(temporal, place.settings, Clocks(), send=webhook.send)
    place.storage.unlink()
    for _ in range(3):
        await looking.look_at_secrets()
    [alarm] = webhook.told
    assert "archives.main.connection_string" in alarm.what
    assert alarm.cause is Cause.SETTINGS


async def test_a_secret_that_goes_while_the_worker_runs_is_told_by_name(
    temporal: Client, place: Place
) -> None:
    looking = watch(temporal, place)
    place.storage.unlink()
    await looking.look_at_secrets()
    assert set(looking.problems.current()) == {"archives.main.connection_string"}


@pytest.mark.parametrize("ahead", [600, -600])
async def test_h10_a_worker_whose_clock_is_wrong_says_so_and_signs_with_the_right_time(
    ahead: float, temporal: Client, place: Place
) -> None:
    clocks = Clocks(lambda: time.time() + ahead)
    looking = Watch(temporal, place.settings, clocks)
    await looking.ask_services()
    assert set(looking.problems.current()) == {"the clock of this machine"}
    assert abs(clocks.now() - datetime.now(UTC)) < timedelta(seconds=2)


async def test_h17_a_temporal_whose_clock_is_a_day_ahead_is_told(
    temporal: Client, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def a_day_ahead(client: Client) -> Measured:
        sent, told, received = await server_time(client)
        return Measured(sent, told + timedelta(days=1), received)

    monkeypatch.setattr(watching, "server_time", a_day_ahead)
    looking = watch(temporal, place)
    await looking.ask_services()
    assert set(looking.problems.current()) == {"the clock of Temporal"}
    assert "86400 s ahead" in str(looking.problems.current())


async def test_the_time_of_a_real_server_is_that_of_this_machine_here(temporal: Client) -> None:
    assert abs((await server_time(temporal)).told - datetime.now(UTC)) < timedelta(seconds=2)


async def test_a_worker_s_bounds_of_the_time_of_a_real_server_enclose_it(
    temporal: Client, place: Place
) -> None:
    known = ServerTime()
    await Watch(temporal, place.settings, Clocks(), time=known).look_at_server_time()
    before = datetime.now(UTC)
    earliest, latest = known.now(), known.latest()
    assert latest is not None
    assert earliest <= datetime.now(UTC)
    assert before <= latest <= before + timedelta(seconds=1)


async def test_a_name_service_that_hangs_keeps_no_other_probe_and_no_other_round_waiting(
    temporal: Client, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    def hangs() -> Answer:
        answers.wait()
        return Answer()

    monkeypatch.setattr(watching, "PROBE_TIMEOUT", 0.5)
    looking = watch(temporal, place)
    looking._probes["resources.europe"] = hangs
    try:
        for _ in range(3):
            await looking.ask_services()
        assert "does its name resolve" in looking.problems.current()["resources.europe"]
        assert set(looking.problems.current()) == {"resources.europe"}
    finally:
        answers.set()


def test_h10_a_webhook_is_signed_with_the_time_that_is_given(monkeypatch: Any) -> None:
    signed: list[dict[str, str]] = []
    webhook = Webhook(
        lambda: "http://127.0.0.1:1",
        lambda: [base64.b64encode(b"a shared secret").decode()],
        http=None,  # type: ignore[arg-type]
        now=lambda: datetime(2026, 3, 2, tzinfo=UTC),
    )
    monkeypatch.setattr(
        Webhook, "_exchange", lambda _, body, headers, timeout: signed.append(headers) or 204
    )
    webhook.post({}, "id", timeout=1)
    assert signed[0]["webhook-timestamp"] == "1772409600"
