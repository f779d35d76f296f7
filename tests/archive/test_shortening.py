"""What an owner with the real key does to the archive is found, and an honest owner never accused.

`make proof` tells 1,000 stories of each kind; `SHORTENINGS` is their number, and `SEED` the seed.
"""

import os
import random

import pytest

from callvault.archive.manifests.documents import Keyring
from callvault.archive.verify.expectation import Expectation, Place
from callvault.archive.verify.inspector import Report
from callvault.archive.verify.verifier import verify_archive
from tests.archive.shortening import ED25519, ES256, STORIES, Story, honest

COUNT = int(os.environ.get("SHORTENINGS", "25"))
SEED = os.environ.get("SEED", "1")
KEYS = (ED25519.public, ES256.public)


def verified(story: Story, *, checkpoints: bool = True) -> Report:
    places = (Place("the place", story.place),) if checkpoints else ()
    expected = Expectation(archive="main", places=places, may_be_empty=not checkpoints)
    return verify_archive(story.archive, Keyring(KEYS), expected=expected)


def texts(report: Report) -> str:
    return "\n".join(f"{remark.location}: {remark.text}" for remark in report.problems)


@pytest.mark.parametrize("kind", STORIES)
def test_what_the_owner_of_the_key_has_done_is_found_and_named(kind: str) -> None:
    tell, sentences = STORIES[kind]
    for number in range(COUNT):
        story = tell(random.Random(f"{SEED} {kind} {number}"))
        # No signature and no link betrays it.
        alone = verified(story, checkpoints=False)
        assert alone.ok, f"{number}: {texts(alone)}"
        found = texts(verified(story))
        assert any(sentence in found for sentence in sentences), f"{number}: {found}"


def test_no_honest_archive_is_accused() -> None:
    for number in range(COUNT):
        story = honest(random.Random(f"{SEED} honest {number}"))
        report = verified(story)
        assert report.ok, f"{number}: {texts(report)}"
        assert report.told >= 1
