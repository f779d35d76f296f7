"""Does every command that would control a recording of others say so, and what to change?"""

import pytest

from .conftest import Terminal

CHANGE = "resources.{}.archive_only = false"
COMMANDS = [
    ("start", "a-call"),
    ("adopt", "a-call", "a-recording"),
    ("pause", "a-call"),
    ("resume", "a-call"),
    ("stop", "a-call"),
    ("consent", "a-call", "8:acs:ana", "--withdrawn"),
]


def a_resource(name: str, *, archive_only: bool = True) -> dict[str, str]:
    settings = {
        "ENDPOINT": f"https://{name}.communication.azure.com",
        "CREDENTIAL__ENTRA": "true",
        "TOPIC": f"/subscriptions/1/{name}",
        "ARCHIVE_ONLY": str(archive_only),
    }
    return {f"CALLVAULT_RESOURCES__{name.upper()}__{key}": text for key, text in settings.items()}


ARCHIVE = {
    "CALLVAULT_ARCHIVES__MAIN__KIND": "directory",
    "CALLVAULT_ARCHIVES__MAIN__PATH": "/never-written",
}


async def refusal(terminal: Terminal, *words: str, **settings: str) -> str:
    status, out, err = await terminal.runs("recordings", *words, **settings, **ARCHIVE)
    assert (status, out) == (1, "")
    return " ".join(err.split())


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
async def test_what_would_control_a_recording_is_refused(
    terminal: Terminal, words: tuple[str, ...]
) -> None:
    said = await refusal(terminal, *words, **a_resource("default"))
    assert CHANGE.format("default") in said


async def test_beside_another_resource_an_unknown_call_may_be_one_of_them(
    terminal: Terminal,
) -> None:
    several = a_resource("default", archive_only=False) | a_resource("theirs")
    said = await refusal(terminal, "pause", "a-call", **several)
    assert "there is no recording a-call" in said
    assert "If it is a call of theirs: Resource theirs only archives" in said
    for words in (("start", "a-call"), COMMANDS[-1]):
        said = await refusal(terminal, *words, "--resource", "theirs", **several)
        assert CHANGE.format("theirs") in said
