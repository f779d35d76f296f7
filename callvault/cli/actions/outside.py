"""Knowledge of an archive that lies outside it: checkpoints, and what Temporal keeps of calls."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.expectation import Expectation, Place
from callvault.archive.verify.inspector import Remark
from callvault.archive.verify.told_links import ToldLink
from callvault.cli.actions.local_files import is_directory
from callvault.cli.actions.recordings import with_client
from callvault.clients import open_place
from callvault.config.settings import load_settings
from callvault.errors import InvalidRequest
from callvault.temporal.told_links import SealedLink, sealed_links


@dataclass(frozen=True)
class Outside:
    """The sources of what is known of an archive, as people name them."""

    places: tuple[str, ...] = ()
    """Places of checkpoints: directories, or configured names."""
    against_temporal: bool = False

    @contextmanager
    def known(
        self, expected: Expectation, archive: str | None, config: Path | None
    ) -> Iterator[Expectation]:
        """Add what the sources tell, before the archive is looked at; close them afterwards."""
        told = expected.told
        if self.against_temporal:
            told += _told_by_temporal(archive, config)
        with ExitStack() as opened:
            places = tuple(_open(name, config, opened) for name in self.places)
            yield replace(expected, told=told, places=places)

    def doubts(self, known: Expectation) -> Iterator[Remark]:
        """Yield what could not be proven for want of knowledge."""
        if self.against_temporal and not any(_is_of_call(each) for each in known.told):
            yield Remark(
                object_name="",
                location="Temporal",
                text="no call that it keeps tells a link of this archive: nothing was compared",
            )


def _told_by_temporal(archive: str | None, config: Path | None) -> tuple[ToldLink, ...]:
    if archive is None:
        raise InvalidRequest(
            "a directory does not say under which name it was sealed: with --against-temporal name"
            " it (--archive NAME), or verify the archive by its configured name"
        )
    found = with_client(config, lambda client: sealed_links(client, archive))
    return tuple(ToldLink(each.link, _source(each), each.ended_at) for each in found)


_OF_CALL = "call "


def _source(sealed: SealedLink) -> str:
    return f"{_OF_CALL}{sealed.workflow_id} in Temporal"


def _is_of_call(told: ToldLink) -> bool:
    return told.source.startswith(_OF_CALL)


def _open(name: str, config: Path | None, opened: ExitStack) -> Place:
    path = Path(name)
    if is_directory(path):
        return Place(name, DirectoryArchive(name, path))
    settings = load_settings(config)
    return Place(
        name, opened.enter_context(closing(open_place(name, settings.checkpoint_place(name))))
    )
