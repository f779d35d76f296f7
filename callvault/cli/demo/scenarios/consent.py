"""Consent: nothing is heard of anybody until everybody in the call has agreed.

Ana speaks only while everybody agrees, Ben and Cem only while somebody does not. So the archived
media must hold Ana's voice, and not one frame of the others'.
"""

from rich.console import Console

from callvault.cli.demo.call import Call, Say
from callvault.cli.demo.scenarios.scenario import PlayedCall
from callvault.cli.demo.voice_detection import detect_voices

ANA, BEN, CEM = "Ana (customer)", "Ben (agent)", "Cem (supervisor)"
SPEAKS = 1.0
"""Seconds, each time."""


async def story(call: Call, say: Say) -> None:
    """Consent is missing, given, missing again as somebody joins, given, and withdrawn."""
    await call.begins(ANA, BEN)
    people = list(call.people.values())
    await call.is_to_be_recorded(
        consentPolicy="all_parties", participants=people, onWithdrawal="pause_and_mark"
    )
    say("Ana and Ben are in a call that may be recorded only if all agree: it starts paused")
    await call.speaks(BEN, SPEAKS)
    for who in (ANA, BEN):
        await call.decides(who, given=True, method="spoken", evidence="transcript/1")
    await call.becomes("active")
    say("both have agreed: it records, and Ana speaks")
    await call.speaks(ANA, SPEAKS)
    await call.joins(CEM)
    await call.becomes("paused")
    say("Cem joins, and nobody has asked him: it is paused while he speaks")
    await call.speaks(CEM, SPEAKS)
    await call.decides(CEM, given=True, method="key pressed", evidence="ivr/2")
    await call.becomes("active")
    say("Cem agrees: it records again, and Ana speaks")
    await call.speaks(ANA, SPEAKS)
    await call.decides(ANA, given=False, method="spoken", reason="she has thought about it")
    say("Ana withdraws: paused, confirmed by ACS, and what was recorded is marked for deletion")
    await call.speaks(BEN, SPEAKS)
    await call.ends()
    say("everybody hangs up")


def verify(played: PlayedCall, console: Console) -> bool:
    """Listen to every archived file: Ana is heard, Ben and Cem in no frame of it."""
    voices = {who: played.call.voices[who] for who in (ANA, BEN, CEM)}
    detected = dict.fromkeys(voices, 0.0)
    for content in played.media:
        for who, voice in detect_voices(content, voices).items():
            detected[who] += voice.seconds
            console.print(f"  heard      {who}: {voice.seconds:.2f} s, at most {voice.loudest:.4f}")
    return detected[ANA] >= SPEAKS and detected[BEN] == detected[CEM] == 0
