"""Are mistakes in Temporal's configuration told, and is a Temporal that is away not waited for?"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from callvault.config.settings import Settings
from callvault.errors import ConfigurationError, Unavailable
from callvault.temporal import archives
from callvault.temporal.archives import remember_archive, remembered_archives
from callvault.temporal.client import configured_namespace, connect
from callvault.temporal.rpc_errors import translated


@pytest.fixture(autouse=True)
def no_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave out the profile of whoever runs this."""
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1:99999", "127.0.0.1:0", "a:b:c", "   ", "https://x y", ":7233", "[::1"),
        *("::1:7233", "http://127.0.0.1:99999", "a host:7233", "127.0.0.1:-1"),
    ],
)
async def test_an_address_that_is_none_is_told_before_anything_starts(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    with pytest.raises(ConfigurationError, match="set TEMPORAL_ADDRESS to host:port"):
        await connect(Settings(), lazy=True)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "temporal", "[::1]:7233", " temporal:1 "])
async def test_any_other_address_is_left_to_the_connection(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    client = await connect(Settings(), lazy=True)
    assert client.service_client.config.target_host == address.strip()


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("TEMPORAL_TLS_SERVER_CA_CERT_PATH", "/nope", "No such file"),
        ("TEMPORAL_TLS_SERVER_CA_CERT_PATH", "/", "Is a directory"),
        ("TEMPORAL_TLS_CLIENT_CERT_DATA", "zz", "set both, or neither"),
        ("TEMPORAL_TLS_CLIENT_KEY_DATA", "zz", "set both, or neither"),
        ("TEMPORAL_PROFILE", "unknown", "not found"),
        ("TEMPORAL_API_KEY", "\udcff", "'TEMPORAL_API_KEY' is not UTF-8"),
    ],
)
async def test_what_is_wrong_in_temporals_configuration_is_told(
    name: str, value: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=problem):
        await connect(Settings(), lazy=True)


def test_a_variable_of_others_may_be_any_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """At one that is no text the SDK panics, beyond anything that can be caught as an error."""
    monkeypatch.setenv("FOO", "\udcff")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "calls")
    assert configured_namespace() == "calls"


async def test_what_the_sdk_refuses_as_it_connects_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "xn--a-:7233")
    with pytest.raises(ConfigurationError, match="invalid target URL"):
        await connect(Settings())


async def test_the_sdks_bare_errors_are_a_temporal_that_is_away() -> None:
    for error in (RuntimeError("tcp"), ValueError("invalid target URL")):
        with pytest.raises(Unavailable, match="cannot be reached"):
            async with translated(timedelta(seconds=1)):
                raise error
    with pytest.raises(ValidationError):
        async with translated(timedelta(seconds=1)):
            TypeAdapter(int).validate_python("x")


async def test_where_temporal_is_away_the_ids_of_archives_are_unavailable() -> None:
    client = await Client.connect("127.0.0.1:1", lazy=True)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await remembered_archives(client)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await remember_archive(client, "main", "1")


@contextmanager
def silence() -> Iterator[int]:
    """Yield a port where connections are taken, and nothing is said."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def test_where_temporal_hangs_the_ids_of_archives_are_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(archives, "RPC_TIMEOUT", timedelta(seconds=0.2))
    with silence() as port:
        client = await Client.connect(f"127.0.0.1:{port}", lazy=True)
        with pytest.raises(Unavailable):
            await remembered_archives(client)


@pytest.mark.parametrize(
    ("status", "is_told"),
    [
        (RPCStatusCode.PERMISSION_DENIED, True),
        (RPCStatusCode.UNIMPLEMENTED, True),
        (RPCStatusCode.NOT_FOUND, False),
    ],
)
async def test_where_temporal_may_not_be_asked_the_settings_alone_name_ids(
    status: RPCStatusCode, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await Client.connect("127.0.0.1:1", lazy=True)

    async def refused(request: object, **options: Any) -> None:
        raise RPCError("no", status, b"")

    monkeypatch.setattr(client.workflow_service, "describe_namespace", refused)
    if is_told:
        assert await remembered_archives(client) == {}
        return
    with pytest.raises(Unavailable, match="does not describe its namespace") as raised:
        await remembered_archives(client)
    assert raised.value.code == status.name
