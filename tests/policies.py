"""A resource's policy as the settings make it, for tests of decisions."""

from typing import Any

from callvault.config.policy import resource_policy
from callvault.config.settings import Settings
from callvault.contracts.activity_io import ResourcePolicy

_SETTINGS = Settings.model_validate(
    {
        "resources": {
            "default": {
                "endpoint": "https://contoso.communication.azure.com",
                "credential": {"entra": True},
            }
        },
        "archives": {"main": {"kind": "directory", "path": "/archive"}},
    }
)


def a_policy(**changes: Any) -> ResourcePolicy:
    """Return the policy of a resource with default settings and these changes.

    ``guards`` and ``consent`` may be given in part, as mappings.
    """
    usual = resource_policy(_SETTINGS, "default").model_dump(by_alias=False)
    for part in ("guards", "consent"):
        usual[part] |= changes.pop(part, {})
    return ResourcePolicy.model_validate(usual | changes)
