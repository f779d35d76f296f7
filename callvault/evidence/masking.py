"""The service's metadata file without the ids of others."""

import json
from typing import Any

from callvault.contracts.chunk_metadata import members_of, parse_chunk_metadata
from callvault.errors import BrokenContent
from callvault.evidence.people import People
from callvault.evidence.recording import Hashes


def masked_metadata(content: bytes, people: People, hashes_of: Hashes) -> str:
    """Return a metadata file as JSON, in which numbers stand for all but the subject.

    Of everybody else's entry only the channel is left. Raises `BrokenContent` where the file cannot
    be read, or somebody in it cannot: then nobody knows what would be given out.
    """
    facts = parse_chunk_metadata(content)
    if any(each.startswith("participants") for each in facts.unread):
        raise BrokenContent("somebody in it cannot be read", owner="service")
    tree = members_of(content)
    tree = {**tree, "participants": [_entry(each, people, hashes_of) for each in _listed(tree)]}
    return masked_json(tree, people)


def masked_json(value: Any, people: People) -> str:
    """Write a value as JSON in which no text has an id that may not be shown."""
    return json.dumps(_masked(value, people), indent=2, ensure_ascii=True)


def _listed(tree: dict[str, Any]) -> list[Any]:
    found = tree.get("participants") or []
    return found if isinstance(found, list) else [found]


def _entry(entry: dict[str, Any], people: People, hashes_of: Hashes) -> dict[str, Any]:
    known = [each for each in hashes_of(str(entry.get("participantId", ""))) if each]
    if any(map(people.is_subject, known)):
        return entry
    name = next((people.short(one) for one in known if one in people.hashes), "Another person")
    return {"participantId": name, **{key: entry[key] for key in ("channel",) if key in entry}}


def _masked(value: Any, people: People) -> Any:
    """Mask ids wherever else they stand, names of members included."""
    if isinstance(value, str):
        return people.masked(value)
    if isinstance(value, list):
        return [_masked(each, people) for each in value]
    if isinstance(value, dict):
        return {people.masked(key): _masked(each, people) for key, each in value.items()}
    return value
