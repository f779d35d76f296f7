"""The ACS resource under test: the emulator, or a real one that two variables name."""

import os
from dataclasses import dataclass
from typing import Any

from tests.contract.client import Client
from tests.contract.sdks import Sdk
from tests.emulator.stage import Acs

CONNECTION_STRING = "ACS_CONTRACT_CONNECTION_STRING"
SERVER_CALL_ID = "ACS_CONTRACT_SERVER_CALL_ID"


@dataclass(frozen=True)
class Resource:
    """The resource that the official clients are connected to."""

    connection_string: str
    server_call_id: str = ""
    """An ongoing call of a real resource."""
    emulator: Acs | None = None

    @property
    def access_key(self) -> str:
        return self.connection_string.partition("accesskey=")[2].split(";")[0]

    def client(self, sdk: Sdk, style: str, **options: Any) -> Client:
        """Make a client from the connection string; ``style`` is sync or async."""
        options = {
            "conn_str": self.connection_string,
            "transport": self._transport(style),
        } | options
        return Client(client_class(sdk, style).from_connection_string(**options))

    def client_of(self, sdk: Sdk, style: str, endpoint: str, credential: Any) -> Client:
        transport = self._transport(style)
        return Client(client_class(sdk, style)(endpoint, credential, transport=transport))

    def _transport(self, style: str) -> Any:
        if self.emulator is None:
            return None  # the SDK's own
        # Imported late: the asynchronous one needs aiohttp, which lies in .sdk.
        from tests.contract import transport

        kind = transport.EmulatorTransport if style == "sync" else transport.AsyncEmulatorTransport
        return kind(self.emulator.emulator.endpoint)


def client_class(sdk: Sdk, style: str) -> Any:
    return (sdk.api if style == "sync" else sdk.aio).CallAutomationClient


def real_resource() -> Resource | None:
    """Return the resource that the environment names, if any."""
    connection_string = os.environ.get(CONNECTION_STRING)
    if not connection_string:
        return None
    call = os.environ.get(SERVER_CALL_ID)
    if not call:
        raise RuntimeError(f"{CONNECTION_STRING} needs {SERVER_CALL_ID}: an ongoing call to record")
    return Resource(connection_string, call)
