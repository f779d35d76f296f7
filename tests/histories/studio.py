"""The server and the workers of a recording: real ones, but for ACS, and with virtual time."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from temporalio import activity
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.checkpoints import CheckpointActivities
from activities.erasure import ErasureActivities
from activities.reconcile import ReconcileActivities
from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.contracts.adoption import AdoptionInput, AdoptionResult
from callvault.contracts.sweeps import SweepInput, SweepReport, SweepReports
from callvault.errors import Unavailable
from callvault.local.temporal import dynamic_options, temporal_binary
from callvault.local.time_skipping import TIME_SKIPPING
from callvault.temporal.converter import data_converter
from tests.archive.sealed import SIGNER
from tests.retention.corpus import Corpus
from tests.workflows.conftest import AsksAgain, search_attribute_arguments
from tests.workflows.scene import Scene, World

IDENTITY = "callvault-histories"
"""Identity of client and workers; by default it would name the process and the machine."""


class Studio(World):
    """The world of a recording: every workflow of a worker can be played in it."""

    def __init__(self, root: Path, environment: WorkflowEnvironment, http: httpx.Client) -> None:
        super().__init__(root / "archives")
        self.root = root
        self.environment = environment
        self.corpus = Corpus(root / "corpus")
        """Archives with recordings that can be erased."""
        archives, client = self.corpus.archives, environment.client
        main, settings = archives["main"], _settings(root)
        publisher = CheckpointActivities(settings, lambda _: main, lambda _: SIGNER, http)
        reconciling = ReconcileActivities(client, {"main": lambda: main}, target=100)
        erasure = ErasureActivities(
            client, self.corpus.places, archives.__getitem__, lambda _: SIGNER
        )
        self.other_control = [sweep_dead_letters, adopt_recording]
        self.other_exports = [reconciling.reconcile, publisher.publish_checkpoints, *erasure.all]

    @property
    def client(self) -> Client:
        """A client whose workflows live in virtual time, where a story lets it pass."""
        return self.environment.client

    def scene(self) -> Scene:
        """Make a call of a resource of its own."""
        return Scene(self.environment, self)


@activity.defn(name=names.ADOPTION_ACTIVITY)
async def adopt_recording(input: AdoptionInput) -> AdoptionResult:
    """Answer as a worker does whose ACS answers at the second attempt."""
    if activity.info().attempt == 1:
        raise Unavailable("ACS is away")
    return AdoptionResult(workflow_id=names.workflow_id(input.request.server_call_id))


@activity.defn
async def sweep_dead_letters(input: SweepInput) -> SweepReports:
    """Answer as a worker does that finds a letter which it does not understand."""
    report = SweepReport(
        location="quarantine",
        dead_letters=1,
        not_understood=1,
        problems=("a.event: the body is not JSON",),
    )
    return SweepReports(reports=(report,))


def _settings(root: Path) -> Settings:
    """Return settings with a place for checkpoints."""
    return Settings.model_validate(
        {
            "archives": {"main": {"kind": "directory", "path": str(root / "corpus" / "main")}},
            "checkpoints": {"away": {"kind": "directory", "path": str(root / "away")}},
        }
    )


@asynccontextmanager
async def open_studio() -> AsyncIterator[Studio]:
    """Start a server with virtual time and the workers, and stop them in the end."""
    with tempfile.TemporaryDirectory() as folder:
        async with await WorkflowEnvironment.start_time_skipping_v2(
            identity=IDENTITY,
            data_converter=data_converter,
            interceptors=[AsksAgain()],
            dev_server_existing_path=str(temporal_binary()),
            dev_server_extra_args=dynamic_options(TIME_SKIPPING) + search_attribute_arguments(),
        ) as environment:
            (Path(folder) / "away").mkdir()
            with httpx.Client() as http:
                studio = Studio(Path(folder), environment, http)
                async with studio.working(environment.client):
                    yield studio
