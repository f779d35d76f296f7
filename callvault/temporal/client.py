"""The connection to Temporal, made in this place alone."""

from collections.abc import Sequence

from temporalio.client import Client, Interceptor, Plugin
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime

from callvault.config.settings import Settings
from callvault.errors import ConfigurationError, Unavailable
from callvault.temporal.converter import data_converter

DEFAULT_ADDRESS = "localhost:7233"
"""Address of Temporal's dev server, used when Temporal's own configuration names no address."""


async def connect(
    settings: Settings,
    *,
    plugins: Sequence[Plugin] = (),
    interceptors: Sequence[Interceptor] = (),
    runtime: Runtime | None = None,
    lazy: bool = False,
) -> Client:
    """Connect as Temporal's own configuration says (``TEMPORAL_*`` variables, profiles).

    ``runtime`` decides where Temporal's metrics and log lines go: see `callvault.telemetry.setup`.
    ``lazy`` connects with the first call, so that a process can start while Temporal is away.
    Raises `ConfigurationError` for a wrong profile, `Unavailable` where Temporal does not answer.
    """
    profile = _profile()
    address = profile.setdefault("target_host", DEFAULT_ADDRESS)
    try:
        return await Client.connect(
            **profile,
            identity=settings.worker.identity,
            plugins=list(plugins),
            interceptors=list(interceptors),
            data_converter=data_converter,
            runtime=runtime,
            lazy=lazy,
        )
    except RuntimeError as error:
        raise Unavailable(
            f"Temporal does not answer at {address}: start it, or set TEMPORAL_ADDRESS ({error})",
            owner="callvault",
        ) from error


def configured_namespace() -> str:
    """Return the namespace that `connect` would use, without connecting."""
    return _profile().get("namespace") or "default"


def _profile() -> ClientConnectConfig:
    try:
        return ClientConfig.load_client_connect_config()
    except (RuntimeError, ValueError) as error:
        raise ConfigurationError(f"Temporal's own configuration is wrong: {error}") from error
