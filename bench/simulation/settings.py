"""The settings of a resource, drawn by lot."""

import random
from datetime import timedelta
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
_POLICY = resource_policy(_SETTINGS, "default")


def draw_policy(rng: random.Random) -> ResourcePolicy:
    """Draw the settings of a resource."""
    changed: dict[str, Any] = {
        "announce_within": timedelta(seconds=10) if rng.random() < 0.15 else None,
        "callback_url": "https://gateway",
        "delete_source": rng.random() < 0.3,
        "fallback_archive": "second" if rng.random() < 0.3 else None,
        "polls_result": rng.random() < 0.4,
        "max_history_events": rng.choice([60, 100, 200, 10_000]),
        "tells_events": rng.random() < 0.4,
        "export_window": rng.choice([timedelta(hours=24), timedelta(hours=48)]),
    }
    return _POLICY.model_copy(update=changed)
