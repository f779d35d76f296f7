"""Checkpoints: state the end of each archive's chain, and publish it where its owner wants it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import httpx
from temporalio import activity

from activities.clock import server_clock
from activities.heartbeat import background_heartbeat
from activities.translate import to_application_error
from activities.webhooks import Webhook
from callvault.archive.checkpoints.checkpoint import make_checkpoint, name_of, put_checkpoint
from callvault.archive.manifests.keys import SignerOf
from callvault.archive.manifests.seal import publish_key
from callvault.archive.store import Archive
from callvault.clients import open_place
from callvault.config.checkpoints import CheckpointWebhookSettings
from callvault.config.settings import Settings
from callvault.contracts.base import shorten
from callvault.contracts.checkpoints import (
    Checkpoint,
    CheckpointInput,
    CheckpointReport,
    Published,
)
from callvault.errors import CallvaultError

CHECKPOINT_TYPE = "callvault.checkpoint"
"""Type of a checkpoint's CloudEvent."""

RETRY_TIMEOUT = timedelta(minutes=10)
"""Time for which a place that does not take a checkpoint is tried, before the report says so."""

WEBHOOK_TIMEOUT = 10.0
"""Seconds for a whole exchange with a webhook."""

MAX_PROBLEM = 300
"""Characters of what keeps a checkpoint from its place."""

Place = Callable[[Checkpoint], bool]
"""Publishes a checkpoint, and tells if it is new there."""


@dataclass(frozen=True)
class Publisher:
    """Publishes checkpoints of archives; what fails at one place keeps nothing from another."""

    settings: Settings
    archive_of: Callable[[str], Archive]
    signer_of: SignerOf
    http: httpx.Client
    now: Callable[[], datetime]

    def publish(self, archives: Iterable[str]) -> Iterator[tuple[Published, CallvaultError | None]]:
        """Publish a checkpoint of each archive in each of its places."""
        for name in archives:
            places = self._places_of(name)
            if not places:
                continue
            try:
                checkpoint = self._checkpoint(name)
            except CallvaultError as error:
                for place in places:
                    yield _failed(name, place, error), error
                continue
            for place, put in places.items():
                yield _put(name, place, checkpoint, put)

    def _checkpoint(self, name: str) -> Checkpoint | None:
        archive, signer = self.archive_of(name), self.signer_of(name)
        archive.prove()
        checkpoint = make_checkpoint(archive, signer, self.now)
        if signer and checkpoint:
            publish_key(archive, signer)
        return checkpoint

    def _places_of(self, archive: str) -> Mapping[str, Place]:
        return {
            name: (
                partial(self._post, settings)
                if isinstance(settings, CheckpointWebhookSettings)
                else partial(self._store, name)
            )
            for name, settings in self.settings.checkpoints.items()
            if not settings.archives or archive in settings.archives
        }

    def _store(self, name: str, checkpoint: Checkpoint) -> bool:
        with closing(open_place(name, self.settings.checkpoint_place(name))) as store:
            return put_checkpoint(store, checkpoint)

    def _post(self, settings: CheckpointWebhookSettings, checkpoint: Checkpoint) -> bool:
        def secrets() -> list[str]:
            return [secret.resolve() for secret in settings.secrets]

        hook = Webhook(settings.url.resolve, secrets, self.http, what="checkpoint", now=self.now)
        event = checkpoint_event(checkpoint)
        hook.post(event, str(event["id"]), timeout=WEBHOOK_TIMEOUT)
        return True


class CheckpointActivities:
    """Built once by a worker, with its archives and their signing keys."""

    def __init__(
        self,
        settings: Settings,
        archive_of: Callable[[str], Archive],
        signer_of: SignerOf,
        http: httpx.Client,
    ) -> None:
        self._settings = settings
        self._archive_of = archive_of
        self._signer_of = signer_of
        self._http = http

    @activity.defn(no_thread_cancel_exception=True)
    def publish_checkpoints(self, input: CheckpointInput) -> CheckpointReport:
        """Publish; a link that a place knows already is not published there again.

        Where an error may pass, it is tried again until `RETRY_TIMEOUT` is over; then the report
        says why.
        """
        now = server_clock()
        publisher = Publisher(self._settings, self._archive_of, self._signer_of, self._http, now)
        with background_heartbeat():
            ends = list(publisher.publish(input.archives or sorted(self._settings.archives)))
        if now() - activity.info().scheduled_time < RETRY_TIMEOUT:
            _raise_transient([error for _, error in ends if error is not None])
        return CheckpointReport(published=tuple(published for published, _ in ends))


def checkpoint_event(checkpoint: Checkpoint) -> dict[str, object]:
    """Write a checkpoint as a CloudEvent 1.0; the same link has the same id."""
    return {
        "specversion": "1.0",
        "type": CHECKPOINT_TYPE,
        "source": f"callvault/{checkpoint.archive}",
        "id": name_of(checkpoint),
        "time": checkpoint.published_at.isoformat(),
        "datacontenttype": "application/json",
        "data": checkpoint.model_dump(mode="json"),
    }


def _put(
    archive: str, place: str, checkpoint: Checkpoint | None, put: Place
) -> tuple[Published, CallvaultError | None]:
    if checkpoint is None:
        return Published(archive=archive, place=place), None
    try:
        is_new = put(checkpoint)
    except CallvaultError as error:
        return _failed(archive, place, error), error
    return Published(archive=archive, place=place, head=checkpoint.head, is_new=is_new), None


def _failed(archive: str, place: str, error: CallvaultError) -> Published:
    return Published(archive=archive, place=place, problem=shorten(str(error), MAX_PROBLEM))


def _raise_transient(errors: list[CallvaultError]) -> None:
    """Raise the first error that another attempt may mend."""
    for error in errors:
        translation = to_application_error(error, retry_permanent=False)
        if not translation.non_retryable:
            raise translation from error
