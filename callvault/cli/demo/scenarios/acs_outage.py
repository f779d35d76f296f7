"""ACS outage: while ACS is away nothing is lost, and what may be in the recording is marked.

ACS answers no control request for some seconds. A pause is requested meanwhile, raises an alarm
after two of them, is retried, and is confirmed when ACS is back. What Ana said in between is in the
file, and the manifest says where.
"""

from rich.console import Console

from callvault.cli.demo.call import Call, Say
from callvault.cli.demo.scenarios.scenario import PlayedCall
from callvault.cli.demo.voice_detection import detect_voices
from callvault.cli.terminal import line
from callvault.contracts.alarms import AlarmKind

ANA, BEN = "Ana (customer)", "Ben (agent)"
SPEAKS = 1.5
AWAY = 6.0
TOLERANCE = 0.5
"""Seconds."""


async def story(call: Call, say: Say) -> None:
    """A pause meets an outage; the recording goes on, doubtful and marked so."""
    await call.begins(ANA, BEN)
    await call.is_to_be_recorded(onPauseFailure="mark", pauseConfirmWithin="PT2S")
    say("Ana and Ben are in a call; what a late pause lets through is to be marked")
    await call.becomes("active")
    await call.speaks(BEN, SPEAKS)
    await call.acs_fails("unavailable")
    say("ACS is away")
    await call.sends("pause", "health data")
    say("the app backend sends a pause and does not wait; Ana speaks all the same")
    await call.speaks(ANA, AWAY)
    await call.acs_recovers()
    await call.becomes("paused")
    say("ACS is back: the pause is confirmed, late")
    await call.speaks(ANA, SPEAKS)
    await call.asks("resume", "done")
    await call.speaks(BEN, SPEAKS)
    await call.asks("stop", "conversation over")
    await call.ends()
    say("everybody hangs up")


def verify(played: PlayedCall, console: Console) -> bool:
    """Ana is heard for no longer than the doubtful interval, which the manifest names."""
    intervals = [interval for r in played.status.recordings for interval in r.silence.unconfirmed]
    doubtful = sum(((d.until or d.since) - d.since).total_seconds() for d in intervals)
    voice = {ANA: played.call.voices[ANA]}
    ana = sum(detect_voices(content, voice)[ANA].seconds for content in played.media)
    console.print(f"  heard      {ANA}: {ana:.2f} s, in {doubtful:.2f} s that are marked doubtful")
    for finding in played.findings:
        console.print(line(f"  finding    {finding}"), soft_wrap=True)
    for alarm in played.alarms:
        console.print(line(f"  alarm      {alarm.what}"), soft_wrap=True)
    kinds = [alarm.kind for alarm in played.alarms]
    # What is marked is to be deleted, or reviewed.
    is_alarmed = kinds == [AlarmKind.PAUSE_UNCONFIRMED, AlarmKind.DUTIES]
    return 0 < ana <= doubtful + TOLERANCE and bool(played.findings) and is_alarmed
