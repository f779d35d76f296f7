"""Is a request that was given up really gone? (fault H2)"""

import socket
import threading
from collections.abc import Iterator

import pytest

from callvault.acs.client import AcsClient, Timeouts
from callvault.acs.credentials import AccessKey
from callvault.acs.socket_options import control_sockets
from callvault.contracts.activity_io import ACS_TIMEOUT
from callvault.errors import Unavailable
from tests.acs.service import KEY_TEXT

TIMEOUT = 0.3


class SilentService:
    """Takes a request, never answers it, and sees how its connection ends."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.end: str | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            connection.settimeout(10)
            try:
                while connection.recv(65_536):
                    pass
                self.end = "closed in order"
            except ConnectionResetError:
                self.end = "reset"

    def wait(self) -> str | None:
        self._thread.join(timeout=10)
        self._listening.close()
        return self.end


@pytest.fixture
def service() -> Iterator[SilentService]:
    service = SilentService()
    yield service
    service.wait()


def test_h2_a_request_without_an_answer_is_reset(service: SilentService) -> None:
    with AcsClient(service.url, AccessKey(KEY_TEXT), timeout=Timeouts(control=TIMEOUT)) as client:
        with pytest.raises(Unavailable):
            client.resume("recording", "call")
        # Before the client is closed: the time-out alone gives the connection up.
        assert service.wait() == "reset"


def test_h2_the_kernel_gives_up_with_the_request() -> None:
    user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)
    if user_timeout is None:
        pytest.skip("this platform has no TCP_USER_TIMEOUT")
    milliseconds = ACS_TIMEOUT.total_seconds() * 1000
    assert (socket.IPPROTO_TCP, user_timeout, milliseconds) in control_sockets()
