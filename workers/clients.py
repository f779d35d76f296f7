"""The clients that the activities of a worker share: one per ACS resource, one per archive.

Each is made when it is first needed, so that one resource's missing secret does not keep the worker
from the others' calls; and again after a failure, or once its secret was replaced.
"""

from collections.abc import Callable, Mapping
from functools import cached_property, partial

import httpx
from temporalio.client import Client as TemporalClient

from activities.alarm_links import Links
from activities.alarm_sender import AlarmSender
from activities.checkpoints import CheckpointActivities
from activities.webhooks import Webhook
from callvault.acs.client import AcsClient
from callvault.archive.access_log.log import AccessLog
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
from callvault.config.types import SecretRef
from callvault.contracts.activity_io import ResourcePolicy
from callvault.contracts.participants import hiding
from callvault.contracts.webhook_urls import refusal_of
from callvault.errors import ArchiveGone, ConfigurationError, InvalidRequest
from callvault.http_transports import Transport
from callvault.logged_archives import LoggedArchive
from callvault.pools import Pool
from callvault.rereading import Reread
from callvault.temporal.alarm_groups import AlarmGroups


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

    def logged_archive_of(self, name: str) -> LoggedArchive:
        """Return an archive with its access log, for what is noted there before it is done."""
        archive, signer = self.archive_of(name), self.signer_of(name)
        log = AccessLog(archive, signer, self.clocks.now)
        return LoggedArchive(archive, log, signer, partial(self.keys_of, name))

    def hash_of(self, raw_id: str) -> str:
        """Return the keyed hash of a participant, with the key of the moment."""
        return hiding(self._participant_key.current())(raw_id)

    @cached_property
    def _participant_key(self) -> Reread[str]:
        # Only once it is needed: a key that is missing must not keep the worker from its work.
        return Reread(self._settings.participant_key)

    def checkpoints(self) -> CheckpointActivities:
        """Return the activities that publish checkpoints of the archives."""
        return CheckpointActivities(self._settings, self.archive_of, self.signer_of, self._http)

    def alarm_sink(self) -> Webhook | None:
        """Return the webhook that alarms go to; None if none is configured."""
        settings = self._settings.alarms
        if settings.webhook_url is None:
            return None
        return Webhook(
            settings.webhook_url.resolve,
            _resolving(settings.webhook_secret),
            self._http,
            now=self.clocks.now,
        )

    def alarm_sender(self, client: TemporalClient) -> AlarmSender:
        """Return what sends alarms to the webhook, if there is one. Call it in the event loop."""
        groups = AlarmGroups(client, self._settings.alarms.group_interval)
        links = Links.of(self._settings, client.namespace)._replace(now=self.clocks.now)
        return AlarmSender(self.alarm_sink(), links, groups)

    def announcement_webhook(self, name: str) -> Webhook | None:
        """Return the webhook that a resource's recordings are announced to; None without one."""
        resource = self._settings.resource(name)
        if resource.announcement_url is None:
            return None
        return Webhook(
            resource.announcement_url.resolve,
            _resolving(resource.announcement_secret),
            self._http,
            what="announcement",
            now=self.clocks.now,
        )

    def event_webhook(self, name: str, url: str | None) -> Webhook | None:
        """Return the webhook of a resource for events, at its own URL or at a request's.

        None without one, and for a URL that is not allowed (any more).
        """
        resource = self._settings.resource(name)
        if url is not None:
            is_refused = refusal_of(url, resource.webhook_allowed_urls, name) is not None
            read = None if is_refused else lambda: url
        else:
            read = resource.webhook_url.resolve if resource.webhook_url else None
        if read is None:
            return None
        secrets, now = _resolving(*resource.webhook_secrets), self.clocks.now
        return Webhook(read, secrets, self._http, what="event", now=now)

    def close(self) -> None:
        """Close every connection."""
        self.client_of.close()
        self.archive_of.close()
        self._http.close()

    def _make_client(self, name: str) -> AcsClient:
        return open_acs_client(self._settings.resource(name))

    def _archive_access(self, name: str) -> StorageAccess | None:
        if name in self._settings.gone_archives:
            return None
        settings = self._settings.archive(name)
        if isinstance(settings, DirectorySettings):
            return None
        return StorageAccess.from_settings(settings)

    def _make_archive(self, name: str) -> Archive:
        if reason := self._settings.gone_archives.get(name):
            raise ArchiveGone(f"archive {name} is gone for good, as the settings say: {reason}")
        archive = open_proven(name, self._settings.archive(name), self._archive_ids.get(name))
        # An archive that cannot be used must fail the first activity, not the end of a copy.
        archive.check()
        # One that is opened anew, after its secret was replaced, must be the same archive.
        self._archive_ids.setdefault(name, archive.prove())
        return archive


def _resolving(*secrets: SecretRef | None) -> Callable[[], list[str]]:
    """Return what reads these secrets anew, but for those that are not set."""
    return lambda: [secret.resolve() for secret in secrets if secret is not None]
