"""Archive only: another program records, as it always did, and no file is lost any more.

That program starts, pauses and resumes by ACS's own API, with its own key. Callvault hears of the
recording when Event Grid announces its files.
"""

from rich.console import Console

from callvault.cli.demo.call import Call, Say
from callvault.cli.demo.other_program import OtherProgram
from callvault.cli.demo.scenarios.scenario import PlayedCall
from callvault.cli.terminal import line
from callvault.contracts.states import RecordingState

ANA, BEN = "Ana (customer)", "Ben (agent)"
SPEAKS = 1.5
"""Seconds, each time."""

SETTINGS = {"CALLVAULT_RESOURCES__DEFAULT__ARCHIVE_ONLY": "true"}


async def story(call: Call, say: Say) -> None:
    """Another program records and pauses; the app backend that asks Callvault to is refused."""
    await call.begins(ANA, BEN)
    program = OtherProgram(call)
    await program.starts()
    say("Ana and Ben are in a call; another program has ACS record it, and asks nobody")
    await call.speaks(BEN, SPEAKS)
    await program.pauses()
    await call.speaks(ANA, SPEAKS)
    await program.resumes()
    say("that program pauses and resumes, too")
    refusal = await call.is_refused("pause", "card number")
    say(f"Callvault is asked to pause, and answers: {refusal}")
    await call.speaks(BEN, SPEAKS)
    await call.ends()
    say("everybody hangs up; Event Grid announces the file, and Callvault hears of it now")


def verify(played: PlayedCall, console: Console) -> bool:
    """Find one normal recording: archived, no orphan, and nothing alarmed."""
    [recording] = played.status.recordings
    word = "an orphan" if recording.is_orphan else "normal"
    console.print(line(f"  recording  {word}, {len(played.alarms)} alarms"))
    is_archived = recording.state is RecordingState.ARCHIVED
    return is_archived and not recording.is_orphan and not played.alarms
