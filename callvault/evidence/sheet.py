"""The frame of every page: it loads nothing, runs nothing, and prints well."""

import base64
import hashlib

from callvault.evidence.markup import Html, escaped, joined, tag

_STYLE = """
:root { color: #1a1a1a; background: #fff; font: 16px/1.5 system-ui, "Segoe UI", sans-serif; }
body { max-width: 70rem; margin: 0 auto; padding: 1.5rem; overflow-wrap: anywhere; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; margin: 2.5rem 0 .5rem; border-bottom: 2px solid #1a1a1a; }
h3 { font-size: 1.1rem; margin: 1.75rem 0 .25rem; }
p, li { max-width: 50rem; }
a { color: #003f8a; }
code { font: .9em ui-monospace, Consolas, monospace; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: minmax(9rem, 14rem) 1fr; gap: .25rem 1rem; }
dt { font-weight: 600; }
dd { margin: 0; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; font-weight: 600; padding: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; }
th, td { border: 1px solid #767676; overflow: hidden; }
th { background: #ececec; }
td { min-width: 4rem; }
.wide { overflow-x: auto; margin: 1rem 0; }
.verdict { padding: .75rem 1rem; border: 2px solid; border-left-width: .75rem; margin: 1rem 0; }
.good { border-color: #0b6623; }
.bad { border-color: #a00000; }
.open { border-color: #7a4b00; }
.verdict strong { display: block; font-size: 1.15rem; }
.note { color: #4a4a4a; font-size: .9rem; }
figure { margin: 1rem 0; overflow-x: auto; }
svg { width: 100%; min-width: 40rem; height: auto; font: 12px system-ui, "Segoe UI", sans-serif; }
:focus-visible { outline: 3px solid #003f8a; }
@media print {
  :root { font-size: 11px; }
  body { max-width: none; padding: 0; }
  h2, h3, caption { break-after: avoid; }
  tr, figure, .verdict { break-inside: avoid; }
  thead { display: table-header-group; }
  .wide, figure { overflow: visible; }
  svg { min-width: 0; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  table { font-size: .8rem; }
  td { min-width: 0; }
}
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
)
"""No script, no image, no connection: of all that a page may load, its own style alone."""


def page(title: str, *content: Html | None) -> str:
    """Return a whole HTML document."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="robots", content="noindex"),
        Html(f"<title>{escaped(title)}</title>"),
        Html(f"<style>{_STYLE}</style>"),
    )
    body = tag("body", tag("main", *content))
    return f'<!doctype html>\n<html lang="en">{joined((head, body))}</html>\n'


def verdict(kind: str, headline: str, *content: str | None) -> Html:
    """Return the box with the judgement; ``kind`` is good, bad or open."""
    told = (tag("span", each) for each in content if each)
    return tag("div", tag("strong", headline), *told, class_=f"verdict {kind}")
