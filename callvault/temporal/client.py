"""The connection to Temporal, made in this place alone."""

import asyncio
import os
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from temporalio.client import Client, Interceptor, Plugin
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime
from temporalio.service import TLSConfig

from callvault.codec.encryption import EncryptionCodec
from callvault.codec.keyring import Keyring
from callvault.config.settings import Settings
from callvault.contracts.base import quoted
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
    wrong address, profile or key, `Unavailable` where Temporal, or the vault of the keys, does not
    answer.
    """
    # Also without any key: an encrypted payload is never to be taken for an unreadable one.
    codec = EncryptionCodec(await asyncio.to_thread(Keyring.open, settings.encryption))
    profile = _profile()
    address = profile["target_host"] = _checked(profile.get("target_host") or DEFAULT_ADDRESS)
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
    except ValueError as error:
        raise _wrong(error) from error
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
        profile = ClientConfig.load_client_connect_config(override_env_vars=_variables())
    except (OSError, RuntimeError, ValueError) as error:
        raise _wrong(error) from error
    tls = profile.get("tls")
    # The SDK says so with the first call, which a lazy connection makes much later.
    if isinstance(tls, TLSConfig) and bool(tls.client_cert) != bool(tls.client_private_key):
        raise ConfigurationError(
            "Temporal's own configuration is wrong: TEMPORAL_TLS_CLIENT_CERT_… and"
            " TEMPORAL_TLS_CLIENT_KEY_… go together: set both, or neither"
        )
    return profile


def _variables() -> dict[str, str]:
    """Return the environment as far as it is text: at any other the SDK panics."""
    variables = {name: value for name, value in os.environ.items() if _is_text(name + value)}
    for name in os.environ.keys() - variables.keys():
        if name.startswith("TEMPORAL_"):
            raise ConfigurationError(f"{name!a} is not UTF-8: correct it")
    return variables


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _checked(address: str) -> str:
    """Return an address; `ConfigurationError` for one that the SDK refuses with the first call."""
    address = address.strip()
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        is_address = bool(parts.hostname) and parts.port != 0 and not re.search(r"\s", address)
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigurationError(
            f"Temporal's address {quoted(address)} is none: set TEMPORAL_ADDRESS to host:port, with"
            " a port from 1 to 65535"
        )
    return address


def _wrong(error: Exception) -> ConfigurationError:
    return ConfigurationError(f"Temporal's own configuration is wrong: {error}")
