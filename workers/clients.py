"""The clients that the activities of a worker share: one per ACS resource, one per archive.

Each is made when it is first needed, so that one resource's missing secret does not keep the worker
from the others' calls; and again after a failure, so that a provided secret is noticed.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import httpx

from activities.webhooks import Webhook
from callvault.acs.client import AcsClient
from callvault.archive.manifests.keys import Signer
from callvault.archive.store import Archive
from callvault.archive.transfer.buffers import BufferPool
from callvault.clients import open_acs_client, open_proven, open_signer
from callvault.config.policy import resource_policy
from callvault.config.settings import Settings
from callvault.contracts.activity_io import ResourcePolicy
from callvault.contracts.alarms import Alarm
from callvault.errors import ConfigurationError, InvalidRequest
from callvault.http_transports import Transport

Client = TypeVar("Client", AcsClient, Archive)


class Pool(Generic[Client]):
    """Shares one client per name between threads."""

    def __init__(self, make: Callable[[str], Client]) -> None:
        self._make: Callable[[str], Client] = make
        self._made: dict[str, Client] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str) -> Client:
        """Return the client of this name, made now at its first use."""
        with self._lock:
            # Under the lock: else two threads open two clients, and one is never closed.
            if name not in self._made:
                self._made[name] = self._make(name)
            return self._made[name]

    def close(self) -> None:
        """Close every client that was made."""
        with self._lock:
            for client in self._made.values():
                client.close()
            self._made.clear()


class Connections:
    """All clients that activities need; close it when they have ended."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._archive_ids: Mapping[str, str] = {}
        self.client_of = Pool(self._make_client)
        self.archive_of = Pool(self._make_archive)
        self.buffers = BufferPool(settings.worker.copy_parallelism, settings.worker.copy_block_size)
        # A redirect would take a signed body to a host that no operator has named.
        self._http = httpx.Client(transport=Transport(), follow_redirects=False)

    def expect_archives(self, ids: Mapping[str, str]) -> None:
        """Refuse other archives than these, by name, where the settings do not name an id."""
        self._archive_ids = ids

    def policy_of(self, name: str) -> ResourcePolicy:
        """Return the policy of a resource; `InvalidRequest` for an unknown one."""
        try:
            return resource_policy(self._settings, name)
        except ConfigurationError as error:
            raise InvalidRequest(str(error)) from error

    def signer_of(self, name: str) -> Signer | None:
        """Return the signer of an archive's manifests; None if no key is configured."""
        return open_signer(self._settings.archive(name))

    def alarm_sink(self) -> Webhook | None:
        """Return the webhook that alarms go to; None if none is configured."""
        settings = self._settings.alarms
        if settings.webhook_url is None:
            return None
        secret = settings.webhook_secret
        return Webhook(settings.webhook_url.resolve, secret.resolve if secret else None, self._http)

    def tell(self, alarm: Alarm) -> None:
        """Send an alarm once, if there is a webhook for alarms; the caller has logged it."""
        sink = self.alarm_sink()
        if sink is not None:
            sink.send(alarm)

    def announcement_webhook(self, name: str) -> Webhook | None:
        """Return the webhook that a resource's recordings are announced to; None without one."""
        resource = self._settings.resource(name)
        if resource.announcement_url is None:
            return None
        secret = resource.announcement_secret
        return Webhook(
            resource.announcement_url.resolve,
            secret.resolve if secret else None,
            self._http,
            what="announcement",
        )

    def close(self) -> None:
        """Close every connection."""
        self.client_of.close()
        self.archive_of.close()
        self._http.close()

    def _make_client(self, name: str) -> AcsClient:
        return open_acs_client(self._settings.resource(name))

    def _make_archive(self, name: str) -> Archive:
        archive = open_proven(name, self._settings.archive(name), self._archive_ids.get(name))
        # An archive that cannot be used must fail the first activity, not the end of a copy.
        archive.check()
        return archive
