"""Does a link open one blob, for reading, for as long as it says, and nothing else?"""

import re
import ssl
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx

from callvault.archive.store import Archive, LinkTerms, StoredObject
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.azure_storage.clients import StorageAccess
from callvault.local.azurite import Azurite
from callvault.local.processes import Supervisor

from .test_entra import Identity, account_url

__all__ = ["account_url"]

Write = Callable[..., StoredObject]
NAME = "recordings/2026/03/02/call-1/rec-1/0000-document.mp4"
OTHER = "recordings/2026/03/02/call-1/rec-1/0001-document.mp4"


def terms(minutes: float = 10) -> LinkTerms:
    return LinkTerms(
        datetime.now(UTC) + timedelta(minutes=minutes),
        "video/mp4",
        'inline; filename="rec-1-0000-document.mp4"',
    )


def linked(archive: Archive, minutes: float = 10) -> str:
    link = archive.link(NAME, terms(minutes))
    assert link
    return link


def test_a_link_reads_one_blob_and_tells_a_browser_what_it_is(
    blob_archive: BlobArchive, write: Write
) -> None:
    write(blob_archive, NAME, b"media")
    link = linked(blob_archive)
    answer = httpx.get(link, headers={"range": "bytes=1-2"})
    assert (answer.status_code, answer.content) == (206, b"ed")
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"] == 'inline; filename="rec-1-0000-document.mp4"'


def test_a_link_opens_nothing_else(blob_archive: BlobArchive, write: Write) -> None:
    write(blob_archive, NAME, b"media")
    write(blob_archive, OTHER, b"other")
    link = linked(blob_archive)
    container = link.partition("/recordings/")[0]
    query = urlsplit(link).query
    assert httpx.get(link.replace("0000-", "0001-")).status_code == 403
    assert httpx.get(f"{container}?restype=container&comp=list&{query}").status_code == 403
    assert httpx.put(link, content=b"x", headers={"x-ms-blob-type": "BlockBlob"}).status_code == 403
    assert httpx.delete(link).status_code == 403
    longer = re.sub(r"se=[^&]+", "se=2099-01-01T00%3A00%3A00Z", link)
    assert httpx.get(longer).status_code == 403
    assert parse_qs(query)["sp"] == ["r"]
    assert parse_qs(query)["sr"] == ["b"]


def test_a_link_ends(blob_archive: BlobArchive, write: Write) -> None:
    write(blob_archive, NAME, b"media")
    assert httpx.get(linked(blob_archive, minutes=-1)).status_code == 403


def test_a_link_to_an_account_with_tls_needs_tls(azurite: Azurite) -> None:
    text = azurite.connection_string
    secure = re.sub(r"BlobEndpoint=http:", "BlobEndpoint=https:", text)
    for connection_string, protocols in ((text, "https,http"), (secure, "https")):
        archive = BlobArchive.open(
            "main", StorageAccess(connection_string=connection_string), "recordings"
        )
        assert parse_qs(urlsplit(linked(archive)).query)["spr"] == [protocols]
        archive.close()


def test_where_nothing_can_sign_there_is_no_link(
    azurite: Azurite, directory_archive: DirectoryArchive
) -> None:
    url = azurite.new_container(f"test-{uuid.uuid4().hex}")
    archive = BlobArchive.open("main", StorageAccess(sas_url=url), "ignored")
    assert archive.link(NAME, terms()) is None
    archive.close()
    assert directory_archive.link(NAME, terms()) is None


def test_where_the_address_does_not_name_the_account_there_is_no_link() -> None:
    access = StorageAccess(account_url="https://recordings.example", credential=Identity())
    archive = BlobArchive.open("main", access, "recordings")
    assert archive.link(NAME, terms()) is None
    archive.close()


def test_an_identity_signs_links_with_a_key_that_the_service_gives_it(
    account_url: Callable[[Supervisor], str],
    tmp_path: Path,
    write: Write,
) -> None:
    with Supervisor(tmp_path) as supervisor:
        url = account_url(supervisor)
        access = StorageAccess(account_url=url, credential=Identity())
        archive = BlobArchive.open("main", access, "recordings")
        archive.make()
        write(archive, NAME, b"media")
        link = linked(archive)
        query = parse_qs(urlsplit(link).query)
        assert {"skoid", "sktid", "ske"} <= query.keys(), "signed with a user delegation key"
        assert (query["sp"], query["sr"], query["spr"]) == (["r"], ["b"], ["https"])
        trusted = ssl.create_default_context(cafile=tmp_path / "cert.pem")
        answer = httpx.get(link, verify=trusted)
        assert (answer.status_code, answer.content) == (200, b"media"), answer.text
        other = link.replace("0000-", "0001-")
        assert httpx.get(other, verify=trusted).status_code == 403
        archive.close()
