"""Is one person taken out of an unmixed recording, and everything of the others as it was?"""

import io
import json
import math
import struct
import wave
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from callvault.archive.media.check import Expected, check_file
from callvault.archive.store import Archive, put_bytes
from callvault.archive.subjects.search import find
from callvault.contracts.erasures import ErasurePlan, ErasureTarget
from callvault.contracts.manifest import Manifest
from callvault.contracts.media import ChannelType, ContentType, FormatType
from callvault.contracts.participants import UNKNOWN_PARTICIPANT
from callvault.errors import InvalidRequest
from callvault.retention.channels import Removal
from callvault.retention.inventory import Inventory
from callvault.retention.plan import plan

from .corpus import HASH, NOW, Corpus, Kept, event
from .erasing import erased, erasing
from .test_wav_channels import as_rf64, by_channel

ANA, BEN, CLEO = "8:acs:ana-secret", "4:+49301234567", "8:orgid:cleo"
CHANNEL_OF_ANA = ErasureTarget(participant=HASH(ANA), channel_only=True)
UNMIXED: dict[str, Any] = {"recording_channel_type": ChannelType.UNMIXED}


def talk(channels: int) -> bytes:
    """Make a recording with another tone in each channel."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        for n in range(800):
            tones = (round(9_000 * math.sin(n * (1 + c) / 20)) for c in range(channels))
            writer.writeframesraw(struct.pack(f"<{channels}h", *tones))
    return file.getvalue()


def keep(
    corpus: Corpus, *people: str, archive: str = "main", media: bytes = b"", **facts: Any
) -> Kept:
    media = media or talk(len(people))
    expected = Expected(FormatType.WAV, ContentType.AUDIO, ChannelType.UNMIXED, 50)
    check = check_file(io.BytesIO(media), len(media), expected)
    return corpus.keep(*people, archive=archive, media=media, check=check, **facts, **UNMIXED)


def planned(corpus: Corpus) -> ErasurePlan:
    return plan(corpus.places, CHANNEL_OF_ANA, lambda _: frozenset(), NOW).plan


def sealed(archive: Archive, folder: str) -> Manifest:
    (name,) = [each for each in archive.names(folder) if "manifest" in each]
    return Manifest.model_validate_json(b"".join(archive.read(name)))


def assert_taken_out(
    corpus: Corpus, kept: Kept, channel: int, channels: Callable[[bytes], list[bytes]] = by_channel
) -> None:
    archive = corpus.archives["main"]
    manifest = sealed(archive, kept.folder)
    (chunk,) = manifest.chunks
    assert chunk.media
    assert chunk.metadata
    before, after = (
        channels(kept.media),
        channels(b"".join(archive.read(chunk.media.object_name))),
    )
    for number, (was, is_now) in enumerate(zip(before, after, strict=True)):
        assert is_now == (bytes(len(was)) if number == channel else was)
    told = json.loads(b"".join(archive.read(chunk.metadata.object_name)))
    assert ANA not in [each["participantId"] for each in told["participants"]]
    assert len(told["participants"]) == len(before) - 1
    assert {each.participant for each in manifest.consents} >= {UNKNOWN_PARTICIPANT, HASH(BEN)}
    assert any("is silent since erasure" in each for each in manifest.findings)
    assert corpus.places_with(ANA.encode(), HASH(ANA).encode()) == []
    assert list(find(archive, HASH(ANA))) == []
    (entry,) = find(archive, HASH(BEN))
    assert {each.object_name for each in entry.chunks} == {chunk.media.object_name}
    for report in corpus.verify():
        assert report.ok, report.problems


@pytest.mark.parametrize(("people", "channel"), [((ANA, BEN), 0), ((BEN, CLEO, ANA), 2)])
async def test_a_person_s_channel_is_silent_and_nothing_else_of_them_is_left(
    temporal: Client, corpus: Corpus, people: tuple[str, ...], channel: int
) -> None:
    kept = keep(corpus, *people)
    pending = corpus.letter("about-it", event(kept, ANA))
    delivered = corpus.letter("delivered", event(kept, ANA), delivered=True)
    async with erasing(temporal, corpus):
        status = await erased(temporal, corpus, CHANNEL_OF_ANA)
    assert status.erased == 1
    assert not delivered.exists()
    assert pending.exists(), "the recording stays, and needs what is announced of it"
    pending.unlink()
    assert_taken_out(corpus, kept, channel)


@pytest.mark.slow("retries each step")
@pytest.mark.parametrize("writes", [0, 2, 5])
async def test_it_comes_to_its_end_after_a_crash_before_each_object(
    temporal: Client, corpus: Corpus, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    kept = keep(corpus, ANA, BEN)
    archive, left = corpus.archives["main"], [writes]
    begin = archive.begin

    def dying(object_name: str, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == -1:
            raise ApplicationError("killed", type="Killed")
        return begin(object_name, **options)

    monkeypatch.setattr(archive, "begin", dying)
    async with erasing(temporal, corpus):
        status = await erased(temporal, corpus, CHANNEL_OF_ANA)
    assert (status.erased, status.held_back) == (1, ())
    assert left[0] < -1, "it was interrupted, and went on"
    assert_taken_out(corpus, kept, 0)


def test_what_is_mixed_is_held_back_and_says_so(corpus: Corpus) -> None:
    corpus.keep(ANA, BEN)
    (found,) = planned(corpus).recordings
    assert (found.erases, found.channels) == (False, {})
    assert "it is mixed" in found.reason


def test_a_channel_that_somebody_shares_is_held_back(corpus: Corpus) -> None:
    media = talk(2)
    told = [{"participantId": ANA, "channel": 1}, {"participantId": BEN, "channel": 1}]
    kept = corpus.keep(ANA, BEN, media=media, participants=told, **UNMIXED)
    (found,) = planned(corpus).recordings
    assert found.folder == kept.folder
    assert not found.erases
    assert "no channel is known to be that person's alone" in found.reason


def test_a_channel_that_nobody_knows_is_held_back(corpus: Corpus) -> None:
    told = [{"participantId": ANA}, {"participantId": BEN, "channel": 1}]
    corpus.keep(ANA, BEN, media=talk(2), participants=told, **UNMIXED)
    (found,) = planned(corpus).recordings
    assert not found.erases


def of_rf64(content: bytes) -> list[bytes]:
    """Return the samples of both channels."""
    assert content[72:76] == b"data"
    samples = content[80:]
    return [samples[0::4] + samples[1::4], samples[2::4] + samples[3::4]]


async def test_a_channel_of_an_rf64_is_silent(temporal: Client, corpus: Corpus) -> None:
    kept = keep(corpus, ANA, BEN, media=as_rf64(talk(2)))
    async with erasing(temporal, corpus):
        status = await erased(temporal, corpus, CHANNEL_OF_ANA)
    assert (status.erased, status.held_back) == (1, ())
    assert_taken_out(corpus, kept, 0, of_rf64)


@pytest.mark.parametrize(
    "spelling",
    [
        lambda told: told + b"\0\0",
        lambda told: b"\xef\xbb\xbf" + told,
        lambda told: told + b"\r\n}",
        lambda told: told.replace(b'"chunkDocumentId"', b'"x":"\xc3(","chunkDocumentId"'),
    ],
    ids=["NULs behind it", "a mark before it", "more behind it", "half a character"],
)
async def test_a_metadata_file_that_the_index_can_read_is_read_here_too(
    temporal: Client,
    corpus: Corpus,
    monkeypatch: pytest.MonkeyPatch,
    spelling: Callable[[bytes], bytes],
) -> None:
    """Real files are so."""

    def put(archive: Archive, name: str, content: bytes, **options: Any) -> Any:
        is_metadata = name.endswith(".metadata.json")
        return put_bytes(archive, name, spelling(content) if is_metadata else content, **options)

    with monkeypatch.context() as patched:
        patched.setattr("tests.archive.sealed.put_bytes", put)
        kept = keep(corpus, ANA, BEN)
    async with erasing(temporal, corpus):
        status = await erased(temporal, corpus, CHANNEL_OF_ANA)
    assert (status.erased, status.held_back) == (1, ())
    assert_taken_out(corpus, kept, 0)


def mu_law() -> bytes:
    """Make a recording of two channels whose samples are compressed (ITU-T G.711)."""
    form = struct.pack("<HHIIHHH", 7, 2, 16_000, 32_000, 2, 8, 0)
    samples = bytes(0x80 + 7 * n % 100 for n in range(1_600))
    chunks = b"WAVEfmt " + struct.pack("<I", 18) + form
    chunks += b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


@pytest.mark.parametrize(
    ("media", "channel", "reason"),
    [(mu_law(), 0, "its samples are compressed"), (talk(2), 2, "and none of number 2")],
)
async def test_a_channel_that_cannot_be_made_silent_is_refused_in_the_plan(
    temporal: Client, corpus: Corpus, media: bytes, channel: int, reason: str
) -> None:
    """And what comes behind it in the plan goes nevertheless."""
    told = [{"participantId": ANA, "channel": channel}, {"participantId": BEN, "channel": 1}]
    kept = keep(corpus, ANA, BEN, media=media, participants=told)
    other = keep(corpus, ANA, BEN)
    first, second = planned(corpus).recordings
    assert (first.folder, first.erases) == (other.folder, True)
    assert (second.folder, second.erases, second.verdict) == (kept.folder, False, "refused")
    assert reason in second.reason
    async with erasing(temporal, corpus):
        status = await erased(temporal, corpus, CHANNEL_OF_ANA)
    assert status.erased == 1
    assert reason in status.held_back[0]


async def test_what_turns_out_to_be_impossible_holds_up_nothing_else(
    temporal: Client, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = keep(corpus, ANA, BEN), keep(corpus, ANA, BEN)
    seal = Removal.seal

    def refusing(removal: Removal, inventory: Inventory) -> Manifest:
        if inventory.folder == first.folder:
            raise InvalidRequest("it would be too large")
        return seal(removal, inventory)

    monkeypatch.setattr(Removal, "seal", refusing)
    async with erasing(temporal, corpus):
        status = await erased(temporal, corpus, CHANNEL_OF_ANA)
    assert status.erased == 1
    assert status.held_back == (f"main: {first.folder}: it would be too large",)
    assert HASH(ANA) not in str(sealed(corpus.archives["main"], other.folder))


def test_the_plan_names_the_channel_of_each_file(corpus: Corpus) -> None:
    keep(corpus, BEN, ANA)
    (found,) = planned(corpus).recordings
    assert list(found.channels.values()) == [1]
