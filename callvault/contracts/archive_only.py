"""The refusal of whatever would control the recordings of a resource that only archives."""


def refusal_of_control(resource: str) -> str:
    """Say that a resource's recordings are not controlled here, and how to change that."""
    return (
        f"Resource {resource} only archives: the program that starts its recordings has to control"
        " them. Nothing was changed, and ACS may be recording. To have Callvault control them, set"
        f" resources.{resource}.archive_only = false, and restart gateways and workers."
    )
