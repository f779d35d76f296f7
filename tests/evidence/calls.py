"""Recordings with everything that a page can tell: pauses, doubts, people, decisions."""

import io
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from callvault.archive.manifests.seal import seal
from callvault.archive.media.check import Expected, check_file
from callvault.archive.store import Archive
from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.consent import (
    ConsentHold,
    ConsentPolicy,
    ConsentRecord,
    ConsentTerms,
    DeletionMark,
    Presence,
)
from callvault.contracts.media import ChannelType, ContentType, FormatType, MediaCheck
from callvault.contracts.participants import participant_hash
from callvault.contracts.silence import SilenceAccount, SilentInterval, UnconfirmedInterval
from callvault.contracts.status import ChunkStatus
from callvault.emulator.media.render import Renderer
from tests.archive.sealed import (
    NOON,
    SIGNER,
    archived,
    pause_request,
    paused,
    recording,
    seal_input,
    service_pause,
)
from tests.emulator.timelines import person, recorded

ANNA, BERT = "8:acs:anna", "+49 30 1234567"
KEY = "a key of the tests"
HOSTILE = "</td><script>document.title='owned'</script><img src=x onerror=alert(1)>"
TURNED = "safe\u202egpj.exe \u2066x"
HEBREW = "שלום עולם"
LONG = "word" * 5_000


def hashed(raw_id: str) -> str:
    return participant_hash(raw_id, KEY)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@cache
def unmixed() -> bytes:
    """Make a recording of 12 s in which Anna speaks on channel 0, and Bert on channel 1 later."""
    told = recorded(12, person(0, (0, 4)), person(1, (6, 9)))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "unmixed"
        Renderer("wav", ("8:acs:0", "8:acs:1")).render(told, file)
        return file.read_bytes()


def pieces_of(archive: Archive, media: bytes | None = None, **facts: Any) -> ChunkStatus:
    """Make the chunk of both, who are named as the service names them."""
    media = media or unmixed()
    people = [{"participantId": ANNA, "channel": 0}, {"participantId": BERT, "channel": 1}]
    told: dict[str, Any] = {
        "duration_ms": 20_000,
        "participants": people,
        "pauses": (service_pause(),),
        "start_time": NOON,
        "check": judged_unmixed(media),
    }
    return archived(archive, media=media, **{**told, **facts})


@cache
def judged_unmixed(media: bytes) -> MediaCheck:
    expected = Expected(FormatType.WAV, ContentType.AUDIO, ChannelType.UNMIXED, 20_000, 8_000)
    return check_file(io.BytesIO(media), len(media), expected)


def sealed_call(
    archive: Archive, *chunks: ChunkStatus, text: str = "card number", **facts: Any
) -> SealedRecording:
    """Seal a recording of two people, with a pause, doubts, a withdrawal and a hold."""
    anna, bert = hashed(ANNA), hashed(BERT)
    status = recording(
        *(chunks or (pieces_of(archive),)),
        **{
            "recording_channel_type": ChannelType.UNMIXED,
            "requested_by": text,
            "session_end_reason": text,
            "started_at": NOON,
            "recording_start_time": NOON,
            "recording_duration_ms": 20_000,
            "stopped_at": at(20),
            "pauses": [paused().model_copy(update={"reason": text, "released_by": text})],
            "silence": SilenceAccount(
                silent=[SilentInterval(since=at(1), until=at(9), proof=text)],
                unconfirmed=[
                    UnconfirmedInterval(since=at(0), until=at(1), reason=text),
                    UnconfirmedInterval(since=at(10), until=at(12), reason=text, is_finding=True),
                ],
            ),
            "consent": ConsentTerms(consent_policy=ConsentPolicy.ALL_PARTIES),
            "consented_at": at(2),
            "holds": [
                ConsentHold(
                    since=at(12), until=at(14), reason=f"{text}: {bert} withdrew", ended_by=text
                )
            ],
            "marked": [DeletionMark(participant=bert, since=at(3), until=at(12), marked_at=at(12))],
            **facts,
        },
    )
    order = seal_input(
        archive,
        status,
        requests=(pause_request().model_copy(update={"reason": text, "problem": text}),),
        participants=(
            Presence(participant=anna, told_at=NOON),
            Presence(participant=bert, joined_at=at(3), left_at=at(18), told_at=at(3)),
        ),
        consents=(
            decided(anna, 2, given=True, text=text),
            decided(bert, 4, given=True, text=text),
            decided(bert, 12, given=False, text=text),
        ),
    )
    return seal(archive, order, SIGNER, lambda: at(300))


def decided(participant: str, seconds: float, *, given: bool, text: str) -> ConsentRecord:
    return ConsentRecord(
        participant=participant,
        given=given,
        reported_by=text,
        method=text,
        evidence=text,
        reason=text,
        decided_at=at(seconds),
        received_at=at(seconds),
    )
