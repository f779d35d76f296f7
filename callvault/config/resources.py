"""Settings about the ACS resources whose calls are recorded."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from callvault.config.retention import RetentionSettings
from callvault.config.types import (
    Duration,
    Durations,
    Endpoint,
    HostNames,
    Name,
    SecretRef,
    SecretRefs,
    Section,
    Topic,
    Url,
    Urls,
    exactly_one,
    split,
)
from callvault.contracts.consent import BeforeConsent, OnWithdrawal
from callvault.contracts.requests import OnMaxPause, OnPauseFailure

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


class CredentialSettings(Section):
    """The proof of Callvault's identity to ACS: exactly one of the three."""

    connection_string: SecretRef | None = None
    """Secret reference to the resource's connection string."""
    access_key: SecretRef | None = None
    """Secret reference to one of the resource's access keys."""
    entra: bool = False
    """Entra ID: managed identity, workload identity or the Azure CLI's sign-in."""

    _has_one_credential = exactly_one("connection_string", "access_key", "entra")


class ResourceSettings(Section):
    """One ACS resource."""

    endpoint: Endpoint
    """The resource's endpoint: `https://NAME.communication.azure.com`; `http://` only on
    loopback."""
    credential: CredentialSettings
    topic: Topic | None = None
    """The Azure resource id, by which Event Grid's events find the resource; needed as soon as
    there are several resources. Compared without case."""
    archive_only: bool = False
    """Only archive: another program starts and controls the recordings of this resource, and
    Callvault keeps every one that an event announces. Whatever asks Callvault to control one is
    refused."""
    data_region: str = ""
    """The data region that the recordings stay in, as `Europe`: each archive that the resource
    names must lie there, by its own `data_region`. Without it in both, nothing is compared."""
    also_regions: Annotated[tuple[str, ...], BeforeValidator(split)] = ()
    """Further data regions that the recordings may go to: that of a fallback archive, say."""
    archive: Name | None = None
    """The archive that keeps the recordings; needed as soon as there are several archives."""
    # `validate_default`, here and below: only validation makes a timedelta of the text.
    export_window: Duration = Field(default="48h", validate_default=True)
    """Time for which the service keeps a recording: `48h`, or ISO 8601 `PT48H`."""
    api_version: ApiVersion = "2026-03-12"
    """The version of the ACS REST API."""
    content_hosts: HostNames = ()
    """Hosts (`host` or `host:port`) beyond the service's own that may serve recordings. Credentials
    are sent to them."""
    delete_source: bool = False
    """Delete the service's copy once the archived one is verified."""
    event_expected_within: Duration = Field(default="10m", validate_default=True)
    """Time after a recording's end for which its files may stay unannounced before an alarm."""
    result_api_version: Literal["2024-09-01-preview"] | None = None
    """The preview of the ACS REST API that tells what became of a recording: asked where no event
    comes. By default nothing is asked, since a preview may be withdrawn."""
    state_poll_interval: Duration = Field(default="15m", validate_default=True)
    """Interval at which ACS is asked, at first, whether a recording is still on, in case no event
    tells of its end; later up to four times as long."""
    escalation_schedule: Durations = ()
    """Ages of a file at which an alarm is raised; by default 1, 6, 12, 20, 36, 44 and 47
    forty-eighths of the export window. How urgent its export is follows from the time that is left
    for it, and not from these."""
    record_all_calls: Literal["no", "mp4", "mp3", "wav", "unmixed_wav"] = "no"
    """Record every call that Event Grid tells of, and as what; `no` records only what is asked for.
    The law may demand consent."""
    adopt_orphans: Literal["no", "mp4", "mp3", "wav", "unmixed_wav"] = "no"
    """Keep a recording that ACS's callbacks tell of and that no workflow knows, as after a restore
    of Temporal, and as what it is recorded; `no` leaves it to `callvault recordings adopt`. Needs
    `callback_url`."""
    watch_calls: bool = False
    """Remember every call that Event Grid tells of, so that `callvault reconcile` knows those that
    were not recorded. Where all calls are recorded they are remembered in any case."""
    pause_confirm_within: Duration = Field(default="5s", validate_default=True)
    """Time for ACS to confirm a pause, where the request does not say."""
    on_pause_failure: OnPauseFailure = OnPauseFailure.ALARM
    """Reaction to a pause that ACS does not confirm in time, where the request does not say:
    `stop`, `alarm` or `mark`. An alarm is raised in any case."""
    max_pause: Duration | None = None
    """Longest time that a pause may last after its holder asked for it last, where the request does
    not say."""
    on_max_pause: OnMaxPause = OnMaxPause.ALARM
    """Reaction when a pause lasts longer: `alarm`, or `resume`, which releases the pauses of that
    holder and records again unless others hold theirs."""
    max_pause_ends_protection: bool = False
    """Say that `max_pause` together with `on_max_pause = "resume"` is meant: whoever has paused is
    recorded again after that time, whatever is being said then. Without it both together are
    refused."""
    max_duration: Duration | None = None
    """Time after its start at which a recording is stopped, where the request does not say."""
    consent_policy: Literal["none", "any_party", "all_parties"] = "none"
    """The consent that recordings need, where the request does not say. A request may also name a
    list of participants."""
    keep_participants: bool | None = None
    """Keep who comes into a call before its recording is asked for: one workflow for each call that
    Event Grid tells of, until the call ends or for a day. By default where `consent_policy` is not
    `none`. Set it if requests choose a policy of their own."""
    before_consent: BeforeConsent = BeforeConsent.PAUSED
    """`paused` or `wait`: while consent is missing, recording starts paused, or not at all."""
    consent_within: Duration | None = None
    """Time for which consent may be missing before the recording is declined; by default the whole
    call, and 48 hours if ACS was not asked to start it."""
    on_withdrawal: OnWithdrawal = OnWithdrawal.PAUSE
    """`pause` or `pause_and_mark`: the second also marks for deletion what was recorded before
    consent was withdrawn. Nothing is deleted by itself."""
    stop_when_last_consenting_leaves: bool = False
    """Stop the recording when the last participant who agreed has left the call."""
    announcement_url: SecretRef | None = None
    """Secret reference to a URL that is called before a recording begins, with a CloudEvent; only
    an answer of 2xx lets it begin."""
    announcement_secret: SecretRef | None = None
    """Secret reference to the key, in base64, that signs these calls (Standard Webhooks)."""
    announcement_within: Duration = Field(default="30s", validate_default=True)
    """Time for that answer, before the recording is declined."""
    announce_late_joiners: bool = False
    """Call that URL for everybody who joins while a recording is on, too, with the hash of the
    participant; the recording is held back until it answers, or until they leave. Needs
    `announcement_url`."""
    retention: RetentionSettings = RetentionSettings()
    webhook_url: SecretRef | None = None
    """Secret reference to a URL that is told what becomes of each recording, by signed CloudEvents:
    started, paused, resumed, stopped, and its end."""
    webhook_secrets: SecretRefs = ()
    """Secret references to the keys, in base64, that sign these events (Standard Webhooks). Two
    while rotating: each event is signed with all of them."""
    webhook_allowed_urls: Urls = ()
    """URLs that a request may name as its own `webhookUrl`, with all that is below them: `https://`
    (`http://` only on loopback)."""
    webhook_within: Duration = Field(default="24h", validate_default=True)
    """Time for which the delivery of an event is tried; then there is an alarm, and `callvault
    webhooks resend`."""
    own_storage: Name | None = None
    """Bring your own storage: the archive, of kind azure_blob, whose container ACS itself writes
    recordings to. Its managed identity needs the role Storage Blob Data Contributor."""
    fallback_archive: Name | None = None
    """The archive that recordings go to when their own refuses them, or is too slow."""
    callback_url: Url | None = None
    """The gateway's public URL, `https://HOST`, where ACS tells how recordings change; without it
    their state is only read."""
    callback_audience: str | None = None
    """The resource's immutable id (a UUID, on its Properties page), which the signed tokens of its
    callbacks name as their audience. Needed for callbacks, unless the gateway is on loopback."""
    fallback_after: Duration | None = None
    """Age of a file from which on its recording goes to the fallback archive; by default half the
    export window. A file that is announced late is first tried for half of the time left."""

    @model_validator(mode="after")
    def _joiners_need_a_webhook(self) -> Self:
        if self.announce_late_joiners and self.announcement_url is None:
            raise ValueError(
                "announce_late_joiners needs announcement_url: set it, or leave the other out"
            )
        return self

    @model_validator(mode="after")
    def _events_are_signed(self) -> Self:
        if (self.webhook_url or self.webhook_allowed_urls) and not self.webhook_secrets:
            raise ValueError(
                "webhook_url and webhook_allowed_urls need webhook_secrets: set them, so that"
                " receivers can tell who sends"
            )
        return self

    @model_validator(mode="after")
    def _orphans_are_told_by_callbacks(self) -> Self:
        if self.adopt_orphans != "no" and self.callback_url is None:
            raise ValueError("adopt_orphans needs callback_url: set it, or leave the other out")
        return self

    @model_validator(mode="after")
    def _controls_what_it_promises(self) -> Self:
        if self.archive_only and (needed := _needing_control(self)):
            raise ValueError(
                f"archive_only controls no recording, and {', '.join(needed)} would have to: leave"
                " out the one or the other"
            )
        return self

    @property
    def keeps_participants(self) -> bool:
        """True if what Event Grid tells of participants is kept before a recording is asked for."""
        by_policy = self.consent_policy != "none"
        return by_policy if self.keep_participants is None else self.keep_participants

    @property
    def tracks_calls(self) -> bool:
        """True if a call that Event Grid tells of leaves a trace."""
        return self.watch_calls or self.record_all_calls != "no"


def _needing_control(resource: ResourceSettings) -> list[str]:
    """Name the settings by which Callvault would begin a recording, or hold one back."""
    wanted = {
        "record_all_calls": resource.record_all_calls != "no",
        "adopt_orphans": resource.adopt_orphans != "no",
        "consent_policy": resource.consent_policy != "none",
        "keep_participants": bool(resource.keep_participants),
        "announcement_url": resource.announcement_url is not None,
        "max_duration": resource.max_duration is not None,
    }
    return [name for name, is_wanted in wanted.items() if is_wanted]
