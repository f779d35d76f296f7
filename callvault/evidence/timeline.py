"""The picture of a recording: its sound, its pauses, its silence, and who was there when."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from callvault.archive.media.waveform import Waveform
from callvault.contracts.events import known_time
from callvault.contracts.manifest import Manifest
from callvault.evidence.chart import Bar, Chart, Lane, Point, Sound
from callvault.evidence.markup import Html, tag
from callvault.evidence.people import People
from callvault.evidence.placing import Piece, known_pauses, pieces
from callvault.evidence.recording import RecordingFacts
from callvault.evidence.words import clock

QUIET = 0.05
"""Share of the loudest sound that a file can hold; a recording is drawn as if it were as loud."""

MAX_PEOPLE = 12
"""Participants with a lane of their own; the table has all of them."""

_PAUSED, _SILENT, _DOUBTFUL = "#8a5a00", "#1b7a34", "#b00020"
_HELD, _MARKED, _PRESENT, _SERVICE = "#6a3d9a", "#7a1f1f", "#4a6fa5", "#5f5f5f"


def timeline(facts: RecordingFacts, people: People, ident: str) -> Html:
    """Draw a recording; a sentence where no time at all is known."""
    placed = map(_on_the_clock, _lanes(facts, people))
    lanes = [lane for lane in placed if lane.bars or lane.points or lane.sounds]
    chart = Chart(
        lanes,
        "Timeline of the recording",
        "One row for each of: " + ", ".join(lane.label for lane in lanes)
        + ". The tables below have all of it in words.",
        ident,
    )  # fmt: skip
    drawn = chart.drawn()
    if not drawn:
        return tag("p", "Nothing of this recording has a time that could be drawn.")
    return tag("figure", drawn, tag("figcaption", _legend(facts), class_="note"))


def _on_the_clock(lane: Lane) -> Lane:
    """Leave out what has a time that cannot be right: it would press all the rest together."""
    bars = [bar for bar in lane.bars if known_time(bar.since) and known_time(bar.until)]
    return replace(lane, bars=bars, points=[each for each in lane.points if known_time(each.at)])


def _legend(facts: RecordingFacts) -> str:
    legend = (
        "All times are UTC. The sound and the service's own pauses stand where the recording"
        " service's clock has them; everything else is by Callvault's. The height of the sound is"
        " relative to its loudest moment. Solid green: proven silent. Striped red: silence was"
        " asked for, and is not proven. ✓ agreed, ✗ refused or withdrew, ▾ a request."
    )
    is_sampled = any(isinstance(p, Waveform) and p.is_sampled for p in facts.pictures.values())
    return legend + (
        " This recording is long: of each column of its waveform one second was heard."
        if is_sampled
        else ""
    )


def _lanes(facts: RecordingFacts, people: People) -> Iterator[Lane]:
    manifest, end = facts.manifest, _end(facts)
    yield from sound_lanes(facts, people)
    yield Lane(
        "Requests",
        points=[
            Point(each.requested_at, "▾", f"{each.operation} at {clock(each.requested_at)}")
            for each in manifest.requests
        ],
    )
    yield Lane(
        "Paused, as asked",
        [
            Bar(
                p.requested_at,
                p.released_at or end,
                f"{p.reason}: {clock(p.requested_at)}",
                _PAUSED,
            )
            for p in manifest.pauses
        ],
    )
    yield from _silence_lanes(manifest, end)
    yield Lane(
        "Held for consent",
        [
            Bar(h.since, h.until or end, people.masked(h.reason), _HELD)
            for h in manifest.consent.holds
        ],
    )
    yield Lane(
        "To be deleted",
        [
            Bar(m.since, m.until or end, people.short(m.participant), _MARKED, is_striped=True)
            for m in manifest.marked
        ],
    )
    yield from _people_lanes(manifest, people, end)


def _silence_lanes(manifest: Manifest, end: datetime) -> Iterator[Lane]:
    pauses = [pause for chunk in manifest.chunks for pause in known_pauses(chunk)]
    yield Lane(
        "Paused, says the service",
        [
            Bar(
                p.start_time,
                p.start_time + timedelta(milliseconds=p.duration_ms),
                "pause",
                _SERVICE,
            )
            for p in pauses
        ],
    )
    yield Lane(
        "Proven silent",
        [Bar(s.since, s.until or end, s.proof, _SILENT) for s in manifest.silence.silent],
    )
    yield Lane(
        "Silence not proven",
        [
            Bar(u.since, u.until or end, u.reason, _DOUBTFUL, is_striped=True)
            for u in manifest.silence.unconfirmed
        ],
    )


def sound_lanes(facts: RecordingFacts, people: People) -> Iterator[Lane]:
    lanes: dict[int, list[Sound]] = {}
    before, scale = 0.0, 1 / _loudest(facts)
    for chunk in sorted(facts.manifest.chunks, key=lambda chunk: chunk.index):
        picture = facts.pictures.get(chunk.media.object_name) if chunk.media else None
        if not isinstance(picture, Waveform):
            before += (chunk.duration_ms or 0) / 1000
            continue
        placed = pieces(facts.manifest.recording, chunk, picture.seconds, before)
        before += picture.seconds
        for number, peaks in enumerate(picture.channels):
            if facts.channels is not None and number not in facts.channels:
                continue
            lanes.setdefault(number, []).extend(
                Sound(p.since, p.until, _cut(peaks, p, picture.seconds, scale)) for p in placed
            )
    heard = {m.channel: people.short(m.participant) for m in facts.members}
    many = len(lanes) > 1 or facts.channels is not None
    for number, sounds in sorted(lanes.items()):
        whose = (
            f"Sound {number}: {heard[number]}" if number in heard else f"Sound, channel {number}"
        )
        yield Lane(whose if many else "Sound", sounds=sounds)


def _cut(peaks: Sequence[float], piece: Piece, seconds: float, scale: float) -> tuple[float, ...]:
    begin = int(len(peaks) * piece.first / seconds)
    end = max(begin + 1, round(len(peaks) * piece.end / seconds))
    return tuple(peak * scale for peak in peaks[begin:end])


def _loudest(facts: RecordingFacts) -> float:
    """Return the highest peak of all files and channels; noise is not drawn as if it were loud."""
    heard = [picture for picture in facts.pictures.values() if isinstance(picture, Waveform)]
    peaks = [peak for each in heard for channel in each.channels for peak in channel]
    return max(max(peaks, default=1.0), QUIET)


def _people_lanes(manifest: Manifest, people: People, end: datetime) -> Iterator[Lane]:
    for participant in people.hashes[:MAX_PEOPLE]:
        stays = [s for s in manifest.consent.participants if s.participant == participant]
        decisions = [c for c in manifest.consents if c.participant == participant]
        yield Lane(
            people.short(participant),
            [
                Bar(
                    known_time(s.joined_at) or s.told_at,
                    known_time(s.left_at) or end,
                    "in the call",
                    _PRESENT,
                )
                for s in stays
            ],
            [
                Point(c.at, "✓" if c.given else "✗", "agreed" if c.given else "refused or withdrew")
                for c in decisions
            ],
        )


def _end(facts: RecordingFacts) -> datetime:
    """Return the time at which everything that has no end of its own is drawn to end."""
    of = facts.manifest.recording
    if of.stopped_at:
        return of.stopped_at
    begun = known_time(of.recording_start_time)
    if begun and of.recording_duration_ms:
        return begun + timedelta(milliseconds=of.recording_duration_ms)
    return facts.manifest.sealed_at
