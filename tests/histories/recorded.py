"""Recorded histories: where they lie, and how they are read and replayed."""

import gzip
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, WorkflowRunner

from callvault.temporal.converter import data_converter
from workers.registry import RUNNER, WORKFLOWS

FOLDER = Path(__file__).parent
VERSION = version("callvault")
SUFFIX = ".json.gz"

WHAT_TO_DO = (
    "The history {name} of version {version} does not replay: the code gives other commands than"
    " when it was recorded, or gives them in another order. A call that is open during a deploy"
    " would stand still. Guard the change with workflow.patched, and keep both branches ('Change a"
    " workflow' in CONTRIBUTING.md); or, if version {version} was never released, record its"
    " histories anew: `make histories`. The SDK says: {error}"
)


class DoesNotReplay(AssertionError):
    """A recorded history does not replay with the code as it is."""


@dataclass(frozen=True)
class Recorded:
    """One run of one workflow, in a file."""

    path: Path

    @property
    def name(self) -> str:
        """Name of the story, with the number of the run."""
        return self.path.name.removesuffix(SUFFIX)

    @property
    def version(self) -> str:
        """The version of Callvault whose code wrote it."""
        return self.path.parent.name

    @property
    def text(self) -> str:
        """The history as JSON."""
        return gzip.decompress(self.path.read_bytes()).decode()

    def history(self) -> WorkflowHistory:
        """Read it, as the SDK has it."""
        found = json.loads(self.text)
        return WorkflowHistory.from_json(found["workflowId"], found)


def all_recorded(folder: Path = FOLDER) -> list[Recorded]:
    """Return the histories of all versions, in the order of their names."""
    return [Recorded(path) for path in sorted(folder.glob(f"*/*{SUFFIX}"))]


def recorded_as(name: str) -> Recorded:
    """Return the history of this name, of the last version that has it."""
    [*_, recorded] = [each for each in all_recorded() if each.name == name]
    return recorded


async def replay(recorded: Recorded, runner: WorkflowRunner = RUNNER) -> None:
    """Replay a history with the code as it is, as a worker would; raise `DoesNotReplay`."""
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=runner, data_converter=data_converter)
    result = await replayer.replay_workflow(recorded.history(), raise_on_replay_failure=False)
    if result.replay_failure is not None:
        told = {"name": recorded.name, "version": recorded.version}
        raise DoesNotReplay(WHAT_TO_DO.format(**told, error=result.replay_failure))
