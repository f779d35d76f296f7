"""Card payment: a card number is not recorded, and not even asked for where a pause fails.

Ana speaks only when her card number may be heard by nobody but Ben, and Ben always. So the archived
media must hold Ben's voice, and not one frame of Ana's.
"""

from rich.console import Console

from callvault.cli.demo.call import Call, Say
from callvault.cli.demo.scenarios.scenario import PlayedCall
from callvault.cli.demo.voice_detection import detect_voices
from callvault.cli.terminal import line
from callvault.contracts.alarms import AlarmKind

ANA, BEN = "Ana (customer)", "Ben (agent)"
SPEAKS = 1.5
"""Seconds, each time."""


async def story(call: Call, say: Say) -> None:
    """The first card number is spoken in a pause; the second pause fails, and fails closed."""
    await call.begins(ANA, BEN)
    await call.is_to_be_recorded(onPauseFailure="stop", pauseConfirmWithin="PT3S")
    say("Ana and Ben are in a call; a pause that ACS does not confirm within 3 s stops it")
    await call.becomes("active")
    await call.speaks(BEN, SPEAKS)
    await call.asks("pause", "card number")
    say("paused, confirmed by ACS: Ana speaks her card number")
    await call.speaks(ANA, SPEAKS)
    await call.asks("resume", "card number taken")
    say("resumed; the card is refused, and Ben asks for another one")
    await call.speaks(BEN, SPEAKS)
    await call.acs_fails("unavailable", operation="pause")
    refusal = await call.is_refused("pause", "another card number")
    say(f"ACS does not answer to a pause; the app backend is told: {refusal}")
    await call.becomes("stopped")
    say("nothing records any more: Ana speaks her other card number")
    await call.speaks(ANA, SPEAKS)
    await call.acs_recovers()
    await call.ends()
    say("everybody hangs up")


def verify(played: PlayedCall, console: Console) -> bool:
    """Listen to every archived file; find the alarm, and the one that says that it has stopped."""
    detected = dict.fromkeys((ANA, BEN), 0.0)
    for content in played.media:
        for who, voice in detect_voices(
            content, {who: played.call.voices[who] for who in detected}
        ).items():
            detected[who] += voice.seconds
            console.print(f"  heard      {who}: {voice.seconds:.2f} s, at most {voice.loudest:.4f}")
    for alarm in played.alarms:
        console.print(line(f"  alarm      {alarm.what}"), soft_wrap=True)
    kinds = [alarm.kind for alarm in played.alarms]
    # What is marked is to be deleted, or reviewed.
    is_alarmed = kinds == [AlarmKind.PAUSE_UNCONFIRMED] * 2 + [AlarmKind.DUTIES]
    return detected[BEN] >= SPEAKS and detected[ANA] == 0 and is_alarmed
