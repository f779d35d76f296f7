"""The Temporal development server as a child process."""

import os
import signal
import socket
from pathlib import Path

import httpx
import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from callvault.errors import Unavailable
from callvault.local import temporal
from callvault.local.processes import Supervisor
from callvault.local.temporal import start_temporal

pytestmark = pytest.mark.server


def listens(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


async def test_the_server_answers_and_is_gone_afterwards(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        server = start_temporal(supervisor, namespace="calls")
        client = await Client.connect(server.address, namespace=server.namespace)
        described = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace="calls")
        )
        assert described.namespace_info.name == "calls"
        assert server.ui_url
        async with httpx.AsyncClient() as browser:
            assert (await browser.get(server.ui_url)).status_code == httpx.codes.OK
    assert not listens(server.address)
    assert not listens(server.ui_url.removeprefix("http://"))


def test_a_free_port_is_given_only_to_a_server_that_names_it() -> None:
    first, second = temporal.free_ports(2)
    assert first != second
    with socket.socket() as another, pytest.raises(OSError, match="in use"):
        another.bind(("127.0.0.1", first))
    socket.create_server(("127.0.0.1", first)).close()


def test_histories_are_kept_in_the_database_asked_for(tmp_path: Path) -> None:
    database = tmp_path / "new" / "temporal.db"
    with Supervisor(tmp_path) as supervisor:
        server = start_temporal(supervisor, database=database, ui=False)
        assert server.ui_url is None
    assert database.stat().st_size > 0


async def test_histories_outlive_a_server_that_was_killed(tmp_path: Path) -> None:
    database, (port,) = tmp_path / "temporal.db", temporal.free_ports(1)
    with Supervisor(tmp_path) as supervisor:
        server = start_temporal(supervisor, database=database, ui=False, port=port)
        client = await Client.connect(server.address)
        await client.start_workflow("Any", id="kept", task_queue="any")
        killed = supervisor.processes[-1]
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait_for_end()
        again = start_temporal(supervisor, database=database, ui=False, port=port, name="again")
        assert again.address == server.address
        description = await client.get_workflow_handle("kept").describe()
    assert description.status is WorkflowExecutionStatus.RUNNING


async def test_dynamic_configuration_reaches_the_server(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        server = start_temporal(supervisor, ui=False, dynamic_config={"limit.maxIDLength": 9})
        client = await Client.connect(server.address)
        with pytest.raises(RPCError, match="exceeds"):
            await client.start_workflow("Any", id="ten-digits", task_queue="any")


def test_a_taken_port_is_reported_instead_of_using_a_strangers_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        monkeypatch.setattr(temporal, "free_ports", lambda count: [port] * count)
        with (
            Supervisor(tmp_path) as supervisor,
            pytest.raises(Unavailable, match="address already in use"),
        ):
            start_temporal(supervisor, ui=False)
