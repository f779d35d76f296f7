"""Links to single blobs: shared access signatures that read one blob, for a short time.

With Entra ID they are signed with a user delegation key, which the service gives to the identity:
they end with that identity's rights. With an account's key they are signed with that.
"""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from azure.storage.blob import (
    BlobClient,
    BlobSasPermissions,
    BlobServiceClient,
    UserDelegationKey,
    generate_blob_sas,
)

from callvault.archive.store import LinkTerms

CLOCK_DIFFERENCE = timedelta(minutes=5)
"""A link is valid from so long ago: the service's clock may be behind ours."""

KEY_LIFETIME = timedelta(hours=24)
"""Life of a user delegation key; the service gives seven days at most."""


class BlobLinks:
    """Makes links to the blobs of one account. Thread-safe."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service
        self._key: UserDelegationKey | None = None
        self._key_until = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()

    def link(self, blob: BlobClient, terms: LinkTerms) -> str | None:
        """Return a URL that reads this very blob until it expires.

        None where the account is opened by a signature, which cannot sign another, or under an
        address that does not name it. Raises the SDK's errors where the service gives no key.
        """
        # The service's own: a blob's client takes its container for a part of an emulator's.
        account = self._service.account_name
        if account is None or (signed_with := self._signed_with(terms.expires_at)) is None:
            return None
        url = urlsplit(blob.url)
        signature = generate_blob_sas(
            account,
            blob.container_name,
            blob.blob_name,
            permission=BlobSasPermissions(read=True),
            start=datetime.now(UTC) - CLOCK_DIFFERENCE,
            expiry=terms.expires_at,
            # An emulator without TLS is asked without it: whoever configured it so wants that.
            protocol="https" if url.scheme == "https" else "https,http",
            content_type=terms.content_type,
            content_disposition=terms.content_disposition,
            cache_control="no-store",
            **signed_with,
        )
        return url._replace(query=signature).geturl()

    def close(self) -> None:
        """Release connections."""
        self._service.close()

    def _signed_with(self, until: datetime) -> dict[str, Any] | None:
        credential = self._service.credential
        if hasattr(credential, "get_token"):
            return {"user_delegation_key": self._delegation_key(until)}
        key = getattr(credential, "account_key", None)
        return {"account_key": key} if key else None

    def _delegation_key(self, until: datetime) -> UserDelegationKey:
        """Return a key that is valid for as long as the link; asked for once a day."""
        with self._lock:
            if self._key is None or self._key_until < until:
                now = datetime.now(UTC)
                expires_at = max(now + KEY_LIFETIME, until)
                self._key = self._service.get_user_delegation_key(
                    now - CLOCK_DIFFERENCE, expires_at
                )
                # Left alone in time: a link must not outlive its key.
                self._key_until = expires_at
            return self._key
