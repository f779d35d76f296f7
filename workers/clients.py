"""The clients of a worker, made from its settings: one per ACS resource, one per archive.

Made when first needed, so that one resource's missing secret does not keep the worker from the
others' calls; and made again after a failure, so that a provided secret is noticed.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import httpx
from azure.identity import DefaultAzureCredential

from activities.webhooks import Webhook
from callvault.acs.client import AcsClient
from callvault.acs.credentials import (
    AccessKey,
    Credential,
    EntraToken,
    RotatingKey,
    parse_connection_string,
)
from callvault.archive.manifests.keys import Signer
from callvault.archive.store import Archive
from callvault.archive.transfer.buffers import BufferPool
from callvault.clients import open_archive, open_signer
from callvault.config.resources import CredentialSettings
from callvault.config.settings import Settings
from callvault.contracts.activity_io import ResourcePolicy
from callvault.contracts.consent import ConsentTerms
from callvault.contracts.requests import Guards
from callvault.errors import ConfigurationError, InvalidRequest

Client = TypeVar("Client", AcsClient, Archive)


class Pool(Generic[Client]):
    """Shares one client per name between threads."""

    def __init__(self, make: Callable[[str], Client]) -> None:
        self._make: Callable[[str], Client] = make
        self._made: dict[str, Client] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str) -> Client:
        """The client of this name, made now if it is the first use."""
        with self._lock:
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
    """Everything of the outside world that activities need; close it when they have ended."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.client_of = Pool(self._make_client)
        self.archive_of = Pool(self._make_archive)
        self.lanes = BufferPool(settings.worker.copy_parallelism, settings.worker.copy_block_size)
        self._http = httpx.Client(follow_redirects=False)

    def policy_of(self, name: str) -> ResourcePolicy:
        """The settings of a resource that steer decisions; `InvalidRequest` for an unknown one."""
        try:
            resource = self._settings.resource(name)
        except ConfigurationError as error:
            raise InvalidRequest(str(error)) from error
        return ResourcePolicy(
            resource=name,
            archive=self._settings.archive_name(name),
            export_window=resource.export_window,
            delete_source=resource.delete_source,
            ladder=resource.ladder,
            event_expected_within=resource.event_expected_within,
            guards=Guards(
                pause_confirm_within=resource.pause_confirm_within,
                on_pause_failure=resource.on_pause_failure,
                max_pause=resource.max_pause,
                on_max_pause=resource.on_max_pause,
                max_duration=resource.max_duration,
            ),
            consent=ConsentTerms(
                consent_policy=resource.consent_policy,
                before_consent=resource.before_consent,
                consent_within=resource.consent_within,
                on_withdrawal=resource.on_withdrawal,
                stop_when_last_consenting_leaves=resource.stop_when_last_consenting_leaves,
            ),
            announce_within=resource.announcement_within if resource.announcement_url else None,
            own_storage=resource.own_storage,
            callback_url=resource.callback_url,
            fallback_archive=resource.fallback_archive,
            fallback_after=resource.fallback_after,
            asks_for_result=resource.result_api_version is not None,
            state_checked_every=resource.state_checked_every,
            max_history_events=self._settings.worker.max_history_events,
        )

    def signer_of(self, name: str) -> Signer | None:
        """The signer of an archive's manifests, if a key is configured."""
        return open_signer(self._settings.archive(name))

    def alarm_sink(self) -> Webhook | None:
        """Where alarms go beyond the log, if the settings say so."""
        settings = self._settings.alarms
        if settings.webhook_url is None:
            return None
        secret = settings.webhook_secret
        return Webhook(settings.webhook_url.resolve, secret.resolve if secret else None, self._http)

    def announcement_webhook(self, name: str) -> Webhook | None:
        """Where a resource's recordings are announced, if its settings say so."""
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
        resource = self._settings.resource(name)
        return AcsClient(
            resource.endpoint,
            _credential(resource.credential),
            api_version=resource.api_version,
            content_hosts=resource.content_hosts,
        )

    def _make_archive(self, name: str) -> Archive:
        archive = open_archive(name, self._settings.archive(name))
        archive.check()
        return archive


def _credential(settings: CredentialSettings) -> Credential:
    if (text := settings.connection_string) is not None:
        return RotatingKey(lambda: parse_connection_string(text.resolve())[1])
    if (key := settings.access_key) is not None:
        return RotatingKey(lambda: AccessKey(key.resolve()))
    return EntraToken(DefaultAzureCredential())
