"""What a verification has to tell."""

from callvault.contracts.base import State
from callvault.contracts.manifest import LinkReference


class Remark(State):
    """One sentence about one object."""

    object_name: str
    location: str
    """Where a person finds it: a URL or a path."""
    text: str


class Report(State):
    """The outcome of a verification."""

    target: str
    quick: bool
    """Signatures, links and sizes only: the objects' bytes were not read."""
    manifests: int = 0
    objects: int = 0
    """Media and metadata files that the manifests name, each counted once."""
    bytes_read: int = 0
    head: LinkReference | None = None
    """The newest link. Kept elsewhere, it shows later that nothing was cut off the chain's end."""
    problems: list[Remark] = []
    """What is not as it was sealed."""
    warnings: list[Remark] = []
    """What could not be proven, and what was amiss already when it was sealed."""

    @property
    def ok(self) -> bool:
        return not self.problems
