"""Recordings with known participants, drawn from a seed.

Everybody is written in several spellings, some only in manifests; some recordings are unmixed, some
have no metadata file, some are not sealed.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.corpus.places import File
from callvault.archive.manifests.documents import signed
from callvault.contracts.consent import Presence
from callvault.contracts.manifest import (
    ArchivedObject,
    Consent,
    ConsentEvidence,
    Manifest,
    ManifestChunk,
    ManifestRecording,
    SourceAddress,
    WorkflowRun,
)
from callvault.contracts.media import ChannelType, ContentType, FormatType
from callvault.contracts.participants import hiding
from callvault.contracts.states import ChunkState, RecordingState

KEY = "the key of the corpus"

BEGUN = datetime(2026, 1, 1, 9, tzinfo=UTC)
DAYS = 60
MEDIA_SIZE = 7_500_000
"""Bytes of a sparse media file: a minute of video."""

_HASH = hiding(KEY)

Whereabouts = dict[str, dict[str, set[tuple[str, int | None]]]]
"""By person (in one spelling) and folder: the media files in which they are, with channels."""


@dataclass
class Corpus:
    """The people, and what is true of them."""

    seed: int
    recordings: int
    people: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    """People who are in no recording, with ids that are nearly those of others."""
    truth: Whereabouts = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        count = max(20, self.recordings // 10)
        self.people = [self._person(number) for number in range(count)]
        self.strangers = [f"{each}9" for each in self.people[:20]]

    def files(self) -> Iterator[File]:
        """Yield every object of the corpus, recording by recording; fills in the truth."""
        for number in range(self.recordings):
            yield from self._recording(number)

    def _person(self, number: int) -> str:
        kinds = (
            f"8:acs:631fa8d8-aab5-4ac5-8e15-261aa2590750_0000000c-{number:04x}-8adc-73ff-23482200",
            f"4:+4930{1_000_000 + number * 7}",
            f"8:orgid:{number:08x}-0000-4000-8000-00000000abcd",
            f"28:orgid:{number:08x}-0000-4000-8000-0000000000ef",
        )
        return kinds[number % len(kinds)]

    def _spelt(self, raw_id: str) -> str:
        """Write an id in another spelling of the same."""
        ways = [raw_id, raw_id.upper(), raw_id.replace(":", "%3A"), f" {raw_id}"]
        if raw_id.startswith("4:"):
            ways = [raw_id, raw_id[2:], f"tel:00{raw_id[3:]}", f"{raw_id[:5]} (0){raw_id[5:]}"]
        return self._draw.choice(ways)

    def _recording(self, number: int) -> Iterator[File]:
        day = BEGUN + timedelta(days=number % DAYS)
        folder = f"recordings/{day:%Y/%m/%d}/call-{number}/rec-{number}"
        unmixed = self._draw.random() < 0.3
        crowd = self._draw.sample(self.people, self._draw.randint(2, 5))
        chunks = []
        for index in range(self._draw.choice((1, 1, 1, 2))):
            chunk = f"{folder}/{index:04d}-0-eus-d1-{number:08x}{index:04x}"
            there = self._draw.sample(crowd, self._draw.randint(1, len(crowd)))
            told = self._draw.random() < 0.97
            yield File(f"{chunk}.wav", b"RIFF", MEDIA_SIZE)
            if told:
                yield File(f"{chunk}.metadata.json", self._metadata(there, unmixed))
                for channel, raw_id in enumerate(there):
                    self.truth[raw_id][folder].add((f"{chunk}.wav", channel if unmixed else None))
            chunks.append((chunk, told))
        if self._draw.random() < 0.5:
            yield self._manifest(folder, number, day, chunks)

    def _metadata(self, there: list[str], unmixed: bool) -> bytes:
        people = [
            {"participantId": self._spelt(each)} | ({"channel": channel} if unmixed else {})
            for channel, each in enumerate(there)
        ]
        told = json.dumps({"chunkDuration": 19_320, "participants": people})
        encoded = (told.encode(), b"\xef\xbb\xbf" + told.encode(), told.encode("utf-16"))
        return self._draw.choices(encoded, (8, 1, 1))[0]

    def _manifest(
        self, folder: str, number: int, day: datetime, chunks: list[tuple[str, bool]]
    ) -> File:
        present, decided = self._draw.sample(self.people, 2)
        name = f"{folder}/manifest.json"
        silent = {(f"{chunk}.wav", None) for chunk, told in chunks if not told}
        for raw_id in (present, decided):
            self.truth[raw_id][folder] |= silent
        manifest = Manifest(
            object_name=name,
            archive="main",
            recording=_recording(number, day),
            requests=(),
            pauses=(),
            consents=(
                Consent(participant=_HASH(decided), given=self._draw.random() < 0.8, at=day),
            ),
            consent=ConsentEvidence(
                participants=(Presence(participant=_HASH(present), told_at=day),)
            ),
            chunks=tuple(_chunk(index, *chunk, day) for index, chunk in enumerate(chunks)),
            findings=(),
            workflow=WorkflowRun(workflow_id=f"recording-{number:032x}", run_id="run"),
            software="corpus",
            sealed_at=day,
            input_sha256="0" * 64,
            earlier=None,
            previous=None,
            signature=None,
        )
        return File(name, signed(manifest, None))


def _recording(number: int, day: datetime) -> ManifestRecording:
    facts: dict[str, Any] = {
        "recording_content_type": ContentType.AUDIO,
        "recording_channel_type": ChannelType.UNMIXED,
        "recording_format_type": FormatType.WAV,
        "recording_start_time": day,
        "recording_duration_ms": 19_320.0,
        "session_end_reason": "CallEnded",
    }
    return ManifestRecording(
        number=1,
        recording_id=f"rec-{number}",
        call_id=f"call-{number}",
        server_call_id=f"server-call-{number}",
        resource="default",
        origin="requested",
        state=RecordingState.ARCHIVED,
        requested_by="corpus",
        requested_at=day,
        started_at=day,
        stopped_at=day,
        problem="",
        **facts,
    )


def _chunk(index: int, chunk: str, told: bool, day: datetime) -> ManifestChunk:
    metadata = ArchivedObject(object_name=f"{chunk}.metadata.json", size=1, sha256="0" * 64)
    return ManifestChunk(
        index=index,
        document_id=chunk.rpartition("/")[2][5:],
        end_reason="SessionEnded",
        state=ChunkState.ARCHIVED,
        source=SourceAddress(host="", path=""),
        metadata_source=None,
        announced_at=day,
        retention_starts_at=day,
        expires_at=None,
        media=ArchivedObject(object_name=f"{chunk}.wav", size=MEDIA_SIZE, sha256="0" * 64),
        metadata=metadata if told else None,
        verified_at=day,
        response_headers={},
        duration_ms=19_320,
        service_pauses=(),
        check=None,
        lost_reason="",
        source_deleted=False,
    )
