"""The page as a compliance officer opens it: in a real browser, which loads and runs nothing."""

import base64
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from callvault.archive.stores.directory import DirectoryArchive
from callvault.evidence.markup import Html
from callvault.evidence.sheet import page

from .calls import HEBREW, HOSTILE, LONG, TURNED, sealed_call
from .chromium import Page, opened
from .test_page import facts_of, page_of

HOSTILE_TEXT = f"{HOSTILE} {TURNED} {HEBREW} {LONG}"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Open the page of a recording in which every text is hostile, beside one without."""
    folder = tmp_path_factory.mktemp("page")
    archive = DirectoryArchive("main", folder / "archive")
    archive.make()
    plain = facts_of(archive, sealed_call(archive))
    hostile = facts_of(archive, sealed_call(archive, text=HOSTILE_TEXT, number=2))
    file = folder / "evidence.html"
    file.write_text(page_of(plain, hostile))
    with opened(file, folder / "profile") as found:
        yield found


def test_the_page_loads_nothing_and_runs_nothing(seen: Page) -> None:
    assert [url.rpartition("/")[2] for url in seen.requested()] == ["evidence.html"]
    assert seen.complaints() == []
    assert seen.value("document.title") == "Evidence of recording rec-1"
    assert seen.value("document.querySelectorAll('script, img, iframe, object, form').length") == 0
    assert "onerror=alert(1)" in seen.value("document.body.innerText")


def test_its_style_is_let_in_by_its_own_policy(seen: Page) -> None:
    # a policy that did not fit the style would leave the page bare
    style = "getComputedStyle(document.querySelector('.verdict')).borderLeftWidth"
    assert seen.value(style) == "12px"


def test_a_screen_reader_finds_its_way(seen: Page) -> None:
    told = seen.accessible()
    headings = [name for role, name in told if role == "heading"]
    assert headings[0] == "Evidence of a recorded call"
    assert headings.count("Who consented") == 2
    levels = seen.value("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    tables = [name for role, name in told if role == "table"]
    assert tables
    assert all(tables)
    assert "Pauses that were asked for" in tables
    images = [name for role, name in told if role == "image"]
    assert len(images) == 2
    assert all(name.startswith("Timeline of the recording") for name in images)
    assert seen.value("document.documentElement.lang") == "en"
    assert seen.value("new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size") == (
        seen.value("document.querySelectorAll('[id]').length")
    )


def test_every_text_has_contrast(seen: Page) -> None:
    """At least 4.5 to 1 (WCAG 2.2, 1.4.3), as the browser computes the colours."""
    ratios = seen.value(
        """(() => {
          const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => v / 255)
            .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
            return .2126 * r + .7152 * g + .0722 * b };
          const ground = e => { for (; e; e = e.parentElement) {
            const c = getComputedStyle(e).backgroundColor;
            if (c !== 'rgba(0, 0, 0, 0)') return c } return 'rgb(255, 255, 255)' };
          return [...document.querySelectorAll('h1,h2,h3,p,dt,dd,th,td,li,code,caption,span')]
            .map(e => { const a = light(getComputedStyle(e).color), b = light(ground(e));
              return (Math.max(a, b) + .05) / (Math.min(a, b) + .05) }) })()"""
    )
    assert ratios
    assert min(ratios) >= 4.5


def test_no_text_leaves_its_place(seen: Page) -> None:
    for width in (360, 1_200):
        seen.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        assert seen.value("document.documentElement.scrollWidth") <= width
    # and a text that is written from the right turns none that stands beside it
    assert seen.value("[...document.querySelectorAll('td')].every(e => e.firstChild.tagName)")


def test_it_prints(seen: Page) -> None:
    printed = base64.b64decode(seen.ask("Page.printToPDF", printBackground=False)["data"])
    assert printed.startswith(b"%PDF")
    assert seen.value("matchMedia('print').matches") is False


def test_what_the_policy_forbids_is_refused(tmp_path: Path) -> None:
    """Markup that slipped in would still do nothing."""
    slipped = Html(
        "<script>document.title='owned'</script><p style='color:red'>x</p>"
        "<img src='http://127.0.0.1:9/x.png' onerror='document.title=1'>"
    )
    file = tmp_path / "page.html"
    file.write_text(page("held", slipped))
    with opened(file, tmp_path / "profile") as found:
        assert found.value("document.title") == "held"
        assert [url.rpartition("/")[2] for url in found.requested()] == ["page.html"]
        assert len(found.complaints()) >= 3
