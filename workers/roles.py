"""What a worker process does. Cheap to import: the command line does it to explain itself."""

from enum import StrEnum


class Role(StrEnum):
    """Half of the work, where a process does not do everything."""

    CONTROL = "control"
    """Decisions, control of ACS, alarms: little work, which must never wait."""
    EXPORTS = "exports"
    """Bulk copies and manifests: much work, which may."""
