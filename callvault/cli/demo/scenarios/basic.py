"""Keep: a call is recorded, paused while a card number is spoken, and archived."""

from callvault.cli.demo.call import Call, Say


async def story(call: Call, say: Say) -> None:
    """Two people talk; a card number is spoken while the recording is paused."""
    await call.begins("Ana (customer)", "Ben (agent)")
    say("Ana and Ben join the call")
    await call.is_to_be_recorded()
    say("the app backend asks Callvault to keep the call")
    await call.speaks("Ben (agent)", 3)
    await call.speaks("Ana (customer)", 4)
    await call.asks("pause", "card number")
    say("paused, confirmed by ACS: Ana speaks her card number")
    await call.speaks("Ana (customer)", 5)
    await call.asks("resume", "card number taken")
    say("resumed, confirmed by ACS")
    await call.speaks("Ben (agent)", 3)
    await call.asks("stop", "conversation over")
    say("stopped, confirmed by ACS")
    await call.ends()
    say("everybody hangs up; the service makes the file and tells Event Grid")
