"""Small requests that show if a service takes our credential, and what time it has.

They change nothing. Each may hang as long as its client's time-outs let it, and a name service
longer: they belong into threads.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.core.exceptions import AzureError, ResourceNotFoundError

from callvault.azure_storage.clients import StorageAccess, container_client
from callvault.azure_storage.errors import blob_error
from callvault.clients import open_acs_client
from callvault.config.resources import ResourceSettings
from callvault.config.settings import Settings
from callvault.config.storage import AzureBlobSettings
from callvault.errors import CallvaultError, ConfigurationError
from callvault.header_values import http_time

_NO_BLOB = ".callvault-check"
_TIMEOUTS: dict[str, Any] = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 5}


@dataclass(frozen=True)
class Answer:
    """What a service said."""

    time: datetime | None = None
    """Its time; None where it did not answer."""
    problem: str = ""
    """A sentence about why it does not let us in; empty where it does."""


Probe = Callable[[], Answer]


def probes(settings: Settings) -> dict[str, Probe]:
    """Return a probe of every ACS resource and every container, by its name in the settings."""
    found: dict[str, Probe] = {
        f"resources.{name}": lambda resource=resource: probe_acs(resource)  # type: ignore[misc]
        for name, resource in settings.resources.items()
    }
    for name, archive in settings.archives.items():
        if isinstance(archive, AzureBlobSettings):
            found[f"archives.{name}"] = (
                lambda name=name, archive=archive: probe_archive(name, archive)  # type: ignore[misc]
            )
    return found


def probe_acs(settings: ResourceSettings) -> Answer:
    """Ask an ACS resource about a call connection that does not exist."""
    try:
        with open_acs_client(settings) as client:
            date, problem = client.probe()
    except CallvaultError as error:
        return Answer(problem=str(error))
    return Answer(http_time(date), problem)


def probe_archive(name: str, settings: AzureBlobSettings) -> Answer:
    """Ask a container about a blob that does not exist."""
    dates: list[str | None] = []

    def note(response: Any) -> None:
        dates.append(response.http_response.headers.get("Date"))

    problem = ""
    try:
        access = StorageAccess.from_settings(settings)
        with closing(container_client(access, settings.container, **_TIMEOUTS)) as container:
            container.get_blob_client(_NO_BLOB).get_blob_properties(raw_response_hook=note)
    except ResourceNotFoundError:
        problem = ""
    except AzureError as error:
        # The time of a refusal, too: the clock may be why.
        dates.append(getattr(getattr(error, "response", None), "headers", {}).get("Date"))
        problem = str(blob_error(error, name, "asking if it lets us in"))
    except ConfigurationError as error:
        problem = str(error)
    except ValueError:
        # Its text may quote the secret.
        problem = f"archive {name}: its connection string or URL is none: copy it whole"
    return Answer(http_time(dates[-1] if dates else None), problem)
