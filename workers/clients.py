"""The clients that the activities of a worker share: one per ACS resource, one per archive.

Each is made when it is first needed, so that one resource's missing secret does not keep the worker
from the others' calls; and again after a failure, or once its secret was replaced.
"""

import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Generic, TypeVar

import httpx

from activities.webhooks import Webhook
from callvault.acs.client import AcsClient
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.keys import Signer
from callvault.archive.store import Archive
from callvault.archive.transfer.buffers import BufferPool
from callvault.azure_storage.clients import StorageAccess
from callvault.clients import open_acs_client, open_keyring, open_proven, open_signer
from callvault.clocks import Clocks
from callvault.config.policy import resource_policy
from callvault.config.settings import Settings
from callvault.config.storage import DirectorySettings
from callvault.contracts.activity_io import ResourcePolicy
from callvault.contracts.alarms import Alarm
from callvault.contracts.participants import hiding
from callvault.errors import ConfigurationError, InvalidRequest
from callvault.http_transports import Transport
from callvault.rereading import Remade, Reread

Client = TypeVar("Client", AcsClient, Archive)


class Pool(Generic[Client]):
    """Shares one client per name between threads."""

    def __init__(
        self, make: Callable[[str], Client], secret_of: Callable[[str], object] = lambda _: None
    ) -> None:
        """``secret_of`` reads what a name's client is made of, where it may be replaced."""
        self._make: Callable[[str], Client] = make
        self._secret_of = secret_of
        self._clients: dict[str, Remade[object, Client]] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str) -> Client:
        """Return the client of this name, made now at its first use."""
        with self._lock:
            if name not in self._clients:
                self._clients[name] = self._remade(name)
        # Each has a lock of its own: one whose name service hangs must not hold up the others.
        return self._clients[name].current()

    def close(self) -> None:
        """Close every client that was made."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _remade(self, name: str) -> Remade[object, Client]:
        return Remade(
            lambda: self._secret_of(name), lambda _: self._make(name), lambda made: made.close()
        )


class Connections:
    """All clients that activities need; close it when they have ended."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._archive_ids: dict[str, str] = {}
        self.client_of = Pool(self._make_client)
        self.archive_of = Pool(self._make_archive, self._archive_access)
        self.buffers = BufferPool(settings.worker.copy_parallelism, settings.worker.copy_block_size)
        # A redirect would take a signed body to a host that no operator has named.
        self.clocks = Clocks()
        self._http = httpx.Client(transport=Transport(), follow_redirects=False)

    def expect_archives(self, ids: Mapping[str, str]) -> None:
        """Refuse other archives than these, by name, where the settings do not name an id."""
        self._archive_ids = dict(ids)

    def policy_of(self, name: str) -> ResourcePolicy:
        """Return the policy of a resource; `InvalidRequest` for an unknown one."""
        try:
            return resource_policy(self._settings, name)
        except ConfigurationError as error:
            raise InvalidRequest(str(error)) from error

    def signer_of(self, name: str) -> Signer | None:
        """Return the signer of an archive's manifests; None if no key is configured."""
        return open_signer(self._settings.archive(name))

    def keys_of(self, name: str) -> Keyring:
        """Return the keys that may have signed in an archive."""
        return open_keyring(self._settings.archive(name))

    def hash_of(self, raw_id: str) -> str:
        """Return the keyed hash of a participant, with the key of the moment."""
        return hiding(self._participant_key.current())(raw_id)

    @cached_property
    def _participant_key(self) -> Reread[str]:
        # Only once it is needed: a key that is missing must not keep the worker from its work.
        return Reread(self._settings.participant_key)

    def alarm_sink(self) -> Webhook | None:
        """Return the webhook that alarms go to; None if none is configured."""
        settings = self._settings.alarms
        if settings.webhook_url is None:
            return None
        secret = settings.webhook_secret
        return Webhook(
            settings.webhook_url.resolve,
            secret.resolve if secret else None,
            self._http,
            now=self.clocks.now,
        )

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
            now=self.clocks.now,
        )

    def close(self) -> None:
        """Close every connection."""
        self.client_of.close()
        self.archive_of.close()
        self._http.close()

    def _make_client(self, name: str) -> AcsClient:
        return open_acs_client(self._settings.resource(name))

    def _archive_access(self, name: str) -> StorageAccess | None:
        settings = self._settings.archive(name)
        if isinstance(settings, DirectorySettings):
            return None
        return StorageAccess.from_settings(settings)

    def _make_archive(self, name: str) -> Archive:
        archive = open_proven(name, self._settings.archive(name), self._archive_ids.get(name))
        # An archive that cannot be used must fail the first activity, not the end of a copy.
        archive.check()
        # One that is opened anew, after its secret was replaced, must be the same archive.
        self._archive_ids.setdefault(name, archive.prove())
        return archive
