"""The links behind many recordings are read once, and seen anew where they are others by now."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from callvault.archive.access_log.log import AccessLog
from callvault.archive.manifests.documents import read_document, signed
from callvault.archive.manifests.keys import Signer
from callvault.archive.names import link_object_name
from callvault.archive.store import put_bytes
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.chain_end import MAX_AGE, ChainEnd
from callvault.archive.verify.inspector import Report
from callvault.archive.verify.verifier import verify_manifest
from callvault.cli.actions.failback import fail_back_all, open_both
from callvault.config.settings import Settings
from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.manifest import ChainLink
from callvault.errors import Unavailable
from callvault.logged_archives import LoggedArchive
from callvault.person_export import Asked, export_person
from callvault.reconcile.inventory import Inventory
from callvault.reconcile.records import ExpectedObject
from tests.archive.sealed import NOON, SIGNER, archived, lost, sealed
from tests.reconcile.test_erased import erase, recorded
from tests.retention.corpus import KEYS, Corpus

ANA = "8:acs:ana-secret"


class Asking(DirectoryArchive):
    """Counts what is asked for of the chain."""

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name, root)
        self.read_links: Counter[str] = Counter()
        self.lists = 0
        self.fails_at = ""

    def read(
        self, object_name: str, *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        if object_name == self.fails_at:
            raise Unavailable("the store does not answer", owner="archive")
        if object_name.startswith("manifests/"):
            self.read_links[object_name] += 1
        return super().read(object_name, offset=offset, length=length)

    def names(self, prefix: str = "") -> Iterator[str]:
        self.lists += prefix == "manifests/"
        return super().names(prefix)


def exported(corpus: Corpus, root: Path) -> None:
    archive = corpus.archives["main"]
    opened = LoggedArchive(archive, AccessLog(archive, SIGNER), SIGNER, lambda: KEYS)
    asked = Asked(ANA, ["the key of participants"], "officer-1", "", "they asked for it")
    assert export_person([opened], asked, root / "export").is_whole


def failed_back(corpus: Corpus, root: Path) -> None:
    (root / "key").write_bytes(SIGNER.pem())
    archives = {
        name: {"kind": "directory", "path": str(root / name), "signing_key": f"file:{root / 'key'}"}
        for name in ("main", "fallback")
    }
    settings = Settings.model_validate({"archives": archives})
    with open_both(settings, "main", "fallback", (), {}) as both:
        object.__setattr__(both, "fallback", corpus.archives["main"])
        assert both.end is not None
        both.end._archive = corpus.archives["main"]
        assert fail_back_all(both, settings, (), as_json=True)


def reconciled(corpus: Corpus, root: Path) -> None:
    archive = corpus.archives["main"]
    inventory = Inventory({"main": lambda: archive}, lambda _: KEYS)
    inventory.list_objects(NOON, NOON)
    manifests = [
        ExpectedObject("main", f"{kept.folder}/manifest.json", is_manifest=True)
        for kept in corpus.kept
    ]
    assert inventory.discrepancies(manifests, deep=True) == {}


@pytest.mark.parametrize("work", [exported, failed_back, reconciled])
def test_each_recording_takes_a_few_links_however_many_there_are(
    work: Callable[[Corpus, Path], None], tmp_path: Path
) -> None:
    archive = Asking("main", tmp_path / "main")
    corpus = Corpus(tmp_path, archives={"main": archive})
    for _ in range(12):
        corpus.keep(ANA)
    archive.read_links.clear()
    archive.lists = 0
    work(corpus, tmp_path)
    # its own by the proof and by the walk, and once more where the walk goes back before it
    assert archive.read_links.total() <= 4 * len(corpus.kept)
    assert archive.lists == 1


@pytest.fixture
def vault(tmp_path: Path) -> Asking:
    archive = Asking("main", tmp_path / "main")
    archive.make()
    return archive


def seal_some(archive: Asking, *names: str) -> list[SealedRecording]:
    return [
        sealed(archive, lost(0, "gone"), recording_id=name, recording_duration_ms=None)
        for name in names
    ]


def verified(archive: Asking, found: SealedRecording, end: ChainEnd) -> Report:
    return verify_manifest(archive, found.object_name, KEYS, quick=True, end=end)


def texts(report: Report) -> str:
    return "\n".join(f"{each.object_name}: {each.text}" for each in report.problems)


def rewrite(vault: Asking, number: int, signer: Signer, **changes: object) -> None:
    path = Path(vault.location(link_object_name(number)))
    link = read_document(ChainLink, path.read_bytes())
    path.write_bytes(signed(link.model_copy(update=changes), signer))
    path.with_name(f".{path.name}.json").unlink(missing_ok=True)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_a_link_that_does_not_follow_is_told_in_any_order(
    vault: Asking, order: tuple[int, ...]
) -> None:
    found = seal_some(vault, "a", "b", "c", "d")
    rewrite(vault, 3, SIGNER, archive="other")
    end = ChainEnd(vault)
    reports = {number: texts(verified(vault, found[number], end)) for number in order}
    for number in (0, 1, 2):
        assert f"{link_object_name(4)}: it does not follow link 3" in reports[number]


def test_a_later_manifest_that_was_taken_away_is_missed_by_what_was_read(vault: Asking) -> None:
    first = sealed(vault, archived(vault), recording_duration_ms=None)
    seal_some(vault, "b")
    end = ChainEnd(vault)
    assert verified(vault, first, end).ok
    second = sealed(vault, archived(vault), lost(1, "gone"), recording_duration_ms=None)
    # within one run what was read counts; for a page of its own, all that is there by then
    end.refresh()
    Path(vault.location(second.object_name)).unlink()
    assert f"{second.object_name}: it is missing" in texts(verified(vault, first, end))


@pytest.mark.parametrize("damage", ["gap", "planted", "unsigned", "replaced", "stranger"])
def test_what_is_wrong_later_is_seen(vault: Asking, damage: str) -> None:
    found = seal_some(vault, "a", "b")
    end = ChainEnd(vault)
    assert all(verified(vault, each, end).ok for each in found)
    seal_some(vault, "c", "d")
    path = Path(vault.location(link_object_name(3)))
    match damage:
        case "gap":
            path.unlink()
        case "planted":
            path.write_bytes(b"{")
        case "unsigned":
            rewrite(vault, 4, Signer.generate())
        case "replaced":
            rewrite(vault, 3, SIGNER, archive="other")
        case "stranger":
            path.with_name("x.json").write_bytes(b"{}")
    end.refresh()
    told = texts(verified(vault, found[0], end))
    assert {
        "gap": "0003.json: the link is missing: a gap",
        "planted": "0003.json: it is no such document",
        "unsigned": "0004.json: its signature",
        "replaced": "0004.json: it does not follow link 3",
        "stranger": "x.json: it is not a link",
    }[damage].partition(": ")[0] in told


def test_what_was_damaged_and_is_restored_is_no_problem_any_more(vault: Asking) -> None:
    found = seal_some(vault, "a", "b", "c")
    path = Path(vault.location(link_object_name(2)))
    content = path.read_bytes()
    path.write_bytes(b"{")
    end = ChainEnd(vault)
    assert not verified(vault, found[0], end).ok
    path.write_bytes(content)
    end.refresh()
    assert verified(vault, found[0], end).ok


def test_links_that_were_read_long_ago_are_read_again(vault: Asking) -> None:
    """The newest link proves what they were, and not that the same bytes lie there still."""
    found = seal_some(vault, "a", "b", "c", "d")
    now = 0.0
    end = ChainEnd(vault, lambda: now)
    assert verified(vault, found[0], end).ok
    Path(vault.location(link_object_name(3))).write_bytes(b"{")
    now = MAX_AGE
    end.refresh()
    assert verified(vault, found[0], end).ok
    now = MAX_AGE + 1
    end.refresh()
    assert "0003.json: it is not JSON" in texts(verified(vault, found[0], end))


def test_a_chain_that_was_set_back_is_seen_anew(vault: Asking) -> None:
    first, *later = seal_some(vault, "a", "b", "c")
    end = ChainEnd(vault)
    assert verified(vault, first, end).ok
    for each in later:
        Path(vault.location(each.object_name)).unlink()
        path = Path(vault.location(link_object_name(each.sequence)))
        path.unlink()
        path.with_name(f".{path.name}.json").unlink()
    others = seal_some(vault, "d", "e")
    assert all(verified(vault, each, end).ok for each in (others[1], first, others[0]))


def test_an_error_of_the_store_leaves_no_link_unseen(vault: Asking) -> None:
    first, *_ = seal_some(vault, "a", "b", "c", "d")
    rewrite(vault, 3, SIGNER, archive="other")
    end = ChainEnd(vault)
    vault.fails_at = link_object_name(4)
    with pytest.raises(Unavailable):
        verified(vault, first, end)
    vault.fails_at = ""
    assert "does not follow link 3" in texts(verified(vault, first, end))


def test_an_erasure_after_the_links_were_read_excuses_what_is_missing(vault: Asking) -> None:
    record = recorded(vault)
    assert record.manifest
    seal_some(vault, "b")
    end = ChainEnd(vault)
    name = record.manifest.object_name
    keep = Path(vault.location(name)).read_bytes()
    assert verify_manifest(vault, name, KEYS, end=end).ok
    erase(vault, record)
    # as a verification sees it that had read the manifest already
    put_bytes(vault, name, keep, content_type="application/json", metadata={})
    report = verify_manifest(vault, name, KEYS, end=end)
    assert report.ok, texts(report)
    assert any("it was erased" in each.text for each in report.warnings)
