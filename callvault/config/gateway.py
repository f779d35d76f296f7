"""Settings of the gateway: its address, its callers, who signs callbacks, its limits."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from callvault.config.storage import QuarantineDirectorySettings, QuarantineSettings
from callvault.config.types import (
    BindAddress,
    Duration,
    Name,
    Names,
    Origins,
    Rate,
    Roles,
    SecretRef,
    SecretRefs,
    Section,
    Url,
    is_loopback,
)


class KeySettings(Section):
    """One key of the control API, of one caller."""

    secret: Annotated[SecretRefs, Field(min_length=1)]
    """Secret reference to the key; two, while it is rotated."""
    roles: Roles
    """The rights of the key: `control` (start, pause, resume, stop, acknowledge), `read` (see
    recordings), `consent` (give and withdraw consent), `loosen` (with `control`: start with less
    consent, or weaker guards, than the resource's settings demand), `listen` (open recordings),
    `privacy` (find and export a person's recordings), `hold` (place and release legal holds),
    `erase` (delete recordings), `decode` (read encrypted histories)."""
    resources: Names = ()
    """The resources whose calls the key sees and controls; those of all resources without any."""

    @model_validator(mode="after")
    def _decodes_all(self) -> Self:
        if "decode" in self.roles and self.resources:
            raise ValueError(
                "payloads do not tell whose they are: a key with the role decode is of all"
                " resources, so make another key for it"
            )
        return self


class OidcSettings(Section):
    """Callers of the control API who present a signed token (OpenID Connect) instead of a key."""

    issuer: str
    """The signer of the tokens, exactly as their claim `iss` has it."""
    configuration_url: Url
    """Address of the issuer's OpenID configuration, `https://…/openid-configuration`."""
    audience: str
    """The claim `aud` that tokens must have: the gateway's own name at the issuer."""
    roles_claim: str = "roles"
    """The claim that lists the roles of a caller."""
    name_claim: str = "sub"
    """The claim that names the caller; it goes into the evidence, so prefer ids to people's
    names."""
    control_role: str = "Callvault.Control"
    """The value of the roles' claim that allows to control recordings."""
    read_role: str = "Callvault.Read"
    """The value that allows to see recordings."""
    consent_role: str = "Callvault.Consent"
    """The value that allows to give and withdraw consent."""
    loosen_role: str = "Callvault.Loosen"
    """The value that allows to start with less consent, or weaker guards, than the resource's
    settings demand."""
    listen_role: str = "Callvault.Listen"
    """The value that allows to open recordings."""
    privacy_role: str = "Callvault.Privacy"
    """The value that allows to find and export a person's recordings."""
    hold_role: str = "Callvault.Hold"
    """The value that allows to place and release legal holds."""
    erase_role: str = "Callvault.Erase"
    """The value that allows to delete recordings."""
    resources_claim: str | None = None
    """The claim that lists the resources whose calls a caller sees and controls: a token without
    it sees none. By default all see those of all resources."""
    decode_role: str = "Callvault.Decode"
    """The value that allows to read encrypted histories, in Temporal's Web UI above all."""


class CallbackSettings(Section):
    """The signer of ACS's callbacks; the defaults are Azure's."""

    issuer: str = "https://acscallautomation.communication.azure.com"
    """The tokens' claim `iss`."""
    configuration_url: Url = "https://acscallautomation.communication.azure.com/calling/.well-known/acsopenidconfiguration"
    """Address of the issuer's OpenID configuration."""


class MediaSettings(Section):
    """The opening of recordings, for callers with the role `listen`."""

    link_lifetime: Annotated[Duration, Field(le=timedelta(hours=12))] = Field(
        default="15m", validate_default=True
    )
    """Longest time for which a link opens a file; a player asks again and again while it plays."""
    demands_reason: bool = False
    """Refuse to open a recording for which no `reason` is given."""
    through: Literal["storage", "gateway"] = "storage"
    """Where links lead: to the storage account, signed so that they open one file; or to the
    gateway, which then reads it, for listeners who do not reach the account. Links to a directory,
    or to a container that is reached with a shared access signature, always lead to the gateway."""
    link_key: SecretRef | None = None
    """Secret reference to any text that signs links to the gateway: needed where several gateways
    share an address. By default each knows its own links alone, until it is restarted."""
    max_streams: Annotated[int, Field(ge=1, le=64)] = 16
    """Files that a gateway sends at the same time; more are answered 503."""


class GatewaySettings(Section):
    """HTTP in: Event Grid, ACS's callbacks and the control API."""

    host: str = "127.0.0.1"
    """Address to listen on; beyond loopback only with event_secrets and api_keys, keys or oidc."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """Port to listen on; 0 takes a free one."""
    event_secrets: SecretRefs = ()
    """Secret references; Event Grid must present one of the secrets. Two while rotating."""
    api_keys: SecretRefs = ()
    """Secret references; callers of the control API must present one of the keys, which name no
    caller. They allow `control`, `read`, `consent` and `loosen`, but not what is done with
    recordings afterwards (`listen`, `privacy`, `hold`, `erase`): that needs a key with a name."""
    keys: dict[Name, KeySettings] = {}
    """Keys with roles, by the name of their caller."""
    oidc: OidcSettings | None = None
    """Tokens instead of keys."""
    callbacks: CallbackSettings = CallbackSettings()
    media: MediaSettings = MediaSettings()
    rate_limit: Rate = "100/second"
    """Requests to the control API from one caller: `100/second`, or `/minute`, `/hour`; `none` for
    no limit."""
    max_in_flight: Annotated[int, Field(ge=1)] = 64
    """Deliveries of events under way at the same time, and four times as many other requests; more
    are answered 503, so that they come again. Far more than Temporal takes at once only make all of
    them late."""
    max_body: Annotated[int, Field(ge=1_024)] = 1_048_576
    """Largest request body that is understood, in bytes (Event Grid sends 1 MiB at most). Larger
    events go to the quarantine, up to 16 MiB of each, two at a time."""
    quarantine: QuarantineSettings = Field(default_factory=QuarantineDirectorySettings)
    """The place for events that are authentic, but not understood."""
    web_origins: Origins = ()
    """Origins, `https://HOST`, of Temporal's Web UI, whose pages may have encrypted payloads
    decoded; by default that of `web_ui.url`, unless that is `http://` to another machine."""
    metrics_address: BindAddress = None
    """IP address and port where Prometheus reads the gateway's metrics, as `127.0.0.1:9465`; `none`
    for off. It has no access control, so it is no port of callers."""

    @model_validator(mode="after")
    def _requires_authentication(self) -> Self:
        if not is_loopback(self.host) and not (self.event_secrets and self.authenticates_callers):
            raise ValueError(
                "listening beyond loopback needs event_secrets and api_keys (or keys, or oidc):"
                " set both, or host = 127.0.0.1"
            )
        return self

    @property
    def authenticates_callers(self) -> bool:
        """True if callers of the control API must say who they are."""
        return bool(self.api_keys or self.keys or self.oidc)
