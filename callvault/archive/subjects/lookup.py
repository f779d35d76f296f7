"""The search for a person as people ask for it: by an id or a hash, with every key, and proven."""

from collections.abc import Sequence
from functools import partial
from itertools import groupby

from callvault.archive.store import Archive
from callvault.archive.subjects.accounts import IndexProblem
from callvault.archive.subjects.entries import Hash
from callvault.archive.subjects.proof import objection
from callvault.archive.subjects.search import ALL_DAYS, Days, find, merged
from callvault.contracts.participant_ids import checked_participant
from callvault.contracts.participants import hiding
from callvault.contracts.subjects import IndexFault, SubjectEntry, SubjectRecordings


def hashes_of(participant: str, keys: Sequence[str]) -> list[str]:
    """Return the hashes of a person: by the key of participants, and by earlier ones.

    ``participant`` is a ``rawId`` in any spelling, or a hash, which is the same with every key;
    `InvalidRequest` where it can be neither. ``keys`` has the newest first.
    """
    checked = checked_participant(participant)
    return list(dict.fromkeys(hiding(key)(checked) for key in keys))


def look_up(
    archive: Archive, participant: str, keys: Sequence[str], days: Days = ALL_DAYS
) -> SubjectRecordings:
    """Find the recordings of a person on these days, and ask the evidence of each.

    Entries that their evidence does not support are told as faults, and left out.
    """
    faults: list[IndexProblem] = []
    hashes = hashes_of(participant, keys)
    proven = partial(_objection, archive, [hiding(key) for key in keys])
    found = [each for one in hashes for each in find(archive, one, faults.append, proven, days)]
    found.sort(key=lambda each: (each.recorded_on, each.folder))
    together = (merged(list(group)) for _, group in groupby(found, lambda each: each.folder))
    return SubjectRecordings(
        archive=archive.name,
        participants=tuple(hashes),
        recordings=tuple(each.model_copy(update={"participant": hashes[0]}) for each in together),
        faults=tuple(IndexFault(object_name=each[0], text=each[1]) for each in faults),
    )


def _objection(archive: Archive, hashes: Sequence[Hash], account: SubjectEntry) -> str | None:
    """Say why an account is not believed; None if it is true with one of the keys."""
    texts = []
    for hash_of in hashes:
        text = objection(archive, account, hash_of)
        if text is None:
            return None
        texts.append(text)
    return texts[0]
