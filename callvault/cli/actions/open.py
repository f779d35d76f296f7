"""The work of `callvault recordings open`: find a recording, write it into the log, give it out."""

from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple

from callvault.archive.manifests.folders import find_folders
from callvault.archive.names import RECORDINGS_PREFIX, day_prefix
from callvault.archive.opening.files import RecordedFile, files_of
from callvault.archive.opening.opening import (
    Opened,
    Opener,
    asked_for,
    choose,
    file_name,
    open_files,
    told,
)
from callvault.archive.opening.places import Place, places_in, the_one
from callvault.archive.store import Archive
from callvault.archive.verify.expectation import spelt
from callvault.cli.actions.recordings import status, with_client
from callvault.cli.terminal import say
from callvault.config.settings import Settings
from callvault.contracts.base import State, shorten
from callvault.errors import InvalidRequest, Unavailable
from callvault.logged_archives import LoggedArchive, open_logged


class Asked(NamedTuple):
    """What is to be opened, and by whom."""

    recording: str
    chunk: int | None
    recorded_on: date | None
    reason: str
    by: str
    os_user: str
    lifetime: timedelta | None
    folder: Path | None
    """Where the files are to be written; None for links."""


class GivenFile(State):
    """One file, and where it can be read now."""

    chunk: int | None
    object_name: str
    size: int
    sha256: str | None
    place: str
    """A link, or the path of a file."""


class Given(State):
    """A recording that was opened."""

    archive: str
    folder: str
    files: list[GivenFile]
    missing: list[str]
    expires_at: datetime
    access_record: str


def open_recording(settings: Settings, config: Path | None, asked: Asked) -> Given:
    """Open a recording, once the access log has it; our errors say why it cannot be."""
    opener = _opener(settings, asked)
    place = _place(settings, config, asked)
    with closing(open_logged(settings, place.archive, None)) as opened:
        recorded = files_of(opened.archive, place.folder)
        name = asked.recording if asked.recording.startswith(f"{place.folder}/") else None
        files = choose(recorded, asked.chunk, name)
        done = open_files(
            opened.archive, opened.log, files, opener, with_links=asked.folder is None
        )
        return Given(
            archive=place.archive,
            folder=place.folder,
            files=list(_given(opened, done, asked.folder)),
            missing=[
                told(file) for file in asked_for(recorded, asked.chunk, name) if file not in files
            ],
            expires_at=opener.expires_at,
            access_record=spelt(done.recorded.link),
        )


def show(given: Given, *, are_links: bool) -> None:
    """Print where each file can be read, and what is missing."""
    for file in given.files:
        say(file.place)
    for said in given.missing:
        say(said, err=True)
    if are_links and any(file.place.startswith("http") for file in given.files):
        say(f"Until {given.expires_at:%Y-%m-%d %H:%M:%S} UTC, for whoever has the link.", err=True)
    say(f"In the access log of {given.archive}: {given.access_record}", err=True)


def _opener(settings: Settings, asked: Asked) -> Opener:
    media = settings.gateway.media
    if media.demands_reason and not asked.reason.strip():
        raise InvalidRequest("--reason: say why it is opened: it goes into the access log")
    if asked.lifetime is not None and asked.lifetime > media.link_lifetime:
        raise InvalidRequest(
            f"--lifetime: at most {media.link_lifetime} (gateway.media.link_lifetime)"
        )
    until = datetime.now(UTC) + (asked.lifetime or media.link_lifetime)
    return Opener(
        by=asked.by,
        authenticated_as=f"cli:{asked.os_user}",
        reason=asked.reason,
        expires_at=until.replace(microsecond=0),
    )


def _place(settings: Settings, config: Path | None, asked: Asked) -> Place:
    """Find the recording: by its workflow, or, where Temporal forgot it, in all archives."""
    if not asked.recording.startswith(RECORDINGS_PREFIX):
        # Not found, or no Temporal: an auditor may have nothing but the archive.
        with suppress(Unavailable, _Unknown):
            return the_one(_known_to_temporal(config, asked.recording), asked.recording)
    places = list(_in_archives(settings, asked))
    if not places:
        raise InvalidRequest(
            f"there is no recording {shorten(asked.recording, 100)}, neither in Temporal nor in an"
            " archive of the settings"
        )
    return the_one(places, asked.recording)


class _Unknown(Exception):
    """Temporal knows no such call."""


def _known_to_temporal(config: Path | None, recording: str) -> list[Place]:
    try:
        found = with_client(config, lambda client: status(client, recording))
    except InvalidRequest as error:
        raise _Unknown from error
    return places_in(found, recording)


def _in_archives(settings: Settings, asked: Asked) -> Iterator[Place]:
    day = asked.recorded_on
    prefix = day_prefix(datetime.combine(day, time(), UTC)) if day is not None else ""
    for name in settings.archives:
        with closing(open_logged(settings, name, None)) as opened:
            found = find_folders(opened.archive, asked.recording, prefix=prefix)
            folders = [folder for folder in found if files_of(opened.archive, folder).files]
        if folders:
            # What failed back is in two archives: the first one of the settings counts.
            yield from (Place(name, folder) for folder in folders)
            return


def _given(opened: LoggedArchive, done: Opened, folder: Path | None) -> Iterator[GivenFile]:
    for file, link in zip(done.files, done.links, strict=True):
        if folder is not None:
            place = str(_save(opened.archive, file, folder))
        else:
            place = link or opened.archive.location(file.object_name)
        yield GivenFile(
            chunk=file.index,
            object_name=file.object_name,
            size=file.size,
            sha256=file.sha256,
            place=place,
        )


def _save(archive: Archive, file: RecordedFile, folder: Path) -> Path:
    path = folder / file_name(file.object_name)
    try:
        with path.open("xb") as target:
            for piece in archive.read(file.object_name):
                target.write(piece)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be written: {error.strerror}") from error
    return path
