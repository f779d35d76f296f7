"""Hostile files in an archive end in a finding, and never in a traceback or a hang (C4, C5)."""

import json
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.storage.blob import BlobClient
from typer.testing import CliRunner, Result

import callvault.archive.media.streams as streams_module
import callvault.archive.stores.directory as directory_module
from callvault.archive.access_log.log import AccessLog
from callvault.archive.failback.candidates import failback_candidates
from callvault.archive.manifests.documents import Keyring
from callvault.archive.media.check import Expected, check_file
from callvault.archive.names import access_object_name, is_metadata_name, subject_entry_name
from callvault.archive.store import MAX_DOCUMENT, StoredObject, put_bytes
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.stores.directory_files import MAX_SIDECAR, Sidecar, sidecar_path
from callvault.archive.subjects.rebuild import IndexPass
from callvault.archive.subjects.search import find
from callvault.archive.verify.inspector import Remark, Report
from callvault.archive.verify.verifier import verify_archive
from callvault.cli.actions.verify import show
from callvault.cli.main import app
from callvault.contracts.access import Access, AccessAction
from callvault.contracts.media import ChannelType, ContentType, FormatType, MediaVerdict
from callvault.errors import CallvaultError
from callvault.local.azurite import Azurite
from callvault.reconcile.inventory import Inventory
from tests.archive.sealed import NOON, SIGNER, archived, sealed, wav

KEYS = Keyring([SIGNER.public])
SECONDS = 60
Write = Callable[..., StoredObject]


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """End a test that hangs in a system call, which nothing else in this process could."""

    def too_long(*_: object) -> None:
        raise AssertionError(f"it hangs for {SECONDS} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def vault(directory_archive: DirectoryArchive) -> DirectoryArchive:
    sealed(directory_archive, archived(directory_archive))
    return directory_archive


def path_of(archive: DirectoryArchive, name: str) -> Path:
    path = Path(archive.location("x")).parent / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def media_of(archive: DirectoryArchive) -> str:
    return next(name for name in archive.names("recordings/") if name.endswith(".wav"))


def manifest_of(archive: DirectoryArchive) -> str:
    return next(name for name in archive.names("recordings/") if name.endswith("manifest.json"))


def texts(report: Report) -> str:
    return "\n".join(f"{remark.object_name}: {remark.text}" for remark in report.problems)


def run(archive: DirectoryArchive, *options: str) -> Result:
    root = Path(archive.location("x")).parent
    return CliRunner().invoke(app, ["verify", str(root), *options])


def as_link(path: Path) -> None:
    outside = path.parents[3] / "outside"
    outside.write_bytes(path.read_bytes() if path.exists() else b"outside")
    path.unlink(missing_ok=True)
    path.symlink_to(outside)


def as_loop(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(path)


def as_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def as_directory(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def as_abyss(path: Path) -> None:
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(1 << 40)


KINDS = [as_link, as_loop, as_pipe, as_directory, as_abyss]

SIDECARS = {
    "deep": b"[" * 200_000,
    "deep members": b'{"a":' * 200_000,
    "not an object": b"[1]",
    "a number": b"1" * 5_000,
    "not text": b"\xff\xfe\x00",
    "empty": b"",
}


def altered(**members: Any) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps(json.loads(data) | members).encode()


ALTERATIONS = {
    "metadata is a list": altered(metadata=[["sha256", "x"]]),
    "metadata holds numbers": altered(metadata={"a": 1}),
    "half an emoji": altered(metadata={"a": "\ud83d"}),
    "block size 0": altered(block_size=0),
    "block size below 0": altered(block_size=-5),
    "block size broken": altered(block_size=0.5),
    "block size beyond": altered(block_size=10**30),
    "blocks are a number": altered(blocks=1),
    "blocks are objects": altered(blocks=[{}]),
    "blocks are short": altered(blocks=["ab"]),
    "size is a text": altered(size="16044"),
    "one member more": altered(more=1),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["media", "manifest", "link"])
def test_c4_what_is_no_plain_file_beside_an_object_is_a_finding(
    vault: DirectoryArchive, kind: Callable[[Path], None], what: str
) -> None:
    link = "manifests/0000000001.json"
    name = {"media": media_of(vault), "manifest": manifest_of(vault), "link": link}[what]
    path = path_of(vault, name)
    kind(path.with_name(f".{path.name}.json"))
    report = verify_archive(vault, KEYS, quick=True)
    assert f"{name}: what the store keeps beside it" in texts(report)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    [
        "manifest",
        "media",
        "manifests/0000000001.json",
        "manifests/0000000002.json",
        "keys/0123456789abcdef.pem",
        "recordings/2026/03/02/x/y/manifest.json",
    ],
)
def test_c4_what_is_no_plain_file_in_place_of_an_object_is_a_finding(
    vault: DirectoryArchive, kind: Callable[[Path], None], name: str
) -> None:
    name = {"media": media_of(vault), "manifest": manifest_of(vault)}.get(name, name)
    kind(path_of(vault, name))
    done = run(vault)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    # a directory of that name is no object, and where none was sealed nothing is missed
    assert done.exit_code == (0 if kind is as_directory and _is_new(name) else 1)


def _is_new(name: str) -> bool:
    return name.endswith(("0002.json", ".pem", "/y/manifest.json"))


@pytest.mark.parametrize("content", SIDECARS.values(), ids=SIDECARS)
def test_c4_a_sidecar_of_any_content_is_a_finding(vault: DirectoryArchive, content: bytes) -> None:
    path = path_of(vault, media_of(vault))
    path.with_name(f".{path.name}.json").write_bytes(content)
    assert f"{media_of(vault)}: what the store keeps" in texts(
        verify_archive(vault, KEYS, quick=True)
    )


@pytest.mark.parametrize("change", ALTERATIONS.values(), ids=ALTERATIONS)
def test_c4_a_sidecar_with_one_odd_member_is_a_finding(
    vault: DirectoryArchive, change: Callable[[bytes], bytes]
) -> None:
    path = path_of(vault, media_of(vault))
    sidecar = path.with_name(f".{path.name}.json")
    sidecar.write_bytes(change(sidecar.read_bytes()))
    assert f"{media_of(vault)}: what the store keeps" in texts(
        verify_archive(vault, KEYS, quick=True)
    )


def test_c4_a_sidecar_of_the_most_blocks_is_read(tmp_path: Path) -> None:
    file = tmp_path / "sidecar"
    sidecar = Sidecar(50_000, "video/mp4", {"a": "b" * 512}, 1, ["0" * 64] * 50_000)
    file.write_bytes(sidecar.to_json())
    assert file.stat().st_size < MAX_SIDECAR
    assert Sidecar.read(file, 50_000) == sidecar


NAMES = [
    f"manifests/{'9' * 200}.json",
    f"manifests/{'9' * 16}.json",
    f"manifests/{'1' * 11}.json",
    "manifests/٠٠٠٠٠٠٠٠٠١.json",
    "manifests/0000000000.json",
    "keys/a key.pem",
    f"keys/{'a' * 220}.pem",
    "keys/\x1b[2J\x1b[31mred.pem",
    "keys/[/red].pem",
    "recordings/a b/manifest.json",
    "recordings/two\nlines",
    "recordings/\udcff",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_c4_a_name_that_no_object_can_bear_is_told_and_inert(
    vault: DirectoryArchive, name: str
) -> None:
    path_of(vault, name).write_bytes(b"{}")
    for options in ((), ("--json",)):
        done = run(vault, "--quick", *options)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert done.exit_code == (0 if name.startswith("recordings/") else 1)
        assert "\x1b" not in done.output
        assert "two\nlines" not in done.output


DOCUMENTS = {
    "deep": b"[" * 200_000 + b"]" * 200_000,
    "a long number": b"1" * 5_000,
    "a large number": b'{"sequence":1e999}',
    "not text": b"\xff\xfe",
    "half an emoji": b'{"archive":"\\ud83d"}',
    "null": b"null",
}


@pytest.mark.parametrize("content", DOCUMENTS.values(), ids=DOCUMENTS)
@pytest.mark.parametrize("what", ["manifest", "link", "key"])
def test_c4_a_document_of_any_content_is_a_finding(
    vault: DirectoryArchive, content: bytes, what: str
) -> None:
    key = f"keys/{SIGNER.public.key_id}.pem"
    link = "manifests/0000000001.json"
    name = {"manifest": manifest_of(vault), "link": link, "key": key}[what]
    path_of(vault, name).write_bytes(content)
    assert f"{name}: " in texts(verify_archive(vault, KEYS, quick=True))


def test_c4_a_copy_without_end_is_a_finding(tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    as_abyss(copy)
    done = CliRunner().invoke(app, ["verify", str(copy)])
    assert done.exit_code == 1
    assert "it is larger than any document of its kind" in done.output


@pytest.mark.parametrize("kind", KINDS)
def test_c4_failback_and_reconciliation_go_on_beside_a_hostile_manifest(
    vault: DirectoryArchive, kind: Callable[[Path], None]
) -> None:
    kind(path_of(vault, "recordings/2026/03/02/aaa/y/manifest.json"))
    known = [len(each.known) for each in failback_candidates(vault)]
    assert sum(known) == 1
    inventory = Inventory({"main": lambda: vault})
    inventory.list_objects(NOON - timedelta(days=1), NOON + timedelta(days=1))
    records = [each.record for each in inventory.manifests([])]
    assert "rec-1" in {record.recording_id for record in records}
    assert not any(inventory.sources()[0].problem for _ in records)


def test_c4_many_hostile_claims_do_not_stop_a_reconciliation(vault: DirectoryArchive) -> None:
    from callvault.reconcile.records import ExpectedObject

    inventory = Inventory({"main": lambda: vault})
    inventory.list_objects(NOON, NOON)
    hostile = [ExpectedObject("main", f"../{n}") for n in range(50)]
    good = ExpectedObject("main", media_of(vault))
    found = inventory.discrepancies([*hostile, good], deep=False)
    assert set(found) == set(hostile)


def test_c4_a_large_object_where_a_document_belongs_is_not_loaded(
    vault: DirectoryArchive,
) -> None:
    path_of(vault, "manifests/0000000001.json").write_bytes(b" " * (MAX_DOCUMENT + 1))
    assert f"has more than {MAX_DOCUMENT} bytes" in texts(verify_archive(vault, KEYS, quick=True))


REPORTS = {
    "no object": "[]",
    "deep": "[" * 100_000,
    "no library": '{"creatingLibrary": 1, "media": []}',
    "tracks": '{"media": {"track": {"@type": "Audio"}}}',
    "a track": '{"media": {"track": [1, {}, {"@type": "Audio", "Format": {}}]}}',
    "two numbers": '{"media": {"track": [{"@type": "Audio", "Format": "AAC", "Duration": "1 / 2",'
    ' "SamplingRate": "48000 / 24000", "Channels": "2 / 6", "StreamSize": "9 / 9"}]}}',
    "no numbers": '{"media": {"track": [{"@type": "General", "extra": 1, "Duration": NaN},'
    ' {"@type": "Video", "Format": "AVC", "Width": "1e999", "FrameRate": {}}]}}',
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_c4_whatever_the_parser_reports_is_a_verdict(
    report: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_module, "probe", lambda *_: report.encode())
    expected = Expected(FormatType.WAV, ContentType.AUDIO, ChannelType.MIXED, 100)
    media = wav(0.1)
    found = check_file(BytesIO(media), len(media), expected)
    assert found.verdict is not MediaVerdict.COMPLETE


def test_c4_damaged_media_is_a_verdict() -> None:
    expected = Expected(FormatType.WAV, ContentType.AUDIO, ChannelType.MIXED, 100)
    dice, media = random.Random(13), wav(0.1)
    for _ in range(20):
        damaged = bytearray(media)
        for place in dice.choices(range(60), k=6):
            damaged[place] = dice.randrange(256)
        assert check_file(BytesIO(damaged), len(damaged), expected).verdict


TOKEN = "plan"
NAME = "recordings/2026/03/02/call/rec/0000-document.mp4"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    file = tmp_path / "outside.txt"
    file.write_bytes(b"precious")
    return file


def commit(archive: DirectoryArchive, data: bytes) -> StoredObject:
    with archive.begin(NAME, block_size=1024, token=TOKEN) as upload:
        upload.put(0, data)
        return upload.commit(size=len(data), content_type="video/mp4", metadata={})


def plant_draft(path: Path, block_size: int, count: int, size: int) -> None:
    """Take the sidecar of an object away, and put the draft of one beside it."""
    sidecar_path(path).unlink()
    draft = path.with_name(f".{path.name}.x.json.part")
    draft.write_bytes(Sidecar(size, "x", {}, block_size, ["0" * 64] * count).to_json())


def test_a_planted_draft_of_a_sidecar_is_neither_read_nor_believed_by_readers(
    vault: DirectoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = media_of(vault)
    path, size = path_of(vault, name), 2**41
    os.truncate(path, size)
    plant_draft(path, 2**28, 2**13, size)
    monkeypatch.setattr(directory_module, "_digests", lambda *_: pytest.fail("it was read"))
    report = verify_archive(vault, KEYS, quick=True)
    assert f"{name}: it has {size} bytes instead of" in texts(report)
    found = vault.stat(name)
    assert found
    assert found.sha256 is None


@pytest.mark.parametrize("block_size", [2**62, 2**28 + 1])
@pytest.mark.parametrize("is_draft", [True, False])
def test_a_planted_block_size_decides_about_no_memory(
    vault: DirectoryArchive, block_size: int, is_draft: bool
) -> None:
    name = media_of(vault)
    path = path_of(vault, name)
    plant_draft(path, block_size, 1, path.stat().st_size)
    if not is_draft:
        path.with_name(f".{path.name}.x.json.part").rename(sidecar_path(path))
    found = vault.recover(name)
    assert found
    assert (found.sha256, found.metadata) == (None, {})
    assert vault.digests(name) is None


def test_many_planted_drafts_are_not_all_compared(
    vault: DirectoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, read = media_of(vault), list[int]()
    path = path_of(vault, name)
    size = path.stat().st_size
    for block_size in range(size - 20, size):
        sidecar = Sidecar(size, "x", {}, block_size, ["0" * 64] * 2)
        path.with_name(f".{path.name}.{block_size}.json.part").write_bytes(sidecar.to_json())
    sidecar_path(path).unlink()
    monkeypatch.setattr(directory_module, "_digests", lambda _, size: (read.append(size), ())[1])
    assert vault.recover(name)
    assert len(read) == 4


@pytest.mark.parametrize("suffix", ["part", "json.part", "blocks.part"])
@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_c5_a_planted_draft_is_neither_written_through_nor_published(
    directory_archive: DirectoryArchive, outside: Path, suffix: str, link: str
) -> None:
    path = path_of(directory_archive, NAME)
    planted = path.with_name(f".{path.name}.{TOKEN}.{suffix}")
    planted.symlink_to(outside) if link == "symbolic" else os.link(outside, planted)
    commit(directory_archive, b"recording")
    assert outside.read_bytes() == b"precious"
    assert not path.is_symlink()
    assert path.read_bytes() == b"recording"
    assert b"".join(directory_archive.read(NAME)) == b"recording"


def test_c5_a_planted_object_is_no_object(
    directory_archive: DirectoryArchive, outside: Path
) -> None:
    path_of(directory_archive, NAME).symlink_to(outside)
    assert directory_archive.stat(NAME) is None
    assert directory_archive.digests(NAME) is None
    with pytest.raises(CallvaultError, match="symbolic link"):
        b"".join(directory_archive.read(NAME))
    with pytest.raises(CallvaultError):
        commit(directory_archive, b"recording")
    assert outside.read_bytes() == b"precious"


def test_c5_a_planted_sidecar_is_no_sidecar(
    directory_archive: DirectoryArchive, outside: Path
) -> None:
    path = path_of(directory_archive, NAME)
    sidecar = path.with_name(f".{path.name}.json")
    commit(directory_archive, b"recording")
    outside.write_bytes(sidecar.read_bytes())
    sidecar.unlink()
    sidecar.symlink_to(outside)
    found = directory_archive.stat(NAME)
    assert found
    assert found.sha256 is None


@pytest.mark.parametrize("depth", range(6))
def test_c5_a_planted_folder_leads_nowhere(
    directory_archive: DirectoryArchive, tmp_path: Path, depth: int
) -> None:
    elsewhere = tmp_path / "elsewhere"
    commit(directory_archive, b"recording")
    root = Path(directory_archive.location("x")).parent
    folder = root.joinpath(*NAME.split("/")[: depth + 1])
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere, target_is_directory=True)
    assert directory_archive.stat(NAME) is None
    with pytest.raises(CallvaultError, match="symbolic link"):
        b"".join(directory_archive.read(NAME))
    before = sorted(elsewhere.rglob("*"))
    with pytest.raises(CallvaultError, match="symbolic link"):
        commit(directory_archive, b"another")
    assert sorted(elsewhere.rglob("*")) == before


def test_c5_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "archive").symlink_to(tmp_path / "disk")
    archive = DirectoryArchive("main", tmp_path / "archive")
    archive.make()
    commit(archive, b"recording")
    assert b"".join(archive.read(NAME)) == b"recording"


def test_c5_a_draft_that_was_published_is_not_written_to_again(
    directory_archive: DirectoryArchive,
) -> None:
    """A process was killed after it gave the draft the object's name, and before it removed it."""
    path = path_of(directory_archive, NAME)
    commit(directory_archive, b"recording")
    os.link(path, path.with_name(f".{path.name}.{TOKEN}.part"))
    with directory_archive.begin(NAME, block_size=1024, token=TOKEN) as upload:
        upload.put(0, b"different")
    assert path.read_bytes() == b"recording"


def test_c4_a_blob_of_another_type_is_one_finding_and_the_rest_is_verified(
    blob_archive: BlobArchive, azurite: Azurite
) -> None:
    """An append blob has no block list: the service's refusal ended the whole verification."""
    sealed(blob_archive, archived(blob_archive))
    name = next(name for name in blob_archive.names("recordings/") if name.endswith(".wav"))
    content = b"".join(blob_archive.read(name))
    url = urlsplit(blob_archive.location(name))
    container, _, blob_name = url.path.removeprefix("/").partition("/")[2].partition("/")
    client = BlobClient.from_connection_string(azurite.connection_string, container, blob_name)
    with client as blob:
        blob.delete_blob()
        blob.create_append_blob()
        blob.append_block(content)
    report = verify_archive(blob_archive, KEYS)
    assert f"{name}: what the store keeps beside it" in texts(report)
    assert report.manifests == 1


def test_c5_a_folder_that_becomes_a_link_while_it_is_looked_at_is_not_followed(
    vault: DirectoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folders were looked at first, and then opened by their names: time enough for a link."""
    name = media_of(vault)
    folder = path_of(vault, name).parent
    outside = folder.parents[5] / "outside"
    shutil.copytree(folder, outside)
    opening = os.open

    def planting(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if Path(path).name == Path(name).name and not folder.is_symlink():
            folder.rename(folder.with_name("moved"))
            folder.symlink_to(outside)
            (outside / Path(name).name).write_bytes(b"planted")
        return opening(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", planting)
    assert b"planted" not in b"".join(vault.read(name))
    with pytest.raises(CallvaultError, match="symbolic link"):
        list(vault.read(name))


def test_b16_the_report_for_the_terminal_moves_no_cursor(
    vault: DirectoryArchive, capsys: pytest.CaptureFixture[str]
) -> None:
    remark = Remark(object_name="x", location="/a\x1b[2J[/red]", text="b\u202e\x07\nc")
    show(Report(target="x", quick=True, problems=[remark], warnings=[remark]))
    printed = capsys.readouterr().out
    assert printed.count("/a\\x1b[2J[/red]: b\\u202e\\x07\\nc") == 2
    assert not {"\x1b", "\u202e", "\x07"} & set(printed)


def _replaced(path: Path, *, is_pipe: bool) -> None:
    path.unlink()
    sidecar_path(path).unlink(missing_ok=True)
    os.mkfifo(path) if is_pipe else path.symlink_to("/etc/passwd")


@pytest.mark.parametrize("is_pipe", [True, False])
def test_a_special_file_is_one_problem_of_the_index_and_ends_nothing(
    vault: DirectoryArchive, is_pipe: bool
) -> None:
    name = next(name for name in vault.names("recordings/") if is_metadata_name(name))
    _replaced(path_of(vault, name), is_pipe=is_pipe)
    entry = subject_entry_name("a" * 64, name.rpartition("/")[0], name)
    put_bytes(vault, entry, b"{}", content_type="application/json", metadata={})
    _replaced(path_of(vault, entry), is_pipe=is_pipe)
    problems: list[Any] = []
    assert list(find(vault, "a" * 64, problems.append)) == []
    assert [each.object_name for each in problems] == [entry]
    for mends in (False, True):
        problems.clear()
        IndexPass(vault, lambda raw_id: "b" * 64, mends, problems.append).run()
        assert {each.object_name for each in problems} >= {name}


@pytest.mark.parametrize("is_pipe", [True, False])
def test_a_special_file_hides_no_other_record_of_the_access_log(
    vault: DirectoryArchive, is_pipe: bool
) -> None:
    log = AccessLog(vault, SIGNER)
    access = Access(action=AccessAction.EXPORTED, by="a", authenticated_as="a", reason="page")
    log.record(access)
    log.record(access)
    _replaced(path_of(vault, access_object_name(1)), is_pipe=is_pipe)
    first, second = log.entries()
    assert first.record is None
    assert second.record
