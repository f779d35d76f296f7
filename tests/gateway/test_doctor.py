"""Does `callvault doctor` find a gateway that is away, not ready, or of another secret?"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from callvault.cli.actions.check_result import CheckResult, Subject
from callvault.cli.actions.doctor_gateway import check_gateway
from tests.gateway.conftest import settings
from tests.gateway.test_limits import listening


async def asked(url: str | None, **gateway: Any) -> dict[str, CheckResult]:
    results = await check_gateway(Subject(settings(Path("/unused"), **gateway), gateway=url))
    return {each.name: each for each in results}


@pytest.mark.parametrize("right", ["hunter2", "hünter-€-2"])
async def test_a_good_gateway_passes_and_another_secret_is_found(
    right: str, temporal: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIGHT", right)
    monkeypatch.setenv("WRONG", "hunter3")
    secrets = {"event_secrets": ["env:RIGHT"]}
    async with listening(temporal, tmp_path / "quarantine", **secrets) as port:
        url = f"http://127.0.0.1:{port}"
        good = await asked(url, **secrets)
        assert [each.is_ok for each in good.values()] == [True, True], good
        without = (await asked(url))["subscription handshake"]
        assert (without.is_ok, "no event_secrets to try" in without.found) == (True, True)
        other = await asked(url, event_secrets=["env:RIGHT", "env:WRONG"])
    assert other["gateway"].is_ok
    handshake = other["subscription handshake"]
    assert not handshake.is_ok
    assert handshake.found.startswith("gateway.event_secrets.1: OPTIONS /v1/events answers")
    assert "401" in handshake.found
    assert "Rotating the secret" in handshake.fix
    assert "hunter" not in str(other)
    assert list((tmp_path / "quarantine").iterdir()) == [], "nothing was changed"


async def test_a_gateway_that_is_not_ready_says_what_is_missing(
    temporal_away: Client, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    async with listening(temporal_away, tmp_path / "file" / "quarantine") as port:
        results = await asked(f"http://127.0.0.1:{port}")
    assert not results["gateway"].is_ok
    assert "temporal: " in results["gateway"].found
    assert "quarantine: cannot be written" in results["gateway"].found


async def test_a_gateway_that_is_away_is_found() -> None:
    results = await asked("http://127.0.0.1:1")
    assert [each.is_ok for each in results.values()] == [False, False]
    assert all("callvault gateway" in each.fix for each in results.values())


@asynccontextmanager
async def answering(answer: Callable[[bytes, bytes], bytes]) -> AsyncIterator[str]:
    """Run a server that answers with what ``answer`` makes of head and body; yield its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readuntil(b"]") if head.startswith(b"POST") else b""
        writer.write(answer(head, body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def reply(status: str, body: bytes = b"no", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def test_something_else_at_its_address_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver of CloudEvents that takes every POST, for one."""
    monkeypatch.setenv("RIGHT", "hunter2")

    def answer(head: bytes, body: bytes) -> bytes:
        return reply("200 OK", b"{}", "webhook-allowed-origin: *")

    async with answering(answer) as url:
        results = await asked(url, event_secrets=["env:RIGHT"])
    assert not results["subscription handshake"].is_ok
    assert "answers a validation event 200: {}" in results["subscription handshake"].found


async def test_a_proxy_that_swallows_the_handshake_of_cloud_events_is_found() -> None:
    def answer(head: bytes, body: bytes) -> bytes:
        return reply("405 Method Not Allowed" if head.startswith(b"OPTIONS") else "200 OK")

    async with answering(answer) as url:
        handshake = (await asked(url))["subscription handshake"]
    assert (handshake.is_ok, handshake.found) == (False, "OPTIONS /v1/events answers 405: no")
    assert "a proxy has to let POST and OPTIONS through" in handshake.fix


@pytest.mark.parametrize("url", ["http://[::1", "https://a:99999", "https://:1", "https://a:0"])
async def test_an_address_that_is_none_is_told(url: str) -> None:
    found = await asked(url)
    assert [each.found for each in found.values()] == [f"{url} is no address of a gateway"]
    assert not found["gateway"].is_ok


async def test_no_secret_is_sent_in_clear_and_without_an_address_none_is_asked() -> None:
    results = await asked("http://callvault.example")
    assert list(results) == ["gateway"]
    assert "in clear" in results["gateway"].found
    results = await asked(None)
    assert (results["gateway"].is_ok, results["gateway"].found[:9]) == (True, "not asked")
