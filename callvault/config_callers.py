"""Settings about who may call the gateway: keys, tokens, and who signs ACS's callbacks."""

from typing import Annotated

from pydantic import Field

from callvault.config.types import Roles, SecretRefs, Section, Url


class KeySettings(Section):
    """One key of the control API, of one caller."""

    secret: Annotated[SecretRefs, Field(min_length=1)]
    """Secret reference to the key; two, while it is rotated."""
    roles: Roles
    """What it may do: `control` (start, pause, resume, stop, acknowledge), `read` (see recordings),
    `consent` (give and withdraw consent)."""


class OidcSettings(Section):
    """Callers of the control API who present a signed token (OpenID Connect) instead of a key."""

    issuer: str
    """Who signs the tokens, exactly as their claim `iss` has it."""
    configuration_url: Url
    """Where the issuer publishes its OpenID configuration, `https://…/openid-configuration`."""
    audience: str
    """What the claim `aud` must be: the gateway's own name at the issuer."""
    roles_claim: str = "roles"
    """The claim that lists what a caller may do."""
    name_claim: str = "sub"
    """The claim that says who asks; it goes into the evidence, so prefer ids to people's names."""
    control_role: str = "Callvault.Control"
    """The value of the roles' claim that allows to control recordings."""
    read_role: str = "Callvault.Read"
    """The value that allows to see recordings."""
    consent_role: str = "Callvault.Consent"
    """The value that allows to give and withdraw consent."""


class CallbackSettings(Section):
    """Who signs the callbacks of ACS; the defaults are Azure's."""

    issuer: str = "https://acscallautomation.communication.azure.com"
    """The tokens' claim `iss`."""
    configuration_url: Url = "https://acscallautomation.communication.azure.com/calling/.well-known/acsopenidconfiguration"
    """Where the issuer publishes its OpenID configuration."""
