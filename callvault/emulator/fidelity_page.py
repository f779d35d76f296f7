"""The page docs/emulator-fidelity.md: each behaviour of the emulator, how sure it is, its source.

``python -m callvault.emulator.fidelity_page > docs/emulator-fidelity.md`` writes the page; a test
fails where a behaviour, a fault, a route or an event has no entry, and where the page is older.
"""

import sys

from callvault.emulator.fidelity import ENTRIES, Entry

_INTRODUCTION = """\
# What the emulator does, and how sure that is

*documented*: Microsoft's documentation, specifications or SDK sources. *observed*: recorded traffic
of the real service. *reported*: users, in issues. *assumed*: nothing is known, our choice.

This page is generated from `callvault/emulator/fidelity.py`:
`python -m callvault.emulator.fidelity_page > docs/emulator-fidelity.md`.
"""
_TITLES = {
    "behaviour": "Behaviours that can be switched",
    "fault": "Faults",
    "route": "Requests",
    "event": "Events and callbacks",
    "wire": "Answers",
    "access": "Authentication",
    "life": "Life of calls and recordings",
    "files": "Files",
    "media": "Media",
    "delivery": "Delivery of events",
}


def page(entries: tuple[Entry, ...]) -> str:
    """Render the whole page in Markdown."""
    return "\n".join([_INTRODUCTION, *(_section(kind, entries) for kind in _TITLES)])


def _section(kind: str, entries: tuple[Entry, ...]) -> str:
    rows = [_row(entry) for entry in entries if entry.key.partition(":")[0] == kind]
    head = f"## {_TITLES[kind]}\n\n| | what happens | tag | source |\n|---|---|---|---|"
    return "\n".join([head, *rows, ""])


def _row(entry: Entry) -> str:
    name = entry.key.partition(":")[2]
    return f"| `{name}` | {_cell(entry.what)} | {entry.tag} | {_cell(entry.source)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page(ENTRIES))
