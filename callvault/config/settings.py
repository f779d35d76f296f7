"""Every setting, in one frozen object that is read once, when a process starts.

Settings come from a TOML file and from ``CALLVAULT_*`` environment variables; the environment wins.
Keys that are not settings stop the start. `callvault.config.reference` writes the page about it.
"""

import difflib
import os
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator

from callvault.config import sources
from callvault.config.checkpoints import CheckpointPlaceSettings, place_problems
from callvault.config.encryption import EncryptionSettings
from callvault.config.error_messages import explain
from callvault.config.gateway import GatewaySettings
from callvault.config.residency import other_region, residency_problems
from callvault.config.resources import ResourceSettings
from callvault.config.storage import (
    ArchiveSettings,
    DeadLetterSettings,
    DirectorySettings,
    QuarantineContainerSettings,
    QueueSettings,
)
from callvault.config.types import (
    BindAddress,
    Duration,
    Link,
    Name,
    NotBlank,
    PageLink,
    SecretRef,
    SecretRefs,
    Section,
    is_loopback,
    is_secure,
)
from callvault.config.worker import WorkerSettings
from callvault.contracts.requests import OnMaxPause
from callvault.errors import ConfigurationError

T = TypeVar("T")


class AlarmSettings(Section):
    """The receiver of alarms, beyond the log and the metrics."""

    webhook_url: SecretRef | None = None
    """Secret reference to the URL that alarms are posted to, as CloudEvents."""
    webhook_secret: SecretRef | None = None
    """Secret reference to the key, in base64, that signs them (Standard Webhooks)."""
    group_interval: Duration = timedelta(minutes=5)
    """Shortest time from one notification about a group of alarms to the next: its count is told,
    or that all is over. What is more urgent is told at once."""
    runbook_url: PageLink = "https://github.com/callvault/callvault/blob/main/docs/operations.md"
    """Address of the page that alarms link to, before the `#` and the name of a section."""


class IngestSettings(Section):
    """The process that reads queues, `callvault ingest`."""

    metrics_address: BindAddress = None
    """IP address and port where Prometheus reads its metrics, as `127.0.0.1:9466`; `none` for
    off."""


class ReconciliationSettings(Section):
    """The demands of `callvault reconcile`."""

    target: Annotated[float, Field(ge=0, le=100)] = 100
    """Least percentage of recordings that must be complete."""


class ParticipantSettings(Section):
    """The names of calls' participants in histories, manifests and evidence."""

    key: SecretRef | None = None
    """Secret reference to any text that keys the hashes of participants. Without it they are plain
    SHA-256, which hides no telephone number. Another key makes other hashes: keep it."""
    earlier_keys: SecretRefs = ()
    """Secret references to the keys before this one, the newest first: `callvault subjects find`
    searches for the hashes by these, too."""


class WebUiSettings(Section):
    """Temporal's Web UI, for the links that people are given."""

    url: Link = "http://localhost:8233"
    """Its address; `https://cloud.temporal.io` for Temporal Cloud. By default that of Temporal's
    development server."""


class LogSettings(Section):
    """The log."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is logged."""
    format: Literal["json", "console"] = "json"
    """`json` for machines, `console` for people."""


class Settings(Section):
    """Every setting. Read it with `load_settings`."""

    resources: dict[Name, ResourceSettings] = {}
    """The ACS resources, by name; requests name one, events find one by its topic."""
    archives: dict[Name, ArchiveSettings] = {}
    """The archives, by name."""
    gone_archives: dict[Name, NotBlank] = {}
    """Archives that are gone for good, by name, each with the reason and who says so: no call waits
    any more for what lies in one. What lay there alone, and was not sealed, is told as lost."""
    queues: dict[Name, QueueSettings] = {}
    """The queues that `callvault ingest queue` reads, by name."""
    dead_letters: dict[Name, DeadLetterSettings] = {}
    """The dead-letter containers that `callvault sweep` reads, by name."""
    checkpoints: dict[Name, CheckpointPlaceSettings] = {}
    """The places where the ends of archives' chains are published, by name."""
    gateway: GatewaySettings = GatewaySettings()
    ingest: IngestSettings = IngestSettings()
    worker: WorkerSettings = WorkerSettings()
    alarms: AlarmSettings = AlarmSettings()
    reconciliation: ReconciliationSettings = ReconciliationSettings()
    participants: ParticipantSettings = ParticipantSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    web_ui: WebUiSettings = WebUiSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if problems := [
            *_archive_problems(self),
            *residency_problems(self.resources, self.archives),
            *_topic_problems(self),
            *_callback_problems(self),
            *_pause_problems(self),
            *_quarantine_problems(self),
            *place_problems(self.checkpoints, self.archives),
            *_key_problems(self),
        ]:
            raise ValueError("; ".join(problems))
        return self

    def resource(self, name: str) -> ResourceSettings:
        """Return the settings of an ACS resource; `ConfigurationError` names the known ones."""
        return _named("resource", name, self.resources)

    def resource_for_topic(self, topic: str) -> str | None:
        """Return the name of the resource whose events carry this topic; None for no resource."""
        # The only resource needs no topic: then every event is its own.
        if len(self.resources) == 1 and not any(r.topic for r in self.resources.values()):
            return next(iter(self.resources))
        known = {_plain(r.topic): name for name, r in self.resources.items() if r.topic}
        return known.get(_plain(topic))

    def archive(self, name: str) -> ArchiveSettings:
        """Return the settings of an archive; `ConfigurationError` names the known ones."""
        return _named("archive", name, self.archives)

    def queue(self, name: str) -> QueueSettings:
        """Return the settings of a queue; `ConfigurationError` names the known ones."""
        return _named("queue", name, self.queues)

    def dead_letter_container(self, name: str) -> DeadLetterSettings:
        """Return a dead-letter container's settings; `ConfigurationError` names the known ones."""
        return _named("dead-letter container", name, self.dead_letters)

    def checkpoint_place(self, name: str) -> CheckpointPlaceSettings:
        """Return the settings of a place of checkpoints; `ConfigurationError` names the known."""
        return _named("place of checkpoints", name, self.checkpoints)

    def archive_name(self, resource: str) -> str:
        """Return the name of the archive that keeps a resource's recordings."""
        # With several archives a resource has to name its own: see `_archive_problems`.
        return self.resource(resource).archive or next(iter(self.archives))

    def refuse_other_region(self, resource: str, archive: str) -> None:
        """Raise `ConfigurationError` unless an archive may have a resource's recordings.

        What a running call was begun with may have been changed since.
        """
        of_resource, of_archive = self.resource(resource), self.archive(archive)
        if problem := other_region(resource, of_resource, archive, of_archive):
            # The archive's fault, so that a recording goes to its fallback archive.
            raise ConfigurationError(problem, owner="archive")

    def participant_key(self) -> str:
        """Read the key of participants' hashes now; empty where none is set."""
        return self.participants.key.resolve() if self.participants.key else ""

    def participant_keys(self) -> list[str]:
        """Read the keys that participants' hashes are, and were, made with: the newest first."""
        return [self.participant_key(), *(key.resolve() for key in self.participants.earlier_keys)]

    def web_origins(self) -> tuple[str, ...]:
        """Return the origins of Temporal's Web UI, as browsers spell them."""
        page = urlsplit(self.web_ui.url)
        # Whoever stands between could change a page that comes in the clear, and read calls by it.
        default = (f"{page.scheme}://{page.netloc}".lower(),) if is_secure(page) else ()
        return self.gateway.web_origins or default

    def masked(self) -> dict[str, Any]:
        """Return the effective values, fit to print: secrets show as their references."""
        shown = self.model_dump(mode="json")
        for name, resource in shown["resources"].items():
            resource["archive"] = self.archive_name(name)
        return shown


def _named(kind: str, name: str, known: Mapping[str, T]) -> T:
    if name not in known:
        raise ConfigurationError(_unknown(kind, name, known))
    return known[name]


def _unknown(kind: str, name: str, known: Mapping[str, object]) -> str:
    names = ", ".join(sorted(known)) or "none"
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"there is no {kind} {name!r} in the configuration; known: {names}{hint}"


def _plain(topic: str | None) -> str:
    # Azure's resource ids are the same in any case of letters.
    return (topic or "").rstrip("/").casefold()


def _archive_problems(settings: Settings) -> list[str]:
    problems = [
        f"gone_archives.{name}: archives.{name} is there as well; take one of the two out"
        for name in settings.gone_archives
        if name in settings.archives
    ]
    for name, resource in settings.resources.items():
        own = settings.archives.get(resource.own_storage or "")
        if isinstance(own, DirectorySettings):
            problems.append(f"resources.{name}.own_storage: ACS writes to Azure Blob Storage only")
        for key in ("archive", "fallback_archive", "own_storage"):
            wanted = getattr(resource, key)
            if wanted and wanted not in settings.archives:
                problem = _unknown("archive", wanted, settings.archives)
                problems.append(f"resources.{name}.{key}: {problem}")
        if not resource.archive and len(settings.archives) != 1:
            known = ", ".join(sorted(settings.archives)) or "none, define [archives.NAME]"
            problems.append(f"resources.{name}.archive: name one of the archives ({known})")
    return problems


def _topic_problems(settings: Settings) -> list[str]:
    if len(settings.resources) < 2:
        return []
    problems = [
        f"resources.{name}.topic: set it, several resources are told apart by their topics"
        for name, resource in settings.resources.items()
        if not resource.topic
    ]
    uses = Counter(_plain(r.topic) for r in settings.resources.values() if r.topic)
    same = [n for n, r in settings.resources.items() if r.topic and uses[_plain(r.topic)] > 1]
    if same:
        problems.append(f"resources {', '.join(same)} have the same topic: each needs its own")
    return problems


def _callback_problems(settings: Settings) -> list[str]:
    if is_loopback(settings.gateway.host):
        return []
    return [
        f"resources.{name}.callback_audience: set it, nothing else proves that callbacks are ACS's"
        for name, resource in settings.resources.items()
        if resource.callback_url and not resource.callback_audience
    ]


def _pause_problems(settings: Settings) -> list[str]:
    return [
        f"resources.{name}.on_max_pause: with max_pause set, resume records again whatever is being"
        " said; choose alarm, or set max_pause_ends_protection = true if that is meant"
        for name, resource in settings.resources.items()
        if resource.max_pause is not None
        and resource.on_max_pause is OnMaxPause.RESUME
        and not resource.max_pause_ends_protection
    ]


def _key_problems(settings: Settings) -> list[str]:
    return [
        f"gateway.keys.{name}.resources: {_unknown('resource', wanted, settings.resources)}"
        for name, key in settings.gateway.keys.items()
        for wanted in key.resources
        if wanted not in settings.resources
    ]


def _quarantine_problems(settings: Settings) -> list[str]:
    """Refuse a container that is swept, or sealed, as something else."""
    quarantine = settings.gateway.quarantine
    if not isinstance(quarantine, QuarantineContainerSettings):
        return []
    # A SAS URL names its container itself: the reference to it is all that can be compared.
    ways = ("container", "connection_string", "sas_url", "account_url")
    others = {
        **{f"archives.{name}": each for name, each in settings.archives.items()},
        **{f"dead_letters.{name}": each for name, each in settings.dead_letters.items()},
    }
    return [
        f"gateway.quarantine: {where} is this container already: give the quarantine its own"
        for where, other in others.items()
        if all(getattr(other, way, None) == getattr(quarantine, way) for way in ways)
    ]


def load_settings(path: Path | None = None) -> Settings:
    """Read all settings; `ConfigurationError` names every wrong key and what to do.

    The file is ``path``, else the one that ``CALLVAULT_CONFIG`` names, else none.
    """
    try:
        return _loaded(path)
    # Of what a parser still took, and what is done with it did not.
    except RecursionError:
        raise ConfigurationError("the settings are nested deeper than any setting is") from None


def _loaded(path: Path | None) -> Settings:
    file = path or sources.config_path(os.environ)
    tree = sources.read_toml(file) if file else {}
    variables = sources.setting_variables(os.environ)
    texts = [os.environ[name] for name in variables]
    # A variable that a reference points to may be named CALLVAULT_… and is no setting.
    for secret in sources.named_by_references([tree, texts]):
        variables.pop(secret, None)
    from_environment = sources.read_environment(os.environ, variables)
    try:
        return Settings.model_validate(sources.merged(tree, from_environment))
    except ValidationError as error:
        # Not chained: the cause carries the values, which may be secrets.
        raise ConfigurationError(explain(error, Settings, variables)) from None
