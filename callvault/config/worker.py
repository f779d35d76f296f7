"""Settings of a worker process: its load, and its name."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from callvault.config.types import BindAddress, Name, Section


class WorkerSettings(Section):
    """The load that one worker process takes on at a time."""

    max_concurrent_exports: Annotated[int, Field(ge=1)] = 4
    """Recordings copied at the same time."""
    copy_parallelism: Annotated[int, Field(ge=1, le=64)] = 8
    """Connections that read recordings at the same time, over all copies together."""
    copy_block_size: Annotated[int, Field(ge=262_144, le=268_435_456)] = 8_388_608
    """Bytes that are asked for, checked and stored at a time. Copies need twice `copy_parallelism`
    times this much memory, for recordings of any size; larger blocks are for files beyond 50,000 of
    these."""
    max_concurrent_control: Annotated[int, Field(ge=1)] = 50
    """Calls to ACS (start, pause, resume, stop) at the same time."""
    max_history_events: Annotated[int, Field(ge=500)] = 2_000
    # Half of the length at which Temporal itself asks for a new run.
    """Events in the history of a run after which a new run of the workflow keeps the call. Fixed
    when the call begins."""
    max_cached_workflows: Annotated[int, Field(ge=1)] = 2_000
    """Open recordings kept in memory, about 0.2 MiB each, to spare replaying their histories when
    something happens; the others cost nothing here. A process needs 0.3 GiB and these: 0.7 GiB with
    2,000, 1.3 GiB with 5,000. Set it to the open recordings of the busiest hour, divided by the
    processes that are left when one fails."""
    max_concurrent_workflow_tasks: Annotated[int, Field(ge=2)] = 10
    """Calls decided about at the same time. A busy machine is done sooner with few: with 100 at
    once, none of the decisions was within Temporal's ten seconds, and all began anew."""
    export_niceness: Annotated[int, Field(ge=0, le=19)] = 10
    """Niceness of `callvault worker --only exports`: its lower priority for the processor lets
    control on the same machine come first."""
    deployment_name: Name | None = None
    """Temporal's worker versioning: the name of the deployment, with a `build_id`. Such a worker
    gets no work before its version is made the current one, and must run until no call is left on
    its version: `deploy/README.md` has the steps."""
    build_id: str | None = None
    """The version of this worker's code in its deployment."""
    identity: str | None = None
    """The worker's name in Temporal; by default process id and host name."""
    metrics_address: BindAddress = None
    """IP address and port where Prometheus reads metrics, as `127.0.0.1:9464`; `none` for off."""

    @model_validator(mode="after")
    def _versioned_or_not(self) -> Self:
        if (self.deployment_name is None) != (self.build_id is None):
            raise ValueError("deployment_name and build_id go together: set both, or neither")
        return self
