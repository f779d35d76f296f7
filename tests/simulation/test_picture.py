"""Is the picture of a recording's life true: is every step drawn, and every drawn step taken?"""

import re
from collections.abc import Iterator

import pytest

from bench.simulation.life import Life
from callvault.contracts.states import RecordingState
from callvault.contracts.status import RecordingStatus
from tests.deploy.conftest import ROOT
from tests.deploy.test_pages import blocks
from workflows.call import recording_state

KNOWN = (587, 909, 574, 49, 251, 20, 23, 50, 76, 320)
"""Lives that together take every step that is drawn; once they do not, others are played, too."""

MAX_LIVES = 600
"""Lives after which a step that none has taken counts as one that is never taken."""

Step = tuple[str, str]


def drawn() -> set[Step]:
    """Return the steps of the picture, and of the table of rare ones, between two states."""
    page = ROOT / "docs" / "architecture.md"
    (diagram,) = blocks(page, "mermaid")
    steps = set(re.findall(r"^  (\w+) --> (\w+):", diagram, re.MULTILINE))
    rare = set(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", page.read_text(), re.MULTILINE))
    assert rare
    return steps | rare


def leads_to(picture: set[Step], step: Step) -> bool:
    """Tell if a step is drawn, or several drawn ones at once: an event may tell of all of them."""
    reached, before = {step[0]}, set[str]()
    while reached != before:
        before, reached = reached, reached | {there for here, there in picture if here in reached}
    return step[1] in reached


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[Step]]:
    """Collect the changes of every recording's state."""
    seen: set[Step] = set()
    derive = recording_state.state_of

    def watching(recording: RecordingStatus) -> RecordingState:
        state = derive(recording)
        if state is not recording.state:
            seen.add((str(recording.state), str(state)))
        return state

    monkeypatch.setattr(recording_state, "state_of", watching)
    return seen


@pytest.mark.slow("lives of the real workflow, some 20 in a second")
def test_the_picture_of_a_recordings_life_is_true(steps: set[Step]) -> None:
    # Nothing is erased in a random life: tests/workflows/test_erased.py takes those steps.
    picture = {step for step in drawn() if step[1] != RecordingState.ERASED}
    for number, seed in enumerate([*KNOWN, *range(MAX_LIVES)], 1):
        Life(seed).live()
        if number >= len(KNOWN) and picture <= steps:
            break
    assert picture - steps == set(), "drawn, and never taken"
    assert {step for step in steps if not leads_to(picture, step)} == set(), "not drawn"
