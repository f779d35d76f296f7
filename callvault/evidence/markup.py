"""HTML in which no text from outside is markup: every string is escaped, always.

Texts are made `printable` first, so that no control character hides or turns what stands beside
it, and a right-to-left text turns only itself.
"""

import html
import re
from collections.abc import Callable, Iterable, Sequence

from callvault.contracts.printable import printable

MAX_TEXT = 2_000
"""Characters of one text that are shown; the manifest has all of them."""

MAX_ROWS = 1_000
"""Rows of one table that are shown."""

_TAG = re.compile(r"(<[^<>]*>)")
_VOID = frozenset({"meta", "br", "path", "rect", "line", "circle"})


class Html(str):
    """A text that is markup already, made by this module alone."""

    __slots__ = ()


Content = str | None
"""A string that is not `Html` is text."""


def escaped(text: str) -> Html:
    """Return a text as markup that shows it, cut where it is too long."""
    if isinstance(text, Html):
        return text
    shown = printable(text[:MAX_TEXT])
    more = f" … ({len(text):,} characters in all)" if len(text) > MAX_TEXT else ""
    return Html(html.escape(shown + more))


def tag(name: str, /, *content: Content, **attributes: str | float | None) -> Html:
    """Return an element; an attribute ``class_`` is ``class``, ``a_b`` is ``a-b``."""
    told = "".join(
        f' {_spelt(key)}="{html.escape(printable(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{told}/>" if name != "meta" else f"<{name}{told}>")
    return Html(f"<{name}{told}>{joined(content)}</{name}>")


def joined(parts: Iterable[Content]) -> Html:
    """Return all parts, one after the other."""
    return Html("".join(escaped(part) for part in parts if part is not None))


def foreign(text: str) -> Html:
    """Return a text from outside, whose direction of writing turns nothing but itself."""
    return text if isinstance(text, Html) else tag("bdi", text)


def code(text: str) -> Html:
    """Return an id, a name or a hash."""
    return tag("code", text)


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    """Return a table; nothing where it has no row."""
    if not rows:
        return Html()
    head = tag("tr", *(tag("th", each, scope="col") for each in heads))
    body = [tag("tr", *(tag("td", foreign(cell)) for cell in row)) for row in rows[:MAX_ROWS]]
    if (left := len(rows) - MAX_ROWS) > 0:
        body.append(tag("tr", tag("td", f"… and {left:,} more", colspan=len(heads))))
    return tag(
        "div",
        tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body)),
        class_="wide",
        role="region",
        aria_label=caption,
        tabindex=0,
    )


def facts(rows: Iterable[tuple[str, str]]) -> Html:
    """Return a list of names and values, without those that are empty."""
    shown = [(name, value) for name, value in rows if value]
    return tag(
        "dl", *(joined((tag("dt", name), tag("dd", foreign(value)))) for name, value in shown)
    )


def bullets(items: Sequence[str]) -> Html:
    """Return a list of sentences."""
    shown = [tag("li", foreign(item)) for item in items[:MAX_ROWS]]
    if (left := len(items) - MAX_ROWS) > 0:
        shown.append(tag("li", f"… and {left:,} more"))
    return tag("ul", *shown) if shown else Html()


def replaced(markup: Html, change: Callable[[str], str]) -> Html:
    """Return markup in which every text is changed, and no tag is."""
    # within a tag there is no ">": attributes are escaped, too
    parts = _TAG.split(markup)
    for number in range(0, len(parts), 2):
        parts[number] = html.escape(change(html.unescape(parts[number])))
    return Html("".join(parts))


def _spelt(key: str) -> str:
    return key.rstrip("_").replace("_", "-")
