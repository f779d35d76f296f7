"""The part of a resource's settings that its workflows decide by."""

from callvault.config.settings import Settings
from callvault.contracts.activity_io import ResourcePolicy


def resource_policy(settings: Settings, name: str) -> ResourcePolicy:
    """Build the policy of a resource; `ConfigurationError` for an unknown name."""
    resource = settings.resource(name)
    # The fields of policy, guards and consent terms have the names of the settings, so that each of
    # the three picks its own out of all.
    values = resource.model_dump()
    is_announced = resource.announcement_url is not None
    return ResourcePolicy.model_validate(
        values
        | {
            "resource": name,
            "archive": settings.archive_name(name),
            "guards": values,
            "consent": values,
            "announce_within": resource.announcement_within if is_announced else None,
            "announce_late_joiners": is_announced and resource.announce_late_joiners,
            "tells_events": resource.webhook_url is not None,
            "polls_result": resource.result_api_version is not None,
            "max_history_events": settings.worker.max_history_events,
        }
    )
