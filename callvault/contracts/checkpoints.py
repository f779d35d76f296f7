"""Checkpoints: signed statements about the end of an archive's chain, kept outside the archive."""

from datetime import datetime

from callvault.contracts.base import Message
from callvault.contracts.manifest import SCHEMA_VERSION, LinkReference, Signature


class Checkpoint(Message):
    """The newest link of an archive's chain at a time: it pins every link before it, too."""

    schema_version: int = SCHEMA_VERSION
    archive: str
    """The name under which the archive's documents are sealed."""
    archive_id: str
    """The archive's own id, of its ``archive.json``; empty where it has none."""
    head: LinkReference
    """Its sequence is the number of links too, as there is no gap."""
    access: LinkReference | None = None
    """The newest record of its access log; none where nobody accessed anything."""
    published_at: datetime
    software: str
    signature: Signature | None


class CheckpointInput(Message):
    """Input of ``CheckpointWorkflow``: publish checkpoints of these archives, or of all."""

    archives: tuple[str, ...] = ()


class Published(Message):
    """The checkpoint of one archive in one place."""

    archive: str
    place: str
    head: LinkReference | None = None
    """None where nothing was ever sealed in the archive: there is nothing to publish."""
    is_new: bool = False
    """False where the place had a checkpoint of this very link already."""
    problem: str = ""
    """The reason why it could not be published; empty where it was."""


class CheckpointReport(Message):
    """One for each archive and each of its places."""

    published: tuple[Published, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be published, in sentences."""
        return tuple(
            f"{each.archive}, at {each.place}: {each.problem}"
            for each in self.published
            if each.problem
        )
