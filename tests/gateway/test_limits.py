"""Is the gateway there for events while too much of everything else is sent to it?"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from temporalio.client import Client

from callvault.contracts.json_text import MAX_DEPTH, check_depth
from callvault.errors import InvalidRequest
from callvault.gateway import bodies, connections, load_shedding
from callvault.gateway.app import create_app
from callvault.gateway.server import server_config
from tests.gateway.conftest import Call, Gateway, GatewayOf, settings

REQUEST = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"?",
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        b"[" + b"[[]]," * 1_000 + b"1]",
        json.dumps(["[" * 500, '\\"[[[[' * 500, {"{" * 500: "]"}]).encode(),
    ],
)
def test_what_is_flat_enough_passes(body: bytes) -> None:
    check_depth(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * (MAX_DEPTH + 1),
        b'{"a":' * 100_000,
        b'["\\"", ' + b"[" * 100 + b"]" * 100 + b"]",
        b'"\\\\"' + b"[" * 100,
    ],
)
def test_what_is_nested_too_deep_is_refused_before_it_is_parsed(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="nested deeper"):
        check_depth(body)


def test_a_long_text_without_an_end_takes_no_time() -> None:
    """A pattern that looks back would take minutes over these."""
    check_depth(b'["' + b"\\[" * 500_000)
    with pytest.raises(InvalidRequest):
        check_depth(b'"[' * 300_000)


async def test_too_deep_a_request_is_refused_and_such_an_event_is_kept(
    gateway: Gateway, call: Call
) -> None:
    deep = b'{"serverCallId":' + b"[" * 100 + b"]" * 100 + b"}"
    answer = await gateway.http.post("/v1/recordings", content=deep)
    assert answer.status_code == 422
    assert "nested deeper" in answer.json()["error"]["message"]
    assert (await gateway.deliver(deep)).status_code == 200
    assert len(gateway.quarantined()) == 1


async def test_a_body_that_does_not_come_is_not_waited_for(
    gateway_of: GatewayOf, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = gateway_of(temporal, callback_url="http://127.0.0.1:8080")
    monkeypatch.setattr(bodies, "BODY_TIMEOUT", 0.1)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)

    for path in ("/v1/recordings", "/v1/callbacks/recording-1/1"):
        answer = await gateway.http.post(path, content=slow())
        assert answer.status_code == 408, path


async def test_more_than_can_be_done_is_asked_to_come_again_and_life_is_still_answered(
    gateway_of: GatewayOf, temporal: Client, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = gateway_of(temporal, max_in_flight=1)
    go_on = asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        yield b"["
        await go_on.wait()
        yield b"{}]"

    first = asyncio.create_task(gateway.http.post("/v1/events", content=held()))
    await asyncio.sleep(0.05)
    refused = await gateway.deliver([call.ended()])
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    assert int(refused.headers["retry-after"]) > 0
    assert (await gateway.http.get("/healthz")).status_code == 200
    others = await gateway.http.get("/v1/recordings/x")
    assert others.status_code == 404, "events do not stand in the way of others, nor they of events"
    go_on.set()
    assert (await first).status_code == 200
    assert (await gateway.deliver([call.ended()])).status_code == 200


async def test_large_bodies_count_for_more_than_small_ones(
    gateway_of: GatewayOf, temporal: Client, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_shedding, "MAX_BYTES", 1_000)
    gateway = gateway_of(temporal)
    go_on = asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        yield b" " * 1_000
        await go_on.wait()
        yield b"[{}]"

    first = asyncio.create_task(gateway.http.post("/v1/events", content=held()))
    await asyncio.sleep(0.05)
    assert (await gateway.deliver([call.ended()])).status_code == 503
    go_on.set()
    assert (await first).status_code == 200
    assert (await gateway.deliver([call.ended()])).status_code == 200


@asynccontextmanager
async def listening(temporal: Client, quarantine: Path, **changes: Any) -> AsyncIterator[int]:
    """The gateway behind its real connections; yields its port."""
    chosen = settings(quarantine, port=0, **changes)
    server = uvicorn.Server(server_config(create_app(chosen, temporal), chosen))
    serving = asyncio.create_task(server._serve())  # `serve` would take the signals of pytest
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def _is_closed(connection: Connection) -> bool:
    reader, _ = connection
    try:
        return await asyncio.wait_for(reader.read(1), 5) == b""
    except ConnectionError:
        return True


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_TIMEOUT", 0.2)


@pytest.mark.usefixtures("quick")
async def test_a_connection_that_brings_no_request_is_closed(
    temporal: Client, tmp_path: Path
) -> None:
    async with listening(temporal, tmp_path) as port:
        silent = await asyncio.open_connection("127.0.0.1", port)
        slow = await asyncio.open_connection("127.0.0.1", port)
        slow[1].write(REQUEST[:-2])
        used = await asyncio.open_connection("127.0.0.1", port)
        used[1].write(REQUEST)
        assert (await used[0].readuntil(b"}")).startswith(b"HTTP/1.1 200")
        used[1].write(b"G")
        for connection in (silent, slow, used):
            assert await _is_closed(connection)
            connection[1].close()


@pytest.mark.usefixtures("quick")
async def test_a_connection_that_was_used_may_idle_longer_than_clients_keep_one(
    temporal: Client, tmp_path: Path
) -> None:
    """Closed as the next request is sent, it fails that request: httpx keeps one for 5 s."""
    async with listening(temporal, tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(REQUEST)
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(0.5)
        writer.close()
    config = server_config(create_app(settings(tmp_path), temporal), settings(tmp_path))
    assert config.timeout_keep_alive > 240


@pytest.mark.usefixtures("quick")
async def test_a_request_under_way_is_given_its_time(temporal: Client, tmp_path: Path) -> None:
    async with listening(temporal, tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = b"POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 4\r\n\r\n"
        writer.write(head + b"[{}")
        await asyncio.sleep(0.5)
        writer.write(b"]")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_where_there_are_too_many_connections_the_idlest_make_room(
    temporal: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 20)
    async with listening(temporal, tmp_path) as port, AsyncExitStack() as stack:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
        for _, writer in held:
            stack.callback(writer.close)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        stack.callback(writer.close)
        writer.write(REQUEST)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        assert await _is_closed(held[0])
        open_still = await asyncio.gather(*(_is_open(each) for each in held))
        assert sum(open_still) <= 20


async def _is_open(connection: Connection) -> bool:
    try:
        return await asyncio.wait_for(connection[0].read(1), 0.1) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


async def test_a_head_without_end_is_refused(temporal: Client, tmp_path: Path) -> None:
    async with listening(temporal, tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"GET /healthz HTTP/1.1\r\n" + b"x: " + b"y" * (2 * connections.MAX_HEADER_SIZE)
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 400")
        writer.close()


async def _does_not_read(port: int, stack: AsyncExitStack) -> Connection:
    """Open a connection that asks again and again, and reads nothing."""
    activity_calls = socket.socket()
    activity_calls.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    activity_calls.setblocking(False)
    await asyncio.get_running_loop().sock_connect(activity_calls, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=activity_calls, limit=1_024)
    stack.callback(writer.close)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    asking = asyncio.create_task(_asks_again_and_again(writer))
    stack.callback(asking.cancel)
    return reader, writer


async def _asks_again_and_again(writer: asyncio.StreamWriter) -> None:
    for _ in range(200):
        if writer.transport.is_closing():
            return
        writer.write(b"GET /openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        # One after the other: many at once are answered but once.
        await asyncio.sleep(0.005)


async def test_b4_of_requests_that_come_before_an_answer_is_read_the_first_is_answered(
    temporal: Client, tmp_path: Path
) -> None:
    """270 clients that pipelined kept a pause waiting for eight seconds."""
    async with listening(temporal, tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n" * 20)
        answers = b""
        with suppress(ConnectionError):
            while piece := await asyncio.wait_for(reader.read(1 << 20), 5):
                answers += piece
        assert answers.count(b"HTTP/1.1 200") == 1
        writer.close()


async def test_b4_a_client_that_does_not_read_is_not_waited_for(
    temporal: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "WRITE_TIMEOUT", 0.5)
    async with listening(temporal, tmp_path) as port, AsyncExitStack() as stack:
        held = [await _does_not_read(port, stack) for _ in range(4)]
        await asyncio.sleep(2)
        for reader, writer in held:
            writer.transport.resume_reading()  # type: ignore[attr-defined]
            with suppress(ConnectionError):
                async with asyncio.timeout(5):
                    while await reader.read(1 << 16):
                        pass


@pytest.mark.parametrize("max_unread", [10, 1_000])
async def test_b4_clients_that_do_not_read_make_room_for_events_and_for_control(
    max_unread: int, temporal: Client, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 40)
    monkeypatch.setattr(connections, "MAX_UNREAD", max_unread)
    async with (
        listening(temporal, tmp_path, max_in_flight=2) as port,
        AsyncExitStack() as stack,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http,
    ):
        for _ in range(60):
            await _does_not_read(port, stack)
        await asyncio.sleep(1)
        for _ in range(5):
            answer = await http.post("/v1/events", json=[call.ended()], timeout=5)
            assert answer.status_code == 200
            paused = await http.post(f"/v1/recordings/{call.workflow_id}:pause", timeout=5)
            assert paused.status_code == 404, "answered, and not refused as too much"


def test_h15_the_limit_of_connections_is_bound_to_the_files_that_may_be_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for soft, kept in ((65_536, 512), (1_024, 512), (256, 128), (64, 32)):
        monkeypatch.setattr(connections.resource, "getrlimit", lambda _, n=soft: (n, n))
        assert connections.connection_limit() == kept
        assert connections.accept_limit() * 4 + kept <= max(soft * 3 // 4, kept + 16)
