"""Do the clients of a worker follow their secrets, and hold each other up in nothing?"""

import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callvault import rereading
from callvault.archive.identity import make_identity
from callvault.archive.store import Archive
from callvault.clients import open_archive
from callvault.config.settings import Settings
from callvault.errors import AccessDenied, ArchiveGone, WrongArchive
from callvault.local.azurite import Azurite
from workers.clients import Connections, Pool


@pytest.fixture(autouse=True)
def _read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rereading, "REREAD_INTERVAL", 0.0)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    return tmp_path / "secret"


def settings_of(**access: str) -> Settings:
    archive = {"kind": "azure_blob", "container": f"test-{uuid.uuid4().hex}", **access}
    return Settings.model_validate({"archives": {"main": archive}})


def made(settings: Settings, wanted: str | None = None) -> None:
    """Make the archive, as `callvault setup` does."""
    with closing(open_archive("main", settings.archive("main"))) as archive:
        make_identity(archive, wanted, datetime.now(UTC))


@pytest.fixture
def connections(azurite: Azurite, secret: Path) -> Iterator[Connections]:
    """Yield those to a container that is reached by a connection string in a file."""
    secret.write_text(azurite.connection_string)
    settings = settings_of(connection_string=f"file:{secret}")
    made(settings)
    with closing(Connections(settings)) as connections:
        yield connections


def test_h12_a_key_that_was_replaced_is_used_from_the_next_activity_on(
    connections: Connections, azurite: Azurite, secret: Path
) -> None:
    first = connections.archive_of("main")
    assert connections.archive_of("main") is first, "as long as the secret is the same"
    wrong = azurite.connection_string.replace(azurite.account_key, "d3Jvbmc=")
    secret.write_text(wrong)
    with pytest.raises(AccessDenied):
        connections.archive_of("main")
    secret.write_text(azurite.connection_string)
    connections.archive_of("main").check()


def test_h12_a_url_that_was_replaced_is_used_from_the_next_activity_on(
    azurite: Azurite, secret: Path
) -> None:
    old, new = (azurite.new_container(f"test-{uuid.uuid4().hex}") for _ in range(2))
    settings = settings_of(sas_url=f"file:{secret}")
    for url in (new, old):
        secret.write_text(url)
        made(settings, "a" * 32)
    with closing(Connections(settings)) as connections:
        assert connections.archive_of("main").location("x") == f"{old.partition('?')[0]}/x"
        secret.write_text(new)
        assert connections.archive_of("main").location("x") == f"{new.partition('?')[0]}/x"


def test_h9_a_url_that_leads_to_another_archive_is_refused(azurite: Azurite, secret: Path) -> None:
    """Nobody has remembered its id: it is known since the worker used it first."""
    urls = [azurite.new_container(f"test-{uuid.uuid4().hex}") for _ in range(3)]
    settings = settings_of(sas_url=f"file:{secret}")
    for url, wanted in zip(urls, ("a" * 32, "b" * 32), strict=False):
        secret.write_text(url)
        made(settings, wanted)
    secret.write_text(urls[0])
    with closing(Connections(settings)) as connections:
        first = connections.archive_of("main")
        for another in urls[1:]:
            secret.write_text(another)
            with pytest.raises(WrongArchive):
                connections.archive_of("main")
        secret.write_text(urls[0])
        assert connections.archive_of("main") is first


def test_a_secret_that_is_away_for_a_moment_costs_nothing(
    connections: Connections, secret: Path
) -> None:
    first = connections.archive_of("main")
    secret.unlink()
    assert connections.archive_of("main") is first


class Slow:
    """A client whose making waits for a name service."""

    def __init__(self, name: str, answers: threading.Event) -> None:
        if name == "hanging":
            answers.wait()

    def close(self) -> None:
        """Nothing is open."""


def test_a_name_service_that_hangs_for_one_holds_up_no_other() -> None:
    answers = threading.Event()
    pool: Pool[Archive] = Pool(lambda name: Slow(name, answers))  # type: ignore[arg-type,return-value]
    hanging = threading.Thread(target=pool, args=("hanging",))
    hanging.start()
    other = threading.Thread(target=pool, args=("other",))
    try:
        other.start()
        other.join(5)
        assert not other.is_alive()
    finally:
        answers.set()
        hanging.join()
        other.join()


def test_an_archive_that_is_gone_for_good_says_so() -> None:
    settings = Settings.model_validate({"gone_archives": {"old": "burned, says Ms Kovac"}})
    with (
        closing(Connections(settings)) as connections,
        pytest.raises(ArchiveGone, match="burned, says Ms Kovac"),
    ):
        connections.archive_of("old")
