"""The search for a person in one archive, which its access log has before anything is given out."""

from callvault.archive.subjects.lookup import hashes_of, look_up
from callvault.archive.subjects.search import ALL_DAYS, Days
from callvault.archive.verify.expectation import spelt
from callvault.contracts.access import Access, AccessAction
from callvault.contracts.subjects import SubjectRecordings
from callvault.logged_archives import LoggedArchive


def search_person(
    opened: LoggedArchive,
    participant: str,
    keys: list[str],
    *,
    by: str,
    authenticated_as: str,
    reason: str,
    days: Days = ALL_DAYS,
) -> SubjectRecordings:
    """Note the search in the access log, then search; ``keys`` has the newest first.

    `InvalidRequest` where the participant is of the wrong form, `Unavailable` where the log cannot
    be written.
    """
    access = Access(
        action=AccessAction.FOUND,
        by=by,
        authenticated_as=authenticated_as,
        participant=hashes_of(participant, keys)[0],
        reason=reason,
    )
    recorded = opened.log.record(access)
    found = look_up(opened.archive, participant, keys, days)
    return found.model_copy(update={"access_record": spelt(recorded.link)})
