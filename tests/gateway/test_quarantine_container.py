"""A gateway whose quarantine is a container: what it answers, and what it tells of it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas
from structlog.testing import capture_logs
from temporalio.client import Client

from callvault import rereading
from callvault.errors import ConfigurationError
from callvault.gateway import events, quarantine_watch
from callvault.gateway.quarantine_watch import watch_quarantine
from callvault.ingest import quarantine as quarantining
from callvault.local.azurite import Azurite
from callvault.problems import Problems
from tests.gateway.conftest import Call, GatewayOf
from tests.ingest.quarantine_places import Container, Directory, container, opened

ODD = b"?"


@pytest.fixture
def place(azurite: Azurite, tmp_path: Path) -> Iterator[Container]:
    with container(azurite, tmp_path) as made:
        yield made


async def test_what_is_not_understood_is_a_blob_before_it_is_answered(
    gateway_of: GatewayOf, temporal: Client, place: Container
) -> None:
    gateway = gateway_of(temporal, quarantine=place.table, max_body=1_024)
    assert (await gateway.deliver(ODD)).status_code == 200
    assert (await gateway.deliver(b"x" * 3_000_000)).status_code == 200
    bodies = sorted(len(place.bytes_of(name).partition(b"\n")[2]) for name in place.names())
    assert bodies == [1, 3_000_000]
    assert (await gateway.http.get("/readyz")).json() == {"temporal": "ok", "quarantine": "ok"}


async def test_with_temporal_and_the_quarantine_away_everything_is_asked_for_again(
    gateway_of: GatewayOf, temporal_away: Client, place: Container, call: Call
) -> None:
    gateway = gateway_of(temporal_away, quarantine=place.table)
    place.take_away()
    for delivery in (ODD, [call.recorded()], [call.recorded(), {"id": "odd"}]):
        answer = await gateway.deliver(delivery)
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    ready = await gateway.http.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["quarantine"] == "cannot be written: see the log"
    assert ready.json()["temporal"] != "ok"


async def test_an_understood_event_needs_no_quarantine(
    gateway_of: GatewayOf, temporal: Client, place: Container, call: Call
) -> None:
    gateway = gateway_of(temporal, quarantine=place.table)
    place.take_away()
    assert (await gateway.deliver([call.recorded()])).status_code == 200
    assert (await gateway.deliver([call.recorded(), {"id": "odd"}])).status_code == 503


async def test_a_signature_that_may_only_read_never_makes_event_grid_drop_an_event(
    gateway_of: GatewayOf,
    temporal: Client,
    place: Container,
    azurite: Azurite,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Storage answers 403, which Event Grid would take for the end."""
    signature = generate_container_sas(
        azurite.account_name,
        place.client.container_name,
        azurite.account_key,
        permission=ContainerSasPermissions(read=True, list=True),
        expiry="2030-01-01",
    )
    monkeypatch.setenv("SAS", f"{place.client.url}?{signature}")
    table = {"kind": "azure_blob", "container": "unused", "sas_url": "env:SAS"}
    gateway = gateway_of(temporal, quarantine=table)
    with capture_logs() as logs:
        answers = [await gateway.deliver(ODD), await gateway.http.get("/readyz")]
    assert [each.status_code for each in answers] == [503, 503]
    [amiss] = [line for line in logs if line["event"] == "amiss"]
    assert amiss["what"] == "gateway.quarantine"
    assert "Storage Blob Data Contributor" in amiss["problem"]
    told = str(logs) + "".join(each.text for each in answers)
    assert signature.rpartition("sig=")[2] not in told
    assert place.names() == set()


async def test_a_secret_is_replaced_while_the_gateway_runs(
    gateway_of: GatewayOf, temporal: Client, place: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rereading, "REREAD_INTERVAL", 0.0)
    right = place.secret.read_text()
    place.secret.write_text(right.replace("AccountKey=", "AccountKey=d3Jvbmc"))
    gateway = gateway_of(temporal, quarantine=place.table)
    assert (await gateway.deliver(ODD)).status_code == 503
    place.secret.write_text("garbage")
    assert (await gateway.deliver(ODD)).status_code == 503
    place.secret.write_text(right)
    assert (await gateway.deliver(ODD)).status_code == 200
    place.secret.unlink()
    assert (await gateway.deliver(ODD)).status_code == 200, "the last good one is used on"
    assert len(place.names()) == 2


async def test_a_secret_that_is_missing_or_garbage_keeps_the_gateway_from_starting(
    gateway_of: GatewayOf, temporal: Client, place: Container
) -> None:
    place.secret.write_text("garbage")
    with pytest.raises(ConfigurationError, match="copy it whole") as refused:
        gateway_of(temporal, quarantine=place.table)
    assert "garbage" not in str(refused.value)
    place.secret.unlink()
    with pytest.raises(ConfigurationError, match="quarantine-secret cannot be read"):
        gateway_of(temporal, quarantine=place.table)


@pytest.fixture
async def silent_account(azurite: Azurite) -> AsyncIterator[str]:
    """Yield the connection string of an account that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        host, port = silent.getsockname()
        name, key = azurite.account_name, azurite.account_key
        yield f"AccountName={name};AccountKey={key};BlobEndpoint=http://{host}:{port}/{name};"


async def test_storage_that_hangs_holds_up_nothing_but_what_it_is_to_take(
    gateway_of: GatewayOf,
    temporal: Client,
    place: Container,
    call: Call,
    silent_account: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place.secret.write_text(silent_account)
    gateway = gateway_of(temporal, quarantine=place.table)
    monkeypatch.setattr(quarantine_watch, "CHECK_TIMEOUT", 0.3)
    ready = [gateway.http.get("/readyz") for _ in range(20)]
    assert {each.status_code for each in await asyncio.gather(*ready)} == {503}
    monkeypatch.setattr(events, "DELIVERY_TIMEOUT", timedelta(seconds=0.5))
    odd = await asyncio.gather(*(gateway.deliver(ODD) for _ in range(20)))
    assert {each.status_code for each in odd} == {503}
    monkeypatch.undo()
    async with asyncio.timeout(5):
        assert (await gateway.deliver([call.recorded()])).status_code == 200
        # Secrets are read in these threads, tokens checked.
        assert await asyncio.to_thread(int, "1") == 1


async def test_the_watch_counts_and_tells_when_it_is_amiss_and_mended(
    place: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine_watch, "COUNT_INTERVAL", 0.05)
    monkeypatch.setattr(quarantining, "MAX_COUNT", 2)
    quarantine, problems = opened(place), Problems()
    meter: Any = _Meter()
    await quarantine.store("odd", {}, ODD)
    watching = asyncio.create_task(watch_quarantine(quarantine, meter, problems))
    async with asyncio.timeout(20):
        while meter.told != 1:
            await asyncio.sleep(0.02)
        await quarantine.store("odd", {}, ODD)
        while not problems.current():
            await asyncio.sleep(0.02)
        assert "takes no more" in problems.current()["gateway.quarantine"]
        quarantine.mark_delivered(next(quarantine.pending()))
        while problems.current() or meter.told != 1:
            await asyncio.sleep(0.02)
    watching.cancel()
    quarantine.close()


class _Meter:
    """The part of a meter that the watch uses."""

    told: Any = None

    def create_gauge(self, *arguments: Any, **options: Any) -> "_Meter":
        return self

    def set(self, value: int, attributes: Any = None) -> None:
        self.told = value


async def test_files_of_a_directory_are_moved_to_a_container_as_they_are(
    place: Container, tmp_path: Path
) -> None:
    old, new = opened(Directory(tmp_path / "old")), opened(place)
    name = await old.store("odd", {}, b'[{"id": "1"}]')
    # Named as earlier versions did, without a hash.
    earlier = "20261125T184502.000000Z-0a1b2c3d4e5f.event"
    (tmp_path / "old" / earlier).write_bytes(b'{"reason": "r"}\n[2]')
    for file in (name, earlier):
        place.client.upload_blob(file, (tmp_path / "old" / file).read_bytes())
    assert [new.read(each).body for each in new.pending()] == [b"[2]", b'[{"id": "1"}]']
    old.close()
    new.close()
