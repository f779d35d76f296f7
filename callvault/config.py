"""Every setting, in one frozen object that is read once, when a process starts.

Settings come from a TOML file and from ``CALLVAULT_*`` environment variables; the environment wins.
Keys that are not settings stop the start. `callvault.config_reference` writes the page about it.
"""

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationError
from pydantic import model_validator as validator

from callvault import config_sources as sources
from callvault.config_callers import CallbackSettings, KeySettings, OidcSettings
from callvault.config_problems import explain
from callvault.config_types import (
    AbsolutePath,
    BindAddress,
    Duration,
    Durations,
    Endpoint,
    HostNames,
    Rate,
    SecretRef,
    SecretRefs,
    Topic,
    Url,
    is_loopback,
)
from callvault.config_types import Section as _Section
from callvault.contracts.consent import BeforeConsent, OnWithdrawal
from callvault.contracts.orders import MAX_HISTORY_EVENTS
from callvault.contracts.requests import OnMaxPause, OnPauseFailure
from callvault.errors import ConfigurationError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""Lower case letters, digits and hyphens, as in `callvault.contracts.requests.ResourceName`."""

ContainerName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9](?:-?[a-z0-9])*$", min_length=3, max_length=63)
]

ApiVersion = Literal[
    "2021-06-15-preview",
    "2023-03-06",
    "2023-10-15",
    "2024-04-15",
    "2024-09-15",
    "2025-05-15",
    "2025-06-15",
    "2026-03-12",
]


class CredentialSettings(_Section):
    """How Callvault proves to ACS who it is: exactly one of the three."""

    connection_string: SecretRef | None = None
    """Secret reference to the resource's connection string."""
    access_key: SecretRef | None = None
    """Secret reference to one of the resource's access keys."""
    entra: bool = False
    """Entra ID: managed identity, workload identity or the Azure CLI's sign-in."""

    @validator(mode="after")
    def _exactly_one(self) -> Self:
        if (bool(self.connection_string) + bool(self.access_key) + self.entra) != 1:
            raise ValueError("set exactly one of connection_string, access_key and entra")
        return self


class ResourceSettings(_Section):
    """One ACS resource."""

    endpoint: Endpoint
    """Its endpoint: `https://NAME.communication.azure.com`; `http://` only on loopback."""
    credential: CredentialSettings
    topic: Topic | None = None
    """Its Azure resource id, by which Event Grid's events find it; needed as soon as there are
    several resources. Compared without case."""
    data_region: str = ""
    """Its data region, for people to read."""
    archive: Name | None = None
    """Which archive keeps its recordings; needed as soon as there are several archives."""
    export_window: Duration = Field(default="48h", validate_default=True)
    """How long the service keeps a recording: `48h`, or ISO 8601 `PT48H`."""
    api_version: ApiVersion = "2026-03-12"
    """The version of the ACS REST API."""
    content_hosts: HostNames = ()
    """Hosts (`host` or `host:port`) beyond the service's own that may serve recordings. Credentials
    are sent to them."""
    delete_source: bool = False
    """Delete the service's copy once the archived one is verified."""
    event_expected_within: Duration = Field(default="10m", validate_default=True)
    """How long after a recording's end its files may stay unannounced before an alarm."""
    result_api_version: Literal["2024-09-01-preview"] | None = None
    """The preview of the ACS REST API that tells what became of a recording: asked where no event
    comes. By default nothing is asked, for a preview may be withdrawn."""
    state_checked_every: Duration = Field(default="15m", validate_default=True)
    """How often ACS is asked, at first, whether a recording is still on, in case nobody tells of
    its end; up to four times as long apart later."""
    ladder: Durations = ()
    """Ages of a file at which an alarm is raised and its export becomes more urgent; by default
    1, 6, 12, 20, 36, 44 and 47 forty-eighths of the export window."""
    record_all_calls: Literal["no", "mp4", "mp3", "wav", "unmixed_wav"] = "no"
    """Record every call that Event Grid tells of, and as what; `no` records only what is asked for.
    The law may demand consent."""
    watch_calls: bool = False
    """Remember every call that Event Grid tells of, so that `callvault reconcile` knows those that
    nobody recorded. Where all calls are recorded they are remembered in any case."""
    pause_confirm_within: Duration = Field(default="5s", validate_default=True)
    """How long ACS may take to confirm a pause, where the request does not say."""
    on_pause_failure: OnPauseFailure = OnPauseFailure.ALARM
    """`stop`, `alarm` or `quarantine`: what happens when it does not, where the request does not
    say. An alarm is raised in any case."""
    max_pause: Duration | None = None
    """How long a pause may last, where the request does not say."""
    on_max_pause: OnMaxPause = OnMaxPause.ALARM
    """`resume` or `alarm`: what happens then."""
    max_duration: Duration | None = None
    """How long after its start a recording is stopped, where the request does not say."""
    consent_policy: Literal["none", "any_party", "all_parties"] = "none"
    """Whose consent recordings need, where the request does not say. A request may also name a list
    of participants."""
    before_consent: BeforeConsent = BeforeConsent.PAUSED
    """`paused` or `wait`: while consent is missing, recording starts paused, or not at all."""
    consent_within: Duration | None = None
    """How long consent may be missing before the recording is declined; by default for the whole
    call."""
    on_withdrawal: OnWithdrawal = OnWithdrawal.PAUSE
    """`pause` or `pause_and_mark`: whether what was recorded before consent was withdrawn is also
    marked for deletion. Nothing is deleted by itself."""
    stop_when_last_consenting_leaves: bool = False
    """Stop the recording when the last participant who agreed has left the call."""
    announcement_url: SecretRef | None = None
    """Secret reference to a URL that is called before a recording begins, with a CloudEvent; only
    an answer of 2xx lets it begin."""
    announcement_secret: SecretRef | None = None
    """Secret reference to the key, in base64, that signs these calls (Standard Webhooks)."""
    announcement_within: Duration = Field(default="30s", validate_default=True)
    """How long that answer may take before the recording is declined."""
    own_storage: Name | None = None
    """Bring your own storage: the archive, of kind azure_blob, whose container ACS itself writes
    recordings to. Its managed identity needs the role Storage Blob Data Contributor."""
    fallback_archive: Name | None = None
    """Where recordings go when their archive refuses them, or is too slow."""
    callback_url: Url | None = None
    """The gateway's public URL, `https://HOST`, where ACS tells how recordings change; without it
    their state is only read."""
    callback_audience: str | None = None
    """The resource's immutable id (a UUID, on its Properties page), which the signed tokens of its
    callbacks name as their audience. Needed for callbacks, unless the gateway is on loopback."""
    fallback_after: Duration | None = None
    """Age of a file from which on its recording goes to the fallback archive; by default half the
    export window."""

    @property
    def remembers_calls(self) -> bool:
        """Whether a call that Event Grid tells of leaves a trace."""
        return self.watch_calls or self.record_all_calls != "no"


class _ArchiveSettings(_Section):
    """What every kind of archive can be told."""

    signing_key: SecretRef | None = None
    """Secret reference to the Ed25519 private key that signs the archive's manifests; make one with
    `callvault keygen`. Without it they are unsigned, and `callvault verify` says so."""


class AzureBlobArchive(_ArchiveSettings):
    """A container in Azure Blob Storage: exactly one of the three ways to reach it."""

    kind: Literal["azure_blob"]
    """`azure_blob`, for a container in Azure Blob Storage."""
    container: ContainerName
    """The container's name."""
    connection_string: SecretRef | None = None
    """Secret reference to the storage account's connection string."""
    sas_url: SecretRef | None = None
    """Secret reference to the container's URL with a shared access signature."""
    account_url: Url | None = None
    """`https://ACCOUNT.blob.core.windows.net`, reached with Entra ID."""

    @validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(map(bool, (self.connection_string, self.sas_url, self.account_url))) != 1:
            raise ValueError("set exactly one of connection_string, sas_url and account_url")
        return self


class DirectoryArchive(_ArchiveSettings):
    """A directory: a laptop's disk or a file share."""

    kind: Literal["directory"]
    """`directory`, for a directory of this machine."""
    path: AbsolutePath
    """The directory; it is made where it does not exist."""


Archive = Annotated[AzureBlobArchive | DirectoryArchive, Field(discriminator="kind")]


class GatewaySettings(_Section):
    """HTTP in: Event Grid, ACS's callbacks and the control API."""

    host: str = "127.0.0.1"
    """Address to listen on; beyond loopback only with event_secrets and api_keys, keys or oidc."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """Port to listen on; 0 takes a free one."""
    event_secrets: SecretRefs = ()
    """Secret references; Event Grid must present one of the secrets. Two while rotating."""
    api_keys: SecretRefs = ()
    """Secret references; callers of the control API must present one of the keys, which allow
    everything and name nobody."""
    keys: dict[Name, KeySettings] = {}
    """Keys with roles, by the name of who has them."""
    oidc: OidcSettings | None = None
    """Tokens instead of keys."""
    callbacks: CallbackSettings = CallbackSettings()
    rate_limit: Rate = "100/second"
    """Requests to the control API from one caller: `100/second`, or `/minute`, `/hour`; `none` for
    no limit."""
    max_in_flight: Annotated[int, Field(ge=1)] = 64
    """Deliveries of events under way at the same time, and four times as many other requests; more
    are answered 503, so that they come again. Far more than Temporal takes at once only make all of
    them late."""
    max_body: Annotated[int, Field(ge=1_024)] = 1_048_576
    """Largest request body that is read into memory, in bytes (Event Grid sends 1 MiB at most)."""
    quarantine: AbsolutePath = Field(
        default=Path("~/.local/state/callvault/quarantine"), validate_default=True
    )
    """Directory for events that are authentic, but not understood."""

    @validator(mode="after")
    def _guarded(self) -> Self:
        if not is_loopback(self.host) and not (self.event_secrets and self.knows_callers):
            raise ValueError(
                "listening beyond loopback needs event_secrets and api_keys (or keys, or oidc):"
                " set both, or host = 127.0.0.1"
            )
        return self

    @property
    def knows_callers(self) -> bool:
        """Whether callers of the control API must say who they are."""
        return bool(self.api_keys or self.keys or self.oidc)


class _StorageSettings(_Section):
    """Exactly one of three ways to reach a storage account."""

    connection_string: SecretRef | None = None
    """Secret reference to the storage account's connection string."""
    sas_url: SecretRef | None = None
    account_url: Url | None = None

    @validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(map(bool, (self.connection_string, self.sas_url, self.account_url))) != 1:
            raise ValueError("set exactly one of connection_string, sas_url and account_url")
        return self


class QueueSettings(_StorageSettings):
    """An Azure Storage Queue that Event Grid fills."""

    sas_url: SecretRef | None = None
    """Secret reference to the queue service's URL with an account's shared access signature: to
    read, add, update, process and create."""
    account_url: Url | None = None
    """`https://ACCOUNT.queue.core.windows.net`, reached with Entra ID; the role is Storage Queue
    Data Contributor."""
    queue: Annotated[
        str, StringConstraints(pattern=r"^[a-z0-9](?:-?[a-z0-9])*$", min_length=3, max_length=56)
    ]
    """The queue's name. What cannot be taken goes to the queue of this name with `-poison` at its
    end, which is made where it does not exist."""
    visibility_timeout: Duration = Field(default="1m", validate_default=True)
    """How long a message stays hidden from others, counted from the last sign of life of the
    process that has it."""
    poll_every: Duration = Field(default="1s", validate_default=True)
    """How long to wait before asking again when the queue was empty."""
    max_deliveries: Annotated[int, Field(ge=1)] = 10
    """A message that was handed out more often than this goes to the poison queue."""
    max_concurrent: Annotated[int, Field(ge=1, le=1_000)] = 16
    """Messages that one process has at a time."""


class DeadLetterSettings(_StorageSettings):
    """A container to which Event Grid brings what it could not deliver."""

    sas_url: SecretRef | None = None
    """Secret reference to the container's URL with a shared access signature: to read, list and
    write."""
    account_url: Url | None = None
    """`https://ACCOUNT.blob.core.windows.net`, reached with Entra ID; the role is Storage Blob Data
    Contributor."""
    container: ContainerName
    """The container's name."""
    prefix: str = ""
    """Only blobs whose names begin so are swept; Event Grid begins them with the name of the event
    subscription in upper case."""


class WorkerSettings(_Section):
    """What one worker process takes on at a time."""

    max_concurrent_exports: Annotated[int, Field(ge=1)] = 4
    """Recordings copied at the same time."""
    copy_parallelism: Annotated[int, Field(ge=1, le=64)] = 8
    """Connections that read recordings at the same time, over all copies together."""
    copy_block_size: Annotated[int, Field(ge=262_144, le=268_435_456)] = 8_388_608
    """Bytes that are asked for, checked and stored at a time. Copies need twice `copy_parallelism`
    times this much memory, whatever is recorded; larger blocks are for files beyond 50,000 of
    these."""
    max_concurrent_control: Annotated[int, Field(ge=1)] = 50
    """Calls to ACS (start, pause, resume, stop) at the same time."""
    max_history_events: Annotated[int, Field(ge=500)] = MAX_HISTORY_EVENTS
    """After so many events of its history a call is kept on by a new run of its workflow. It is
    fixed when the call begins."""
    max_cached_workflows: Annotated[int, Field(ge=1)] = 500
    """Open recordings kept in memory, about 0.85 MiB each: to spare reading their histories again
    when something happens. The others cost nothing here."""
    max_concurrent_workflow_tasks: Annotated[int, Field(ge=2)] = 10
    """Calls decided about at the same time. A busy machine is done sooner with few: with 100 at
    once none was within Temporal's ten seconds, and all began anew."""
    export_niceness: Annotated[int, Field(ge=0, le=19)] = 10
    """By how much `callvault worker --only exports` lowers its priority for the processor, so that
    control on the same machine comes first."""
    deployment_name: Name | None = None
    """Temporal's worker versioning: the name of the deployment, with a `build_id`. Such a worker
    gets no work before its version is made the current one (`temporal worker deployment`)."""
    build_id: str | None = None
    """The version of this worker's code in its deployment."""
    identity: str | None = None
    """The worker's name in Temporal; by default process id and host name."""
    metrics_address: BindAddress = None
    """host:port where Prometheus reads Temporal's metrics, as `127.0.0.1:9464`; `none` for off."""

    @validator(mode="after")
    def _versioned_or_not(self) -> Self:
        if (self.deployment_name is None) != (self.build_id is None):
            raise ValueError("deployment_name and build_id go together: set both, or neither")
        return self


class AlarmSettings(_Section):
    """Who is told of alarms, beyond the log and the metrics."""

    webhook_url: SecretRef | None = None
    """Secret reference to the URL that alarms are posted to, as CloudEvents."""
    webhook_secret: SecretRef | None = None
    """Secret reference to the key, in base64, that signs them (Standard Webhooks)."""


class ReconciliationSettings(_Section):
    """What `callvault reconcile` demands."""

    target: Annotated[float, Field(ge=0, le=100)] = 100
    """Least percentage of recordings that must be complete."""


class ParticipantSettings(_Section):
    """How the participants of calls are named in histories, manifests and evidence."""

    key: SecretRef | None = None
    """Secret reference to any text that keys the hashes of participants. Without it they are plain
    SHA-256, which hides no telephone number. Another key makes other hashes: keep it."""


class LogSettings(_Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is logged."""
    format: Literal["json", "console"] = "json"
    """`json` for machines, `console` for people."""


class Settings(_Section):
    """Every setting. Read it with `load_settings`."""

    resources: dict[Name, ResourceSettings] = {}
    """The ACS resources, by name; requests name one, events find one by its topic."""
    archives: dict[Name, Archive] = {}
    """The archives, by name."""
    queues: dict[Name, QueueSettings] = {}
    """The queues that `callvault ingest queue` reads, by name."""
    dead_letters: dict[Name, DeadLetterSettings] = {}
    """The dead-letter containers that `callvault sweep` reads, by name."""
    gateway: GatewaySettings = GatewaySettings()
    worker: WorkerSettings = WorkerSettings()
    alarms: AlarmSettings = AlarmSettings()
    reconciliation: ReconciliationSettings = ReconciliationSettings()
    participants: ParticipantSettings = ParticipantSettings()
    log: LogSettings = LogSettings()

    @validator(mode="after")
    def _consistent(self) -> Self:
        if problems := [
            *_archive_problems(self),
            *_topic_problems(self),
            *_callback_problems(self),
        ]:
            raise ValueError("; ".join(problems))
        return self

    def resource(self, name: str) -> ResourceSettings:
        """The settings of an ACS resource; `ConfigurationError` names the known ones."""
        if name not in self.resources:
            raise ConfigurationError(_unknown("resource", name, self.resources))
        return self.resources[name]

    def resource_for_topic(self, topic: str) -> str | None:
        """The name of the resource whose events carry this topic; None where no resource does.

        The only resource needs no topic: then every event is its own.
        """
        if len(self.resources) == 1 and not any(r.topic for r in self.resources.values()):
            return next(iter(self.resources))
        known = {_plain(r.topic): name for name, r in self.resources.items() if r.topic}
        return known.get(_plain(topic))

    def archive(self, name: str) -> AzureBlobArchive | DirectoryArchive:
        """The settings of an archive; `ConfigurationError` names the known ones."""
        if name not in self.archives:
            raise ConfigurationError(_unknown("archive", name, self.archives))
        return self.archives[name]

    def queue(self, name: str) -> QueueSettings:
        """The settings of a queue; `ConfigurationError` names the known ones."""
        if name not in self.queues:
            raise ConfigurationError(_unknown("queue", name, self.queues))
        return self.queues[name]

    def dead_letter_container(self, name: str) -> DeadLetterSettings:
        """The settings of a dead-letter container; `ConfigurationError` names the known ones."""
        if name not in self.dead_letters:
            raise ConfigurationError(_unknown("dead-letter container", name, self.dead_letters))
        return self.dead_letters[name]

    def archive_name(self, resource: str) -> str:
        """The name of the archive that keeps a resource's recordings."""
        return self.resource(resource).archive or next(iter(self.archives))

    def participant_key(self) -> str:
        """The key of participants' hashes, read now; empty where none is set."""
        return self.participants.key.resolve() if self.participants.key else ""

    def masked(self) -> dict[str, Any]:
        """The effective values, fit to print: secrets show as their references."""
        shown = self.model_dump(mode="json")
        for name, resource in shown["resources"].items():
            resource["archive"] = self.archive_name(name)
        return shown


def _unknown(kind: str, name: str, known: Mapping[str, object]) -> str:
    names = ", ".join(sorted(known)) or "none"
    return f"there is no {kind} {name!r} in the configuration; known: {names}"


def _plain(topic: str | None) -> str:
    return (topic or "").rstrip("/").casefold()


def _archive_problems(settings: Settings) -> list[str]:
    problems = []
    for name, resource in settings.resources.items():
        own = settings.archives.get(resource.own_storage or "")
        if isinstance(own, DirectoryArchive):
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


def load_settings(path: Path | None = None) -> Settings:
    """Read all settings; `ConfigurationError` names every wrong key and what to do.

    The file is ``path``, else the one that ``CALLVAULT_CONFIG`` names, else none.
    """
    file = path or sources.config_path(os.environ)
    tree = sources.read_toml(file) if file else {}
    variables = sources.setting_variables(os.environ)
    texts = [os.environ[name] for name in variables]
    for secret in sources.named_by_references([tree, texts]):
        variables.pop(secret, None)
    from_environment = sources.read_environment(os.environ, variables)
    try:
        return Settings.model_validate(sources.merged(tree, from_environment))
    except ValidationError as error:
        raise ConfigurationError(explain(error, Settings, variables)) from None
