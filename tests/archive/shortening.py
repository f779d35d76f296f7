"""Random archives that were shortened, rewritten, forked or set back by their owner, or not.

The owner has the real key, and every signature and link fits: only what was told outside shows it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from callvault.archive.checkpoints.checkpoint import make_checkpoint, put_checkpoint
from callvault.archive.identity import make_identity
from callvault.archive.manifests.keys import Signer
from callvault.archive.names import folder_of, link_object_name
from tests.archive.memory import MemoryArchive
from tests.archive.sealed import NOON, lost, sealed

ED25519, ES256 = Signer.generate(), Signer.generate("ES256")
HOUR = timedelta(hours=1)


@dataclass
class Story:
    """An archive, what it held at each link, and the place of its checkpoints."""

    draw: random.Random
    archive: MemoryArchive = field(default_factory=MemoryArchive)
    place: MemoryArchive = field(default_factory=lambda: MemoryArchive("place"))
    signer: Signer = ED25519
    states: list[dict[str, bytes]] = field(default_factory=list)
    """The objects of the archive with 0, 1, 2 … links."""
    told: list[int] = field(default_factory=list)
    """Numbers of the links of which there is a checkpoint."""

    def begin(self) -> "Story":
        make_identity(self.archive, f"{self.draw.getrandbits(128):032x}", NOON)
        self.states = [dict(self.archive.objects)]
        return self

    @property
    def length(self) -> int:
        return len(self.states) - 1

    def seal(self, *, at: datetime | None = None, why: str = "gone") -> None:
        number = self.length + 1
        when = at or NOON + number * HOUR
        name = f"rec-{number}"
        sealed(self.archive, lost(0, why), recording_id=name, signer=self.signer, now=lambda: when)
        self.states.append(dict(self.archive.objects))

    def grow(self, count: int, *, told: float = 0.0, **facts: object) -> None:
        """Seal ``count`` recordings, and publish with the probability ``told`` after each."""
        for _ in range(count):
            self.seal(why=str(facts.get("why", "gone")))
            if self.draw.random() < told:
                self.publish()

    def publish(self, *, skew: timedelta = timedelta()) -> None:
        at = NOON + self.length * HOUR + timedelta(minutes=self.draw.randrange(1, 59)) + skew
        checkpoint = make_checkpoint(self.archive, self.signer, lambda: at)
        assert checkpoint
        put_checkpoint(self.place, checkpoint)
        self.told.append(self.length)

    def back_to(self, length: int) -> None:
        """Put the archive as it was with so many links."""
        self.states = self.states[: length + 1]
        self.archive.objects = dict(self.states[length])


def honest(draw: random.Random) -> Story:
    """Live on: keys change, clocks differ, several processes publish, links are told late."""
    story = Story(draw).begin()
    for _ in range(draw.randrange(1, 4)):
        story.signer = draw.choice([ED25519, ES256])
        story.grow(draw.randrange(1, 4), told=0.4)
        story.publish(skew=timedelta(minutes=draw.randrange(-90, 90)))
        if draw.random() < 0.3:  # another process saw an older end, and is slow to tell
            _publish_late(story)
    story.grow(draw.randrange(3))
    return story


def _publish_late(story: Story) -> None:
    length = story.draw.randrange(1, story.length + 1)
    older = MemoryArchive(story.archive.name, dict(story.states[length]))
    at = NOON + (story.length + 2) * HOUR
    checkpoint = make_checkpoint(older, story.signer, lambda: at)
    assert checkpoint
    put_checkpoint(story.place, checkpoint)


def _told(draw: random.Random) -> tuple[Story, int]:
    """Tell an honest story with a checkpoint, and draw a length below that of the last one."""
    story = Story(draw, signer=draw.choice([ED25519, ES256])).begin()
    story.grow(draw.randrange(1, 6), told=0.4)
    story.publish()
    story.grow(draw.randrange(3))
    return story, draw.randrange(max(story.told))


def truncated(draw: random.Random) -> Story:
    """Cut links off the end, with the manifests that they name."""
    story, length = _told(draw)
    for number in range(length + 1, story.length + 1):
        del story.archive.objects[link_object_name(number)]
    kept = {folder_of(name) for name in story.states[length] if name.startswith("recordings/")}
    for name in [each for each in story.archive.objects if each.startswith("recordings/")]:
        if folder_of(name) not in kept:
            del story.archive.objects[name]
    return story


def rewritten(draw: random.Random) -> Story:
    """Seal the same recordings anew with other facts, at the same times, with the real key."""
    story, length = _told(draw)
    end = story.length
    story.back_to(length)
    story.grow(end - length + draw.randrange(2), why="it was never recorded")
    return story


def forked(draw: random.Random) -> Story:
    """Keep two chains from one link on, and tell of both; one of them is shown."""
    story, length = _told(draw)
    end = story.length
    story.back_to(length)
    story.grow(end - length + draw.randrange(2), why="it was never recorded")
    story.publish()
    return story


def set_back(draw: random.Random) -> Story:
    """Put a backup in the archive's place, and go on sealing from there."""
    story, length = _told(draw)
    end = story.length
    story.back_to(length)
    for number in range(draw.randrange(1, 5)):
        story.seal(at=NOON + (end + 2 + number) * HOUR, why="after the backup was put back")
    return story


def replaced(draw: random.Random) -> Story:
    """Put another archive of the same name and key in the archive's place."""
    story, _ = _told(draw)
    other = Story(draw, signer=story.signer).begin()
    other.grow(story.length + draw.randrange(2))
    story.archive = other.archive
    return story


STORIES: dict[str, tuple[Callable[[random.Random], Story], tuple[str, ...]]] = {
    "truncated": (truncated, ("the chain's end was cut off", "the chain is gone")),
    "rewritten": (rewritten, ("the chain was rewritten",)),
    "forked": (forked, ("a fork",)),
    "set back": (set_back, ("was set back to an older state", "an older copy of the archive was")),
    "replaced": (replaced, ("another archive, signed with the same key, is in its place",)),
}
"""How each story is told, and the sentences of which the verdict must have one."""
