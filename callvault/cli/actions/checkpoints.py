"""The work of `callvault checkpoints`: publish now, or by a Temporal Schedule."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from rich.console import Console

from activities.checkpoints import Publisher
from callvault.archive.store import Archive
from callvault.cli.actions.recordings import with_client
from callvault.cli.terminal import line
from callvault.clients import open_archive, open_signer
from callvault.config.settings import Settings, load_settings
from callvault.contracts import names
from callvault.contracts.checkpoints import CheckpointInput, CheckpointReport, Published
from callvault.errors import ConfigurationError
from callvault.http_transports import Transport
from callvault.temporal import schedules


def publish(config: Path | None, input: CheckpointInput) -> CheckpointReport:
    """Publish now, in this process."""
    settings = load_settings(config)
    archives = _checked(settings, input)
    with _publisher(settings) as publisher:
        return CheckpointReport(
            published=tuple(published for published, _ in publisher.publish(archives))
        )


def schedule(config: Path | None, input: CheckpointInput, interval: timedelta) -> str:
    """Set the Temporal Schedule; return a sentence about the outcome."""
    archives = _checked(load_settings(config), input)
    what = f"checkpoints of {', '.join(archives)}"
    return with_client(
        config,
        lambda client: schedules.schedule(
            client, names.CHECKPOINT_SCHEDULE, names.CHECKPOINT_TYPE, input, interval, what
        ),
    )


def unschedule(config: Path | None) -> str:
    """Remove the Temporal Schedule; return a sentence about the outcome."""
    return with_client(
        config, lambda client: schedules.unschedule(client, names.CHECKPOINT_SCHEDULE)
    )


def show(report: CheckpointReport) -> None:
    """Print a line for each archive and place."""
    console = Console(soft_wrap=True, highlight=False)
    for each in report.published:
        console.print(line(_verdict(each), f" {each.archive}, at {each.place}: {_told(each)}"))


def _verdict(published: Published) -> tuple[str, str]:
    if published.problem:
        return "not published", "bold red"
    return ("published", "green") if published.is_new else ("as before", "dim")


def _told(published: Published) -> str:
    if published.problem:
        return published.problem
    if published.head is None:
        return "nothing was ever sealed"
    return f"link {published.head.sequence}, SHA-256 {published.head.sha256}"


def _checked(settings: Settings, input: CheckpointInput) -> list[str]:
    """Return the archives to publish; `ConfigurationError` where one has no place."""
    for name in input.archives:
        settings.archive(name)
    wanted = list(input.archives) or sorted(settings.archives)
    placed = {
        name
        for name in wanted
        for place in settings.checkpoints.values()
        if not place.archives or name in place.archives
    }
    if missing := [name for name in wanted if name not in placed and name in input.archives]:
        raise ConfigurationError(f"archive {missing[0]} has no place: add it to a [checkpoints.…]")
    if not placed:
        raise ConfigurationError(
            "no place of checkpoints is configured: add a section [checkpoints.NAME], a directory,"
            " a container or a webhook that is out of the reach of whoever can change the archive"
        )
    return [name for name in wanted if name in placed]


@contextmanager
def _publisher(settings: Settings) -> Iterator[Publisher]:
    opened: dict[str, Archive] = {}

    def archive_of(name: str) -> Archive:
        if name not in opened:
            opened[name] = open_archive(name, settings.archive(name))
        return opened[name]

    with closing(httpx.Client(transport=Transport(), follow_redirects=False)) as http:
        try:
            yield Publisher(
                settings,
                archive_of,
                lambda name: open_signer(settings.archive(name)),
                http,
                lambda: datetime.now(UTC),
            )
        finally:
            for archive in opened.values():
                archive.close()
