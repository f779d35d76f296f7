"""Text from outside made inert, before people read it on a terminal, in a log or on a page.

Callers, services and files choose texts: requesters, reasons, error messages, names. Their control
characters would move a terminal's cursor, begin a line of their own or hide what stands beside
them; their markup would be drawn as ours.
"""

import re
import unicodedata

_INVISIBLE_BUT_HARMLESS = "Zs"
"""Category of the spaces: of all characters that Python calls not printable, these alone stay."""

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")

_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~&@]|:(?=//)|(?<=www)\.")
"""Signs that make markup within a line, and what begins a link by itself."""


def printable(text: str) -> str:
    r"""Return the text on one line, each character that is not printable as a visible escape.

    So a line break is ``\n``, ESC is ``\x1b``, a right-to-left override is ``\u202e``. A backslash
    stays as it is: this is for reading, JSON is exact.
    """
    return text if text.isprintable() else "".join(map(_printable, text))


def printable_lines(text: str) -> str:
    """Return a text of several lines, each `printable`, the second and later ones indented."""
    # Indented, so that a line within a message is never taken for a message of its own.
    first, *later = map(printable, text.split("\n"))
    return "\n".join([first, *(line if line.startswith("  ") else f"  {line}" for line in later)])


def printable_json(document: str) -> str:
    r"""Return a JSON document whose texts hold no control character, as ``\u....``: equal JSON."""
    if document.isprintable():
        return document
    return "".join(each if each in "\n" else _json_escaped(each) for each in document)


def ascii_json(document: str) -> str:
    r"""Return a JSON document in ASCII: what is not, as ``\u....``."""
    return _NOT_ASCII.sub(lambda found: _utf16_escape(found[0]), document)


def printable_markdown(text: str) -> str:
    """Return the text as `printable`, without anything that Markdown would draw differently."""
    return _MARKDOWN.sub(r"\\\g<0>", printable(text))


def _is_harmless(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == _INVISIBLE_BUT_HARMLESS


def _printable(character: str) -> str:
    if _is_harmless(character):
        return character
    return character.encode("unicode_escape").decode("ascii")


def _json_escaped(character: str) -> str:
    return character if _is_harmless(character) else _utf16_escape(character)


def _utf16_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
