"""What happened, section by section: who was there, consent, pauses, silence, requests."""

from callvault.contracts.base import name_of_caller
from callvault.contracts.consent import Announcement, Presence
from callvault.contracts.manifest import Consent, Manifest
from callvault.contracts.status import PauseRecord
from callvault.evidence.markup import Html, bullets, facts, joined, table, tag
from callvault.evidence.people import People
from callvault.evidence.recording import RecordingFacts
from callvault.evidence.words import between, length, moment

NOBODY = "Nobody is named: the service told of no participant."


def summary(manifest: Manifest) -> Html:
    """Describe the recording: its ids, its kind, its times, its state."""
    of = manifest.recording
    kind = f"{of.recording_content_type}, {of.recording_channel_type}, {of.recording_format_type}"
    return facts(
        (
            ("Recording id", of.recording_id or "not known"),
            ("Call id", of.call_id or ""),
            ("Server call id", of.server_call_id),
            ("State", of.state),
            ("Resource", of.resource),
            ("Archive", manifest.archive),
            ("Kind", kind),
            ("Asked for by", _asked_by(manifest)),
            ("Asked for at (UTC)", moment(of.requested_at)),
            ("Begun at (UTC)", moment(of.recording_start_time or of.started_at)),
            ("Stopped at (UTC)", moment(of.stopped_at)),
            ("Length, says the service", length(of.recording_duration_ms)),
            ("Ended because", of.session_end_reason),
        )
    )


def _asked_by(manifest: Manifest) -> str:
    of = manifest.recording
    if of.origin == "announced":
        return "nobody who told Callvault: the service announced it"
    return name_of_caller(of.requested_by, of.authenticated_as)


def findings(manifest: Manifest, people: People) -> Html:
    """List what is wrong with the recording."""
    title = tag("h3", "Findings")
    told = [*manifest.findings, *(c for c in manifest.contradictions if c not in manifest.findings)]
    if not told:
        return joined((title, tag("p", "None: nothing is missing, and nothing is in doubt.")))
    return joined((title, bullets([people.masked(each) for each in told])))


def presence(recording: RecordingFacts, people: People) -> Html:
    """Tell who was in the call, and when."""
    stays = recording.manifest.consent.participants
    rows = [
        (people.name(s.participant), moment(s.joined_at) or f"before {moment(s.told_at)}", _left(s))
        for s in stays
    ]
    return joined(
        (
            tag("h3", "Who was there"),
            table("Stays in the call", ("Who", "From (UTC)", "To (UTC)"), rows),
            _left_out(recording.manifest.consent.participants_left_out, "stays"),
            table(
                "In the files, as the service's own metadata names them",
                ("Who", "File", "Channel"),
                [
                    (
                        people.name(m.participant),
                        f"chunk {m.index}",
                        "" if m.channel is None else f"{m.channel}",
                    )
                    for m in recording.members
                ],
            ),
            tag("p", NOBODY) if not rows and not recording.members else None,
            tag(
                "p",
                "A device has a stay of its own. Ids are masked: a number stands for a person, and"
                " the same digits for the same person in every recording, if any are shown.",
                class_="note",
            ),
        )
    )


def _left(stay: Presence) -> str:
    if stay.left_at:
        return moment(stay.left_at)
    return "may have left" if stay.may_have_left else "not told: to the end"


def consent(manifest: Manifest, people: People) -> Html:
    """Tell which consent was needed, who decided what, and when the recording was held back."""
    told = manifest.consent
    policy = told.terms.consent_policy or "none"
    met = f"first met at {moment(told.consented_at)}" if told.consented_at else "never met"
    needed = (
        "No consent was required by the settings; decisions are kept all the same."
        if policy == "none"
        else f"Required: {policy}, {met}."
    )
    return joined(
        (
            tag("h3", "Who consented"),
            tag("p", needed),
            _decisions(manifest, people),
            _left_out(told.consents_left_out, "decisions"),
            table(
                "Held back for want of consent",
                ("From (UTC)", "To (UTC)", "Because", "Ended by"),
                [
                    (moment(h.since), moment(h.until), people.masked(h.reason), h.ended_by)
                    for h in told.holds
                ],
            ),
            _announcements(manifest, people),
        )
    )


def _decisions(manifest: Manifest, people: People) -> Html:
    if not manifest.consents:
        return tag("p", "No decision was told.")
    heads = ("Who", "Decision", "At (UTC)", "How", "Proof of it", "Law", "Reason", "Told by")
    return table(
        "Decisions on consent", heads, [_decision(each, people) for each in manifest.consents]
    )


def _decision(each: Consent, people: People) -> tuple[str, ...]:
    word = "agreed" if each.given else "refused or withdrew"
    return (
        people.name(each.participant),
        word if each.counts else f"{word} (a later decision was known already)",
        moment(each.at),
        each.method,
        each.evidence,
        each.jurisdiction,
        people.masked(each.reason),
        name_of_caller(each.reported_by, each.authenticated_as),
    )


def _announcements(manifest: Manifest, people: People) -> Html:
    told = manifest.consent
    rows = [("all, before it began", *_announced(told.announcement))] if told.announcement else []
    rows += [(people.name(a.participant), *_announced(a)) for a in told.joiner_announcements]
    heads = ("To whom", "Asked for at (UTC)", "Done at (UTC)", "Problem")
    return table("Announcements that the call is recorded", heads, rows)


def _announced(each: Announcement) -> tuple[str, str, str]:
    return moment(each.requested_at), moment(each.answered_at), each.problem


def pauses(manifest: Manifest, people: People) -> Html:
    """Tell when it was paused, by whom and why, and what the service says of it."""
    heads = (
        "Why",
        "Asked by",
        "Asked at (UTC)",
        "Proven at (UTC)",
        "Released",
        "Sound again (UTC)",
    )
    service = [
        (f"chunk {chunk.index}", moment(pause.start_time), length(pause.duration_ms))
        for chunk in manifest.chunks
        for pause in chunk.service_pauses
    ]
    return joined(
        (
            tag("h3", "When it was paused, and why"),
            table(
                "Pauses that were asked for",
                heads,
                [_pause(each, people) for each in manifest.pauses],
            ),
            tag("p", "No pause was asked for.") if not manifest.pauses else None,
            table(
                "Pauses by the service's own account",
                ("File", "From (UTC)", "Length"),
                service,
            ),
        )
    )


def _pause(pause: PauseRecord, people: People) -> tuple[str, ...]:
    by = f" by {pause.released_by}" if pause.released_by else ""
    return (
        people.masked(pause.reason) or "no reason was given",
        name_of_caller(pause.requested_by, pause.authenticated_as),
        moment(pause.requested_at),
        moment(pause.confirmed_at) or "never proven",
        f"{moment(pause.released_at)}{by}" if pause.released_at else "never",
        moment(pause.resumed_at),
    )


def silence(manifest: Manifest, people: People) -> Html:
    """Tell what is proven silent, and what only should be."""
    told = manifest.silence
    return joined(
        (
            tag("h3", "Proven silence, and silence that is not proven"),
            tag(
                "p",
                "Silence is claimed only where the service was read back and said that it records"
                " nothing. Where recording was not wanted and that was not proven, the file may"
                " hold what must not be recorded. Nothing is said of all other times.",
            ),
            table(
                "Proven silent",
                ("From (UTC)", "To (UTC)", "Length", "Proof"),
                [
                    (moment(s.since), moment(s.until), between(s.since, s.until), s.proof)
                    for s in told.silent
                ],
            ),
            table(
                "Silence not proven",
                ("From (UTC)", "To (UTC)", "Length", "Because", "A finding"),
                [
                    (
                        moment(u.since),
                        moment(u.until),
                        between(u.since, u.until),
                        people.masked(u.reason),
                        "yes: listen to it" if u.is_finding else "no: no longer than a pause takes",
                    )
                    for u in told.unconfirmed
                ],
            ),
            tag("p", "No silence was asked for.") if not told.silent + told.unconfirmed else None,
        )
    )


def requests(manifest: Manifest, people: People) -> Html:
    """List every request that was made of the recording."""
    return table(
        "All requests",
        ("Request", "By", "Why", "At (UTC)", "Settled at (UTC)", "Outcome"),
        [
            (
                each.operation,
                name_of_caller(each.requested_by, each.authenticated_as),
                people.masked(each.reason),
                moment(each.requested_at),
                moment(each.settled_at),
                people.masked(f"{each.state} {each.problem}".rstrip()),
            )
            for each in manifest.requests
        ],
    )


def _left_out(count: int, what: str) -> Html | None:
    if not count:
        return None
    return tag("p", f"{count:,} more {what} are not kept: there were too many.")
