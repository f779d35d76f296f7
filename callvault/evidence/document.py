"""The page of a call's recordings: what an auditor opens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from callvault.contracts.manifest import Manifest
from callvault.evidence.markup import Html, foreign, replaced, tag
from callvault.evidence.people import People
from callvault.evidence.proof import duties, files, judgement, meaning, proof
from callvault.evidence.recording import RecordingFacts
from callvault.evidence.sections import (
    consent,
    findings,
    pauses,
    presence,
    requests,
    silence,
    summary,
)
from callvault.evidence.sheet import page
from callvault.evidence.timeline import timeline
from callvault.evidence.words import moment


@dataclass(frozen=True, slots=True)
class Shown:
    """A recording, the names of those in it, and what else is to be said of it."""

    facts: RecordingFacts
    people: People
    extra: Html | None = None
    """Stands behind the judgement."""


def evidence_page(recordings: Sequence[Shown], made_at: datetime, software: str) -> str:
    """Return the page of these recordings as one HTML file."""
    of = recordings[0].facts.manifest.recording
    title = f"Evidence of recording {of.recording_id or of.server_call_id}"
    return page(
        title,
        tag("h1", "Evidence of a recorded call"),
        tag(
            "p",
            f"Made at {moment(made_at)} UTC by {software}. This file is whole by itself: it loads"
            " nothing, and runs nothing. All times are UTC.",
            class_="note",
        ),
        *(article(shown, number) for number, shown in enumerate(recordings, 1)),
        meaning(),
    )


def article(shown: Shown, number: int) -> Html:
    """Return all that is to be said of one recording."""
    recording, people = shown.facts, shown.people
    manifest = recording.manifest
    drawn = tag(
        "article",
        tag("h2", "Recording ", _name(manifest)),
        judgement(recording),
        shown.extra,
        summary(manifest),
        findings(manifest, people),
        tag("h3", "Timeline"),
        timeline(recording, people, f"t{number}"),
        presence(recording, people),
        consent(manifest, people),
        pauses(manifest, people),
        silence(manifest, people),
        tag("h3", "Requests"),
        requests(manifest, people) or tag("p", "None was made."),
        files(recording),
        duties(recording, people),
        proof(recording),
    )
    # once more over all of it: callers may write an id into any text
    return replaced(drawn, people.masked)


def _name(manifest: Manifest) -> Html:
    of = manifest.recording
    return foreign(of.recording_id or f"{of.number} of the call")
