"""The cover of an export for a person: what it is, what is in it, and what is not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from callvault.contracts.events import known_time
from callvault.evidence.markup import Html, bullets, joined, table, tag
from callvault.evidence.proof import meaning
from callvault.evidence.recording import RecordingFacts
from callvault.evidence.sheet import page
from callvault.evidence.words import length, moment

_WHAT = (
    "These are the recorded calls in which this person was, as they lie in the archive of whoever"
    " recorded them, with everything that is kept about them. Open a recording's page to see when"
    " it was recorded and paused, who was there, and who agreed; the files lie beside that page."
)
_MASKED = (
    "Other people are numbers here: “Person 2” is the same person within one recording only. Where"
    " the service recorded each person on a channel of their own, only this person's channel is in"
    " the package, and the page tells the hash of the whole file. A mixed recording holds the"
    " voices of all, and nobody can take them apart: pass it on with care."
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A recording, as the cover tells of it."""

    path: str
    name: str
    begun_at: datetime
    duration_ms: float | None
    is_as_sealed: bool
    findings: int
    ids: tuple[str, ...]
    """The ids by which the service named the person."""
    refused: tuple[str, ...]
    """What is not in the package, in sentences."""

    @classmethod
    def of(
        cls, path: str, facts: RecordingFacts, ids: Iterable[str], refused: Iterable[str]
    ) -> "Listed":
        """Take what the cover needs of a recording: there may be thousands."""
        of = facts.manifest.recording
        return cls(
            path,
            of.recording_id or f"{of.number} of the call",
            known_time(of.recording_start_time) or of.started_at or of.requested_at,
            of.recording_duration_ms,
            facts.report is not None and facts.report.ok,
            len(facts.manifest.findings),
            tuple(ids),
            tuple(refused),
        )


def cover_page(
    listed: Sequence[Listed], left_out: Sequence[str], made_at: datetime, software: str
) -> str:
    """Return the cover as one HTML file."""
    ids = list(dict.fromkeys(each for one in listed for each in one.ids))
    return page(
        "Recordings of one person",
        tag("h1", "Recordings of one person"),
        tag("p", f"Made at {moment(made_at)} UTC by {software}.", class_="note"),
        tag("p", "The person: ", tag("strong", tag("bdi", ", ".join(ids) or "asked for by hash"))),
        tag("p", _WHAT),
        _recordings(listed),
        _missing(listed, left_out),
        tag("h2", "What is masked"),
        tag("p", _MASKED),
        tag("h2", "The files"),
        tag(
            "p",
            "export.json lists every file with its size and hashes. In each folder: the media, the"
            " service's metadata, facts.json and access-log.json for programs, a vCon, and under"
            " proof/ the signed manifest, the link of the archive's chain, the public key and the"
            " result of the verification.",
        ),
        meaning(),
    )


def _recordings(listed: Sequence[Listed]) -> Html:
    return joined(
        (
            tag("h2", f"{len(listed)} recording{'' if len(listed) == 1 else 's'}"),
            table(
                "In this package",
                ("Recording", "Begun at (UTC)", "Length", "Proof", "Findings"),
                [_row(each) for each in listed],
            ),
        )
    )


def _row(each: Listed) -> tuple[str, ...]:
    return (
        tag("a", f"{each.path}: {each.name}", href=f"{each.path}/evidence.html"),
        moment(each.begun_at),
        length(each.duration_ms),
        "as it was sealed" if each.is_as_sealed else "NOT as it was sealed",
        f"{each.findings}",
    )


def _missing(listed: Sequence[Listed], left_out: Sequence[str]) -> Html | None:
    told = [*left_out, *(f"{one.path}: {each}" for one in listed for each in one.refused)]
    if not told:
        return None
    return joined((tag("h2", "What is not in this package"), bullets(told)))
