"""The identity of this process at Entra ID, whose token service is asked within bounds."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.exceptions import (
    ClientAuthenticationError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline.transport import HttpTransport
from azure.identity import DefaultAzureCredential

from callvault.azure_storage.transport import bounded_transport

CONNECT_TIMEOUT = 10
READ_TIMEOUT = 20
"""Seconds for the token service to be connected to, its name included, and to answer."""

MAX_RETRIES = 1
"""Repetitions of one request for a token: whoever needs it asks again."""


class _Transport(HttpTransport[Any, Any]):
    """A transport that remembers, by thread, why it got no answer."""

    def __init__(self) -> None:
        self._bounded = bounded_transport(
            connection_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT
        )
        self.failed = threading.local()

    def send(self, request: Any, **options: Any) -> Any:
        try:
            return self._bounded.send(request, **options)
        except (ServiceRequestError, ServiceResponseError) as error:
            self.failed.error = error
            raise

    def open(self) -> None:
        self._bounded.open()

    def close(self) -> None:
        self._bounded.close()

    def __exit__(self, *_: object) -> None:
        self.close()


class ProcessIdentity(DefaultAzureCredential):
    """The identity that the environment gives this process; its tokens are cached.

    By default the SDK waits for the system's resolver without an end, and five minutes for each of
    four connections; and it says that an identity was refused also where nobody was reached.
    """

    def __init__(self) -> None:
        self._transport = _Transport()
        super().__init__(transport=self._transport, retry_total=MAX_RETRIES)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token; `ServiceRequestError` where the token service is out of reach."""
        with self._told():
            return super().get_token(*scopes, **options)

    def get_token_info(self, *scopes: str, **options: Any) -> AccessTokenInfo:
        """Return a token, with what is known of it; errors as `get_token`."""
        with self._told():
            return super().get_token_info(*scopes, **options)

    @contextmanager
    def _told(self) -> Iterator[None]:
        failed = self._transport.failed
        failed.error = None
        try:
            yield
        except ClientAuthenticationError as error:
            # The chain of credentials repeats the text of the error that ended it, and drops it.
            if failed.error is None or str(failed.error) not in str(error):
                raise
            raise ServiceRequestError(
                "the token service of Entra ID was not reached", error=failed.error
            ) from failed.error
