"""Is a delivery that nobody understands safe, in a directory and in a container alike?"""

import asyncio
import gzip
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from temporalio.client import Client

from callvault.contracts import names
from callvault.errors import CallvaultError, InvalidRequest, ObjectExists, Unavailable
from callvault.ingest import quarantine as quarantining
from callvault.ingest.quarantine import Quarantine
from callvault.ingest.sweep import Sweep
from callvault.ingest.undelivered import DeadLetter
from callvault.local.azurite import Azurite
from tests.gateway.conftest import Call
from tests.ingest.conftest import IntakeOf
from tests.ingest.quarantine_places import Directory, Place, container, opened, still_waiting


@pytest.fixture(params=["directory", "container"])
def place(request: pytest.FixtureRequest, azurite: Azurite, tmp_path: Path) -> Iterator[Place]:
    if request.param == "directory":
        yield Directory(tmp_path / "quarantine")
        return
    with container(azurite, tmp_path) as made:
        yield made


@pytest.fixture
def quarantine(place: Place) -> Iterator[Quarantine]:
    with closing(opened(place)) as open_one:
        yield open_one


async def test_a_delivery_is_read_as_it_came(place: Place, quarantine: Quarantine) -> None:
    body = gzip.compress(b'[{"id": "1"}]')
    headers = {"Content-Encoding": "gzip", "authorization": "hunter2", "aeg-sas-key": "hunter2"}
    name = await quarantine.store("odd", headers, body)
    assert place.names() == {name}
    first, _, kept = place.bytes_of(name).partition(b"\n")
    assert kept == body
    assert json.loads(first)["reason"] == "odd"
    assert b"hunter2" not in first
    assert [quarantine.read(each).events() for each in quarantine.pending()] == [[{"id": "1"}]]


async def test_nothing_is_overwritten_and_the_same_bytes_are_one_delivery(
    place: Place, quarantine: Quarantine
) -> None:
    """As when an attempt's answer is lost, or somebody else has the name."""
    name = await quarantine.store("odd", {}, b"?")
    first = place.bytes_of(name)
    quarantine._store.put(name, first)
    with pytest.raises(ObjectExists, match="not overwritten"):
        quarantine._store.put(name, b"other")
    assert (place.names(), place.bytes_of(name)) == ({name}, first)


async def test_what_was_changed_is_not_delivered_and_what_a_person_named_is(
    place: Place, quarantine: Quarantine
) -> None:
    name = await quarantine.store("odd", {}, b'[{"id": "1"}]')
    mended = place.bytes_of(name).replace(b'"1"', b'"2"')
    place.plant(name, mended)
    with pytest.raises(InvalidRequest, match="not those that a gateway stored"):
        quarantine.read(DeadLetter(name))
    place.plant("mended.event", mended)
    assert quarantine.read(DeadLetter("mended.event")).events() == [{"id": "2"}]


async def test_what_others_put_there_or_left_half_written_is_left_alone(
    place: Place, quarantine: Quarantine
) -> None:
    name = await quarantine.store("odd", {}, b"?")
    for other in ("notes.txt", ".hidden.event", "x" * 120 + ".event"):
        place.plant(other, b"{}")
    place.plant_half("20261125T184502.000000Z-0a1b2c3d4e5f0a1b2c3d4e5f0a1b2c3d.event")
    assert still_waiting(place, quarantine) == {name}
    assert await quarantine.count() == 1


@pytest.mark.parametrize("name", ["../x.event", "/etc/x.event", "a/b.event", "x.event\n", ""])
async def test_no_name_leads_elsewhere(
    name: str, place: Place, quarantine: Quarantine, tmp_path: Path
) -> None:
    (tmp_path / "x.event").write_bytes(b"{}\n[]")
    await quarantine.check()
    with pytest.raises(InvalidRequest, match="no name of a quarantined delivery"):
        quarantine.read(DeadLetter(name))


async def test_a_larger_object_than_any_gateway_writes_is_not_read_to_its_end(
    place: Place, quarantine: Quarantine
) -> None:
    place.plant("large.event", b"x" * (18 * 1024 * 1024))
    with pytest.raises(InvalidRequest, match="no gateway wrote it"):
        quarantine.read(DeadLetter("large.event"))


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_a_body_beyond_all_limits_is_cut_and_only_two_are_in_memory(
    place: Place, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantining, "MAX_SIZE", 5)
    name = await quarantine.store("odd", {}, _pieces(b"1234", b"56", b"7"))
    assert name.endswith("-cut.event")
    assert place.bytes_of(name).endswith(b"\n12345")
    with pytest.raises(InvalidRequest, match="only its beginning"):
        quarantine.read(DeadLetter(name))

    begun, go_on = 0, asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        nonlocal begun
        begun += 1
        await go_on.wait()
        yield b"1234"

    storing = [asyncio.create_task(quarantine.store("odd", {}, slow())) for _ in range(5)]
    await asyncio.sleep(0.05)
    assert begun == 2
    go_on.set()
    assert len({*await asyncio.gather(*storing)}) == 5


async def test_two_gateways_and_two_sweepers_lose_nothing_and_deliver_everything(
    place: Place, intake_of: IntakeOf, temporal: Client, call: Call
) -> None:
    with closing(opened(place)) as one, closing(opened(place)) as other:
        event = json.dumps([call.recorded()]).encode()
        stored = await asyncio.gather(
            *(each.store("odd", {}, event) for each in (one, other) for _ in range(20))
        )
        assert len(set(stored)) == 40
        assert still_waiting(place, one) == still_waiting(place, other) == {*stored}
        sweeps = [Sweep(each, intake_of(temporal)) for each in (one, other)]
        reports = await asyncio.gather(*(sweep.run() for sweep in sweeps))
        assert [each.failed for each in reports] == [0, 0], reports
        assert sum(each.delivered for each in reports) >= 40
        assert still_waiting(place, one) == set()
        assert (await Sweep(one, intake_of(temporal)).run()).dead_letters == 0
    assert set(await call.names_received()) == {names.FILE_STATUS_UPDATED}


async def test_what_comes_again_after_a_lost_answer_is_one_event(
    place: Place, quarantine: Quarantine, intake_of: IntakeOf, temporal: Client, call: Call
) -> None:
    """A gateway that dies between storing and answering is sent the event again."""
    event = json.dumps([call.recorded()]).encode()
    for count in ("0", "1"):
        await quarantine.store("odd", {"aeg-delivery-count": count}, event)
    report = await Sweep(quarantine, intake_of(temporal)).run()
    assert (report.dead_letters, report.delivered) == (2, 2)
    assert still_waiting(place, quarantine) == set()


_STORES_FOR_EVER = """
import asyncio, json, sys
from callvault.config.gateway import GatewaySettings
from callvault.ingest.quarantine import Quarantine

async def main():
    settings = GatewaySettings.model_validate({"quarantine": json.loads(sys.argv[1])})
    quarantine = Quarantine.open(settings.quarantine)
    async def store(number):
        while True:
            name = await quarantine.store("odd", {}, bytes(200_000))
            print(name, file=sys.stderr, flush=True)
    await asyncio.gather(*map(store, range(4)))

asyncio.run(main())
"""


async def test_what_was_stored_before_a_kill_is_there_and_whole(
    place: Place, quarantine: Quarantine
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _STORES_FOR_EVER, json.dumps(place.table)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    stored = {(await process.stderr.readline()).decode().strip() for _ in range(20)}
    process.kill()
    rest = (await process.communicate())[1].decode().split("\n")[:-1]
    stored |= set(rest)
    waiting = still_waiting(place, quarantine)
    assert stored <= waiting
    for name in waiting:
        assert quarantine.read(DeadLetter(name)).body == bytes(200_000)


async def test_a_full_quarantine_takes_nothing_until_it_was_swept(
    place: Place, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantining, "MAX_COUNT", 3)
    stored = [await quarantine.store("odd", {}, b"?") for _ in range(3)]
    with closing(opened(place)) as other:
        assert await other.count() == 3
        for each in (quarantine, other):
            with pytest.raises(Unavailable, match="holds 3 deliveries and takes no more"):
                await each.store("odd", {}, b"?")
            with pytest.raises(Unavailable, match="takes no more"):
                await each.check()
    assert still_waiting(place, quarantine) == {*stored}
    quarantine.mark_delivered(next(quarantine.pending()))
    assert await quarantine.count() == 2
    await quarantine.check()
    await quarantine.store("odd", {}, b"?")


async def test_what_cannot_be_stored_is_asked_for_again_and_never_refused(
    place: Place, quarantine: Quarantine
) -> None:
    """Another status than 503 would make Event Grid drop the event."""
    await quarantine.check()
    place.take_away()
    with pytest.raises(Unavailable, match="the quarantine takes nothing") as away:
        await quarantine.store("odd", {}, b"?")
    assert (away.value.status, away.value.code) == (None, None)
    for work in (quarantine.check, quarantine.count):
        with pytest.raises(CallvaultError, match="quarantine"):
            await work()


async def test_it_is_made_once(place: Place, quarantine: Quarantine) -> None:
    for _ in range(2):
        await quarantine.make()
    await quarantine.store("odd", {}, b"?")
    assert len(still_waiting(place, quarantine)) == 1


async def test_a_delivery_that_a_sweep_has_delivered_can_still_be_read(
    place: Place, quarantine: Quarantine
) -> None:
    """After a restore of the archive it is delivered again."""
    name = await quarantine.store("odd", {}, b"[1]")
    quarantine.mark_delivered(next(quarantine.pending()))
    quarantine.mark_delivered(DeadLetter(name, "no etag"))
    assert still_waiting(place, quarantine) == set()
    assert quarantine.read(DeadLetter(name)).body == b"[1]"
