"""The files of a package, as its pages list them."""

from collections.abc import Sequence
from dataclasses import dataclass

from callvault.evidence.markup import Html, bullets, code, joined, table, tag
from callvault.evidence.package import PackedFile
from callvault.evidence.words import bytes_


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A file of a recording's folder."""

    name: str
    about: str
    file: PackedFile | None = None
    """None where it is not in the package, as ``about`` says."""
    original: str = ""
    """SHA-256 of the archived file that it was made of."""


def given_files(given: Sequence[GivenFile], refused: Sequence[str]) -> Html:
    """List what the package holds of a recording, with its hashes and those of the originals."""
    return joined(
        (
            tag("h3", "In this package"),
            table(
                "Files beside this page",
                ("File", "Content", "Size", "SHA-256 of this file", "Archived original"),
                [_row(each) for each in given],
            ),
            bullets(refused),
        )
    )


def _row(given: GivenFile) -> tuple[str, ...]:
    if given.file is None:
        return given.name, given.about, "", "", ""
    original = ""
    if given.original:
        is_same = given.original == given.file.sha256
        original = "the same bytes" if is_same else joined(("SHA-256 ", code(given.original)))
    link = tag("a", given.name, href=given.name)
    return link, given.about, bytes_(given.file.size), code(given.file.sha256), original
