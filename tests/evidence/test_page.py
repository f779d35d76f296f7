"""The page tells all of a recording, masks people, and holds no foreign markup."""

import os
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.duty_records import Done, record_duties
from callvault.archive.media.waveform import NoWaveform, Waveform
from callvault.archive.store import Archive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.contracts.activity_io import RecordedPause, SealedRecording
from callvault.contracts.duties import Outcome
from callvault.evidence.document import Shown, evidence_page
from callvault.evidence.markup import MAX_ROWS, MAX_TEXT, table, tag
from callvault.evidence.people import People
from callvault.evidence.recording import RecordingFacts, sealed_recording
from callvault.evidence.timeline import _lanes, sound_lanes, timeline
from tests.archive.sealed import NOON, SIGNER, lost, wav

from .calls import (
    ANNA,
    BERT,
    HEBREW,
    HOSTILE,
    LONG,
    TURNED,
    at,
    hashed,
    pieces_of,
    sealed_call,
    unmixed,
)

KEYS = Keyring([SIGNER.public])


def facts_of(archive: Archive, found: SealedRecording) -> RecordingFacts:
    return sealed_recording(archive, found.object_name, KEYS, lambda raw_id: [hashed(raw_id)])


def page_of(*facts: RecordingFacts, **people: Any) -> str:
    shown = [Shown(each, People(each, **people)) for each in facts]
    return evidence_page(shown, datetime(2026, 3, 3, tzinfo=UTC), "callvault 1")


class Elements(HTMLParser):
    """The elements of a page, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def test_a_page_tells_everything_of_a_recording(archive: Archive) -> None:
    found = sealed_call(archive)
    facts = facts_of(archive, found)
    text = Elements(page_of(facts)).text
    assert "Everything is as it was sealed, with" in text
    for told in (
        "rec-1",
        "card number",
        "agent-7",
        "Proven silent",
        "yes: listen to it",
        "Required: all_parties, first met at 2026-03-02 12:00:02.000",
        "refused or withdrew",
        "delete this time",
        "OPEN",
        found.sha256,
        facts.manifest.chunks[0].media.sha256,  # type: ignore[union-attr]
        facts.manifest.chunks[0].metadata.sha256,  # type: ignore[union-attr]
        "callvault verify",
        "A hash is a fingerprint",
    ):
        assert told in text, told
    media = facts.manifest.chunks[0].media
    assert media
    assert media.sha512
    assert f"SHA-512 {media.sha512}" in " ".join(text.split())


def test_people_are_numbers_unless_their_ids_are_to_be_shown(archive: Archive) -> None:
    facts = facts_of(archive, sealed_call(archive))
    masked = page_of(facts)
    assert ANNA not in masked
    assert "1234567" not in masked
    assert hashed(BERT) not in masked
    assert f"Person 2 ({hashed(BERT)[:16]}…)" in masked
    assert "Person 2 withdrew" in masked
    bare = page_of(facts, are_hashes_shown=False)
    assert hashed(BERT)[:8] not in bare
    known = {each.participant: each.raw_id for each in facts.members}
    shown = page_of(facts, known=known, subjects=[hashed(ANNA)])
    assert f"Person 2: {BERT}" in shown
    assert f"Person 1 (asked for): {ANNA}" in shown


@pytest.mark.parametrize(
    "text",
    [HOSTILE, TURNED, HEBREW, LONG, "\x1b[31m\0\r\n", "\u202e" * 99],
    ids=["hostile", "turned", "hebrew", "long", "controls", "overrides"],
)
def test_no_text_from_outside_is_markup(directory_archive: DirectoryArchive, text: str) -> None:
    archive = directory_archive
    plain = Elements(page_of(facts_of(archive, sealed_call(archive, text="plain"))))
    facts = facts_of(archive, sealed_call(archive, text=text, number=2))
    page = page_of(facts)
    found = Elements(page)
    assert found.names == plain.names
    assert not any(name.startswith("on") for name, _ in found.attributes)
    assert not {name for name, _ in found.attributes} & {"src", "href", "action", "style"}
    assert not set(page) & {"\u202e", "\u2066", "\x1b", "\0"}
    assert max(map(len, found.texts)) < MAX_TEXT + 10_000


def test_ids_are_masked_wherever_they_stand(directory_archive: DirectoryArchive) -> None:
    """Callers write ids into reasons, and the service may name people by anything at all."""
    odd = ['<td class="', "&amp;&lt;", "figcaption", "4:+4930999"]
    people = [{"participantId": each} for each in odd]
    archive = directory_archive
    plain = Elements(page_of(facts_of(archive, sealed_call(archive))))
    chunk = pieces_of(archive, participants=people, document="odd")
    text = " and ".join((*odd, "+4930999"))
    facts = facts_of(archive, sealed_call(archive, chunk, text=text, number=2))
    found = Elements(page_of(facts))
    assert "figcaption" in found.names
    assert set(found.names) == set(plain.names)
    assert found.attributes.count(("class", "verdict open")) == 1
    for each in (*odd, "+4930999"):
        assert each not in found.text, each
    assert "Person 3 and Person 4 and Person 5 and Person 6 and Person 6" in found.text


def test_a_long_text_and_a_long_table_are_cut_and_say_so() -> None:
    assert "(20,000 characters in all)" in tag("p", LONG)
    rows = [("a",)] * (MAX_ROWS + 5)
    assert "… and 5 more" in table("caption", ("head",), rows)


def test_a_lost_recording_has_a_page(directory_archive: DirectoryArchive) -> None:
    found = sealed_call(directory_archive, lost(0, "the service deleted it"))
    facts = facts_of(directory_archive, found)
    text = Elements(page_of(facts)).text
    assert "LOST: the service deleted it" in text
    assert "chunk 0 (lost-0) is lost" in text
    assert "Everything is as it was sealed, with" in text


def test_a_recording_without_a_file_has_a_page(directory_archive: DirectoryArchive) -> None:
    archive = directory_archive
    keep = pieces_of(archive)
    found = sealed_call(archive, keep)
    facts = facts_of(archive, found)
    bare = facts.manifest.model_copy(update={"chunks": (), "pauses": (), "requests": ()})
    text = Elements(page_of(RecordingFacts(bare, ""))).text
    assert "The service announced no file." in text
    assert "Not sealed yet: nothing is proven." in text
    assert "No pause was asked for." in text


def test_a_changed_file_is_told_first(directory_archive: DirectoryArchive) -> None:
    archive = directory_archive
    found = sealed_call(archive)
    media = facts_of(archive, found).manifest.chunks[0].media
    assert media
    path = archive.location(media.object_name)
    with open(path, "r+b") as file:  # noqa: PTH123
        file.seek(9_000)
        file.write(b"changed")
    text = Elements(page_of(facts_of(archive, found))).text
    assert "Not as it was sealed: 1 problem." in text
    assert text.index("Not as it was sealed") < text.index("Recording id")


def test_a_file_that_is_gone_has_no_waveform(directory_archive: DirectoryArchive) -> None:

    archive = directory_archive
    found = sealed_call(archive)
    media = facts_of(archive, found).manifest.chunks[0].media
    assert media
    os.unlink(archive.location(media.object_name))  # noqa: PTH108
    facts = facts_of(archive, found)
    assert isinstance(facts.pictures[media.object_name], NoWaveform)
    text = Elements(page_of(facts)).text
    assert "the file is not in the archive" in text
    assert "Not as it was sealed" in text


def test_what_was_done_about_duties_is_told(directory_archive: DirectoryArchive) -> None:
    archive = directory_archive
    found = sealed_call(archive)
    duties = [duty.id for duty in facts_of(archive, found).duties]
    done = Done(Outcome.KEPT, "officer-1", "listened to it")
    record_duties(archive, found.object_name, duties, done, SIGNER, lambda: at(600))
    text = Elements(page_of(facts_of(archive, found))).text
    assert "kept: listened to it (officer-1" in text
    assert "OPEN" not in text


def test_the_sound_stands_around_the_pause(directory_archive: DirectoryArchive) -> None:

    facts = facts_of(directory_archive, sealed_call(directory_archive))
    lanes = list(sound_lanes(facts, People(facts)))
    assert [lane.label for lane in lanes] == ["Sound 0: Person 1", "Sound 1: Person 2"]
    # 12 s of sound, of 20 s of which 8 s were a pause, from the first second on
    spans = [(each.since - NOON, each.until - NOON) for each in lanes[0].sounds]
    assert spans == [
        (timedelta(0), timedelta(seconds=1)),
        (timedelta(seconds=9), timedelta(seconds=20)),
    ]
    anna, bert = (facts.pictures[each.object_name] for each in facts.members)
    assert isinstance(anna, Waveform)
    assert anna is bert
    heard = [
        [max(peaks[n * 50 : n * 50 + 50]) > 0.02 for n in range(12)] for peaks in anna.channels
    ]
    assert heard[0] == [n < 4 for n in range(12)]
    assert heard[1] == [6 <= n < 9 for n in range(12)]


@pytest.mark.parametrize("never", [datetime.min, datetime.max])
def test_times_that_cannot_be_right_are_not_drawn(
    directory_archive: DirectoryArchive, never: datetime
) -> None:
    """Manifests of before have them, and are signed."""
    at_never = never.replace(tzinfo=UTC)
    archive, pause = directory_archive, RecordedPause(start_time=at_never, duration_ms=10)
    chunk = pieces_of(archive, start_time=at_never, pauses=(pause,))
    told = facts_of(archive, sealed_call(archive, chunk)).manifest
    of = told.recording.model_copy(update={"recording_start_time": at_never, "stopped_at": None})
    stay = told.consent.participants[0].model_copy(update={"joined_at": at_never})
    consent = told.consent.model_copy(update={"participants": (stay,)})
    decided = told.consents[0].model_copy(update={"at": at_never})
    odd = told.model_copy(update={"recording": of, "consent": consent, "consents": (decided,)})
    facts = RecordingFacts(odd, "")
    drawn = timeline(facts, People(facts), "a")
    lanes = list(_lanes(facts, People(facts)))
    assert "<svg" in drawn
    assert not [lane for lane in lanes if lane.label == "Paused, says the service" and lane.bars]


def test_a_file_of_the_whole_time_is_drawn_in_one(directory_archive: DirectoryArchive) -> None:

    archive = directory_archive
    chunk = pieces_of(archive, wav(20, channels=2), duration_ms=20_000)
    facts = facts_of(archive, sealed_call(archive, chunk))
    lanes = list(sound_lanes(facts, People(facts)))
    assert [len(lane.sounds) for lane in lanes] == [1, 1]


def test_of_several_manifests_the_newest_counts(directory_archive: DirectoryArchive) -> None:
    archive = directory_archive
    first = sealed_call(archive, text="first")
    later = sealed_call(archive, text="later")
    assert first.object_name != later.object_name
    facts = facts_of(archive, first)
    assert facts.manifest.object_name == later.object_name
    assert unmixed()


def test_an_erased_file_is_told_as_erased(directory_archive: DirectoryArchive) -> None:
    archive = directory_archive
    found = sealed_call(archive)
    facts = facts_of(archive, found)
    media = facts.manifest.chunks[0].media
    assert media
    os.unlink(archive.location(media.object_name))  # noqa: PTH108
    done = Done(Outcome.ERASED, "officer-1", "she withdrew", (media.object_name,))
    duties = [duty.id for duty in facts.duties]
    record_duties(archive, found.object_name, duties, done, SIGNER, lambda: at(600))
    text = Elements(page_of(facts_of(archive, found))).text
    assert "(erased since, see “Duties” and “Proof”)" in text
    assert "erased: she withdrew (officer-1" in text
    assert "Everything is as it was sealed, with" in text
