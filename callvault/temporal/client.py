"""The connection to Temporal, made in this place alone."""

import asyncio
from collections.abc import Sequence

from temporalio.client import Client, Interceptor, Plugin
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime

from callvault.codec.encryption import EncryptionCodec
from callvault.codec.keyring import Keyring
from callvault.config.settings import Settings
from callvault.errors import ConfigurationError, Unavailable
from callvault.temporal.converter import converter_with
from callvault.temporal.repeated_queries import RepeatsQueries

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
    What it sends is encrypted where the settings have a key. Raises `ConfigurationError` for a
    wrong profile or key, `Unavailable` where Temporal, or the vault of the keys, does not answer.
    """
    # Also without any key: an encrypted payload is never to be taken for an unreadable one.
    codec = EncryptionCodec(await asyncio.to_thread(Keyring.open, settings.encryption))
    profile = _profile()
    address = profile.setdefault("target_host", DEFAULT_ADDRESS)
    try:
        return await Client.connect(
            **profile,
            identity=settings.worker.identity,
            plugins=list(plugins),
            interceptors=[*interceptors, RepeatsQueries()],
            data_converter=converter_with(codec, encrypts=settings.encryption.is_on),
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
