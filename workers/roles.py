"""The roles of a worker process. Cheap to import, as the command line does for its help."""

from enum import StrEnum


class Role(StrEnum):
    """A half of the work, for a process that does not do all of it."""

    CONTROL = "control"
    """Decisions, control of ACS, alarms: little work, which must never wait."""
    EXPORTS = "exports"
    """Bulk copies and manifests: much work, which may."""
