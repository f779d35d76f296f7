"""Where an erasure looks: the archives, the quarantine and the dead letters of the settings."""

from collections.abc import Mapping
from functools import partial

from callvault.clients import open_keyring, openers
from callvault.config.settings import Settings
from callvault.config.storage import QuarantineDirectorySettings
from callvault.contracts.participants import hiding
from callvault.contracts.retention import RetentionTerms
from callvault.errors import ConfigurationError
from callvault.ingest.dead_letters import DeadLetterContainer, location_of
from callvault.ingest.quarantine import Quarantine
from callvault.ingest.undelivered import KeptLetters
from callvault.retention.plan import OpenLetters, Places


def places_of(settings: Settings, remembered: Mapping[str, str]) -> Places:
    """Return everything that an erasure searches; ``remembered`` are the archives' ids."""
    letters: dict[str, OpenLetters] = {
        location_of(name): partial(_dead_letters, settings, name) for name in settings.dead_letters
    }
    letters[Quarantine.location] = partial(_quarantine, settings)
    return Places(
        archives=openers(settings.archives, remembered),
        letters=letters,
        keys_of=lambda name: open_keyring(settings.archive(name)),
        terms_of=partial(_terms, settings),
        hash_of=hiding(settings.participant_key),
    )


def _terms(settings: Settings, resource: str) -> RetentionTerms | None:
    found = settings.resources.get(resource)
    return found.retention.terms if found is not None else None


def _dead_letters(settings: Settings, name: str) -> KeptLetters:
    return DeadLetterContainer.open(name, settings.dead_letter_container(name))


def _quarantine(settings: Settings) -> KeptLetters:
    place = settings.gateway.quarantine
    if isinstance(place, QuarantineDirectorySettings) and not place.path.is_dir():
        raise ConfigurationError(
            f"there is no directory {place.path} on this machine: search the quarantine of each"
            " gateway there, or let gateway.quarantine be a container that all of them share"
        )
    return Quarantine.open(place)
